"""The public API: a document from opening to export, with and without a window, as a script uses it."""

from __future__ import annotations

import weightedit

def test_public_names_are_there():
    """A name listed but missing is an import error in someone's script."""
    for name in weightedit.__all__:
        assert getattr(weightedit, name) is not None
