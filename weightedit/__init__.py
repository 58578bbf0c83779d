"""weightedit: see, change and export the weights of PyTorch models."""

__version__ = "0.1.0"
