"""Ingest's HTTP interface. Source: docs/http.md."""
