"""What hostile seeds ask to be called; being called at all is a finding."""

from __future__ import annotations

fired: list[str] = []


def fire(*args: object, **kwargs: object) -> str:
    """Note that code named by a file ran."""
    fired.append(repr(args)[:200])
    return "fired"


class Class:
    """A class whose making is noted too."""

    def __new__(cls, *args: object, **kwargs: object) -> Class:
        fire("Class", *args)
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        fire("state", state)
