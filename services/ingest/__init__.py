"""Ingest: take reads from readers and by HTTP, check and bound them, and write the race log, as nothing else does."""
