"""Every benchmark there is, in the order of the table."""

from __future__ import annotations

from tests.benchmarks.case import Case
from tests.benchmarks.cases import edits, open_safetensors, pictures, saving, window

CASES: tuple[Case, ...] = (*open_safetensors.CASES, *pictures.CASES, *saving.CASES, *edits.CASES, *window.CASES)
