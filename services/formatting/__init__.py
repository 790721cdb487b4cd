"""Times, places, lists and spreadsheet cells as text for people. Pure; imports only schemas."""
