"""The spill: allocated before it is mapped, so that a full disk is an error and not a crash."""

from __future__ import annotations

from weightedit.core import spill

def test_the_room_imports():
    assert spill.__doc__
