"""Values out of bytes: read piece by piece, selected, found; the numbers that dtypes can hold."""
