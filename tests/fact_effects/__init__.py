"""Tests of services.fact_effects."""
