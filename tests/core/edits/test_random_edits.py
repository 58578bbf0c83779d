"""Random edits of every operation on every dtype: equal to plain torch, and undone and redone bit for bit.

Protects invariants (2), (4) and (5): patches and rebinds are the sole record, all or nothing, revert restores bytes
and identity.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from torch import nn

import weightedit
from tests.core.edits.random_operations import CHOICES, MOVES, chosen, moved
from tests.operations import oracle
from weightedit.core.errors import EditRefused
from weightedit.core.hazards import Hazard
from weightedit.core.slots import Slot
from weightedit.core.spec import TensorSpec

DTYPES = oracle.copyable_dtypes()
SHAPES = ((3, 4), (2, 3, 2), (5,), (), (4, 0), (1, 6))
MODEST = [0, 1, -1, 2, 0.5, -3.0, 1.5, 100, 0.1]


def some_values(shape: tuple[int, ...], dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Values that are worth changing: of every size the dtype has, NaN and infinities included."""
    generator = torch.Generator().manual_seed(seed)
    if dtype in (torch.int64, torch.uint64):
        data = torch.randint(0, 256, (*shape, 8), generator=generator).to(torch.uint8)
        return data.view(dtype).reshape(shape)
    values = torch.randn(shape, generator=generator, dtype=torch.float64) * 20
    if dtype.is_floating_point and values.numel() > 4:
        values.view(-1)[:4] = torch.tensor([float("nan"), float("inf"), -0.0, 1e-7], dtype=torch.float64)
    if dtype.is_complex:
        values = torch.complex(values, torch.randn(shape, generator=generator, dtype=torch.float64))
    return oracle.stored(values.abs() if dtype in (torch.uint8, torch.uint16, torch.uint32) else values, dtype)


def tensors_of_every_dtype() -> dict[str, torch.Tensor]:
    """One or more tensors for each dtype, in varying shapes."""
    found = {}
    for number, dtype in enumerate(DTYPES):
        found[f"{oracle.name_of(dtype)}.a"] = some_values((3, 4), dtype, number)
        shape = SHAPES[number % len(SHAPES)]
        found[f"{oracle.name_of(dtype)}.b"] = some_values(shape, dtype, 100 + number)
    return found


def tensors_that_share() -> dict[str, torch.Tensor]:
    """Ties by identity and by alias, overlapping views, and every odd stride."""
    base, flat = some_values((4, 6), torch.float32, 1), some_values((24,), torch.bfloat16, 2)
    tied = nn.Parameter(some_values((3, 4), torch.float32, 3))
    found = tensors_of_every_dtype()
    return found | {
        "tied.a": tied, "tied.b": tied, "alias.a": base, "alias.b": base.view(4, 6), "view.row": base[1],
        "view.square": base[1:3, 2:5], "view.transposed": base.t(), "flat.head": flat[:10], "flat.tail": flat[8:],
        "flat.every": flat[::3], "expanded": some_values((3, 1), torch.float64, 4).expand(3, 4),
        "scalar.expanded": torch.tensor(3, dtype=torch.int16).expand(5),
        "channels_last": some_values((2, 3, 2, 2), torch.float32, 5).to(memory_format=torch.channels_last),
    }  # fmt: skip


class Twin:
    """The same tensors in plain torch: each edit done to them by hand."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.tensors = tensors

    def key(self, name: str) -> Any:
        """What makes two names tied: the same elements of the same storage, in the same order."""
        tensor = self.tensors[name]
        place = tensor.untyped_storage()._cdata, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
        return place, tensor.dtype

    def tied_with(self, name: str) -> list[str]:
        return [other for other in self.tensors if self.key(other) == self.key(name)]

    def overlaps_itself(self, name: str) -> bool:
        tensor = self.tensors[name]
        return any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True))

    def rebind(self, names: list[str], tensor: torch.Tensor) -> None:
        for name in names:
            self.tensors[name] = tensor

    def write(self, name: str, region: str | None, values: torch.Tensor) -> None:
        if self.overlaps_itself(name):
            self.rebind(self.tied_with(name), self.tensors[name].detach().clone().contiguous())
        oracle.write(self.tensors[name], region, values)

    def selected(self, name: str, region: str | None) -> torch.Tensor:
        tensor = self.tensors[name].detach()
        as_bits = tensor.view(oracle.BITS.get(tensor.element_size(), tensor.dtype))  # uint16 has no index by a list
        return as_bits[oracle.region_index(region)].clone().view(tensor.dtype)


@st.composite
def regions(draw: st.DrawFn, shape: tuple[int, ...]) -> str | None:
    """A region that fits: integers, slices with steps, an ellipsis, one list."""
    if not draw(st.booleans()):
        return None
    parts, listed = [], False
    for size in shape[: draw(st.integers(0, len(shape)))]:
        kinds = ["slice"] + ["integer"] * (size > 0) + ["list"] * (size > 0 and not listed)
        kind = draw(st.sampled_from(kinds))
        if kind == "integer":
            parts.append(str(draw(st.integers(-size, size - 1))))
        elif kind == "list":
            chosen = draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=size, unique=True))
            parts.append(str(chosen))
            listed = True
        else:
            start, stop = sorted(draw(st.tuples(st.integers(0, size), st.integers(0, size))))
            parts.append(f"{start}:{stop}:{draw(st.integers(1, 3))}")
    return f"[{', '.join(parts)}]" if parts else "[...]"


EDITS = ("set", "fill", "scale", "add", "cast", "slice", "transpose", "replace", "requires_grad", *MOVES, *CHOICES)


def edit_both(data: st.DataObject, doc: weightedit.Document, twin: Twin, name: str, what: str) -> None:
    """Apply one random edit to the document and to its twin."""
    before = twin.tensors[name].detach()
    shape = tuple(before.shape)
    if what in (*MOVES, *CHOICES):
        choose_both(data, doc, twin, name, what)
        return
    region = data.draw(regions(shape), "region") if what in ("set", "fill", "scale", "add", "slice") else None
    chosen = twin.selected(name, region)
    undefined = torch.ones(chosen.shape, dtype=torch.bool)
    if what in ("scale", "add"):
        number = data.draw(st.sampled_from(MODEST), "number")
        doc.apply(what, name, region=region, accept="all", **{"factor" if what == "scale" else "value": number})
        values = oracle.arithmetic(chosen, what, number)
        if not isinstance(number, int) and before.dtype in oracle.INTEGERS:
            exact = chosen.to(torch.float64)
            undefined = ~oracle.well_defined(exact * number if what == "scale" else exact + number, before.dtype)
        else:
            undefined = ~undefined
    elif what == "fill":
        number = data.draw(st.sampled_from([*MODEST, 2**40, 1e300, float("nan")]), "number")
        doc.apply("fill", name, region=region, accept="all", value=number)
        values = oracle.filled(chosen, number)
        undefined = ~oracle.well_defined(torch.full(chosen.shape, float(number), dtype=torch.float64), before.dtype)
        undefined &= torch.tensor(isinstance(number, float))
    elif what == "set":
        source = some_values(tuple(chosen.shape), data.draw(st.sampled_from(DTYPES), "dtype"), 7)
        doc.apply("set", name, region=region, accept="all", values=source)
        values, undefined = oracle.stored(source, before.dtype), ~oracle.well_defined(source, before.dtype)
    else:
        rebind_both(data, doc, twin, name, what, region)
        return
    if before.dtype in (torch.uint32,):  # torch's own kernel makes two things of a negative float there
        undefined |= torch.ones_like(undefined) if not values.numel() else undefined
    twin.write(name, region, values)
    adopt(doc, twin, name, region, undefined)


def choose_both(data: st.DataObject, doc: weightedit.Document, twin: Twin, name: str, what: str) -> None:
    """Apply one random edit that moves, takes, adds or chooses cells."""
    before = twin.tensors[name].detach()
    region = data.draw(regions(tuple(before.shape)), "region") if what in CHOICES else None
    found = chosen(data, what, twin.selected(name, region)) if what in CHOICES else moved(data, what, before)
    if found is None:
        return
    arguments, after = found
    doc.apply(what, name, region=region, accept="all", **arguments)
    if doc.operations[what].effect == "write":
        twin.write(name, region, after)
    else:
        twin.rebind(twin.tied_with(name), after.contiguous())


def rebind_both(data: st.DataObject, doc: weightedit.Document, twin: Twin, name: str, what: str,
                region: str | None) -> None:  # fmt: skip
    """Apply one random edit that puts another tensor in the slot."""
    before = twin.tensors[name].detach()
    tied = data.draw(st.sampled_from(["all", "untie"]), "tied")
    names = twin.tied_with(name) if tied == "all" else [name]
    undefined = None
    if what == "cast":
        dtype = data.draw(st.sampled_from(DTYPES), "dtype")
        doc.apply("cast", name, tied=tied, accept="all", dtype=oracle.name_of(dtype))
        after, undefined = oracle.stored(before, dtype), ~oracle.well_defined(before, dtype)
    elif what == "slice":
        doc.apply("slice", name, region=region, tied=tied, accept="all")
        after = twin.selected(name, region)
    elif what == "transpose":
        if before.dim() < 2:
            with pytest.raises(EditRefused):
                doc.apply("transpose", name, tied=tied)
            return
        dims = data.draw(st.tuples(*[st.integers(-before.dim(), before.dim() - 1)] * 2), "dims")
        doc.apply("transpose", name, tied=tied, accept="all", dim0=dims[0], dim1=dims[1])
        after = before.transpose(*dims).clone()
    elif what == "replace":
        source = data.draw(st.sampled_from(sorted(twin.tensors)), "source")
        doc.apply("replace", name, tied=tied, accept="all", source=source)
        after = twin.tensors[source].detach().clone()
    else:
        value = data.draw(st.booleans(), "value")
        if value and not (before.is_floating_point() or before.is_complex()):
            with pytest.raises(EditRefused):
                doc.apply("requires_grad", name, value=True)
            return
        doc.apply("requires_grad", name, value=value)
        assert doc.tensors[name].requires_grad is value
        return
    twin.rebind(names, after.contiguous())
    if undefined is not None:
        adopt(doc, twin, name, None, undefined)


def adopt(doc: weightedit.Document, twin: Twin, name: str, region: str | None, undefined: torch.Tensor) -> None:
    """Take over from the document what C leaves open, after everything else was found equal."""
    if not bool(undefined.any()):
        return
    want, got = twin.selected(name, region), doc.read(name, region)
    assert oracle.same_values(want[~undefined], got[~undefined])
    twin.write(name, region, got)


def expect_equal(doc: weightedit.Document, twin: Twin) -> None:
    for name, tensor in twin.tensors.items():
        got = doc.read(name)
        assert oracle.same_values(got, tensor.detach()), f"{name}: {got} is not {tensor}"
        info = doc.tensors[name]
        assert (info.shape, info.dtype) == (tuple(tensor.shape), tensor.dtype)


def state_of(doc: weightedit.Document) -> dict[str, tuple[Any, ...]]:
    """Bytes and identity of everything: strict, a NaN's payload included."""
    return {
        slot.name: (bytes(doc.read(slot.name, raw=True)), told(slot), slot.held, slot.held.described.live,
                    id(slot.storage), doc.storage_group(slot))
        for slot in doc.slots
    }  # fmt: skip


def told(slot: Slot) -> TensorSpec:
    """What is said of a tensor; of a live view without its flag.

    torch works that out when it is asked, from the base as it is by then: a view of a leaf that came to require grad
    does so too from the next write on, and goes on so when the leaf no longer does.
    """
    live = slot.held.described.live
    return replace(slot.spec, requires_grad=False) if live is not None and live._is_view() else slot.spec


def walk_history(data: st.DataObject, doc: weightedit.Document, states: list[dict[str, Any]]) -> None:
    """Go back, forth and to random places; each place must be what it was when first seen."""
    count = len(doc.history)
    stops = data.draw(st.lists(st.integers(0, count), max_size=4), "stops")
    for stop in [0, count, *stops, 0]:
        doc.go_to(stop)
        found = state_of(doc)
        assert found.keys() == states[stop].keys()
        for name, state in states[stop].items():
            assert found[name] == state, f"{name} at {stop}"
        assert doc.is_modified == (stop != 0)
    assert not any(info.is_modified for info in doc.tensors.values())


def run(data: st.DataObject, doc: weightedit.Document, twin: Twin, most: int = 6) -> None:
    states = [state_of(doc)]
    opened = states[0]
    for _ in range(data.draw(st.integers(1, most), "edits")):
        name = data.draw(st.sampled_from(sorted(twin.tensors)), "name")
        what = data.draw(st.sampled_from(EDITS), "operation")
        position = doc.history.position
        try:
            edit_both(data, doc, twin, name, what)
        except EditRefused as error:
            kinds = {hazard.kind for hazard in error.hazards}
            note(f"{what} {name} refused: {error}")
            raise AssertionError(f"refused for {kinds}: {error}") from error
        if doc.history.position != position:
            states.append(state_of(doc))
        expect_equal(doc, twin)
    assert len(states) == len(doc.history) + 1
    walk_history(data, doc, states)
    assert state_of(doc) == opened


FILES: dict[str, tuple[Path, bytes]] = {}
random_sequences = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A safetensors file with every dtype that format has, and a torch zip with every dtype and kind of sharing."""
    folder = tmp_path_factory.mktemp("random")
    kept = {}
    for name, tensor in tensors_of_every_dtype().items():
        try:
            safetensors.torch.save({name: tensor})
        except (KeyError, ValueError, safetensors.SafetensorError):
            continue  # complex32 and a few float8 have no name there
        kept[name] = tensor
    safetensors.torch.save_file(kept, folder / "every.safetensors")
    torch.save(tensors_that_share(), folder / "every.pt")
    return {"safetensors": folder / "every.safetensors", "zip": folder / "every.pt"}


def test_most_dtypes_are_there(files):
    """The tests below prove little if dtypes drop out of the files unnoticed."""
    assert len(DTYPES) >= 20
    assert len(safetensors.torch.load_file(files["safetensors"])) >= 2 * 14
    assert len(torch.load(files["zip"])) >= 2 * len(DTYPES)


@random_sequences
@given(data=st.data())
def test_safetensors(files, data):
    before = files["safetensors"].read_bytes()
    twin = Twin(safetensors.torch.load_file(files["safetensors"]))
    with weightedit.open(files["safetensors"]) as doc:
        run(data, doc, twin)
    assert files["safetensors"].read_bytes() == before


@random_sequences
@given(data=st.data())
def test_torch_zip_that_shares(files, data):
    before = files["zip"].read_bytes()
    twin = Twin(torch.load(files["zip"], weights_only=True))
    with weightedit.open(files["zip"]) as doc:
        run(data, doc, twin)
    assert files["zip"].read_bytes() == before


@random_sequences
@given(data=st.data())
def test_live_tensors_that_share(data):
    live = tensors_that_share()
    twin = Twin(copy.deepcopy(live))
    objects = {name: id(tensor) for name, tensor in live.items()}
    with weightedit.open(live) as doc:
        run(data, doc, twin)
    assert {name: id(tensor) for name, tensor in live.items()} == objects


def test_every_hazard_is_a_hazard(files):
    """Preflight of an edit never raises, whatever the operation and dtype."""
    with weightedit.open(files["zip"]) as doc:
        for name in list(doc.tensors)[::3]:
            for operation, arguments in (("scale", {"factor": 0.5}), ("cast", {"dtype": "int8"}), ("slice", {})):
                assert all(isinstance(one, Hazard) for one in doc.preflight(operation, name, **arguments))
