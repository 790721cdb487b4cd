"""The services of Matline, and the command that runs them."""
