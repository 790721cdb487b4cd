"""Pure: officials' facts before they are logged: the times in them, and what they would change."""
