"""A document whose process is gone: its journal stays as a kill leaves it, and its lock is free."""

from __future__ import annotations

from weightedit.core.document import Document
from weightedit.core.journals.keeper import keeper


def crash(document: Document, *, settled: bool = True) -> None:
    """Leave the journal of a document as a kill would; `settled`: after what the keeper had to do was done."""
    if settled:
        assert keeper().settle()
    if document.journal is not None:
        keeper().forget(document.journal)
        document.journal.close_handles()
        document.journal = None
    document.close()
