"""The rules of timing as functions from values to values: no clock, socket, broker, database or logging."""
