"""The command line: what it prints, how it exits, and that no file makes it print a traceback."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from safetensors.torch import load_file, save_file

import weightedit
from tests import checkpoints
from tests.conftest import ROOT

POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX only")
# Not unbuffered, whatever it is here: what goes wrong at the last flush must be seen.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": ""}


def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line as a person's shell does."""
    return subprocess.run([sys.executable, "-m", "weightedit", *map(str, arguments)], cwd=ROOT, check=False,
                          capture_output=True, env=ENVIRONMENT | environment, timeout=120)  # fmt: skip


def said(*arguments: object, status: int = 0, **environment: str) -> str:
    """Run it, check how it exits, and give what it printed."""
    done = call(*arguments, **environment)
    assert done.returncode == status, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stdout.decode()


def run_here(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    """Run it in this process, which spares the start where only words are looked at."""
    from weightedit.cli import main

    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


# ---------------------------------------------------------------- inspect


def flat(value: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    """What torch loaded, by dotted name."""
    found: dict[str, torch.Tensor] = {}
    for key, one in value.items() if isinstance(value, dict) else ():
        name = f"{prefix}{key}"
        found |= {name: one} if isinstance(one, torch.Tensor) else flat(one, f"{name}.")
    return found


def test_inspect_json_is_what_torch_sees(tmp_path):
    """Scripts read this; each field is the tensor's own."""
    path = checkpoints.training(tmp_path)
    found = json.loads(said("inspect", path, "--json"))
    expected = flat(torch.load(path, weights_only=False))
    rows = {row["name"]: row for row in found["tensors"]}
    assert list(rows) == list(expected)
    for name, tensor in expected.items():
        row = rows[name]
        assert row["shape"] == list(tensor.shape)
        assert row["dtype"] == str(tensor.dtype).removeprefix("torch.")
        assert row["stride"] == list(tensor.stride())
        assert row["offset"] == tensor.storage_offset()
        assert (row["numel"], row["nbytes"]) == (tensor.numel(), tensor.nbytes)
        assert (row["device"], row["requires_grad"]) == (str(tensor.device), tensor.requires_grad)
        assert ".".join(map(str, row["path"])) == name
    assert found["format"] == "torch zip"
    assert Path(found["file"]) == path
    assert found["values"]["epoch"] == 3


def test_inspect_json_is_what_safetensors_sees(tmp_path):
    """File metadata included."""
    path = checkpoints.low_precision_safetensors(tmp_path)
    found = json.loads(said("inspect", path, "--json"))
    with safetensors.safe_open(path, "pt") as file:
        assert found["metadata"] == file.metadata()
    expected = load_file(path)
    assert {row["name"]: (row["shape"], row["dtype"]) for row in found["tensors"]} == {
        name: (list(tensor.shape), str(tensor.dtype).removeprefix("torch.")) for name, tensor in expected.items()
    }
    assert found["format"] == "safetensors"


def test_inspect_names_storage_groups(tmp_path):
    """Tied weights are the first thing to know before an edit."""
    path = checkpoints.tied_gpt2(tmp_path)
    rows = {row["name"]: row["storage_group"] for row in json.loads(said("inspect", path, "--json"))["tensors"]}
    assert [name for name, group in rows.items() if group == "S1"] == list(checkpoints.TIED)
    assert {group for name, group in rows.items() if name not in checkpoints.TIED} == {None}


def test_inspect_stats_are_torchs(tmp_path, capsys):
    """Statistics in a log decide whether a run is kept."""
    tensors = {"w": checkpoints.values(40, 30), "half": checkpoints.values(64, seed=1).half()}
    tensors |= {"int": torch.arange(-3, 9), "odd": torch.tensor([math.nan, math.inf, -math.inf, 1.0, 0.0, -0.0])}
    save_file(tensors, tmp_path / "s.safetensors")
    status, out, _ = run_here(capsys, "inspect", tmp_path / "s.safetensors", "--json", "--stats")
    assert status == 0
    rows = {row["name"]: row["statistics"] for row in json.loads(out, parse_constant=pytest.fail)["tensors"]}
    for name in ("w", "half", "int"):
        tensor, row = tensors[name].double(), rows[name]
        assert row["min"] == tensor.min().item()
        assert row["max"] == tensor.max().item()
        assert math.isclose(row["mean"], tensor.mean().item(), abs_tol=1e-12)
        assert math.isclose(row["l2"], tensor.norm().item(), rel_tol=1e-12)
        both = [tensor.std(correction=correction).item() for correction in (0, 1)]
        assert any(math.isclose(row["std"], one, rel_tol=1e-9) for one in both)
        assert (row["zeros"], row["nan"], row["inf"]) == (int((tensor == 0).sum()), 0, 0)
    assert (rows["odd"]["nan"], rows["odd"]["inf"], rows["odd"]["zeros"]) == (1, 2, 2)
    status, out, _ = run_here(capsys, "inspect", tmp_path / "s.safetensors", "--stats")
    assert status == 0
    assert all(name in out for name in ("w", "half", "int", "odd", "min", "max", "NaN", "Inf"))


@pytest.mark.parametrize("make", checkpoints.READABLE, ids=lambda make: make.__name__)
def test_inspect_reads_whatever_opens(make, tmp_path, capsys):
    """A line for each tensor, and one that counts them; statistics for every dtype there is."""
    path = make(tmp_path)
    with weightedit.open(path) as document:
        count = len(document.tensors)
    status, out, err = run_here(capsys, "inspect", path)
    assert (status, err) == (0, "")
    lines = [line for line in out.splitlines() if not line.startswith("Named in the file, not imported and not run: ")]
    assert len(lines) == count + 2
    assert lines[-1].startswith(f"{count:,} tensor")
    status, out, err = run_here(capsys, "inspect", path, "--json", "--stats")
    assert (status, err) == (0, "")
    assert len(json.loads(out, parse_constant=pytest.fail)["tensors"]) == count


def test_inspect_imports_neither_qt_nor_torch(tmp_path):
    """On a server without a display, and at once."""
    path = checkpoints.tied_gpt2(tmp_path)
    script = ("import sys; from weightedit.cli import main; status = main(['inspect', sys.argv[1], '--json']);"
              "bad = [n for n in sys.modules if n.split('.')[0] in "
              "('PySide6', 'shiboken6', 'pyqtgraph', 'torch', 'numpy')];"
              "sys.exit(status or str(sorted(bad)[:3]) * bool(bad) or 0)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False,
                          cwd=ROOT, env=ENVIRONMENT)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tensors"]


# ---------------------------------------------------------------- hostile names

HOSTILE = ["\x1b[2J\x1b[31mred", "line\nbreak\r\tx", "\x07bell", "\u202eright to left", "\u2028", "\x9b31m", "\x7f", ""]


def printable(text: str) -> bool:
    return all(char.isprintable() for line in text.split("\n") for char in line)


def test_names_out_of_a_file_do_not_write_on_the_terminal(tmp_path, capsys):
    """A checkpoint from anyone must not clear the screen, or fake a line that says all is well."""
    tensors = {name: torch.ones(2) for name in HOSTILE}
    torch.save(tensors, tmp_path / "a.pt")
    torch.save({**tensors, HOSTILE[1]: torch.zeros(2), "\x1b]0;title\x07": torch.ones(1)}, tmp_path / "b.pt")
    status, out, _ = run_here(capsys, "inspect", tmp_path / "a.pt")
    assert status == 0
    assert printable(out)
    assert len(out.splitlines()) == len(HOSTILE) + 2
    assert r"\x1b[2J\x1b[31mred" in out
    assert r"line\nbreak\r\tx" in out
    status, out, _ = run_here(capsys, "diff", tmp_path / "a.pt", tmp_path / "b.pt")
    assert status == 1
    assert printable(out)
    assert r"line\nbreak" in out
    status, out, _ = run_here(capsys, "inspect", tmp_path / "a.pt", "--json")
    assert [row["name"] for row in json.loads(out)["tensors"]] == HOSTILE


@POSIX
def test_names_of_files_are_escaped_too(tmp_path, capsys):
    """A download's name is someone else's text as well."""
    path = tmp_path / "a\x1b[2J\nb.pt"
    path.write_bytes(b"no weights")
    status, out, err = run_here(capsys, "inspect", path)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert printable(err)
    assert r"a\x1b[2J\nb.pt" in err
    torch.save({"w": torch.ones(2)}, path)
    status, out, err = run_here(capsys, "convert", path, tmp_path / "o\x1b[2J\nut.pt")
    assert status == 0
    assert printable(out)
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_lacks_letters_gets_escapes(encoding, tmp_path):
    """A pipe on Windows takes cp1252; a cron job takes ASCII. A name it cannot spell is no reason to fail."""
    path = checkpoints.hostile_names_zip(tmp_path)
    for extra in ((), ("--json",)):
        done = call("inspect", path, *extra, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode(encoding)


def test_a_name_that_is_no_unicode_is_printed_escaped(tmp_path):
    """Pickles may hold half a surrogate pair."""
    torch.save({"\ud800": torch.ones(2), "w": torch.ones(1)}, tmp_path / "a.pt")
    assert r"\ud800" in said("inspect", tmp_path / "a.pt")
    assert json.loads(said("inspect", tmp_path / "a.pt", "--json"))["tensors"][1]["name"] == "w"


# ---------------------------------------------------------------- diff


def test_diff_of_the_same_exits_0(tmp_path, capsys):
    """`diff && deploy` relies on it."""
    path = checkpoints.low_precision_safetensors(tmp_path)
    count = len(load_file(path))
    assert said("diff", path, path).strip() == f"{count} tensors and 2 values compared, 0 different"
    status, out, _ = run_here(capsys, "diff", path, path, "--json")
    assert status == 0
    assert json.loads(out) == {"same": True, "compared": count + 2, "differences": []}


def test_diff_of_different_ones_exits_1_and_names_them(tmp_path, capsys):
    """One line for each difference, in words."""
    one = {"same": torch.ones(3), "values": torch.zeros(4), "shape": torch.ones(2, 3), "left": torch.ones(1)}
    two = {"same": torch.ones(3), "values": torch.tensor([0.0, -0.0, 1.0, 0.0]), "shape": torch.ones(3, 2),
           "right": torch.ones(1)}  # fmt: skip
    save_file(one, tmp_path / "a.safetensors")
    save_file(two, tmp_path / "b.safetensors")
    arguments = (tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    lines = said("diff", *arguments, status=1).splitlines()
    assert sorted(line.split(":")[0] for line in lines[:-1]) == ["left", "right", "shape", "values"]
    assert "values: 2 of 4 values differ" in lines
    assert lines[-1] == "5 tensors and 0 values compared, 4 different"
    status, out, _ = run_here(capsys, "diff", *arguments, "--json")
    found = json.loads(out)
    assert (status, found["same"], found["compared"]) == (1, False, 5)
    assert {each["name"]: (each["what"], each["changed"]) for each in found["differences"]} == {
        "left": ("only in A", 0), "right": ("only in B", 0), "shape": ("shape", 0), "values": ("values", 2)
    }


@pytest.mark.parametrize("side", [0, 1])
def test_diff_with_a_broken_one_exits_2(side, tmp_path, capsys):
    """Neither same nor different: not known."""
    good, bad = checkpoints.small_shapes_zip(tmp_path), checkpoints.text_file(tmp_path)
    pair = [good, good]
    pair[side] = bad
    status, out, err = run_here(capsys, "diff", *pair)
    assert (status, out) == (2, "")
    assert bad.name in err
    assert err.count("\n") == 1


# ---------------------------------------------------------------- convert and apply


def raw(tensor: torch.Tensor) -> tuple[Any, ...]:
    bits = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    return tuple(tensor.shape), tensor.dtype, bytes(bits.numpy())


WHOLE = (checkpoints.low_precision_safetensors, checkpoints.small_shapes_safetensors, checkpoints.odd_offsets,
         checkpoints.sharded)  # fmt: skip


@pytest.mark.parametrize("make", WHOLE, ids=lambda make: make.__name__)
def test_safetensors_becomes_a_torch_file(make, tmp_path, capsys):
    """torch itself reads the result, with weights_only and every bit."""
    path = make(tmp_path)
    expected = {}
    for file in sorted(path.parent.glob("*.safetensors")):
        expected |= load_file(file)
    status, out, err = run_here(capsys, "convert", path, tmp_path / "out.pt")
    assert status == 0, err
    assert "out.pt" in out
    found = torch.load(tmp_path / "out.pt", weights_only=True)
    assert {name: raw(tensor) for name, tensor in found.items()} == {
        name: raw(tensor) for name, tensor in expected.items()
    }


@pytest.mark.parametrize("make", [checkpoints.low_precision_zip, checkpoints.small_shapes_zip,
                                  checkpoints.non_contiguous], ids=lambda make: make.__name__)  # fmt: skip
def test_a_torch_file_becomes_safetensors(make, tmp_path, capsys):
    """safetensors itself reads the result."""
    path = make(tmp_path)
    status, _, err = run_here(capsys, "convert", path, tmp_path / "out.safetensors")
    assert status == 0, err
    found, expected = load_file(tmp_path / "out.safetensors"), torch.load(path, weights_only=True)
    assert {name: raw(tensor) for name, tensor in found.items()} == {
        name: raw(tensor) for name, tensor in expected.items()
    }


def test_tied_weights_need_a_word(tmp_path):
    """safetensors cannot share; which of the two is lost is the person's to say."""
    path, out = checkpoints.tied_gpt2(tmp_path), tmp_path / "out.safetensors"
    done = call("convert", path, out)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert any(name.encode() in done.stderr for name in checkpoints.TIED)
    assert not out.exists()
    said("convert", path, out, "--shared", "copy")
    found, expected = load_file(out), torch.load(path)
    assert {name: raw(tensor) for name, tensor in found.items()} == {
        name: raw(tensor) for name, tensor in expected.items()
    }
    said("convert", path, tmp_path / "alias.safetensors", "--shared", "alias")
    assert len(set(expected) - set(load_file(tmp_path / "alias.safetensors"))) == 1


def test_a_recipe_is_applied(tmp_path):
    """What was done in the window is done on a server, to another file, and torch reads it."""
    path = checkpoints.small_shapes_safetensors(tmp_path)
    with weightedit.open(path) as document:
        document.apply("scale", "scalar", factor=0.5)
        document.apply("set", "position_ids", region="[0, :3]", values=[9, 8, 7])
        document.recipe.save(tmp_path / "fix.json")
        expected = {name: raw(document.read(name)) for name in document.tensors}
    before = path.read_bytes()
    out = said("apply", tmp_path / "fix.json", path, tmp_path / "out.safetensors")
    assert "out.safetensors" in out
    assert {name: raw(tensor) for name, tensor in load_file(tmp_path / "out.safetensors").items()} == expected
    assert path.read_bytes() == before


@pytest.mark.parametrize("source", ["one.safetensors", "one.pt", "shards"])
def test_a_file_in_a_destination_folder_is_replaced_only_where_that_is_asked_for(source, tmp_path, capsys):
    """A folder is no way around --overwrite: the checkpoint that lies in it is not written over unasked."""
    path = tmp_path / source
    if source == "shards":
        path.mkdir()
        save_file({"w": torch.ones(2)}, path / "model-00001-of-00001.safetensors")
        (path / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {}, "weight_map": {"w": "model-00001-of-00001.safetensors"}}))  # fmt: skip
    elif source == "one.pt":
        torch.save({"w": torch.ones(2)}, path)
    else:
        save_file({"w": torch.ones(2)}, path)
    folder = tmp_path / "there"
    folder.mkdir()
    status, _, err = run_here(capsys, "convert", path, folder)
    assert status == 0, err
    for file in folder.iterdir():
        file.write_bytes(b"of somebody")
    status, _, err = run_here(capsys, "convert", path, folder)
    assert (status, err.count("\n")) == (2, 1)
    assert "--overwrite" in err
    assert all(file.read_bytes() == b"of somebody" for file in folder.iterdir())
    status, _, err = run_here(capsys, "convert", path, folder, "--overwrite")
    assert status == 0, err
    assert b"of somebody" not in [file.read_bytes() for file in folder.iterdir()]


def test_inspect_says_what_a_pickle_names_and_was_not_run(tmp_path, capsys):
    """A person who was sent a file sees that it would call something else than torch; an everyday file says nothing."""

    class Call:
        def __reduce__(self):
            return os.system, ("exit 1",)

    torch.save({"w": torch.ones(2), "x": Call()}, tmp_path / "sent.pt")
    torch.save({"w": torch.ones(2)}, tmp_path / "plain.pt")
    assert f"not run: {os.system.__module__}.system." in run_here(capsys, "inspect", tmp_path / "sent.pt")[1]
    assert "not run" not in run_here(capsys, "inspect", tmp_path / "plain.pt")[1]


@pytest.mark.parametrize("command", ["apply", "convert"])
def test_the_source_is_replaced_only_where_that_is_asked_for(command, tmp_path, capsys):
    """A destination typed by mistake does not cost the original."""
    path = checkpoints.small_shapes_safetensors(tmp_path)
    with weightedit.open(path) as document:
        document.apply("scale", "scalar", factor=0.5)
        document.recipe.save(tmp_path / "fix.json")
        expected = raw(document.read("scalar"))
    before, arguments = path.read_bytes(), [*([tmp_path / "fix.json"] if command == "apply" else []), path, path]
    status, _, err = run_here(capsys, command, *arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert "--overwrite" in err
    assert path.read_bytes() == before
    status, _, err = run_here(capsys, command, *arguments, "--overwrite")
    assert status == 0, err
    assert command == "convert" or raw(load_file(path)["scalar"]) == expected


@pytest.mark.parametrize("command", ["apply", "convert"])
def test_a_file_that_is_there_is_replaced_only_where_that_is_asked_for(command, tmp_path, capsys):
    path = checkpoints.small_shapes_safetensors(tmp_path)
    with weightedit.open(path) as document:
        document.apply("scale", "scalar", factor=0.5)
        document.recipe.save(tmp_path / "fix.json")
    there = tmp_path / "there.safetensors"
    there.write_bytes(b"precious")
    arguments = [*([tmp_path / "fix.json"] if command == "apply" else []), path, there]
    status, _, err = run_here(capsys, command, *arguments)
    assert (status, there.read_bytes()) == (2, b"precious")
    assert "there.safetensors exists" in err
    assert "--overwrite" in err
    status, _, err = run_here(capsys, command, *arguments, "--overwrite")
    assert (status, "scalar" in load_file(there)) == (0, True), err


def test_numbers_are_numbers_in_json_and_nothing_found_is_said(tmp_path, capsys):
    values = {"epoch": 3, "lr": 0.5, "best": True, "none": None, "name": "net", "loss": math.nan}
    torch.save({"w": torch.zeros(2), **values}, tmp_path / "a.pt")
    _, out, _ = run_here(capsys, "inspect", tmp_path / "a.pt", "--json")
    assert json.loads(out)["values"] == values | {"loss": "nan"}
    status, out, err = run_here(capsys, "find", tmp_path / "a.pt", "w > 1")
    assert (status, out, err) == (1, "", "weightedit: nothing found.\n")


def test_a_recipe_that_does_not_fit_writes_nothing(tmp_path, capsys):
    """Exit 2 with the tensor's name, and no file that looks like a result."""
    path = checkpoints.small_shapes_safetensors(tmp_path)
    document = weightedit.open({"elsewhere": torch.ones(2)})
    document.apply("fill", "elsewhere", value=1.0)
    document.recipe.save(tmp_path / "fix.json")
    status, _, err = run_here(capsys, "apply", tmp_path / "fix.json", path, tmp_path / "out.safetensors")
    assert status == 2
    assert "elsewhere" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out.safetensors").exists()
    (tmp_path / "fix.json").write_text("{}")
    status, _, err = run_here(capsys, "apply", tmp_path / "fix.json", path, tmp_path / "out.safetensors")
    assert status == 2
    assert "fix.json" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["out.safetensors", "nowhere/out.pt", "out.unknown-suffix"])
def test_a_destination_that_cannot_be_written_is_named(name, tmp_path, capsys):
    """A full path mistyped in a script."""
    path = checkpoints.small_shapes_zip(tmp_path)
    (tmp_path / "out.safetensors").mkdir()
    (tmp_path / "out.safetensors" / "model.safetensors").mkdir()
    (tmp_path / "nowhere").write_bytes(b"a file")
    status, _, err = run_here(capsys, "convert", path, tmp_path / name)
    assert status == 2
    expected = ("model.safetensors", "out.pt", "out.unknown-suffix names no format; take one of .safetensors")
    assert any(word in err for word in expected)
    assert not (tmp_path / "out.unknown-suffix").exists()
    assert err.count("\n") == 1


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("make", checkpoints.BROKEN, ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_what_cannot_be_opened_is_one_line(command, make, tmp_path, capsys):
    """On stderr, naming the file; exit 2; no traceback."""
    path = make(tmp_path)
    arguments = [path] if command == "inspect" else [path, tmp_path / "out.pt"]
    status, out, err = run_here(capsys, command, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("weightedit: ")
    assert path.name in err
    assert "Traceback" not in err
    assert "fault" not in err
    assert not (tmp_path / "out.pt").exists()


def test_a_fresh_process_says_it_the_same_way(tmp_path):
    """Nothing that starts up adds a line: no warning, no notice of a library."""
    path = checkpoints.truncated_zip(tmp_path)
    done = call("inspect", path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert path.name.encode() in done.stderr


@pytest.mark.parametrize("order", ["--debug inspect FILE", "inspect FILE --debug", "inspect --debug FILE"])
def test_debug_adds_the_traceback(order, tmp_path, capsys):
    """For a report of a fault."""
    path = checkpoints.empty_file(tmp_path)
    status, _, err = run_here(capsys, *(path if word == "FILE" else word for word in order.split()))
    assert status == 2
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("weightedit: ")


def test_a_fault_of_ours_is_one_line_too(tmp_path, capsys, monkeypatch):
    """Nobody should read a traceback for lack of --debug."""

    def broken(*_: object) -> int:
        raise RuntimeError("inner\nworkings")

    monkeypatch.setattr("weightedit.terminal.inspect", broken)
    status, _, err = run_here(capsys, "inspect", "x")
    assert status == 2
    assert err.count("\n") == 1
    assert "--debug" in err
    assert r"inner\nworkings" in err


@pytest.mark.parametrize("make", [checkpoints.evil, checkpoints.evil_pickle], ids=lambda make: make.__name__)
@pytest.mark.parametrize("words", ["inspect", "inspect --json --stats", "convert", "diff"])
def test_nothing_in_a_file_runs(words, make, tmp_path, capsys):
    """A pickle that calls os.system is listed or refused, never obeyed."""
    path, command = make(tmp_path), words.split()
    more = {"convert": [tmp_path / "out.pt"], "diff": [path]}.get(command[0], [])
    status, _, err = run_here(capsys, *command, path, *more)
    assert not (tmp_path / checkpoints.EVIL_MARKER).exists()
    assert status in (0, 2)
    assert len([line for line in err.splitlines() if " to write" not in line]) <= 1


@pytest.mark.parametrize("arguments", ["inspect", "diff a", "convert a b --shared x", "--nonsense"])
def test_a_wrong_call_shows_the_usage(arguments):
    """argparse's own answer, exit 2."""
    done = call(*arguments.split())
    assert done.returncode == 2
    assert b"usage:" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("before", [[], ["--debug"]])
def test_a_command_written_wrongly_is_not_taken_for_a_file(before, tmp_path):
    """It would open a window on a file that is not there, or say that there is no display for one."""
    done = call(*before, "inspct", tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(b"there is no file or command inspct; did you mean inspect?")


@pytest.mark.parametrize("arguments", ["--help", "inspect --help", "apply --help", "--version"])
def test_help_and_version(arguments):
    """The first things people try."""
    out = said(*arguments.split())
    assert weightedit.__version__ in out if arguments == "--version" else "usage:" in out


# ---------------------------------------------------------------- pipes


@POSIX
@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_a_pipe_that_closes_early_is_no_error(json_too, tmp_path):
    """`weightedit inspect … | head -1` ends quietly."""
    path = checkpoints.many_tensors(tmp_path, 5_000)
    with subprocess.Popen([sys.executable, "-m", "weightedit", "inspect", str(path), *json_too], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline()
        child.stdout.close()
        errors = child.stderr.read()
        assert (child.wait(60), errors) == (0, b"")


@POSIX
def test_a_pipe_closed_before_the_last_bytes_is_no_error(tmp_path):
    """What is printed last fits in a buffer and fails only when it is flushed at exit."""
    path = checkpoints.small_shapes_zip(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([sys.executable, "-m", "weightedit", "inspect", str(path)], cwd=ROOT, stdout=writer,
                              stderr=subprocess.PIPE, env=ENVIRONMENT, check=False)  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_the_output_is_an_error(tmp_path):
    """`inspect --json > list.json` that wrote nothing must not exit 0."""
    path = checkpoints.small_shapes_zip(tmp_path)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-m", "weightedit", "inspect", str(path), "--json"], cwd=ROOT,
                              stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False)  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
    assert b"fault in weightedit" not in done.stderr
