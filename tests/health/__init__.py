"""The health of an event: what simulated faults look like, and that days without any look clean."""
