"""Every bad and odd file of the corpus, and that what watches over them notices."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="each file is opened in a forked process")
ROOT = Path(__file__).resolve().parents[2]
PARTS = 12
RUN = 1
"""Parts of the corpus that every test run opens; `python packaging/dev.py corpus` opens them all."""


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-m", *arguments], cwd=ROOT, capture_output=True, text=True,
                          check=False)  # fmt: skip


@pytest.mark.parametrize("part", range(1, RUN + 1))
def test_no_file_of_the_corpus_does_any_harm_and_every_honest_one_opens(part):
    done = started("tests.corpus", "--part", f"{part}/{PARTS}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_corpus_has_at_least_500_different_files():
    done = started("tests.corpus", "--list")
    names = done.stdout.splitlines()[:-1]
    assert len(names) == len(set(names)) >= 500


WANTED = {
    "sound": [], "system": ["code executed"], "subprocess": ["code executed"], "exec": ["code executed"],
    "eval": ["code executed"], "import": ["code executed"], "beside": ["code executed"],
    "in the folder": ["code executed"], "socket": ["code executed"], "unpickle": ["code executed"],
    "memory": ["memory"], "kill": ["crash"], "exit": ["crash"], "sleep": ["hang"], "spin": ["hang"],
    "KeyError": ["raw exception"], "no file": ["raw exception"], "no sentence": ["raw exception"],
    "opens": [], "other values": ["wrong content"], "other names": ["wrong content"],
    "other metadata": ["wrong content"], "must be refused": ["wrong content"], "must fail when read": ["wrong content"],
}  # fmt: skip


def test_whatever_an_opener_does_wrong_is_counted():
    """A corpus whose counts are 0 says something only if they can be more."""
    done = started("tests.corpus.traps")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == WANTED
