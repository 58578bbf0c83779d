"""The log of faults is bounded, shared by processes, cannot be forged by names, and is no error where it cannot be."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weightedit.core.files import logbook
from weightedit.core.files.logbook import NAME, crash_path, keep_crashes, keep_log, log_path

ROOT = Path(__file__).parents[3]


@pytest.fixture
def log():
    put_back = keep_log()
    yield logging.getLogger(NAME)
    put_back()


def test_a_record_is_one_block_that_no_name_can_forge(log):
    log.error("fault in %s\n%s", "a.pt", "trace\n2026-01-01 00:00:00,000 1 ERROR forged\x1b[2J\u202e")
    lines = log_path().read_text("utf-8").splitlines()
    assert lines[0].endswith(f"{os.getpid()} ERROR fault in a.pt")
    assert lines[1:] == ["  | trace", "  | 2026-01-01 00:00:00,000 1 ERROR forged\\x1b[2J\\u202e"]


def test_nobody_else_reads_it(log):
    log.warning("x")
    assert log_path().stat().st_mode & 0o077 == 0


def test_it_stays_bounded(log, monkeypatch):
    monkeypatch.setattr(logbook, "LARGEST", 5_000)
    for _ in range(40):
        log.error("y" * 500)
    files = sorted(path.name for path in log_path().parent.iterdir())
    assert files == ["weightedit.log", "weightedit.old.log"]
    assert all(path.stat().st_size < 6_000 for path in log_path().parent.iterdir())


def test_a_log_that_cannot_be_written_is_no_error(log, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WEIGHTEDIT_STATE", str(tmp_path / "file"))
    log.error("lost")
    keep_crashes()()
    assert not log_path().exists()
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_link_in_its_place_is_not_followed(log, tmp_path):
    log_path().parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "other").write_text("theirs")
    log_path().symlink_to(tmp_path / "other")
    log.error("x")
    assert (tmp_path / "other").read_text() == "theirs"


def test_two_processes_lose_no_record():
    script = ("import logging, sys\nfrom weightedit.core.files.logbook import NAME, keep_log\nkeep_log()\n"
              "for at in range(200): logging.getLogger(NAME).error('%s %d end', sys.argv[1], at)")  # fmt: skip
    started = [subprocess.Popen([sys.executable, "-c", script, name], cwd=ROOT) for name in "ab"]
    assert [one.wait(60) for one in started] == [0, 0]
    lines = log_path().read_text("utf-8").splitlines()
    assert len(lines) == 400
    assert all(line.endswith(" end") for line in lines)


def test_a_crash_of_the_process_leaves_a_trace():
    script = ("import faulthandler\nfrom weightedit.core.files.logbook import keep_crashes\nkeep_crashes()\n"
              "def deep():\n    faulthandler._sigsegv()\ndeep()")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True)
    assert done.returncode != 0
    text = crash_path().read_text("utf-8")
    assert "Segmentation fault" in text
    assert "in deep" in text


def test_a_program_s_own_crash_handler_stays():
    script = ("import faulthandler, sys\nfaulthandler.enable()\nfrom weightedit.core.files.logbook import *\n"
              "keep_crashes()()\nprint(faulthandler.is_enabled(), crash_path().exists())")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "True False\n"


def test_ending_it_leaves_the_program_s_logging_as_it_was():
    logger = logging.getLogger(NAME)
    before = logger.level, list(logger.handlers)
    keep_log()()
    assert (logger.level, logger.handlers) == before
