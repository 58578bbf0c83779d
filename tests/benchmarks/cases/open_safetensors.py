"""Opening safetensors: to the list of names, for one file, for shards, and for a model of many experts."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks.case import Case, Clock, Contender, Goal, Round
from tests.benchmarks.data import Folder, experts, llama, llama_file, safetensors, shards


def _three_shards(folder: Folder) -> Path:
    tensors = llama() if folder.size == "full" else llama(2, 256, 512, 8_000)
    return folder.once("llama-shards", lambda path: shards(path, tensors, 3)) / "model.safetensors.index.json"


def _many(folder: Folder) -> Path:
    count = folder.pick(2_000, 45_704)
    return folder.once("experts.safetensors", lambda path: safetensors(path, experts(count)))


def _files(path: Path) -> list[Path]:
    """Return the files that hold tensors: the shards that an index names, which is parsed here, or the file itself."""
    if path.suffix != ".json":
        return [path]
    return sorted({path.parent / name for name in json.loads(path.read_text())["weight_map"].values()})


def weightedit(data: Path) -> Round:
    """Open it and list the names."""
    import weightedit

    weightedit.open(data).close()

    def run(clock: Clock) -> None:
        with clock:
            document = weightedit.open(data)
            names = list(document.tensors)
        assert names
        document.close()

    return run


def weightedit_tree(data: Path) -> Round:
    """Open it and make the tree that the window shows."""
    import weightedit
    from weightedit.core.described.outline import Outline

    def run(clock: Clock) -> None:
        with clock:
            document = weightedit.open(data)
            outline = Outline(document.entries)
        assert outline.tensors
        document.close()

    return run


def safe_open(data: Path) -> Round:
    """Open it with the library and list the names."""
    import torch  # noqa: F401  # else the first round imports it
    from safetensors import safe_open

    def run(clock: Clock) -> None:
        with clock:
            names = []
            for file in _files(data):
                with safe_open(file, "pt") as opened:
                    names += opened.keys()
        assert names

    return run


def load_file(data: Path) -> Round:
    """Load it with the library, which maps the values."""
    from safetensors.torch import load_file

    def run(clock: Clock) -> None:
        with clock:
            loaded = [load_file(file) for file in _files(data)]
        assert loaded

    return run


def parse(data: Path) -> Round:
    """Read the header, or the index once and the header of each shard, and parse them, and nothing else."""

    def run(clock: Clock) -> None:
        with clock:
            for path in _files(data):
                with path.open("rb", buffering=0) as file:
                    length = int.from_bytes(file.read(8), "little")
                    json.loads(file.read(length))

    return run


PEERS = (Contender("safe_open", safe_open), Contender("load_file", load_file))
LIMIT = Contender("header parse", parse)
CASES = (
    Case("open-file", "open 129 tensors, one file of 6.18 GB", llama_file,
         (Contender("weightedit", weightedit), *PEERS, LIMIT), (Goal(2.0, 10),), rounds=51),
    Case("open-shards", "open 129 tensors in three shards", _three_shards,
         (Contender("weightedit", weightedit), *PEERS, LIMIT), (Goal(2.0, 10),), rounds=51),
    Case("open-many", "open 45,704 tensors", _many,
         (Contender("weightedit", weightedit), Contender("weightedit, tree", weightedit_tree), *PEERS, LIMIT),
         (Goal(1.2), Goal(2.0, of="weightedit, tree")), rounds=11),
)  # fmt: skip
