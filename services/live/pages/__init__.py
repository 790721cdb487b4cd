"""Build what live answers with. Pure, from rows that the store has loaded."""
