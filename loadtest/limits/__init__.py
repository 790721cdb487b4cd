"""Limits of a running stack: each run puts a load on it that is too much or goes on for long, and judges its memory.

`python -m loadtest.limits` runs them on a stack of its own. They need Linux, whose `/proc` shows the memory.
"""
