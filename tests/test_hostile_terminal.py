"""A terminal sees names as text: no escape reaches it, tables stay in line, and JSON stays exact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from weightedit.cli import main
from weightedit.core.words.visible import columns

NAMES = ("term.\x1b[31mred\x1b]0;title\x07", "line.new\nline\r", "bidi.\u202egpj", "日本.weight", "lone.\ud800",
         "e\u0301.weight", "huge" + "w" * 100_000, " edges ")  # fmt: skip
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def hostile(tmp_path):
    path = tmp_path / "x\x1b[31m\n\u202e.pt"
    torch.save({name: torch.ones(2, place + 1) for place, name in enumerate(NAMES)} | {"<b>\x1b": "v\x1b\n"}, path)
    return path


def clean(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_a_table_stays_in_line(hostile, capsys):
    assert main(["inspect", str(hostile)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert clean("\n".join(lines))
    assert len(lines) == len(NAMES) + 2
    ends = {columns(line[: line.index("float32")]) for line in lines[1:-1] if len(line) < 200}
    assert len(ends) == 1, "the column of dtypes begins at one place, whatever the letters of the names take"
    assert max(map(len, lines)) < 600


def test_json_keeps_every_character(hostile, capsys):
    assert main(["inspect", str(hostile), "--json"]) == 0
    out = capsys.readouterr().out
    assert clean(out)
    assert [row["name"] for row in json.loads(out)["tensors"]] == list(NAMES)
    assert json.loads(out)["values"] == {"<b>\x1b": "v\x1b\n"}


def test_diff_find_and_convert(hostile, tmp_path, capsys):
    other = tmp_path / "other\x1b.pt"
    torch.save({name: torch.zeros(2, 2) for name in NAMES}, other)
    assert main(["diff", str(hostile), str(other)]) == 1
    assert main(["find", str(hostile), "w == 1"]) == 0
    assert main(["find", str(hostile), "w == 1", "--names", "nothing\x1b"]) == 2
    assert main(["convert", str(hostile), str(tmp_path / "out\x1b.pt")]) == 0
    assert main(["convert", str(hostile), str(hostile)]) == 2
    assert main(["inspect", str(tmp_path / "none\x1b\n")]) == 2
    seen = capsys.readouterr()
    assert clean(seen.out)
    assert clean(seen.err)


def test_a_recipe_of_hostile_names(hostile, tmp_path, capsys):
    path = tmp_path / "fix.json"
    path.write_text(json.dumps({"weightedit": 1, "steps": [{"operation": "\x1b[31m", "targets": ["\x1b"]}]}))
    assert main(["apply", str(path), str(hostile), str(tmp_path / "out.pt")]) == 2
    assert clean(capsys.readouterr().err)


@pytest.mark.parametrize("arguments", [["inspect", "a", "b\x1b[31m\n\u202e"], ["--theme", "\x1b[31m"],
                                       ["inspect", "none", "--debug"]])  # fmt: skip
def test_complaints_about_arguments(arguments, capsys):
    """`weightedit inspect *` hands over whatever files are called."""
    try:
        status = main(arguments)
    except SystemExit as left:
        status = left.code
    assert status == 2
    assert clean(capsys.readouterr().err)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_other_encodings_of_terminals(hostile, encoding):
    done = subprocess.run([sys.executable, "-m", "weightedit", "inspect", str(hostile)], capture_output=True,
                          env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}, cwd=ROOT,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert "\x1b" not in "".join(lines)
    starts = {columns(line[: line.index("float32")]) for line in lines[1:-1] if len(line) < 200}
    assert len(starts) == 1
