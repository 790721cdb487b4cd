"""The `matline` commands by subject: names, options and help. Each imports what does the work only when it runs."""
