"""Atomic replacement of one or several files: all of them whole, or none of them touched."""

from __future__ import annotations


class Transaction:
    """Stands in until the next commit."""
