"""An Apache Kafka of one node, run as a child process: install the jars, start the broker, pin the versions."""
