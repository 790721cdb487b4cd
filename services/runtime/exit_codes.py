"""Exit codes of the services, by which a supervisor tells whether starting again can help."""

FAILED = 1
SETTINGS = 2  # settings or topics are wrong: starting again helps only after a person has mended that
AWAY = 75  # Kafka or ClickHouse does not answer: start again later. EX_TEMPFAIL of sysexits.h
