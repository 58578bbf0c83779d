"""Comparison: what is the same, what differs and how, bit by bit."""

from __future__ import annotations

from weightedit.core import compare

def test_the_room_imports():
    assert compare.__doc__
