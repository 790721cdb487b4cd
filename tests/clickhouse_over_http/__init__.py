"""Matline on ClickHouse over HTTP: a stand-in server with the real engine, faults on order, and tests on it."""
