"""Explain a result: which reads, facts and rules led to it. Pure."""
