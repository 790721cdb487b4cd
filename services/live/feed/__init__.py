"""Board rows as broadcasters take them: columns and file formats."""
