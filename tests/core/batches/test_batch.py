"""An edit of many tensors, row by row, against torch and against what the edit as a whole says and does."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
import torch

import weightedit
from weightedit.core.batches.batch import WHOLE_NUMBERS, batch_of, left_at_first
from weightedit.core.edits.editing import make_edit
from weightedit.core.errors import Cancelled
from weightedit.core.progress import Progress


def state_dict() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    found = {}
    for layer in range(4):
        found[f"layers.{layer}.mlp.up.weight"] = torch.randn(30, 20)
        found[f"layers.{layer}.mlp.down.weight"] = torch.randn(20, 30, dtype=torch.float64)
        found[f"layers.{layer}.mlp.index"] = torch.arange(9) + layer
    found["layers.1.mlp.up.weight"][3, :2] = torch.nan
    found["layers.2.mlp.down.weight"][0, 0] = torch.inf
    found["head"] = found["layers.0.mlp.up.weight"]
    found["row"] = found["layers.3.mlp.up.weight"][4]
    return found


@pytest.fixture
def document(tmp_path):
    torch.save(state_dict(), tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        yield document


def differing(before: torch.Tensor, after: torch.Tensor) -> int:
    """Count values whose bits differ."""
    as_bits = {4: torch.int32, 8: torch.int64}[before.element_size()]
    return int((before.contiguous().view(as_bits) != after.contiguous().view(as_bits)).sum())


ORACLE = {
    "clamp": ({"min": -0.5, "max": 0.5}, lambda w: w.clamp(-0.5, 0.5)),
    "scale": ({"factor": 3.0}, lambda w: w * 3.0),
    "fill": ({"value": 1.0}, torch.ones_like),
    "flip": ({"dims": (0,)}, lambda w: w.flip(0)),
}


@pytest.mark.parametrize("operation", sorted(ORACLE))
def test_each_row_says_what_torch_makes_of_its_tensor(document, operation):
    arguments, oracle = ORACLE[operation]
    before = {name: tensor.clone() for name, tensor in state_dict().items()}
    seen = 0
    for row in document.preview_batch(operation, "*.weight", **arguments):
        old, new = before[row.name], oracle(before[row.name])
        finite = new[torch.isfinite(new)]
        assert (row.state, row.total) == ("in", old.numel())
        assert row.changed == differing(old, new)
        assert row.measured.after.minimum == pytest.approx(float(finite.min()))
        assert row.measured.after.maximum == pytest.approx(float(finite.max()))
        assert row.measured.after.nan == int(new.isnan().sum())
        assert row.measured.before.posinf == int((old == torch.inf).sum())
        assert row.measured.before.histogram.sum() == pytest.approx(int(torch.isfinite(old).sum()), rel=1e-5)
        seen += 1
    assert seen == 8


EDITS = [
    ("clamp", "*.mlp.*", {"min": -0.5, "max": 0.5}, WHOLE_NUMBERS),
    ("clamp", "*.mlp.*", {"min": -0.5, "max": 0.5}, ()),
    ("scale", ["*.weight", "head"], {"factor": 1e39}, ()),
    ("cast", "*.weight", {"dtype": "float16"}, ()),
    ("cast", "*", {"dtype": "float16"}, ("dtype:integer", "row", "layers.3.*")),
    ("transpose", "*.up.weight", {}, ()),
    ("initialize", "*.weight", {"method": "normal"}, ()),
    ("requires_grad", "*.weight", {"value": True}, ()),
    ("delete", "*.index", {}, ("layers.2.*",)),
    ("rename", r"re:layers\.(\d)\.(.*)", {"to": r"blocks.\1.\2"}, ()),
    ("untie", ["head", "layers.0.mlp.up.weight"], {}, ()),
    ("tie", ["layers.1.mlp.up.weight", "layers.2.mlp.up.weight"], {"to": "head"}, ()),
]


@pytest.mark.parametrize(("operation", "targets", "arguments", "leave"), EDITS,
                         ids=[f"{number} {edit[0]}" for number, edit in enumerate(EDITS)])  # fmt: skip
def test_the_rows_add_up_to_what_is_said_of_the_whole(document, operation, targets, arguments, leave):
    rows = list(document.preview_batch(operation, targets, leave=leave, **arguments))
    whole = document.preview(operation, targets, leave=leave, **arguments)
    said = Counter((hazard.kind, hazard.level, hazard.title) for hazard in whole.hazards)
    of_rows = Counter((hazard.kind, hazard.level, hazard.title)
                      for row in rows if row.state != "left" for hazard in row.hazards)  # fmt: skip
    assert of_rows == said
    assert sum(row.changed for row in rows) == whole.changed
    assert sum(row.total for row in rows) == whole.total
    assert not [row for row in rows if row.state == "refused"]


def test_what_is_left_says_why_and_what_would_have_come_of_it(document):
    rows = {row.name: row for row in document.preview_batch("clamp", "*.mlp.*", min=-0.25, max=0.25,
                                                            leave=(*WHOLE_NUMBERS, "layers.3.mlp.up*"))}  # fmt: skip
    index = rows["layers.2.mlp.index"]
    assert (index.state, index.why, index.changed) == ("left", "dtype:integer", 0)
    assert index.measured.changed == 9
    assert (index.measured.after.minimum, index.measured.after.maximum) == (0, 0)
    assert rows["layers.3.mlp.up.weight"].why == "layers.3.mlp.up*"
    assert rows["layers.2.mlp.up.weight"].state == "in"


def test_names_of_one_tensor_are_one_row_that_counts(document):
    rows = {row.name: row for row in document.preview_batch("scale", ["layers.0.*", "head"], factor=2.0)}
    assert (rows["head"].state, rows["head"].why) == ("tied", "layers.0.mlp.up.weight")
    assert rows["layers.0.mlp.up.weight"].names == ("layers.0.mlp.up.weight", "head")
    assert rows["head"].total == 0


def test_a_row_that_is_refused_hides_no_other_and_the_whole_is_refused(document):
    arguments = {"dim0": 0, "dim1": 1}
    before = {name: document.read(name) for name in document.tensors}
    rows = {row.name: row for row in document.preview_batch("transpose", "layers.*", **arguments)}
    assert {row.state for name, row in rows.items() if name.endswith("index")} == {"refused"}
    assert all(row.state == "in" and row.measured.before.count for name, row in rows.items() if "weight" in name)
    with pytest.raises(weightedit.EditRefused):
        document.apply("transpose", "layers.*", accept="all", **arguments)
    assert not document.history.steps
    assert all(torch.equal(tensor.nan_to_num(), document.read(name).nan_to_num()) for name, tensor in before.items())


def test_tensors_that_share_some_elements_are_refused_together(document):
    batch = document.preview_batch("scale", ["layers.3.mlp.*", "row"], factor=2.0)
    states = {row.name: row.state for row in batch}
    assert states == {"layers.3.mlp.up.weight": "refused", "row": "refused", "layers.3.mlp.down.weight": "in",
                      "layers.3.mlp.index": "in"}  # fmt: skip


def test_a_wrong_argument_is_said_once_and_not_in_every_row(document):
    batch = document.preview_batch("transpose", "*.weight", region="[0, :]")
    assert [hazard.level for hazard in batch.hazards] == ["refusal"]
    assert {row.state for row in batch.rows} == {"refused"}


def test_rows_come_one_at_a_time_and_stop_when_asked(document):
    cancel = threading.Event()
    rows = iter(document.preview_batch("scale", "*.weight", factor=2.0, cancel=cancel))
    assert next(rows).measured.total == 600
    cancel.set()
    with pytest.raises(Cancelled):
        next(rows)


def test_values_are_those_when_it_was_asked_whatever_is_applied_meanwhile(document):
    batch = document.preview_batch("scale", "*.weight", factor=2.0)
    document.apply("fill", "*.weight", value=7.0)
    assert all(row.measured.before.maximum != 7.0 for row in batch)


def test_what_was_measured_is_not_read_again(document, monkeypatch):
    declared, edit = make_edit(document, "clamp", "*.mlp.*", {"min": -0.5, "max": 0.5}, leave=WHOLE_NUMBERS)
    first = {row.name: row for row in batch_of(document, declared, edit, Progress())}
    known = {name: row.measured for name, row in first.items()}
    monkeypatch.setattr("weightedit.core.batches.batch.value_hazards",
                        lambda *_: pytest.fail("values were computed again"))  # fmt: skip
    declared, less = make_edit(document, "clamp", "*.mlp.*", {"min": -0.5, "max": 0.5},
                               leave=(*WHOLE_NUMBERS, "layers.1.mlp.up.weight"))  # fmt: skip
    again = {row.name: row for row in batch_of(document, declared, less, Progress(), known)}
    assert again["layers.0.mlp.up.weight"].changed == first["layers.0.mlp.up.weight"].changed > 0
    assert again["layers.1.mlp.up.weight"].changed == 0


def test_a_row_keeps_little(document):
    """Counts of all codes would be half a megabyte a row, and there may be thousands."""
    for row in document.preview_batch("scale", "*.weight", factor=2.0):
        for sketch in (row.measured.before, row.measured.after):
            assert sketch.histogram.nbytes <= 256
            assert not [name for name in sketch.__slots__ if getattr(getattr(sketch, name), "nbytes", 0) > 256]


@pytest.mark.parametrize(("operation", "leaves"), [("clamp", True), ("cast", True), ("initialize", True),
                                                    ("flip", False), ("rename", False), ("requires_grad", False)],
                         )  # fmt: skip
def test_arithmetic_on_a_pattern_leaves_whole_numbers_at_first(document, operation, leaves):
    assert bool(left_at_first(document.operations[operation])) is leaves


# ---- failures midway

COUNT = 8


def of_live(device):
    torch.manual_seed(2)
    layers = [torch.nn.Linear(6, 6) for _ in range(COUNT // 2)]
    return torch.nn.Sequential(*layers).to(device)


def snapshot(document):
    return {name: (document.read(name, raw=True).clone(), document.find(name).held) for name in document.tensors}


def assert_nothing_happened(document, before):
    assert not document.history.steps
    assert not document.is_modified
    for name, (values, held) in before.items():
        assert torch.equal(document.read(name, raw=True).nan_to_num(), values.nan_to_num())
        assert document.find(name).held is held


def opened(kind, tmp_path, device):
    if kind == "live":
        return weightedit.open(of_live(device))
    torch.save({f"t{number}": torch.randn(8, 8) for number in range(COUNT)}, tmp_path / "many.pt")
    return weightedit.open(tmp_path / "many.pt")


@pytest.mark.parametrize("at", range(COUNT // 2))
@pytest.mark.parametrize("operation", ["scale", "transpose"])
@pytest.mark.parametrize("kind", ["file", "live"])
def test_an_error_at_any_tensor_changes_nothing(tmp_path, monkeypatch, device, kind, operation, at):
    """The computation of one of the tensors raises while the edit is carried out."""
    from weightedit.core.edits import compute as computing

    with opened(kind, tmp_path, device) as document:
        targets = [name for name, info in document.tensors.items() if len(info.shape) == 2]
        before, seen = snapshot(document), []

        def failing(plan, target, *rest):
            seen.append(target.name)
            if len(seen) > at:
                raise ArithmeticError("this one cannot be computed")
            return computing.compute(plan, target, *rest)

        for room in ("edits.execute", "edits.making", "live.writing"):
            monkeypatch.setattr(f"weightedit.core.{room}.compute", failing)
        with pytest.raises(ArithmeticError):
            document.apply(operation, targets, accept="all", **({"factor": 2.0} if operation == "scale" else {}))
        assert seen == targets[: at + 1]
        assert_nothing_happened(document, before)


@pytest.mark.parametrize("at", [0, 3, COUNT - 1])
@pytest.mark.parametrize("operation", ["scale", "transpose"])
def test_a_full_disk_at_any_tensor_changes_nothing(tmp_path, monkeypatch, operation, at):
    """The room for the new bytes of one of the tensors is not there."""
    with opened("file", tmp_path, "cpu") as document:
        before, real, asked = snapshot(document), document.spill.allocate, []

        def full(nbytes):
            asked.append(nbytes)
            if len(asked) > at:
                raise OSError(28, "No space left on device")
            return real(nbytes)

        monkeypatch.setattr(document.spill, "allocate", full)
        with pytest.raises(OSError, match="No space left"):
            document.apply(operation, "*", **({"factor": 2.0} if operation == "scale" else {}))
        assert len(asked) == at + 1
        assert_nothing_happened(document, before)


@pytest.mark.parametrize("at", range(0, 2 * COUNT, 3))
@pytest.mark.parametrize("kind", ["file", "live"])
def test_cancelling_at_any_tensor_changes_nothing(tmp_path, device, kind, at):
    """The person cancels after so many steps, while hazards are looked for or while values are computed."""
    with opened(kind, tmp_path, device) as document:
        before, cancel, steps = snapshot(document), threading.Event(), []

        def report(*step):
            steps.append(step)
            if len(steps) > at:
                cancel.set()

        with pytest.raises(Cancelled):
            document.apply("scale", "*", factor=2.0, progress=report, cancel=cancel)
        assert_nothing_happened(document, before)


@pytest.mark.parametrize("at", range(COUNT // 2))
def test_a_live_tensor_that_cannot_be_written_changes_none(monkeypatch, device, at):
    """One write of many raises after those before it have happened in place: they are taken back."""
    from weightedit.core.commands import LiveWrite

    model = of_live(device)
    with weightedit.open(model) as document:
        targets = [name for name in document.tensors if name.endswith("weight")]
        before, real, done = snapshot(document), LiveWrite.do, []

        def failing(self):
            done.append(self)
            if len(done) > at:
                raise RuntimeError("the device is gone")
            real(self)

        monkeypatch.setattr(LiveWrite, "do", failing)
        with pytest.raises(RuntimeError, match="device is gone"):
            document.apply("scale", targets, factor=2.0)
        assert len(done) == at + 1
        assert_nothing_happened(document, before)
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter.detach().cpu().view(torch.uint8).reshape(-1),
                               before[name][0].reshape(-1).view(torch.uint8).reshape(-1))  # fmt: skip


# ---- names, and recipes


def test_a_pattern_with_groups_renames_as_python_does(tmp_path):
    """The whole state_dict surgery in one step: what is exported is what a comprehension with re.sub makes."""
    import re

    pattern, to = r"layers\.(\d)\.mlp\.(up|down)\.weight", r"model.blocks.\1.\2_proj"
    torch.save(state_dict(), tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        document.apply("rename", f"re:{pattern}", to=to)
        assert len(document.history.steps) == 1
        document.export(tmp_path / "renamed.pt")
        document.undo()
        assert list(document.tensors) == list(state_dict())
    found, wanted = torch.load(tmp_path / "renamed.pt"), {
        re.sub(f"^{pattern}$", to, name): tensor for name, tensor in state_dict().items()}  # fmt: skip
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        assert torch.equal(found[name].nan_to_num(), tensor.nan_to_num())


def test_names_can_be_exchanged(tmp_path):
    torch.save({"a.b": torch.zeros(1), "b.a": torch.ones(1), "c": torch.ones(2)}, tmp_path / "net.pt")
    with weightedit.open(tmp_path / "net.pt") as document:
        document.apply("rename", r"re:(\w)\.(\w)", to=r"\2.\1")
        assert document.read("b.a").item() == 0
        assert document.read("a.b").item() == 1
        document.undo()
        assert document.read("a.b").item() == 0


@pytest.mark.parametrize(("pattern", "to", "says"), [
    (r"re:layers\.(\d)\.mlp\.index", r"index.\2", "names a group that the pattern has not"),
    (r"re:layers\.(\d)\.mlp\.index", "index", "would both be called index"),
    (r"re:layers\.(\d)\.mlp\.index", r"layers.\1.mlp.up.weight", "cannot be renamed so"),
    ("layers.*.index", "index", "rename takes one entry"),
])  # fmt: skip
def test_names_that_clash_are_refused_before_anything_is_renamed(document, pattern, to, says):
    (hazard, *_) = document.preflight("rename", pattern, to=to)
    assert hazard.level == "refusal"
    assert says in hazard.title
    batch = document.preview_batch("rename", pattern, to=to)
    assert batch.hazards or any(row.state == "refused" for row in batch.rows)
    with pytest.raises(weightedit.EditRefused):
        document.apply("rename", pattern, to=to)
    assert list(document.tensors) == list(state_dict())


def test_a_recipe_of_many_replays_on_another_checkpoint(document, tmp_path):
    """What is left goes along: the other checkpoint's whole numbers are left too, though their names differ."""
    document.apply("clamp", "*.mlp.*", min=-0.5, max=0.5, leave=(*WHOLE_NUMBERS, "*.down.*"))
    document.recipe.save(tmp_path / "fix.json")
    other = {"x.mlp.up": torch.full((3,), 2.0), "x.mlp.down.w": torch.full((3,), 2.0), "x.mlp.count": torch.tensor(40)}
    torch.save(other, tmp_path / "other.pt")
    with weightedit.open(tmp_path / "other.pt") as second:
        weightedit.Recipe.load(tmp_path / "fix.json").apply(second)
        assert torch.equal(second.read("x.mlp.up"), torch.full((3,), 0.5))
        assert torch.equal(second.read("x.mlp.down.w"), other["x.mlp.down.w"])
        assert second.read("x.mlp.count").item() == 40


def test_renaming_by_groups_is_printed_as_code_that_does_the_same(document):
    from weightedit.core.pages.as_pytorch import as_pytorch

    edit = document.apply("rename", r"re:layers\.(\d)\.mlp\.(up|down)\.weight", to=r"\2.\1")
    document.undo()
    space = {"checkpoint": state_dict()}
    exec(as_pytorch(document, edit), space)
    document.redo()
    assert list(space["checkpoint"]) == list(document.tensors)


@pytest.mark.parametrize("name", ["facenet_pytorch/data/onet.pt", "lpips/weights/v0.1/alex.pth",
                                  "silero_vad/data/silero_vad_16k.safetensors"])  # fmt: skip
def test_rows_add_up_on_real_checkpoints(real_checkpoint, name):
    with weightedit.open(real_checkpoint(name)) as document:
        arguments = {"leave": WHOLE_NUMBERS, "dtype": "float16"}
        rows, whole = list(document.preview_batch("cast", "*", **arguments)), document.preview("cast", "*", **arguments)
        assert sum(row.changed for row in rows) == whole.changed
        assert Counter(hazard.title for row in rows if row.is_in for hazard in row.hazards) == \
            Counter(hazard.title for hazard in whole.hazards)  # fmt: skip


def test_a_hazard_of_several_tensors_stands_in_each_of_their_rows_and_counts_once():
    """The optimizer's state of all of them follows: whoever looks at one row must read it there."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 4))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    document = weightedit.open(net, optimizer=optimizer)
    rows = document.preview_batch("delete_rows", ["0.*", "1.weight"], rows="0").rows
    kinds = [[hazard.kind for hazard in row.shown] for row in rows]
    assert [row.name for row in rows] == ["0.weight", "0.bias", "1.weight"]
    assert all("optimizer-state-shape" in found for found in kinds)
    assert sum(hazard.kind == "optimizer-state-shape" for row in rows for hazard in row.hazards) == 1
    document.close()
