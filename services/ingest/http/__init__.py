"""Ingest's HTTP interface. Source: contract, section 6."""
