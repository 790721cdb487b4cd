"""Code that all services share: settings, logs, the metrics endpoint, Kafka. Nothing about racing."""
