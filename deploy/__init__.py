"""How Matline is deployed. Only the dashboards are Python."""
