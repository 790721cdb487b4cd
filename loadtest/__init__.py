"""Races that never were, with their truth: a seeded simulator, and drivers that send it."""
