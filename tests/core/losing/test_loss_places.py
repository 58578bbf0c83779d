"""Where values are lost is said by columns or rows where that is shorter, and is where torch says it is."""

from __future__ import annotations

import pytest
import torch

import weightedit
from weightedit.core.hazards import Hazard


def hazard(tmp_path, tensor: torch.Tensor) -> Hazard:
    torch.save({"w": tensor}, tmp_path / "w.pt")
    with weightedit.open(tmp_path / "w.pt") as document:
        found = document.preflight("cast", ["w"], dtype="float16")
        return next(one for one in found if one.kind == "overflow")


@pytest.mark.parametrize(("cells", "said"), [
    ([(0, 5), (1, 5), (7, 5), (3, 9)], "Column 5 (3) and 9 (1)"), ([(4, at) for at in range(6)], "Row 4 (6)"),
    ([(2, 3)], "At [2, 3]"), ([(2, 3), (5, 1)], "At [2, 3] and [5, 1]"),
    ([(at, at) for at in range(6)], "First at [0, 0], [1, 1] and [2, 2]"),
], ids=["columns", "row", "one", "two", "scattered"])  # fmt: skip
def test_where(tmp_path, cells, said):
    tensor = torch.zeros(10, 12)
    for cell in cells:
        tensor[cell] = 70144.0
    found = hazard(tmp_path, tensor)
    assert torch.isinf(tensor.half()).sum() == found.count == len(cells)
    assert found.detail == f"{said} in w. Largest 70,144."
