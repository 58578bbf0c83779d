"""The left panel: every open document as a tree of modules and tensors, with its filter."""
