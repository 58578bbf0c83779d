"""What plain torch finds that an edit of a real checkpoint would do silently, and what `doc.preflight` says of it.

The oracle knows tensors as torch or safetensors loads them, and nothing of how weightedit computes: values are stored
by `copy_` and compared, storages are told apart by their pointers. `python packaging/dev.py alarms` compares all of it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import weightedit

SUFFIXES = (".pt", ".pth", ".safetensors", ".jit")
E4M3_ROUNDS_TO_LARGEST = 464.0
"""Half a step past 448, up to which float8_e4m3fn rounds to 448."""
Finding = tuple[str, tuple[str, ...], int]
"""(kind, tensors, count) of one hazard."""
Tensors = Mapping[str, torch.Tensor]


def load(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a checkpoint by its dotted name, as its own library loads it."""
    if path.suffix == ".safetensors":
        return load_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.suffix == ".jit":
            module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
            return {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return dict(_flat(torch.load(path, map_location="cpu", weights_only=True), ()))


def _flat(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield ".".join(path), value
    elif isinstance(value, dict | list | tuple):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(item, (*path, str(key)))


# ---------------------------------------------------------------- what torch finds


def _stored(exact: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.empty(exact.shape, dtype=dtype).copy_(exact)


def _lost_by_float(before: torch.Tensor, exact: torch.Tensor, stored: torch.Tensor,
                   converts: bool, scales: bool) -> dict[str, torch.Tensor]:  # fmt: skip
    was = exact if converts else before
    after, wide = stored.double(), exact.double()
    overflow = was.isfinite() & ~after.isfinite()
    if stored.dtype == torch.float8_e4m3fn:
        overflow |= wide.abs() > E4M3_ROUNDS_TO_LARGEST
    underflow = (wide != 0) & (after == 0)
    if scales:
        underflow |= (before != 0) & (after == 0)
    found = {"overflow": overflow, "underflow": underflow}
    if converts:
        found["precision-loss"] = (wide != after) & after.isfinite() & ~overflow & ~underflow
    return found


def losses(before: torch.Tensor, exact: torch.Tensor, dtype: torch.dtype, *, converts: bool = False,
           scales: bool = False) -> dict[str, int]:  # fmt: skip
    """Count by kind what `copy_` of exact values into a dtype loses."""
    stored = _stored(exact, dtype)
    if dtype.is_floating_point:
        found = _lost_by_float(before, exact, stored, converts, scales)
    elif exact.is_floating_point():
        found = {"truncation": stored.double() != exact.double()}
    else:
        found = {"overflow": stored.to(torch.int64) != exact.to(torch.int64)}
    return {kind: int(where.sum()) for kind, where in found.items() if where.any()}


def _arithmetic(w: torch.Tensor, by: float, do: Callable[[torch.Tensor, float], torch.Tensor]) -> torch.Tensor:
    whole = not w.is_floating_point()
    return do(w.double() if whole and isinstance(by, float) else w, by)


def _elements(tensor: torch.Tensor) -> torch.Tensor:
    """Where in its storage each element lies, in elements."""
    at = torch.tensor(tensor.storage_offset())
    for dim, (size, stride) in enumerate(zip(tensor.size(), tensor.stride(), strict=True)):
        at = at + (torch.arange(size) * stride).reshape([-1 if other == dim else 1 for other in range(tensor.dim())])
    return at


def _storage(tensor: torch.Tensor) -> tuple[int, int]:
    return tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()


def _others(tensors: Tensors, name: str) -> dict[str, torch.Tensor]:
    mine = _storage(tensors[name])
    if not mine[1]:
        return {}
    return {other: one for other, one in tensors.items() if other != name and _storage(one) == mine}


def shared_cells(tensors: Tensors, name: str, part: Callable[[torch.Tensor], torch.Tensor]) -> list[Finding]:
    """Which cells of other tensors a write changes too."""
    others = _others(tensors, name)
    if not others:
        return []
    mine = tensors[name]
    is_written = torch.zeros(mine.untyped_storage().nbytes() // mine.element_size(), dtype=torch.bool)
    is_written[part(_elements(mine)).reshape(-1)] = True
    counts = {other: int(is_written[_elements(one).reshape(-1)].sum()) for other, one in others.items()}
    changed = {other: count for other, count in counts.items() if count}
    return [("shared-storage", tuple(sorted(changed)), sum(changed.values()))] if changed else []


def untied(tensors: Tensors, name: str) -> list[Finding]:
    """What gets the new tensor too, and what stays behind on the old storage."""
    mine, others = tensors[name], _others(tensors, name)

    def place(one: torch.Tensor) -> tuple[object, ...]:
        return one.dtype, one.shape, one.stride(), one.storage_offset()

    tied = [other for other, one in others.items() if place(one) == place(mine)]
    views = [other for other, one in others.items() if place(one) != place(mine)]
    found: list[Finding] = [("unties", tuple(sorted((name, *tied))), len(tied) + 1)] if tied else []
    return found + ([("unties", tuple(sorted(views)), len(views))] if views else [])


# ---------------------------------------------------------------- edits


def _clamped(w: torch.Tensor) -> torch.Tensor:
    """Whole numbers have none between -0.125 and 0.125 but 0."""
    return w.clamp(-0.125, 0.125) if w.is_floating_point() else w.clamp(0, 0)


@dataclass(frozen=True)
class Trial:
    """An edit, and what torch says it loses: `expected(tensors, name)` raises where torch refuses it."""

    label: str
    operation: str
    arguments: Callable[[str, torch.Tensor], dict[str, Any]]
    expected: Callable[[Tensors, str], list[Finding]]
    region: str | None = None


def _write(label: str, operation: str, argument: str, by: float, values: Callable[[torch.Tensor], torch.Tensor], *,
           converts: bool = False, scales: bool = False, region: str | None = None) -> Trial:  # fmt: skip
    def part(w: torch.Tensor) -> torch.Tensor:
        return w[0:1] if region else w

    def expected(tensors: Tensors, name: str) -> list[Finding]:
        w = part(tensors[name])
        lost = losses(w, values(w), w.dtype, converts=converts, scales=scales)
        return [(kind, (name,), count) for kind, count in lost.items()] + shared_cells(tensors, name, part)

    given = {"min": -by, "max": by} if operation == "clamp" else {argument: by}
    return Trial(label, operation, lambda name, w: dict(given), expected, region)


def _cast(dtype: torch.dtype) -> Trial:
    def expected(tensors: Tensors, name: str) -> list[Finding]:
        w = tensors[name]
        found: list[Finding] = [(kind, (name,), count) for kind, count in
                                (losses(w, w, dtype, converts=True) if dtype != w.dtype else {}).items()]  # fmt: skip
        lost_grad = w.requires_grad and not dtype.is_floating_point
        return found + ([("grad-dtype", (name,), 0)] if lost_grad else []) + untied(tensors, name)

    said = str(dtype).removeprefix("torch.")
    return Trial(f"cast {said}", "cast", lambda name, w: {"dtype": said}, expected)


def _shape(label: str, operation: str, arguments: Mapping[str, Any], by_torch: Callable[[torch.Tensor], torch.Tensor],
           region: str | None = None) -> Trial:  # fmt: skip
    def expected(tensors: Tensors, name: str) -> list[Finding]:
        by_torch(tensors[name])  # which raises where it cannot be done
        return untied(tensors, name)

    return Trial(label, operation, lambda name, w: dict(arguments), expected, region)


def _grad(value: bool) -> Trial:
    def expected(tensors: Tensors, name: str) -> list[Finding]:
        tensors[name].detach().clone().requires_grad_(value)
        return []

    return Trial(f"requires_grad {value}", "requires_grad", lambda name, w: {"value": value}, expected)


def _flip(tensors: Tensors, name: str) -> list[Finding]:
    if not tensors[name].dim():
        raise IndexError("a single number has no dimension 0; torch lets that pass")
    return shared_cells(tensors, name, lambda w: w)


def _nothing(tensors: Tensors, name: str) -> list[Finding]:
    return []


TRIALS = (
    _write("scale 2", "scale", "factor", 2, lambda w: _arithmetic(w, 2, torch.mul), scales=True),
    _write("scale 2, row 0", "scale", "factor", 2, lambda w: _arithmetic(w, 2, torch.mul), scales=True, region="[0:1]"),
    _write("scale 1e-8", "scale", "factor", 1e-8, lambda w: _arithmetic(w, 1e-8, torch.mul), scales=True),
    _write("scale 1e-40", "scale", "factor", 1e-40, lambda w: _arithmetic(w, 1e-40, torch.mul), scales=True),
    _write("scale 1e5", "scale", "factor", 1e5, lambda w: _arithmetic(w, 1e5, torch.mul), scales=True),
    _write("scale 1e38", "scale", "factor", 1e38, lambda w: _arithmetic(w, 1e38, torch.mul), scales=True),
    _write("add 0.5", "add", "value", 0.5, lambda w: _arithmetic(w, 0.5, torch.add)),
    _write("add 3", "add", "value", 3, lambda w: _arithmetic(w, 3, torch.add)),
    _write("fill 0", "fill", "value", 0, lambda w: torch.zeros(w.shape, dtype=torch.int64), converts=True),
    _write("fill 0.1", "fill", "value", 0.1, lambda w: torch.full(w.shape, 0.1, dtype=torch.float64), converts=True),
    _write("clamp 0.125", "clamp", "min", 0.125, _clamped),
    *(_cast(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.int8,
                                 torch.int64, torch.float32, torch.float64)),
    _shape("transpose", "transpose", {}, lambda w: w.transpose(-2, -1)),
    _shape("slice", "slice", {}, lambda w: w[0:1], region="[0:1]"),
    _shape("reshape", "reshape", {"shape": [-1]}, lambda w: w.reshape(-1)),
    Trial("flip", "flip", lambda name, w: {"dims": [0]}, _flip),
    _grad(True), _grad(False),
    Trial("rename", "rename", lambda name, w: {"to": f"{name}_renamed"}, _nothing),
    Trial("delete", "delete", lambda name, w: {}, _nothing),
)  # fmt: skip
"""The matrix of edits."""


# ---------------------------------------------------------------- comparison


@dataclass
class Tally:
    """What was compared of one checkpoint."""

    path: Path
    tensors: int = 0
    values: int = 0
    edits: int = 0
    hazards: int = 0
    refusals: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


def compare(path: Path, trials: Sequence[Trial] = TRIALS,
            chosen: Callable[[Tensors], list[str]] = list) -> Tally:  # fmt: skip
    """Ask preflight about every trial on every chosen tensor, and say where it differs from what torch finds."""
    started = time.monotonic()
    tensors, tally = load(path), Tally(path)
    with weightedit.open(path) as doc:
        for name in chosen(tensors):
            w = tensors[name]
            tally.tensors += 1
            tally.values += w.numel()
            for trial in trials:
                tally.edits += 1
                said = doc.preflight(trial.operation, name, region=trial.region, **trial.arguments(name, w))
                found = sorted((hazard.kind, tuple(sorted(hazard.targets)), hazard.count) for hazard in said)
                refused = any(hazard.level == "refusal" for hazard in said)
                tally.hazards += len(said)
                tally.refusals += refused
                try:
                    expected = sorted(trial.expected(tensors, name))
                except (RuntimeError, IndexError) as error:
                    if not refused:
                        tally.wrong.append(f"{trial.label} of {name}: torch raises {error}, preflight says {found}")
                    continue
                if found != expected or refused:
                    tally.wrong.append(f"{trial.label} of {name}: torch finds {expected}, preflight says {found}")
    tally.seconds = time.monotonic() - started
    return tally


def a_few(tensors: Tensors, most: int = 60_000) -> list[str]:
    """Choose tensors of one checkpoint by their names: one of each number of dimensions, dtype and sharing."""
    chosen: dict[tuple[object, ...], str] = {}
    for name in sorted(tensors):
        w = tensors[name]
        if w.numel() <= most:
            chosen.setdefault((w.dim(), w.dtype, bool(_others(tensors, name)), w.is_contiguous()), name)
    return sorted(chosen.values())


def checkpoints(folder: Path) -> list[Path]:
    """Every real checkpoint below a folder."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
