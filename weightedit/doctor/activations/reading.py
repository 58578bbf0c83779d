"""Captures as they are read: out of a document that was opened from their file, or as a run has just left them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from weightedit.core.source import ByteSource
from weightedit.core.spec import TensorSpec
from weightedit.doctor.activations.file import PAIRS
from weightedit.doctor.activations.run import METADATA, NoCaptures, Run, run_from_text

if TYPE_CHECKING:
    from weightedit.core.reader import Reader


class Captured(Protocol):
    """What comparing captures needs of them."""

    @property
    def run(self) -> Run:
        """Which modules were called, and what their values were like."""
        ...

    def same_as(self, name: str) -> str:
        """Return the name that a tensor is kept under: its own, or of the one that was handed on as it was."""
        ...

    def content(self, name: str) -> tuple[TensorSpec, ByteSource]:
        """Return what a captured tensor is, and where its bytes are."""
        ...


class CapturedDocument:
    """The captures in a document.

    Parameters
    ----------
    document
        Opened from what `write_captures` wrote; its edits count.

    Raises
    ------
    NoCaptures
        If there is no record of a run in it.
    """

    def __init__(self, document: Reader) -> None:
        text = document.metadata.get(METADATA)
        if text is None:
            raise NoCaptures(f"{document.title} holds no captured run of a model.")
        self.run = run_from_text(text)
        self._document = document
        self._pairs = {leaf.tensor: leaf.dtype for _, _, leaf in self.run.tensors() if leaf.dtype in PAIRS}

    def same_as(self, name: str) -> str:
        """Return the name that a tensor is kept under."""
        return self._document.metadata.get(name, name)

    def content(self, name: str) -> tuple[TensorSpec, ByteSource]:
        """Return what a tensor is as the model had it, and where its bytes are.

        Raises
        ------
        EditRefused
            If the document has no such tensor any more.
        """
        pinned = self._document.pin(name)
        spec, dtype = pinned.spec, self._pairs.get(name)
        if dtype is not None and spec.dtype == PAIRS[dtype] and spec.is_contiguous and spec.shape[-1:] == (2,) \
                and not spec.offset % 2:  # fmt: skip
            spec = replace(TensorSpec.contiguous(dtype, spec.shape[:-1]), offset=spec.offset // 2)
        return spec, pinned.content
