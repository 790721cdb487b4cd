"""`matline demo`: the whole stack at work on a recorded session and a simulated race of 11,000, checked at the end."""
