"""The doctor on a model of 69 billion parameters: traced without memory, and checked against a file of 138 GB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.case import Case, Clock, Contender, Goal, NotHere, Round
from tests.benchmarks.data import Folder, llama, safetensors

ROOT = Path(__file__).resolve().parents[3]
CODE = ROOT / "tests" / "benchmarks" / "llama_shaped.py"
SPEC = "int64[1,16]<32000"
MOST_READ = 1e9
"""Bytes that a check of any size may read: Python's own modules and a header, and no weights."""
ABOVE = "memory above the import of torch, MB"


def _checkpoint(folder: Folder) -> Path:
    """A folder with the whole model's header before a hole of 138 GB, which takes no disk, and what code makes it."""
    layers = folder.pick(2, 80)

    def make(path: Path) -> None:
        path.mkdir()
        tensors = llama(layers, 8192, 28_672, 32_000, few=1024)
        safetensors(path / "model.safetensors", tensors, sparse=True)
        (path / "layers").write_text(str(layers), encoding="ascii")

    return folder.once("llama-70b", make)


def _layers(data: Path) -> int:
    return int((data / "layers").read_text(encoding="ascii"))


def _reference(data: Path) -> str:
    return f"{CODE}:Llama({_layers(data)})"


def _has_every_call(calls: list[Any], data: Path) -> bool:
    """Whether a trace has the model, its body, embedding, angles, norm and head, and twelve calls for each layer."""
    return len(calls) == 12 * _layers(data) + 6


# ---------------------------------------------------------------- the trace itself


def _traced(data: Path, *, makes: bool) -> Round:
    import torch  # noqa: F401  # memory counts from here

    def run(clock: Clock) -> None:
        from weightedit.doctor.inside.session import Session

        session, begin = Session(data), Clock()
        with clock if makes else begin:
            made = session.do({"do": "bring", "reference": _reference(data), "device": "fake"})
        with clock:
            found = session.do({"do": "run", "inputs": SPEC})
        assert not made["note"]
        assert found["trace"]["failure"] is None
        assert _has_every_call(found["trace"]["calls"], data)

    return run


def traced(data: Path) -> Round:
    """Trace the model, which was made before."""
    return _traced(data, makes=False)


def made_and_traced(data: Path) -> Round:
    """Make it and trace it."""
    return _traced(data, makes=True)


def _called(data: Path, under: Callable[[], Any], device: str) -> Round:
    import torch

    from tests.benchmarks.llama_shaped import Llama

    def run(clock: Clock) -> None:
        with under():
            model = Llama(_layers(data)).eval()
            ids = torch.empty(1, 16, dtype=torch.int64, device=device)
            with torch.no_grad(), clock:
                made = model(ids)
        assert made.shape == (1, 16, 32_000)

    return run


def fake_tensors(data: Path) -> Round:
    """Call it on fake tensors, which know of devices what meta tensors do not, and watch nothing."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    return _called(data, FakeTensorMode, "cpu")


def on_meta(data: Path) -> Round:
    """Call it on meta tensors."""
    import torch

    return _called(data, lambda: torch.device("meta"), "meta")


# ---------------------------------------------------------------- the whole check


def _in_a_process(arguments: list[str], judge: Callable[[str], bool]) -> Round:
    """Run Python in a process of its own: its time, the most memory of it and its children, and what they read.

    Modules are compiled before, as an installation has them: the first round is not counted.
    """
    try:
        import resource
    except ImportError:
        raise NotHere("memory of processes that ended is told on Unix only") from None
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        environment.pop(name, None)

    def python(arguments: list[str]) -> tuple[str, float]:
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=True)  # fmt: skip
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # of all that ended so far, and their children
        return done.stdout, most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6

    _, bare = python(["-c", "import torch"])

    def run(clock: Clock) -> Mapping[str, float]:
        before = _read()
        with clock:
            said, most = python(arguments)
        assert judge(said)
        read = _read() - before
        assert read < MOST_READ, f"{read / 1e9:.1f} GB were read"
        return {ABOVE: most - bare, "read, MB": read / 1e6}

    return run


def _read() -> float:
    """Return the bytes that this process and those it waited for have read; 0 where nobody can say."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return float(dict(line.split(": ") for line in lines)["rchar"])


def check(data: Path) -> Round:
    """`weightedit check` in a process of its own, with the model's process and everything that both import."""

    def judge(said: str) -> bool:
        found = json.loads(said)
        return found["ok"] and not found["notes"] and _has_every_call(found["trace"], data)

    return _in_a_process(["-m", "weightedit", "check", str(data / "model.safetensors"), "--model", _reference(data),
                          "--input", SPEC, "--device", "fake", "--yes", "--json"], judge)  # fmt: skip


def script(data: Path) -> Round:
    """What a person types to see whether the model runs, on meta tensors, without the checkpoint."""
    code = f"""
import torch
from tests.benchmarks.llama_shaped import Llama
with torch.device("meta"), torch.no_grad():
    print(list(Llama({_layers(data)})(torch.empty(1, 16, dtype=torch.int64)).shape))
"""
    return _in_a_process(["-c", code], lambda said: said.strip() == "[1, 16, 32000]")


CASES = (
    Case("trace-70b", "trace a model of 69 billion parameters, 966 calls of modules", _checkpoint,
         (Contender("weightedit", traced), Contender("weightedit, making it too", made_and_traced),
          Contender("fake tensors, nothing watched", fake_tensors), Contender("model(x) on meta", on_meta)),
         (Goal(megabytes=2000), Goal(megabytes=2000, of="weightedit, making it too")),
         note="1 × 16 tokens; memory is above that after the import of torch"),
    Case("check-70b", "check 138 GB of weights against its code, process and imports included", _checkpoint,
         (Contender("weightedit", check, measures_memory=False),
          Contender("Python, torch and model(x) on meta", script, measures_memory=False)),
         (Goal(2000, figure=ABOVE),), rounds=5,
         note="nothing of the weights is read: the file is a header and a hole, and a round that reads more ends"),
)  # fmt: skip
