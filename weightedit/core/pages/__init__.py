"""Text made from declarations: help pages, and edits as PyTorch code."""
