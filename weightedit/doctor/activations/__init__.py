"""What the modules of a model were given and gave back in one run: kept, read, written to a file, and compared."""
