"""Modules under other names of which a tensor was lost, added or changed: nearly all of the rest still agrees."""

from __future__ import annotations

from collections.abc import Mapping

from weightedit.doctor.load_report.surroundings import agree
from weightedit.doctor.load_report.units import Unit

MOST_UNITS = 200
"""On either side; each is held against each."""
_FEWEST = 4
"""Tensors of a unit, below which nearly all of them is too few."""
_SHARE = 0.75


def similar(model: list[Unit], found: list[Unit]) -> Mapping[str, str]:
    """Return the names of the checkpoint by those of the model, of units that are each other's likest by far.

    Parameters
    ----------
    model, found
        What is left of both. Nothing is said where several are as much alike.
    """
    ours, theirs = ([unit for unit in units if len(unit.tensors) >= _FEWEST] for units in (model, found))
    if not ours or not theirs or max(len(ours), len(theirs)) > MOST_UNITS:
        return {}
    made: dict[str, str] = {}
    for unit in ours:
        other = _likest(unit, theirs)
        if other is not None and _likest(other, ours) is unit and agree(unit.where, other.where):
            names = dict(zip(other.keys, other.tensors, strict=True))
            made |= {name: names[key] for key, name in zip(unit.keys, unit.tensors, strict=True) if key in names}
    return made


def _likest(unit: Unit, others: list[Unit]) -> Unit | None:
    shares = sorted(((_share(unit, other), place) for place, other in enumerate(others)), reverse=True)
    if shares[0][0] < _SHARE or (len(shares) > 1 and shares[1][0] == shares[0][0]):
        return None
    return others[shares[0][1]]


def _share(unit: Unit, other: Unit) -> float:
    """Return which share of the tensors of the larger one the other has too, by name and shape."""
    return len(unit.parts & other.parts) / max(len(unit.parts), len(other.parts))
