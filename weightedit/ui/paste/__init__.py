"""A tensor put in another's place, from a file, the clipboard or another document."""
