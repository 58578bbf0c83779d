"""One edit over many tensors, worked out row by row."""
