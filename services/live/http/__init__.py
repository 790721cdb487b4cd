"""The live service's HTTP interface. Source: docs/http.md."""
