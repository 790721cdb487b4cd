"""Scoring: what reads and officials' facts mean for each athlete."""
