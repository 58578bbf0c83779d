"""Drawings of tensors: the one room that subclasses pyqtgraph."""
