"""A file typed as the source of `replace`: its one tensor is taken, and of several the names are said."""

from __future__ import annotations

import numpy as np
import torch
from PySide6.QtCore import Qt

from tests.ui.bench import bench_on


def test_a_path_alone_is_a_source_where_the_file_holds_one_tensor(qtbot, tmp_path):
    np.save(tmp_path / "x.npy", np.full((2, 3), 7, dtype=np.float32))
    torch.save({"first": torch.zeros(2, 3), "second": torch.zeros(2, 3)}, tmp_path / "two.pt")
    with bench_on(qtbot, tmp_path / "a.pt", {"w": torch.zeros(2, 3)}) as bench:
        bench.open("w")
        bench.fill_form("replace", str(tmp_path / "two.pt"))
        assert any("first, second" in hazard.message for hazard in bench.panel.hazards.hazards)
        bench.type(bench.panel.form.fields[0].edit, str(tmp_path / "x.npy"))
        bench.key(bench.panel.apply_button, Qt.Key.Key_Space)
        assert bench.values("w").tolist() == [[7.0] * 3] * 2
