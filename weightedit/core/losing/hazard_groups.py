"""Hazards of many tensors in one edit, gathered by kind, so that a person reads one sentence and not a wall of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weightedit.core.hazards import Hazard
from weightedit.core.words.labels import called
from weightedit.core.words.numbers import count_text

FEW = 3
"""Up to so many hazards of one kind stand by themselves."""
NAMED = 3
"""Tensors that the sentence over a group names."""
SENTENCES = {
    "overflow": "Overflow: {count} values in {tensors}",
    "underflow": "Underflow: {count} become 0 in {tensors}",
    "truncation": "Truncation: {count} values are cut in {tensors}",
    "imaginary-lost": "The imaginary part of {count} values is lost in {tensors}",
    "precision-loss": "Precision loss: {count} values are rounded in {tensors}",
    "non-finite": "{count} values that are not finite in {tensors}",
    "shape-mismatch": "The shape does not fit in {tensors}",
    "out-of-range": "The region does not fit {tensors}",
    "grad-dtype": "{tensors} no longer require grad",
    "module-attribute": "{tensors} no longer fit the attributes of their modules",
    "optimizer-state-shape": "The optimizer's state of {tensors} no longer fits",
    "optimizer-detached": "The optimizer no longer updates {tensors}",
    "overlap": "{tensors} are cloned first",
    "quantized": "{tensors} are quantized",
}


@dataclass(frozen=True, slots=True)
class HazardGroup:
    """Hazards of one kind and level, in order; often one.

    Attributes
    ----------
    hazards
        At least one.
    """

    hazards: tuple[Hazard, ...]

    @property
    def kind(self) -> str:
        """What all of them are."""
        return self.hazards[0].kind

    @property
    def level(self) -> str:
        """How grave all of them are."""
        return self.hazards[0].level

    @property
    def count(self) -> int:
        """What they count together."""
        return sum(hazard.count for hazard in self.hazards)

    @property
    def title(self) -> str:
        """What happens, for one as it says itself, for several with what they count together."""
        if len(self.hazards) == 1:
            return self.hazards[0].title
        sentence = SENTENCES.get(self.kind)
        if sentence is None:
            return f"{self.hazards[0].title}, and {len(self.hazards) - 1:,} more like it"
        found = len({hazard.targets[0] for hazard in self.hazards if hazard.targets}) or len(self.hazards)
        said = f"{found:,} tensor{'s' if found > 1 else ''}"
        text = sentence.format(count=count_text(self.count), tensors=said)
        return text[:1].upper() + text[1:]

    @property
    def detail(self) -> str:
        """Where and how large, or for several which tensors come first."""
        if len(self.hazards) == 1:
            return self.hazards[0].detail
        names = list(dict.fromkeys(called(hazard.targets[0]) for hazard in self.hazards if hazard.targets))
        rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        return f"{', '.join(names[:NAMED])}{rest}." if names else ""


def grouped(hazards: Iterable[Hazard]) -> list[HazardGroup]:
    """Gather hazards of one kind and level where they are more than a few; the order is that of the first of each."""
    by_kind: dict[tuple[str, str], list[Hazard]] = {}
    for hazard in hazards:
        by_kind.setdefault((hazard.level, hazard.kind), []).append(hazard)
    groups: list[HazardGroup] = []
    for found in by_kind.values():
        groups += [HazardGroup(tuple(found))] if len(found) > FEW else [HazardGroup((hazard,)) for hazard in found]
    return groups


def as_text(hazards: Sequence[Hazard]) -> str:
    """Return hazards as lines to copy: level, message, and places."""
    lines = []
    for hazard in hazards:
        places = f" At {', '.join(hazard.places)}." if hazard.places else ""
        lines.append(f"{hazard.level}, {hazard.kind}: {hazard.message}{places}")
    return "\n".join(lines)
