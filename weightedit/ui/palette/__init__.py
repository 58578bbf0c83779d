"""The command palette: every action, open file, recent file and tensor, found by a few letters of its name."""
