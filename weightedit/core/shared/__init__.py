"""What lies over one storage: which tensors, and which of their cells."""
