"""The list of trusted files: by content, kept whole, read with suspicion, shared by processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from weightedit.core.errors import WeightEditError
from weightedit.doctor.trusted_file.trusted import Trusted

A, B = "a" * 64, "b" * 64
ROOT = Path(__file__).resolve().parents[2]


def test_content_is_trusted_and_forgotten(tmp_path):
    trusted = Trusted(tmp_path / "state")
    assert trusted.all == ()
    assert not trusted.is_trusted(A)
    trusted.trust(A, "/models/a.pt")
    trusted.trust(B, "/models/b.pt")
    assert Trusted(tmp_path / "state").is_trusted(A)
    assert [one.path for one in trusted.all] == ["/models/a.pt", "/models/b.pt"]
    assert trusted.revoke(A)
    assert not trusted.revoke(A)
    assert not trusted.is_trusted(A)
    assert trusted.is_trusted(B)
    assert {entry.name for entry in (tmp_path / "state").iterdir()} == {"trusted.json", "trusted.lock"}
    assert (tmp_path / "state" / "trusted.json").stat().st_mode & 0o077 == 0


def entry(sha256, path, purpose):
    return json.dumps({"trusted": [{"sha256": sha256, "path": path, "purpose": purpose}]})


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", '{"trusted": 7}', '{"trusted": [7, {}, {"sha256": "x"}]}', "[" * 100_000, "\udcff\x00",
    entry(A.upper(), "x", "runnable module"), entry(A, "x", "anything"), entry(A, 1, "runnable module"),
], ids=range(11))  # fmt: skip
def test_garbage_trusts_nothing_and_is_no_error(tmp_path, text):
    (tmp_path / "trusted.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    trusted = Trusted(tmp_path)
    assert trusted.all == ()
    assert not trusted.is_trusted(A)
    trusted.trust(B, "x")
    assert [one.sha256 for one in trusted.all] == [B]


@pytest.mark.parametrize("digest", ["", "a" * 63, "A" * 64, "a" * 64 + "\n", "../../x"])
def test_what_is_no_hash_is_refused(tmp_path, digest):
    with pytest.raises(WeightEditError, match="is no SHA-256 hash"):
        Trusted(tmp_path).trust(digest, "x")
    assert Trusted(tmp_path).all == ()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(WeightEditError, match="could not be written"):
        Trusted(tmp_path / "state").trust(A, "x")


def test_several_at_once_lose_nothing(tmp_path):
    """Threads here, and a process beside them, trust at the same time."""
    script = ("import sys; from weightedit.doctor.trusted_file.trusted import Trusted; from pathlib import Path\n"
              "for n in range(12): Trusted(Path(sys.argv[1])).trust(f'{n:064x}', 'child')")
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)],
                             env=os.environ | {"PYTHONPATH": str(ROOT)})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: Trusted(tmp_path).trust(f"{n + 100:064x}", "thread"), range(12)))
    assert child.wait(60) == 0
    assert len(Trusted(tmp_path).all) == 24
