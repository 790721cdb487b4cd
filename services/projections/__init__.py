"""Projections: standings from results, kept in ClickHouse."""
