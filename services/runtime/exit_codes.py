"""Exit codes of the services, by which a supervisor tells whether starting again can help."""

FAILED = 1
SETTINGS = 2  # starting again does not help
AWAY = 75  # Kafka or ClickHouse does not answer: start again later. EX_TEMPFAIL of sysexits.h
