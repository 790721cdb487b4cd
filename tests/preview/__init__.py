"""Tests of services.preview."""
