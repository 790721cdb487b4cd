"""The same small job in other stream processors, to compare scoring with; `loadtest.bench` runs them.

The job: of each chip at each mat the first, the last and the strongest read, and a board of the first reads at the
finish in order. That is far less than the rules of racing. Each is written as its users would, and is a program of its
own with the packages of `requirements.lock.txt`, or of `pathway.lock.txt`, which Matline itself never needs.
"""
