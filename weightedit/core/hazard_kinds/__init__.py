"""Every kind of hazard there is: the one list that the help, the documents and the tests are made from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from weightedit.core.hazard_kinds.kind import Chapter, HazardKind
from weightedit.core.hazard_kinds.live import LIVE
from weightedit.core.hazard_kinds.places import OWN, PLACES
from weightedit.core.hazard_kinds.shapes import SHAPES
from weightedit.core.hazard_kinds.sharing import SHARING
from weightedit.core.hazard_kinds.values import VALUES

KINDS: Mapping[str, HazardKind] = MappingProxyType(
    {one.kind: one for one in (*SHAPES, *VALUES, *SHARING, *LIVE, *PLACES, *OWN)}
)
"""By kind, in the order of the page."""

__all__ = ["KINDS", "Chapter", "HazardKind"]
