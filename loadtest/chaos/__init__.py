"""Kill, stop and poison a running stack in the middle of a race, and check that nothing was lost, doubled or wrong.

`make chaos` runs it. The simulator knows the true results, senders note what was acknowledged, viewers note what they
were shown. `checker.py` judges that evidence and is pure. What is injected when follows from a seed alone.
"""
