"""What every service's shell shares: settings, logs, the metrics endpoint, Kafka. Nothing about racing."""
