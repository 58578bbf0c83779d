"""Opening asks whether to stop all along: cancel is answered at any moment, and nothing is left behind."""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit import assembly
from weightedit.core.errors import Cancelled
from weightedit.core.progress import OFTEN, Progress
from weightedit.formats.pickle_reader import PickleReader
from weightedit.formats.pickle_scan import end_of_pickle, guarded
from weightedit.formats.safetensors_header import PIECE

COUNT = 20_000


class Asked:
    """A cancel flag that notes who asks it and how much CPU time is between two questions; set from one on."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.count, self.longest, self.by = 0, 0.0, set[str]()
        self._stop_at = stop_at
        self._last = time.thread_time()

    def is_set(self) -> bool:
        self.count += 1
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_name in ("advance", "ask"):
            frame = frame.f_back
        assert frame is not None
        self.by.add(frame.f_code.co_name)
        self.look()
        return self._stop_at is not None and self.count > self._stop_at

    def look(self) -> None:
        now = time.thread_time()
        self.longest, self._last = max(self.longest, now - self._last), now


class Stored:
    """Pickled as torch pickles a storage."""

    def __init__(self, key: int) -> None:
        self.key = str(key)


class Tensor:
    """Pickled as torch pickles a tensor of two numbers."""

    def __init__(self, key: int) -> None:
        self.stored = Stored(key)

    def __reduce__(self) -> tuple[object, ...]:
        return torch._utils._rebuild_tensor_v2, (self.stored, 0, (2,), (1,), False, {})


class Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        return ("storage", torch.FloatStorage, value.key, "cpu", 2) if isinstance(value, Stored) else None


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of `COUNT` tensors, some of them over one storage, as torch writes it but for the padding."""
    path = tmp_path_factory.mktemp("many") / "many.pt"
    with zipfile.ZipFile(path, "w") as archive:
        described = io.BytesIO()
        Pickler(described, 2).dump({"model": {f"w{at:05}": Tensor(max(at, 2 * OFTEN)) for at in range(COUNT)}})
        archive.writestr("many/data.pkl", described.getvalue())
        for at in range(COUNT):
            archive.writestr(f"many/data/{at}", struct.pack("<2f", at, -at))
    return path


def handles() -> int | None:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else None


def test_nothing_is_worked_at_for_long_without_a_question(many: Path):
    """Directory, opcodes, reading, the walk: each asks. 0.2 s is what a person waits; each takes a tenth of that."""
    asked = Asked()
    document = assembly.open_document(many, progress=Progress(cancel=asked))
    asked.look()
    assert len(document.slots) == COUNT
    document.close()
    assert {"_read_rows", "_check_spans", "guarded", "readinto", "read", "_visit"} <= asked.by
    assert asked.count > 4 * COUNT // OFTEN
    assert asked.longest < 0.2


@pytest.mark.parametrize("part", range(6))
def test_cancel_at_any_question_ends_it_and_leaves_nothing_open(many: Path, part: int):
    whole = Asked()
    assembly.open_document(many, progress=Progress(cancel=whole)).close()
    before = handles()
    with pytest.raises(Cancelled):
        assembly.open_document(many, progress=Progress(cancel=Asked(stop_at=part * (whole.count - 1) // 5)))
    assert handles() == before


def test_what_a_save_reads_back_asks_too(tmp_path: Path):
    """The new file is opened twice before it takes the place of the old one."""
    torch.save({"w": torch.ones(2)}, tmp_path / "w.pt")
    with weightedit.open(tmp_path / "w.pt") as document:
        document.apply("scale", "w", factor=2.0)
        asked = Asked()
        document.save(cancel=asked)
    assert {"_read_rows", "guarded", "_is_flat"} <= asked.by


def test_a_long_header_of_safetensors_asks(tmp_path: Path):
    path = tmp_path / "many.safetensors"
    header = json.dumps({f"w{at:05}": {"dtype": "F32", "shape": [2], "data_offsets": [8 * at, 8 * at + 8]}
                         for at in range(COUNT)}).encode()  # fmt: skip
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8 * COUNT))
    asked = Asked()
    with assembly.open_document(path, progress=Progress(cancel=asked)) as document:
        asked.look()
        assert len(document.slots) == COUNT
    assert "_rows" in asked.by
    assert asked.count > len(header) // PIECE
    assert asked.longest < 0.2
    for at in range(asked.count):
        before = handles()
        with pytest.raises(Cancelled):
            assembly.open_document(path, progress=Progress(cancel=Asked(stop_at=at)))
        assert handles() == before


def test_every_shard_and_every_array_asks(tmp_path: Path):
    names = [f"w{at}" for at in range(9)]
    for name in names:
        save_file({name: torch.ones(2)}, tmp_path / f"{name}.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: f"{name}.safetensors" for name in names}}))
    np.savez(tmp_path / "a.npz", **{name: np.ones(2) for name in names})
    for path in (index, tmp_path / "a.npz"):
        asked = Asked()
        assembly.open_document(path, progress=Progress(cancel=asked)).close()
        assert asked.count > len(names)
        for at in range(asked.count):
            before = handles()
            with pytest.raises(Cancelled):
                assembly.open_document(path, progress=Progress(cancel=Asked(stop_at=at)))
            assert handles() == before


def test_one_run_of_opcodes_is_cut_where_it_is_long():
    """Three million opcodes that one regular expression would skip at once, and texts, frames and dicts among them."""
    calls: list[int] = []
    data = b"\x80\x02" + b"]0" * 1_500_000 + b"."
    assert guarded(data, ask=lambda: calls.append(1)) == data
    assert len(calls) > 20
    with pytest.raises(Cancelled):
        guarded(data, ask=stopped)
    assert end_of_pickle(data, 0) == (len(data), True)
    assert end_of_pickle(data[:-1], 0) == (len(data) - 1, False)


def stopped() -> None:
    raise Cancelled("stopped")


def test_what_copies_again_and_again_asks(tmp_path: Path):
    """A list of a thousand items that a few bytes name again: each time it is copied, in a hundredth of a second."""
    data = b"\x80\x02(" + b"ccollections\nOrderedDict\nq\x00" + b"(]q\x01(" + b"K\x01" * 1000 + b"e"
    data += b"0" + b"cbuiltins\nset\nq\x02h\x01\x85R0" * 400 + b"."
    asked = Asked(stop_at=3)
    with pytest.raises(Cancelled):
        PickleReader(lambda key: 0, lambda key: None, Progress(cancel=asked).ask).read(data)  # type: ignore[arg-type,return-value]
    assert "spend" in asked.by


def test_the_old_forms_ask(tmp_path: Path):
    path = tmp_path / "old.pt"
    torch.save({f"w{at}": torch.ones(2) for at in range(40)}, path, _use_new_zipfile_serialization=False)
    asked = Asked()
    assembly.open_document(path, progress=Progress(cancel=asked)).close()
    assert {"cut", "guarded", "readinto", "_locate", "_is_flat"} <= asked.by
    for at in range(asked.count):
        with pytest.raises(Cancelled):
            assembly.open_document(path, progress=Progress(cancel=Asked(stop_at=at)))
