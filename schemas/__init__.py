"""What crosses the log: facts, race definitions, results, their bytes, and the topics that carry them."""
