"""Alerts and their routes, by Prometheus's and Alertmanager's own tools."""
