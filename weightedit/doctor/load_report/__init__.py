"""Checkpoint against model in full: which tensor is which, what keeps it from loading, and the edits that mend it."""
