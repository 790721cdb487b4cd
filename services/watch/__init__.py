"""A running stack as it looks from outside: what its services show, and what of it needs somebody."""
