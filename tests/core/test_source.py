"""Sources: a file that changed is noticed, what is no file is refused, and none is mapped or written."""

from __future__ import annotations

from weightedit.core import source

def test_the_room_imports():
    assert source.__doc__
