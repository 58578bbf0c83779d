"""Journal records: what was written whole comes back, what was cut or damaged does not."""

from __future__ import annotations

from weightedit.core import journal

def test_the_room_imports():
    assert journal.__doc__
