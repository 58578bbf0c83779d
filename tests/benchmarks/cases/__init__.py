"""Every benchmark there is, in the order of the table."""

from __future__ import annotations

from tests.benchmarks.case import Case
from tests.benchmarks.cases import doctor, edits, first_window, open_safetensors, open_torch, pictures, saving, window

CASES: tuple[Case, ...] = (*open_safetensors.CASES, *open_torch.CASES, *pictures.CASES, *saving.CASES, *edits.CASES,
                           *window.CASES, *first_window.CASES, *doctor.CASES)  # fmt: skip
