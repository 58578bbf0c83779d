"""History: a budget in bytes, the saved point, and edits that are recorded and applied all or nothing."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import weightedit
from tests.operations import oracle
from weightedit.assembly import open_document
from weightedit.core.commands import Rename, Write
from weightedit.core.document import Document
from weightedit.core.edit import Edit, TensorName, TensorValue
from weightedit.core.edits import editing
from weightedit.core.edits import execute as execute_room
from weightedit.core.errors import Cancelled, ConfirmationNeeded, EditRefused
from weightedit.core.history import History, Step
from weightedit.core.live import writing
from weightedit.core.undo.spill import Spill

NAMES = [f"w{i}" for i in range(4)]


@pytest.fixture
def path(tmp_path):
    """Four tensors of 400 bytes."""
    torch.save({name: torch.full((10, 10), float(i)) for i, name in enumerate(NAMES)}, tmp_path / "four.pt")
    return tmp_path / "four.pt"


def bits(doc: Document) -> dict[str, bytes]:
    return {name: oracle.bits(doc.read(name)) for name in doc.tensors}


# ---------------------------------------------------------------- positions


def test_one_apply_over_many_targets_is_one_step(path):
    with weightedit.open(path) as doc:
        before = bits(doc)
        doc.apply("scale", "w*", factor=2.0)
        assert len(doc.history) == 1
        doc.undo()
        assert bits(doc) == before
        assert doc.can_redo
        assert not doc.can_undo


def test_a_new_edit_drops_what_was_undone(path):
    with weightedit.open(path) as doc:
        for value in (1, 2, 3):
            doc.apply("fill", "w0", value=value)
        doc.go_to(1)
        doc.apply("fill", "w1", value=9)
        assert len(doc.history) == doc.history.position == 2
        assert not doc.can_redo
        doc.redo()  # nothing there, nothing happens
        assert float(doc.read("w0")[0, 0]) == 1.0
        assert [step.edit.targets for step in doc.history.steps] == [("w0",), ("w1",)]


def test_undo_at_the_beginning_does_nothing(path):
    with weightedit.open(path) as doc:
        version = doc.version
        doc.undo()
        doc.redo()
        assert (doc.version, len(doc.history)) == (version, 0)


@pytest.mark.parametrize("position", [-1, 3, 100])
def test_a_position_that_is_not_there_is_refused(path, position):
    with weightedit.open(path) as doc:
        doc.apply("fill", "w0", value=1)
        doc.apply("fill", "w0", value=2)
        with pytest.raises(EditRefused):
            doc.go_to(position)
        assert doc.history.position == 2


def test_steps_say_what_and_where(path):
    with weightedit.open(path) as doc:
        doc.apply("scale", "w1", factor=0.5, region="[2:4, :]")
        doc.apply("cast", "w*", dtype="float16")
        first, second = doc.history.steps
        assert (first.label, first.where) == ("scale × 0.5", "w1 [2:4, :]")
        assert first.regions == {"w1": ["[2:4, 0:10]"]}
        assert (second.label, second.where) == ("cast float16", "w0 and 3 more")
        assert second.names == frozenset(NAMES)
        assert first.time <= second.time


def test_modified_is_not_being_at_the_saved_point(path):
    with weightedit.open(path) as doc:
        assert not doc.is_modified
        doc.apply("fill", "w0", value=1)
        doc.apply("fill", "w1", value=1)
        assert doc.is_modified
        doc.history.mark_saved()
        assert not doc.is_modified
        doc.undo()
        assert doc.is_modified
        doc.redo()
        assert not doc.is_modified
        doc.undo()
        doc.apply("fill", "w2", value=1)  # the saved point is behind a branch nobody can reach
        assert doc.is_modified
        doc.go_to(0)
        assert doc.is_modified


# ---------------------------------------------------------------- the budget


def test_the_oldest_steps_go_when_over_budget(path):
    """Undo keeps bytes, not steps: 400 for each whole tensor here."""
    with open_document(path, history_budget=1000) as doc:
        for value in range(1, 6):
            doc.apply("fill", "w0", value=value)
        assert doc.history.nbytes <= 1000
        assert len(doc.history) + doc.history.forgotten == 5
        assert doc.history.forgotten == 3
        doc.go_to(0)
        assert float(doc.read("w0")[0, 0]) == 3.0  # as far back as history goes
        assert doc.is_modified, "the opened state cannot be reached any more"
        doc.go_to(len(doc.history))
        assert float(doc.read("w0")[0, 0]) == 5.0


def test_one_edit_over_the_budget_is_refused_before_anything_happens(path):
    with open_document(path, history_budget=1000) as doc:
        before = bits(doc)
        with pytest.raises(EditRefused, match="1,600"):
            doc.apply("fill", "w*", value=1)
        assert bits(doc) == before
        assert not doc.history
        doc.apply("requires_grad", "w*", value=True)  # keeps no bytes at all
        doc.apply("fill", "w*", value=1, region="[0, 0]")


@given(sizes=st.lists(st.integers(1, 50), max_size=25), budget=st.integers(50, 120))
def test_the_budget_against_a_plain_list(sizes, budget):
    """Positions, the saved point and the number forgotten stay right while steps are let go."""
    history, kept, saved = History(budget), [], 0
    for number, size in enumerate(sizes):
        history.push(step_of(size))
        kept.append((number, size))
        while sum(one for _, one in kept) > budget and len(kept) > 1:
            kept.pop(0)
        if number % 5 == 2:
            history.mark_saved()
            saved = number + 1
        assert [step.nbytes for step in history.steps] == [one for _, one in kept]
        assert history.position == len(kept)
        assert history.forgotten == number + 1 - len(kept)
        reachable = saved >= history.forgotten
        assert history.saved_position == (saved - history.forgotten if reachable else None)


def step_of(nbytes: int) -> Step:
    """A step that only has a size."""
    command: Any = Write(None, None, None, nbytes)  # type: ignore[arg-type]
    return Step(Edit("fill", ("w",)), (command,), "", "", frozenset(), {}, None, False)  # type: ignore[arg-type]


# ---------------------------------------------------------------- all or nothing


class Broken(Exception):
    """What the tests below raise in the middle of things."""


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("edit", [("scale", {"factor": 2.0}), ("cast", {"dtype": "float64"}), ("transpose", {}),
                                  ("requires_grad", {"value": True})])  # fmt: skip
@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_command_that_fails_takes_the_others_back(path, live, edit, at, monkeypatch):
    """Invariant (4): whichever command of an edit fails, bytes, objects, history and version are as before."""
    tensors = {name: torch.full((10, 10), float(i)) for i, name in enumerate(NAMES)}
    objects = dict(tensors)
    with weightedit.open(tensors if live else path) as doc:
        before, held, version = bits(doc), {slot.name: slot.held.described for slot in doc.slots}, doc.version
        real, made = execute_room.execute, []

        def execute(plan, shop):
            commands = real(plan, shop)
            made.append(len(commands))
            return [*commands[: at - 1], failing(commands[at - 1]), *commands[at:]]

        monkeypatch.setattr(editing, "execute", execute)
        with pytest.raises(Broken):
            doc.apply(edit[0], "w*", accept="all", **edit[1])
        assert made == [4]
        assert bits(doc) == before
        assert {slot.name: slot.held.described for slot in doc.slots} == held
        assert all(tensors[name] is tensor for name, tensor in objects.items())
        assert all(not tensor.requires_grad for tensor in tensors.values())
        assert (len(doc.history), doc.version, doc.is_modified) == (0, version, False)
        monkeypatch.undo()
        doc.apply(edit[0], "w*", accept="all", **edit[1])
        assert len(doc.history) == 1


class failing:  # noqa: N801
    """A command that does half its work, or none, and raises."""

    def __init__(self, command: Any) -> None:
        self.command = command
        self.nbytes = command.nbytes

    def do(self) -> None:
        raise Broken

    def undo(self) -> None:
        raise AssertionError("undone without having been done")

    def was_changed_elsewhere(self) -> bool:
        return False


def test_a_live_write_that_fails_midway_is_written_back(monkeypatch):
    """The pieces before the failing one are already in the person's tensor."""
    tensor = torch.arange(200_000.0)
    before = oracle.bits(tensor)
    real, calls = writing.write_live, []

    def write_live(target, box, values):
        calls.append(box)
        if len(calls) == 4:
            raise Broken
        real(target, box, values)

    monkeypatch.setattr(writing, "write_live", write_live)
    with weightedit.open({"w": tensor}) as doc:
        with pytest.raises(Broken):
            doc.apply("scale", "w", factor=2.0)
        assert len(calls) > 4, "it needs several pieces to be a test"
        assert oracle.bits(tensor) == before
        assert not doc.history


@pytest.mark.parametrize("edit", [("scale", {"factor": 2.0}), ("cast", {"dtype": "float64"}), ("transpose", {})])
@pytest.mark.parametrize("live", [False, True])
def test_cancel_anywhere_changes_nothing(path, edit, live):
    """At every step of preflight and of computing."""
    tensors = {name: torch.full((10, 10), float(i)) for i, name in enumerate(NAMES)}
    with weightedit.open(tensors if live else path) as doc:
        before, cancelled = bits(doc), 0
        for stop_at in range(40):
            flag, seen = threading.Event(), []

            def report(label, done, total, flag=flag, seen=seen, stop_at=stop_at):
                seen.append((label, done, total))
                if len(seen) > stop_at:
                    flag.set()

            try:
                doc.apply(edit[0], "w*", progress=report, cancel=flag, **edit[1])
            except Cancelled:
                cancelled += 1
                assert bits(doc) == before
                assert not doc.history
            else:
                break
        assert cancelled >= 4
        assert len(doc.history) == 1
        assert all(done <= total for _, done, total in seen)


def test_what_a_subscriber_is_told(path):
    """Names and regions of writes; structure when slots, shapes or sharing change; and what undo changes."""
    with weightedit.open(path) as doc:
        seen: list[Any] = []
        stop = doc.subscribe(seen.append)
        doc.apply("fill", "w1", value=7, region="[0:2, :]")
        doc.apply("cast", ["w0", "w2"], dtype="float16")
        doc.undo()
        doc.apply("rename", "w3", to="renamed")
        stop()
        doc.undo()
    write, cast, uncast, rename = seen
    assert (write.names, write.regions, write.structure) == (frozenset({"w1"}), {"w1": ["[0:2, 0:10]"]}, False)
    assert (cast.names, cast.structure) == (frozenset({"w0", "w2"}), True)
    assert uncast == cast
    assert rename.names == frozenset({"w3", "renamed"})


def test_a_rename_and_back(path):
    with weightedit.open(path) as doc:
        doc.apply("rename", "w1", to="other")
        assert list(doc.tensors) == ["w0", "other", "w2", "w3"]
        assert [entry.name for entry in doc.entries] == ["w0", "other", "w2", "w3"]
        assert "w1" not in doc.tensors
        assert doc.tensors["other"].path == ("other",)
        assert doc.tensors["other"].is_modified
        assert isinstance(doc.history.steps[0].commands[0], Rename)
        doc.apply("rename", "other", to="third")
        doc.go_to(0)
        assert list(doc.tensors) == NAMES
        assert not doc.tensors["w1"].is_modified


def test_readers_keep_the_state_they_pinned(path):
    """A heatmap drawn in the background shows one state, whatever is applied meanwhile."""
    with weightedit.open(path) as doc:
        pinned = doc.pin("w1")
        doc.apply("fill", "w1", value=5)
        doc.apply("cast", "w1", dtype="float64")
        again = doc.pin("w1")
        doc.go_to(0)
        assert {float(value) for _, chunk in pinned.chunks(nbytes=16) for value in chunk.flat} == {1.0}
        assert {float(value) for _, chunk in again.chunks(nbytes=16) for value in chunk.flat} == {5.0}


def test_many_threads_apply_and_read(path):
    """One apply at a time: every step is whole, and nothing is lost."""
    with weightedit.open(path) as doc:
        errors: list[BaseException] = []

        def work(name):
            try:
                for _ in range(10):
                    doc.apply("add", name, value=1.0)
                    assert len({float(value) for value in doc.read(name).flatten()}) == 1
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in NAMES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert [float(doc.read(name)[0, 0]) for name in NAMES] == [10.0, 11.0, 12.0, 13.0]
        assert len(doc.history) == 40
        doc.go_to(0)
        assert [float(doc.read(name)[0, 0]) for name in NAMES] == [0.0, 1.0, 2.0, 3.0]


# ---------------------------------------------------------------- the record


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.floats(), st.complex_numbers(), st.booleans(), st.text(max_size=5),
    st.builds(TensorName, st.text(), st.none() | st.text()),
)  # fmt: skip


@given(
    operation=st.text(), targets=st.lists(st.text(), max_size=3), seed=st.none() | st.integers(),
    region=st.none() | st.text() | st.lists(st.text(), min_size=1, max_size=3).map(tuple),
    arguments=st.dictionaries(st.text(), NUMBERS, max_size=3), accepted=st.lists(st.text(), max_size=2),
)  # fmt: skip
def test_an_edit_comes_back_from_json(operation, targets, seed, region, arguments, accepted):
    """NaN, infinities and complex numbers included, which JSON has no words for."""
    edit = Edit(operation, tuple(targets), region, arguments, seed, "cuda:1", "untie", tuple(accepted))
    text = json.dumps(edit.to_json(), allow_nan=False)
    again = Edit.from_json(json.loads(text), {})
    assert repr(again) == repr(edit)


def test_a_tensor_argument_comes_back_by_its_hash(path):
    values = torch.arange(100.0).view(10, 10).to(torch.bfloat16)
    with weightedit.open(path) as doc:
        edit = doc.apply("set", "w0", values=values)
        other = doc.apply("set", "w1", values=values.t().contiguous().t())
        (mine,), (theirs,) = edit.tensor_values(), other.tensor_values()
        assert mine == theirs, "the same values have the same hash, whatever their stride"
        assert mine != doc.apply("set", "w0", values=values.to(torch.float32)).tensor_values()[0]
        data = json.loads(json.dumps(edit.to_json()))
        again = Edit.from_json(data, {mine.digest: memoryview(bytes(mine.data))})
        assert again.arguments["values"] == mine
        assert isinstance(again.arguments["values"], TensorValue)


def test_an_argument_is_a_copy(path):
    """What the person does to their tensor afterwards changes neither the record nor redo."""
    values = torch.ones(10, 10)
    with weightedit.open(path) as doc:
        doc.apply("set", "w0", values=values)
        values.zero_()
        doc.undo()
        doc.redo()
        assert float(doc.read("w0").sum()) == 100.0
        with pytest.raises(TypeError):
            doc.history.steps[0].edit.arguments["values"] = 3  # type: ignore[index]


def test_the_spill_of_a_document_goes_with_it(path, tmp_path):
    with open_document(path, spill=Spill(tmp_path / "spill", in_memory=0)) as doc:
        doc.apply("scale", "w*", factor=2.0)
        assert any((tmp_path / "spill").iterdir())
    assert not any((tmp_path / "spill").iterdir())


def test_accept_is_what_the_record_keeps(path):
    with weightedit.open(path) as doc:
        with pytest.raises(ConfirmationNeeded):
            doc.apply("fill", "w0", value=1e39)
        assert doc.apply("fill", "w0", value=1e39, accept="all").accepted == ("overflow",)
        assert doc.apply("fill", "w0", value=1.0, accept="all").accepted == ()


def test_a_smaller_budget_while_all_is_undone(path):
    """Steps that nothing is applied of must not count as applied: the farthest of redo go, the shown state stays."""
    with weightedit.open(path) as doc:
        before = doc.read("w0")
        for number in range(4):
            doc.apply("fill", "w0", value=number)
        one = doc.history.nbytes // 4
        doc.go_to(0)
        doc.set_undo_budget(2 * one)
        assert (doc.history.position, doc.history.forgotten, len(doc.history)) == (0, 0, 2)
        assert not doc.is_modified
        doc.go_to(2)
        assert float(doc.read("w0").flatten()[0]) == 1.0
        doc.go_to(0)
        assert torch.equal(doc.read("w0"), before)
