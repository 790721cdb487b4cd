"""Benchmarks of a running stack: each measures a wait under load and compares it with a control run by a ratio.

`make bench` runs them. They stand apart from the tests because they are only meaningful on a machine that has nothing
else to do.
"""
