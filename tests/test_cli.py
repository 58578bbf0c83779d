"""The command line: what it prints, how it exits, and that no file makes it print a traceback."""

from __future__ import annotations

import subprocess
import sys

def test_version_or_help_exits_cleanly():
    """The first thing people try."""
    done = subprocess.run([sys.executable, "-m", "weightedit.cli", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "inspect" in done.stdout
