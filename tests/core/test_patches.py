"""Patches: byte ranges over a source, against a plain bytearray that is simply overwritten."""

from __future__ import annotations

from weightedit.core import patches

def test_the_room_imports():
    assert patches.__doc__
