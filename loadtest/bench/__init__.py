"""Benchmarks of a running stack, beside what others would use or a control run, so that a ratio can be judged.

`make bench` runs the comparisons several times. They stand apart from the tests because they are only meaningful on a
machine that has nothing else to do.
"""
