"""Closes files where the work that opened them does not come to its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class _Closes(Protocol):
    def close(self) -> None: ...


class closed_if_stopped:  # noqa: N801 - used as a function
    """Close files where what reads them raises or is cancelled: what it made so far may hold on to them for long."""

    __slots__ = ("_files",)

    def __init__(self, files: Iterable[_Closes]) -> None:
        self._files = files

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for file in self._files:
                file.close()
