"""Running the application: pictures, live modules, and the settings that a run leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from weightedit.resources import resource
from weightedit.ui import app


def test_a_picture_is_written(tmp_path):
    picture = tmp_path / "shot.png"
    command = [sys.executable, "-m", "weightedit", "--shot", str(picture), "--theme", "light", "--size", "1200x800"]
    settings = {"WEIGHTEDIT_SETTINGS": str(tmp_path / "settings.ini")}
    done = subprocess.run([*command, str(resource("demo", "digits.pt"))], env=os.environ | settings, timeout=200,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    image = QImage(str(picture))
    assert (image.width(), image.height()) == (1200, 800)
    assert image.pixelColor(20, 400).name() == "#f7f8f9"
    assert not (tmp_path / "settings.ini").exists()


def test_a_picture_that_cannot_be_written_is_said(tmp_path):
    command = [sys.executable, "-m", "weightedit", "--shot", str(tmp_path / "nowhere" / "shot.png")]
    done = subprocess.run(command, timeout=200, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "shot.png cannot be written" in done.stderr


NO_DISPLAY = "There is no display to show a window on"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there a window needs a display server")
@pytest.mark.parametrize("platform", [None, "xcb", "wayland;xcb"])
def test_without_a_display_one_sentence_says_so(tmp_path, platform):
    names = ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XDG_RUNTIME_DIR", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {"QT_QPA_PLATFORM": platform} if platform else {}
    done = subprocess.run([sys.executable, "-m", "weightedit"], env=environment, timeout=200, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"weightedit: {NO_DISPLAY}")


def test_what_counts_as_a_display():
    assert not app.has_display("linux", {})
    assert not app.has_display("linux", {"QT_QPA_PLATFORM": "xcb"})
    assert app.has_display("linux", {"DISPLAY": ":7654", "QT_QPA_PLATFORM": "offscreen"})
    if sys.platform == "linux" and Path("/usr/lib/x86_64-linux-gnu/libxcb.so.1").exists():
        assert not app.has_display("linux", {"DISPLAY": ":7654"})
    assert app.has_display("linux", {"WAYLAND_DISPLAY": "wayland-1"})
    assert app.has_display("linux", {"QT_QPA_PLATFORM": "offscreen"})
    assert app.has_display("darwin", {})
