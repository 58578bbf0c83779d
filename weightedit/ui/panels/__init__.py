"""Panels that can be moved and hidden, and keep their place, their size and whether they are shown."""
