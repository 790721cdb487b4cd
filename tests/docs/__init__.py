"""Tests of the pages in `docs/` and of every other Markdown file."""
