"""What a pasted message of PyTorch means, which tensors it is about, and which edit mends it; unknown stays unknown."""
