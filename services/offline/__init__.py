"""Commands that work from a log file or a definition: no broker, no database."""
