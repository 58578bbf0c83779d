"""The inspector: what a tensor is, its statistics, its storage and its place in the file."""
