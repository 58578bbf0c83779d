"""Edits: undo of one row, an edit of every tensor, what a cast would lose, and whether two files are the same."""

from __future__ import annotations

import gc
import mmap
import os
import subprocess
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.case import Case, Clock, Contender, Goal, Round
from tests.benchmarks.data import Folder, embedding_file, experts, llama, llama_file, safetensors

NAME = "embedding"
CHUNK = 4 << 20


def _pair(folder: Folder) -> Path:
    """Two files of the same 2.7 GB: both stay in the page cache of a machine with 8 GB."""
    tensors = llama(2) if folder.size == "full" else llama(2, 256, 512, 8_000)

    def make(path: Path) -> None:
        path.mkdir()
        for name in ("a", "b"):
            safetensors(path / f"{name}.safetensors", tensors)

    return folder.once("pair", make)


def _small_tensors(folder: Folder) -> Path:
    """5,000 tensors of 32 bytes and 2 kB; 300 where it is only to work."""
    count = folder.pick(300, 5_000)
    return folder.once("small.safetensors", lambda path: safetensors(path, experts(count)))


# ---------------------------------------------------------------- undo of a row


def undo_row(data: Path) -> Round:
    """Undo the edit of one row, the last of 150."""
    import weightedit

    document = weightedit.open(data)
    row = 2 * document.tensors[NAME].shape[1]
    for number in range(50):
        document.apply("scale", NAME, factor=0.5, region=f"[{7 * number}, :]")
    tracemalloc.start()
    for number in range(50, 150):
        document.apply("scale", NAME, factor=0.5, region=f"[{7 * number}, :]")
    gc.collect()
    told = tracemalloc.get_traced_memory()[0] / 100 - row
    tracemalloc.stop()
    more = document.history.steps[-1].nbytes - row

    def run(clock: Clock) -> dict[str, float]:
        with clock:
            document.undo()
        document.redo()
        return {"bytes beyond those edited": more, "bytes of the record and all objects beside": told}

    return run


def clone_back(data: Path) -> Round:
    """Take a clone before the edit, and copy it back."""
    from safetensors.torch import load_file

    tensor = load_file(data)[NAME].clone()

    def run(clock: Clock) -> None:
        with clock:
            before = tensor.clone()
            tensor[5].mul_(0.5)
            tensor.copy_(before)

    return run


def clone(data: Path) -> Round:
    """Clone the tensor, without anything else."""
    from safetensors.torch import load_file

    tensor = load_file(data)[NAME].clone()

    def run(clock: Clock) -> None:
        with clock:
            tensor.clone()

    return run


# ---------------------------------------------------------------- every tensor


def scale_all(data: Path) -> Round:
    """Scale every tensor, checked before, kept for undo."""
    import weightedit

    document = weightedit.open(data)
    document.preflight("scale", next(iter(document.tensors)), factor=2.0, region="[0]")  # which imports all there is

    def run(clock: Clock) -> None:
        document.measured = None  # or it would know from the round before what is lost
        with clock:
            document.apply("scale", "*", factor=0.5, accept="all")
        document.undo()

    return run


def load_and_scale(data: Path) -> Round:
    """Load the file with the library and scale every tensor in place."""
    from safetensors.torch import load_file

    def run(clock: Clock) -> None:
        with clock:
            for tensor in load_file(data).values():
                tensor.mul_(0.5)

    return run


def read_scale_write(data: Path) -> Round:
    """Read chunks, scale them with torch and write them to another file, without reading anything twice."""
    import torch

    def run(clock: Clock) -> None:
        buffer = bytearray(CHUNK)
        values = torch.frombuffer(buffer, dtype=torch.bfloat16)
        with tempfile.TemporaryFile(dir=data.parent) as file, data.open("rb", buffering=0) as source, clock:
            while source.readinto(buffer):
                file.write(values.mul(0.5).view(torch.uint8).numpy().data)

    return run


# ---------------------------------------------------------------- what a cast loses


def preflight_cast(data: Path) -> Round:
    """Say what a cast to float16 loses."""
    import weightedit
    from weightedit.core import kernels

    document = weightedit.open(data)
    kernels.prepare(wait=True)
    document.preflight("scale", NAME, factor=2.0, region="[0]")  # which imports what there is to import

    def run(clock: Clock) -> None:
        document.measured = None  # or it would know it from the round before
        with clock:
            document.preflight("cast", NAME, dtype="float16")

    return run


def torch_losses(data: Path) -> Round:
    """Cast with torch and count what overflows, vanishes and is rounded."""
    from safetensors.torch import load_file

    tensor = load_file(data)[NAME]

    def run(clock: Clock) -> None:
        with clock:
            wide = tensor.float()
            after = wide.half().float()
            differs = after != wide
            [int(mask.sum()) for mask in (after.isinf() & wide.isfinite(), (after == 0) & (wide != 0), differs)]

    return run


def statistics_pass(data: Path) -> Round:
    """Work the statistics of the same values out, in one pass."""
    import weightedit
    from weightedit.core import kernels
    from weightedit.core.statistics import statistics

    document = weightedit.open(data)
    kernels.prepare(wait=True)

    def run(clock: Clock) -> None:
        with clock:
            statistics(document.pin(NAME))

    return run


# ---------------------------------------------------------------- two files


def _files(data: Path) -> list[Path]:
    return [data / f"{name}.safetensors" for name in ("a", "b")]


def compare_files(data: Path) -> Round:
    """Compare every tensor of both, and what is around them."""
    import weightedit
    from weightedit.core.compare import compare

    first, second = (weightedit.open(file) for file in _files(data))

    def run(clock: Clock) -> None:
        with clock:
            found = compare(first, second)
        assert all(one.what == "same" for one in found)

    return run


def torch_equal(data: Path) -> Round:
    """Compare every tensor with torch."""
    import torch
    from safetensors import safe_open

    def run(clock: Clock) -> None:
        first, second = _files(data)
        with clock, safe_open(first, "pt") as one, safe_open(second, "pt") as other:
            assert all(torch.equal(one.get_tensor(name), other.get_tensor(name)) for name in one.keys())  # noqa: SIM118

    return run


def cmp(data: Path) -> Round:
    """Compare the files byte by byte."""

    def run(clock: Clock) -> None:
        with clock:
            subprocess.run(["cmp", *_files(data)], check=True)

    return run


def sums(data: Path) -> Round:
    """Sum both files as whole numbers of 64 bits, mapped."""
    import numpy as np

    def run(clock: Clock) -> None:
        with clock:
            for handle in _opened(_files(data)):
                with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as mapped:
                    values = np.frombuffer(mapped, np.int64, len(mapped) // 8)
                    values.sum()
                    del values

    return run


def _opened(files: list[Path]) -> Iterator[int]:
    for file in files:
        handle = os.open(file, os.O_RDONLY)
        yield handle
        os.close(handle)


CASES = (
    Case("undo", "undo of a one-row edit in 1 GB", embedding_file,
         (Contender("weightedit", undo_row), Contender("clone and copy_ back", clone_back),
          Contender("clone of the tensor", clone)),
         (Goal(0.01), Goal(1024, figure="bytes beyond those edited"))),
    Case("scale-all", "scale every tensor of 6 GB, with undo", llama_file,
         (Contender("weightedit", scale_all), Contender("load_file and mul_", load_and_scale),
          Contender("read, scale, write once", read_scale_write)),
         (Goal(megabytes=192),), note="Ours checks first what would be lost, and keeps checksums.", rounds=5),
    Case("scale-many", "scale 5,000 small tensors, with undo", _small_tensors,
         (Contender("weightedit", scale_all), Contender("load_file and mul_", load_and_scale),
          Contender("read, scale, write once", read_scale_write)),
         (Goal(megabytes=100),), note="Ours plans, checks and records each tensor.", rounds=5),
    Case("cast-preflight", "what a cast of 1 GB loses", embedding_file,
         (Contender("weightedit", preflight_cast), Contender("torch", torch_losses, rounds=3),
          Contender("one pass for statistics", statistics_pass)),
         (Goal(1.2, megabytes=64),)),
    Case("compare", "compare two 2.7 GB files, tensor by tensor", _pair,
         (Contender("weightedit", compare_files), Contender("torch.equal", torch_equal),
          Contender("cmp", cmp, measures_memory=False), Contender("int64 sums of both", sums)),
         (Goal(1.2, megabytes=32),)),
)  # fmt: skip
