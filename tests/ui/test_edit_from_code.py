"""`weightedit.edit` in real processes: scripts, threads, debuggers, somebody's own Qt application, IPython."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PySide6.QtCore import QTimer

from tests.ui.conftest import wait_ready
from weightedit.core.errors import WeightEditError
from weightedit.ui.live import live_edit
from weightedit.ui.running import event_loop
from weightedit.ui.settings import Settings

ROOT = Path(__file__).parents[2]
OFFSCREEN_CANNOT = "This plugin does not support propagateSizeHints()\n"


@pytest.fixture
def environment(tmp_path):
    return os.environ | {"WEIGHTEDIT_SETTINGS": str(tmp_path / "settings.ini"), "PYTHONPATH": str(ROOT),
                         "QT_QPA_PLATFORM": "offscreen", "IPYTHONDIR": str(tmp_path / "ipython")}  # fmt: skip


def run(script: str, environment: dict[str, str], said: str = "") -> str:
    watched = f"import faulthandler; faulthandler.dump_traceback_later(120, exit=True)\n{script}"  # where it hangs
    done = subprocess.run([sys.executable, "-c", watched], env=environment, cwd=ROOT, timeout=200, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.replace(OFFSCREEN_CANNOT, "") == said
    return done.stdout


SCRIPT = """
import gc, os, signal, sys, threading, weakref
import torch, weightedit
from tests.ui.driving import drive, fill
from weightedit.core.errors import WeightEditError

hook = sys.excepthook = lambda *error: print("hook", error[0].__name__)
signal.signal(signal.SIGTERM, handler := lambda *_: None)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with Ctrl+C ignored
torch.set_default_dtype(torch.float64)
torch.manual_seed(7)
net = torch.nn.Linear(3, 2)
optimizer = torch.optim.Adam(net.parameters())

def train():
    with torch.enable_grad():
        optimizer.zero_grad()
        net(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()

def process():
    return (sys.excepthook, signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), sys.getswitchinterval(),
            torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads(), gc.isenabled(),
            gc.get_threshold(), gc.get_freeze_count(), signal.set_wakeup_fd(-1), os.getcwd())

def first(window):
    print("title", window.windowTitle())
    yield from fill(window, "weight", "7")
    window.close()

def second(window):
    print("second", window.current.document.read("weight").tolist())
    raise_in_slot(window)
    while not window.faults.all:
        yield
    print("faults", [fault.sentence for fault in window.faults.all])
    window.close()

def raise_in_slot(window):
    from PySide6.QtCore import QTimer
    QTimer.singleShot(0, lambda: 1 / 0)

def third(window):
    os.kill(os.getpid(), signal.SIGINT)

windows = drive(first, second, third)
train()
torch.set_grad_enabled(False)
rng, before, weight = torch.get_rng_state(), process(), net.weight
weightedit.edit(net, optimizer)
print("same object", net.weight is weight, net.weight.flatten().tolist())
train()
print("trained on", bool((net.weight != 7).all()), sorted(optimizer.state[net.weight]))
net.weight.fill_(5)
weightedit.edit(net, optimizer)
try:
    weightedit.edit(net)
except KeyboardInterrupt:
    print("interrupted", windows[2].isVisible() if len(windows) > 3 else "closed")
for wrong in ((3,), (None,), (type(net),), (net.parameters(),), (net, "adam")):
    try:
        weightedit.edit(*wrong)
    except WeightEditError as error:
        print("said", error)
    del wrong
print("windows", len(windows))
print("as before", process() == before, torch.equal(rng, torch.get_rng_state()))

def off():
    try:
        weightedit.edit(net)
    except Exception as error:
        print(type(error).__name__, error)

thread = threading.Thread(target=off, name="loader")
thread.start()
thread.join()
held = weakref.ref(net)
windows.clear()
del net, optimizer, weight
for name in ("last_type", "last_value", "last_traceback", "last_exc"):
    vars(sys).pop(name, None)  # Python keeps the traceback of the error in the slot, and with it every frame
from PySide6.QtWidgets import QApplication
from PySide6.QtCore import QCoreApplication, QEvent
QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
gc.collect()
print("let go", held() is None, QApplication.topLevelWidgets())
"""


SAID = "weightedit: division by zero\n"
NOTHING = "said {} cannot be opened; give a path, a module, or a dict or list of tensors."


def test_a_script_waits_trains_on_and_finds_its_process_as_it_was(environment):
    """Blocks until closed, three times; what the window sets for itself is taken back; Ctrl+C closes, then is heard."""
    lines = run(SCRIPT, environment, SAID).splitlines()
    assert lines == [
        "title net[*] — weightedit",
        "same object True [7.0, 7.0, 7.0, 7.0, 7.0, 7.0]",
        "trained on True ['exp_avg', 'exp_avg_sq', 'step']",
        "second [[5.0, 5.0, 5.0], [5.0, 5.0, 5.0]]",
        "hook ZeroDivisionError",
        "faults ['ZeroDivisionError: division by zero']",
        "interrupted closed",
        *map(NOTHING.format, ("An int", "A NoneType", "A type", "A generator")),
        "said optimizer is a str; give an optimizer such as torch.optim.Adam(…), or None.",
        "windows 3",
        "as before True True",
        "WeightEditError weightedit.edit was called in the thread 'loader', and only the main thread may show a "
        "window; call it there.",
        "let go True []",
    ]


OWN_APPLICATION = """
import io, pdb, sys
import torch, weightedit
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from tests.ui.driving import drive

app = QApplication(["theirs"])
app.setStyleSheet("QLabel { color: red }")
look = app.style().objectName(), app.styleSheet(), app.palette().window().color().name(), app.font().toString()
layer = torch.nn.Linear(3, 2)
done = []

def person(name):
    def close(window):
        print(name)
        window.close()
    return close

drive(person("made, not running"), person("inside exec"), person("at the prompt of pdb"))
weightedit.edit(layer)
print("waited")

def inside():
    weightedit.edit({"m": layer, "a": layer.state_dict()})
    weightedit.edit(layer)
    print("returned at once")
    QTimer.singleShot(0, look_for_the_end)

def look_for_the_end():
    from weightedit.ui.live import live_edit
    if live_edit._open:
        QTimer.singleShot(20, look_for_the_end)
        return
    drive(person("from pdb"))
    asked, told = io.StringIO("weightedit.edit(layer)\\nprint('waited in pdb')\\nc\\n"), io.StringIO()
    debugger = pdb.Pdb(stdin=asked, stdout=told)
    debugger.use_rawinput = False
    debugger.set_trace()
    print(told.getvalue())
    QTimer.singleShot(0, app.quit)

QTimer.singleShot(0, inside)
app.exec()
now = app.style().objectName(), app.styleSheet(), app.palette().window().color().name(), app.font().toString()
print("looks as before", now == look, app.applicationName())
"""


def test_somebodys_own_application_runs_on_and_looks_as_before(environment):
    """It was made and not run: wait. It runs: return at once. A debugger stopped it: wait. It is never quit."""
    lines = run(OWN_APPLICATION, environment).splitlines()
    assert lines[:3] == ["made, not running", "waited", "returned at once"]
    assert sorted(lines[3:5]) == ["at the prompt of pdb", "inside exec"]
    assert [line.removeprefix("(Pdb) ") for line in lines if "pdb" in line][-2:] == ["from pdb", "waited in pdb"]
    assert lines[-1] == "looks as before True theirs"


def test_without_a_display_the_script_hears_it_in_one_sentence(monkeypatch):
    monkeypatch.setattr("weightedit.ui.app.QCoreApplication", SimpleNamespace(instance=lambda: None))
    monkeypatch.setattr("weightedit.ui.app.sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XDG_RUNTIME_DIR", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    said = "There is no display to show a window on: DISPLAY and WAYLAND_DISPLAY are not set."
    with pytest.raises(WeightEditError, match=f"^{said}$"):
        live_edit.edit(torch.nn.Linear(1, 1))


IPYTHON = """
import torch, weightedit
from tests.ui.driving import drive, fill
layer = torch.nn.Linear(3, 2)
def person(window):
    yield from fill(window, "weight", "7")
    print("edited", layer.weight.detach().unique().tolist(), flush=True)
windows = drive(person, lambda window: window.close())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own is made with a pty")
def test_ipython_goes_on_while_the_window_lives(environment, tmp_path):
    """At the prompt of a real IPython after `%gui qt`; without it the call waits; ending Python ends it all."""
    pexpect = pytest.importorskip("pexpect")
    (tmp_path / "begin.py").write_text(IPYTHON)
    options = ["--no-banner", "--no-confirm-exit", "--colors=NoColor", "--no-autoindent", "--gui=qt"]
    child = pexpect.spawn(sys.executable, ["-m", "IPython", *options], cwd=str(ROOT), timeout=60,
                          env=environment | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}, encoding="utf-8",
                          dimensions=(40, 200))  # fmt: skip
    try:
        child.expect(r"In \[")
        child.sendline(f"%run -i {tmp_path / 'begin.py'}")
        child.expect(r"In \[2")
        child.sendline("weightedit.edit(layer); print('it', 'returned')")
        child.expect("it returned")
        child.expect(r"edited \[7\.0\]")  # while it waits for a line
        child.sendline("layer.weight.data.add_(1).unique().tolist(), windows[0].isVisible()")
        child.expect(r"\(\[8\.0\], True\)")
        child.sendline("%gui")
        child.sendline("weightedit.edit([layer.weight]); print('it waited', 'for', len(windows))")
        child.expect("it waited for 2")
        child.sendline("exit")
        child.expect(pexpect.EOF)
        child.close()
        assert (child.exitstatus, child.signalstatus) == (0, None)
    finally:
        child.close(force=True)


@pytest.mark.parametrize(("shell", "runs"), [
    (None, False),
    (SimpleNamespace(active_eventloop=None, _inputhook=None), False),
    (SimpleNamespace(active_eventloop="tk", _inputhook=lambda _: None), False),
    (SimpleNamespace(kernel=SimpleNamespace(eventloop=None)), False),
    (SimpleNamespace(kernel=SimpleNamespace(eventloop=SimpleNamespace(__name__="loop_qt"))), True),
    (SimpleNamespace(kernel=SimpleNamespace(eventloop=SimpleNamespace(__name__="loop_tk"))), False),
])  # fmt: skip
def test_which_prompts_handle_events(shell, runs, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert event_loop.prompt_runs_qt(shell) is runs


def test_a_terminal_that_knows_no_keys_handles_no_events(monkeypatch):
    """There IPython asks for a line without running its hook; the window would never be painted."""
    hook = SimpleNamespace(__module__="tests.stand_in_hook")
    shell = SimpleNamespace(active_eventloop="qt6", _inputhook=hook)
    qt = SimpleNamespace(QtCore=SimpleNamespace(__name__="PySide6.QtCore"))
    monkeypatch.setitem(sys.modules, "tests.stand_in_hook", qt)
    monkeypatch.setenv("TERM", "xterm")
    assert event_loop.prompt_runs_qt(shell)
    monkeypatch.setenv("TERM", "dumb")
    assert not event_loop.prompt_runs_qt(shell)


@pytest.fixture
def in_a_loop(qtbot, monkeypatch, settings):
    """Call something in a running event loop, as the slots of an application are."""
    monkeypatch.setattr(Settings, "of_this_person", staticmethod(lambda: settings))

    def call(what):
        done = []
        QTimer.singleShot(0, lambda: done.append(what()))
        qtbot.waitUntil(lambda: bool(done))
        return done[0]

    yield call
    for window, _ in list(live_edit._open):
        window.close()
        window.deleteLater()


def test_the_same_object_again_brings_its_window_forward(in_a_loop, qtbot):
    layer = torch.nn.Linear(3, 2)
    in_a_loop(lambda: live_edit.edit(layer))
    ((window, _),) = live_edit._open
    wait_ready(qtbot, window)
    window.showMinimized()
    optimizer = torch.optim.SGD(layer.parameters())
    in_a_loop(lambda: live_edit.edit(layer, optimizer))
    assert len(live_edit._open) == 1
    assert window.current.document.origin.optimizer is optimizer
    assert not window.isMinimized()
    assert window.current.document.title == "layer"
    with qtbot.waitSignal(window.closed):
        window.close()
    assert live_edit._open == []


def test_a_module_beside_its_state_dict_is_shown_in_one_storage_group(in_a_loop, qtbot):
    """`state_dict()` returns the live storages: filling one fills the other, and the window says so beforehand."""
    module = torch.nn.Linear(3, 2)
    in_a_loop(lambda: live_edit.edit({"m": module, "a": module.state_dict()}))
    ((window, _),) = live_edit._open
    wait_ready(qtbot, window)
    qtbot.waitUntil(lambda: window.current is not None and not window.tasks.active, timeout=20_000)
    document = window.current.document
    groups = [document.storage_group(slot) for slot in document.slots]
    assert (document.title, groups) == ("dict", ["S1", "S2", "S1", "S2"])


def test_an_application_without_widgets_is_said(monkeypatch):
    class Bare:
        """Stands for the QCoreApplication of a process that shows nothing."""

    monkeypatch.setattr("weightedit.ui.app.QCoreApplication", SimpleNamespace(instance=Bare))
    with pytest.raises(WeightEditError, match="This process has a Bare, which shows no windows"):
        live_edit.edit(torch.nn.Linear(1, 1))
