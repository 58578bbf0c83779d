"""What a document is: tensors described, read, edited and undone; no Qt and no file formats."""
