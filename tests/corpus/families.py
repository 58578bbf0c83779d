"""Every family of the corpus, in the order in which the table shows them."""

from __future__ import annotations

from tests.corpus import (
    bad_pickles,
    evil_pickles,
    files_that_are_none,
    npy,
    npz,
    odd_objects,
    odd_tensors,
    old_torch,
    safetensors_header,
    safetensors_odd,
    safetensors_offsets,
    shards,
    tables,
    torch_tensors,
    zip_structure,
)
from tests.corpus.case import Case, Family

FAMILIES: tuple[Family, ...] = (
    safetensors_header.FAMILY, safetensors_offsets.FAMILY, safetensors_odd.FAMILY, shards.FAMILY, npy.FAMILY,
    npz.FAMILY, tables.FAMILY, zip_structure.FAMILY, bad_pickles.FAMILY, torch_tensors.FAMILY,
    odd_tensors.FAMILY, odd_objects.FAMILY, old_torch.FAMILY,
    evil_pickles.FAMILY, files_that_are_none.FAMILY,
)  # fmt: skip


def cases(names: list[str] | None = None) -> list[Case]:
    """Return all cases of the named families, or of all."""
    known = {family.name for family in FAMILIES}
    if unknown := [name for name in names or () if name not in known]:
        raise SystemExit(f"There is no family {unknown[0]!r}; there are: {', '.join(sorted(known))}.")
    return [case for family in FAMILIES if not names or family.name in names for case in family.cases]
