"""Ingest: speaks the readers' protocols and HTTP, checks and bounds everything, alone writes the race log."""
