"""Pure: what facts that are not on the log would change in the standings document."""
