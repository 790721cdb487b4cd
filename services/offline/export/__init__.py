"""Exports from a log: results, start lists, medals and prizes as CSV and XLSX, rankings of several events."""
