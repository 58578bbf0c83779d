"""Set up, run, test and photograph weightedit from a checkout, with nothing but Python.

    python3 packaging/dev.py setup [--torch-index URL]
    python3 packaging/dev.py run [FILE ...] [--smoke]
    python3 packaging/dev.py test [pytest arguments]
    python3 packaging/dev.py shot OUT.png [FILE] [--light | --dark] [--size 1400x900]
    python3 packaging/dev.py pictures [--all FOLDER]
    python3 packaging/dev.py demo | alarms
    python3 packaging/dev.py faults [--quick] [F1 F13 ...]
    python3 packaging/dev.py corpus [FAMILY ...]
    python3 packaging/dev.py fuzz [--minutes N] [--format NAME] [--seed N]
    python3 packaging/dev.py bench [NAME ...] [--size small|full]
    python3 packaging/dev.py cases [--readme]

Everything it makes lies in `.venv` in the checkout; delete that folder to start afresh.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "weightedit-setup.json"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
CHECKPOINT_LIST = ROOT / "tests" / "real_checkpoints.txt"
CHECKPOINTS = VENV / "real_checkpoints"
CHECKPOINTS_STAMP = VENV / "weightedit-checkpoints.json"
DEMO = ROOT / "resources" / "demo" / "digits.pt"

# What Qt loads on Linux, by the Debian package that brings it. Qt blames libxcb-cursor0 whatever is missing.
OFFSCREEN = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libX11.so.6": "libx11-6",
}
XCB = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
VIRTUAL_DISPLAY = {"xvfb-run": "xvfb", "xauth": "xauth"}
PROGRAMS = {
    "faults": "kill, starve and damage saves, undo and recovery; print how many held",
    "corpus": "open every bad and odd file of tests/corpus and print what came of it",
    "fuzz": "break files of every format at random, for as long as one likes",
    "bench": "time weightedit beside other programs and the limit, with their memory; print the table of ratios",
    "cases": "run twelve broken models and print what PyTorch and the doctor say of them",
}
ROOMS = {"bench": "benchmarks", "cases": "doctor.cases"}
"""Where in tests a program is, if not in a room of its name."""
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


def say(text: str) -> None:
    """Print one line now, so that it stands before the output of what is started next."""
    print(text, flush=True)


def stop(text: str, status: int = 1) -> SystemExit:
    """Say one sentence on stderr and give the exit to raise."""
    print(text, file=sys.stderr, flush=True)
    return SystemExit(status)


# ---------------------------------------------------------------- system libraries


def missing_packages(window: bool = False, virtual_display: bool = False) -> list[str]:
    """Name the Debian packages that Qt needs here and that are not installed; empty but on Linux."""
    if not sys.platform.startswith("linux"):
        return []
    missing = [package for library, package in (OFFSCREEN | (XCB if window else {})).items() if not loads(library)]
    if not any(next(Path(folder).expanduser().rglob("*.[to]t[fc]"), None) for folder in FONT_FOLDERS):
        missing.append("fonts-dejavu-core")
    if virtual_display:
        missing += [package for program, package in VIRTUAL_DISPLAY.items() if not shutil.which(program)]
    return missing


def loads(library: str) -> bool:
    """Say whether the system's loader finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def apt_line(packages: Sequence[str]) -> str:
    """Give the command that installs Debian packages, as this user would type it."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get install --no-install-recommends {' '.join(packages)}"


def require_libraries(window: bool) -> None:
    """Stop with the command to type when Qt could not start here."""
    missing = missing_packages(window)
    if missing:
        raise stop(f"Qt needs system libraries or fonts this system lacks; install them with:\n  {apt_line(missing)}")


# ---------------------------------------------------------------- set-up


def digest(*parts: str | Path) -> str:
    """Hash texts and the contents of files."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        sha.update(b"\0")
    return sha.hexdigest()


def read_stamp(path: Path) -> dict[str, str]:
    """Read what a finished step left behind; empty if it never finished."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def write_stamp(path: Path, **values: str) -> None:
    """Note that a step is finished and what it was made from."""
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def setup(torch_index: str | None = None) -> None:
    """Make `.venv` with weightedit and all it needs, unless it is there already.

    Parameters
    ----------
    torch_index
        Where pip gets torch from, `https://download.pytorch.org/whl/cpu` for example; the last one given is
        remembered.
    """
    stamp = read_stamp(STAMP)
    index = torch_index if torch_index is not None else stamp.get("torch_index", "")
    inputs = digest(ROOT / "pyproject.toml", CONSTRAINTS, sys.version, str(ROOT), index)
    if stamp.get("inputs") == inputs and PYTHON.exists():
        return
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    say(f"Setting up {VENV} (some minutes and about 1.5 GB the first time; torch is most of it)")
    make_environment()
    if index:
        say(f"  torch from {index}")
        pins = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
        torch = next(pin for pin in pins if pin.startswith("torch=="))
        # Another build of the same version would else count as there already.
        again = ["--force-reinstall"] if index != stamp.get("torch_index") else []
        pip("install", *again, "-c", str(CONSTRAINTS), "--index-url", index, torch)
    pip("install", "-c", str(CONSTRAINTS), "-e", f"{ROOT}[dev,fast]")
    write_stamp(STAMP, inputs=inputs, torch_index=index)
    say(f"Set up in {time.monotonic() - started:.0f} s")
    missing = missing_packages()
    if missing:
        say(f"Qt will also need system libraries or fonts; install them with:\n  {apt_line(missing)}")


def make_environment() -> None:
    """Create the virtual environment, unless a sound one of this Python and place is there."""
    asked = [str(PYTHON), "-c", "import sys; print(sys.version, sys.prefix, sep=chr(10))"]
    if PYTHON.exists():
        found = subprocess.run(asked, capture_output=True, text=True, check=False)
        if found.stdout.split("\n")[:-1] == [*sys.version.split("\n"), str(VENV)]:
            return
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        package = "python{}.{}-venv".format(*sys.version_info)
        hint = f"On Debian and Ubuntu:\n  {apt_line([package])}" if shutil.which("apt-get") else ""
        raise stop(f"Python could not make a virtual environment in {VENV}:\n{made.stdout}{made.stderr}{hint}")


def pip(*arguments: str) -> None:
    """Run pip in `.venv`, showing what it works on and the whole of its output only if it fails."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, encoding="utf-8", errors="replace", cwd=ROOT)
    assert running.stdout is not None
    output = []
    for line in running.stdout:
        output.append(line)
        words = line.split()
        if words[:1] in (["Collecting"], ["Installing"]):
            say("  " + " ".join(words)[:110])
    if running.wait():
        sys.stderr.write("".join(output[-30:]))
        raise stop(f"pip could not finish: {' '.join(arguments)}\n"
                   "Is the network there? For another source of torch: packaging/dev.py setup --torch-index URL")


def get_real_checkpoints() -> None:
    """Install the packages whose weights the tests open, beside `.venv`'s own, so that none can be imported."""
    inputs = digest(CHECKPOINT_LIST)
    if read_stamp(CHECKPOINTS_STAMP).get("inputs") == inputs and CHECKPOINTS.is_dir():
        return
    say("Getting the real checkpoints that the tests open (about 65 MB)")
    CHECKPOINTS_STAMP.unlink(missing_ok=True)
    shutil.rmtree(CHECKPOINTS, ignore_errors=True)
    pip("install", "--no-deps", "--no-compile", "--target", str(CHECKPOINTS), "-r", str(CHECKPOINT_LIST))
    write_stamp(CHECKPOINTS_STAMP, inputs=inputs)


# ---------------------------------------------------------------- commands


def weightedit(arguments: Sequence[str], offscreen: bool = False) -> int:
    """Run the installed program and give its exit status."""
    environment = dict(os.environ)
    if offscreen:
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    program = BIN / ("weightedit.exe" if os.name == "nt" else "weightedit")
    return subprocess.run([str(program), *arguments], env=environment, check=False).returncode


def qt_platform() -> str:
    """Say where Qt will show its windows here; empty where there is no display."""
    if chosen := os.environ.get("QT_QPA_PLATFORM"):
        return chosen
    if not sys.platform.startswith("linux"):
        return "native"
    return "wayland" if os.environ.get("WAYLAND_DISPLAY") else "xcb" if os.environ.get("DISPLAY") else ""


def run(files: Sequence[str], smoke: bool) -> int:
    """Open the window on files, or on the demo checkpoint."""
    platform = qt_platform()
    if not platform and not smoke:
        raise stop(
            "There is no display here to show a window on (neither DISPLAY nor WAYLAND_DISPLAY is set). "
            "Run it in a desktop session, or with --smoke to see that it starts."
        )
    require_libraries(window=platform == "xcb")
    setup()
    return weightedit([*(["--smoke"] if smoke else []), *(files or [str(DEMO)])], offscreen=not platform)


def shot(out: str, file: str | None, theme: str, size: str) -> int:
    """Write a picture of the window."""
    require_libraries(window=False)
    setup()
    return weightedit(["--shot", out, "--theme", theme, "--size", size, file or str(DEMO)], offscreen=True)


def pictures(folder: str | None) -> int:
    """Take the pictures of resources/screenshots anew, or every panel in every state into a folder."""
    require_libraries(window=False)
    setup()
    more = [] if folder is None else ["--all", folder]
    return subprocess.run([str(PYTHON), str(ROOT / "packaging" / "pictures"), *more], check=False).returncode


def docs() -> int:
    """Write docs/operations.md, docs/silently.md, docs/errors.md and their tables in README.md anew."""
    setup()
    return subprocess.run([str(PYTHON), str(ROOT / "packaging" / "docs.py")], check=False).returncode


def make_demo() -> int:
    """Train the demo network anew and write its checkpoint."""
    setup()
    pip("install", "-c", str(CONSTRAINTS), "scikit-learn")
    return subprocess.run([str(PYTHON), str(DEMO.parent / "make_demo.py")], check=False).returncode


def alarms() -> int:
    """Compare the hazards of every real checkpoint with what plain torch finds."""
    return python(str(ROOT / "packaging" / "alarms.py"))


def python(*arguments: str) -> int:
    """Run Python on something of the checkout, with everything that the tests have."""
    setup()
    get_real_checkpoints()
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([str(PYTHON), *arguments], cwd=ROOT, env=own, check=False).returncode


def help_of(program: str) -> int:
    """Let a program say its options where `.venv` is there already; else print its line of the usage above."""
    if read_stamp(STAMP) and PYTHON.exists():
        return subprocess.run([str(PYTHON), "-m", f"tests.{ROOMS.get(program, program)}", "--help"], cwd=ROOT,
                              check=False).returncode  # fmt: skip
    usage = next(line.strip() for line in (__doc__ or "").splitlines() if f"dev.py {program}" in line)
    say(f"{usage}\n\n{PROGRAMS[program]}; once dev.py setup has run, --help tells every option.")
    return 0


def test(arguments: Sequence[str]) -> int:
    """Run every check, or pytest alone with the arguments given."""
    require_libraries(window=False)
    setup()
    get_real_checkpoints()
    if arguments:
        return pytest(*arguments)
    checks = {
        "ruff": [str(PYTHON), "-m", "ruff", "check", "."],
        "mypy": [str(PYTHON), "-m", "mypy"],
        "import contracts": [str(BIN / "lint-imports"), "--no-logo"],
    }
    with ThreadPoolExecutor(1) as beside:  # the window tests leave a core to them
        checked = {name: beside.submit(check, name, command) for name, command in checks.items()}
        window = test_window()
        failed = [name for name, done in checked.items() if done.result()]
    if window:
        failed.append("window tests")
    # Pytest's own closing line is the last one, so what failed before is handed on to stand above it.
    say("all other tests, Qt offscreen:")
    # A process for each core, and one thread of torch in each: more would only wait for one another.
    tests = pytest("-m", "not window", "-n", "auto", "--dist", "worksteal", OMP_NUM_THREADS="1",
                   WEIGHTEDIT_FAILED_BEFORE=", ".join(failed))  # fmt: skip
    return tests or int(bool(failed))


def test_window() -> int:
    """Run the tests that drive a real window, on a virtual display where there is none."""
    missing = missing_packages(window=True, virtual_display=True)
    if missing or not sys.platform.startswith("linux"):
        reason = f"install {' '.join(missing)}" if missing else "only on Linux"
        say(f"window tests: not run ({reason})")
        return 0
    say("window tests, on a virtual X display:")
    screen = ("xvfb-run", "-a", "-s", "-screen 0 1600x1200x24")
    return pytest("-q", "-m", "window", "tests/ui", before=screen, QT_QPA_PLATFORM="xcb")


def check(name: str, command: Sequence[str]) -> int:
    """Run one check in the checkout; say how long it took, and what it found if it failed."""
    started = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        sys.stdout.flush()
        sys.stdout.buffer.write(done.stdout)
    say(f"{name}: {'FAILED' if done.returncode else 'fine'} after {time.monotonic() - started:.1f} s")
    return done.returncode


def pytest(*arguments: str, before: Sequence[str] = (), **environment: str) -> int:
    """Run pytest in the checkout; its own closing line says how long it took."""
    command = [*before, str(PYTHON), "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Read the command line and do it."""
    if sys.version_info < (3, 11):
        raise stop(f"weightedit needs Python 3.11 or later; this is {sys.version.split()[0]}, {sys.executable}")
    parser = argparse.ArgumentParser(prog="dev.py", description="Set up, run, test and photograph weightedit.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("setup", help="make .venv with all that weightedit needs")
    one.add_argument("--torch-index", metavar="URL", help="where pip gets torch from; see pytorch.org/get-started")
    one = commands.add_parser("run", help="open the window, on the demo checkpoint if no file is given")
    one.add_argument("files", nargs="*", metavar="FILE")
    one.add_argument("--smoke", action="store_true", help="open, paint, say in one line what was shown, and quit")
    commands.add_parser("test", help="run every check, or pytest with the arguments given", add_help=False)
    one = commands.add_parser("shot", help="write a picture of the window")
    one.add_argument("out", metavar="OUT.png")
    one.add_argument("file", nargs="?", metavar="FILE")
    one.add_argument("--light", dest="theme", action="store_const", const="light", default="dark")
    one.add_argument("--dark", dest="theme", action="store_const", const="dark")
    one.add_argument("--size", default="1400x900", metavar="WIDTHxHEIGHT")
    one = commands.add_parser("pictures", help="take the pictures of resources/screenshots anew")
    one.add_argument("--all", metavar="FOLDER", help="every panel and state, dark and light, into a folder instead")
    commands.add_parser("docs", help="write the generated pages of docs/ and their tables in README.md anew")
    commands.add_parser("demo", help="train the demo network anew and write its checkpoint")
    commands.add_parser("alarms", help="compare the hazards of every real checkpoint with what plain torch finds")
    for name, does in PROGRAMS.items():
        commands.add_parser(name, help=does, add_help=False)
    if arguments[:1] == ["test"]:  # everything after it is pytest's
        return test(arguments[1:])
    if arguments and arguments[0] in PROGRAMS:  # and after these, the program's
        if {"-h", "--help"} & set(arguments[1:]):
            return help_of(arguments[0])
        room = ROOMS.get(arguments[0], arguments[0])
        return python("-m", f"tests.{room}", *arguments[1:])
    chosen = parser.parse_args(arguments)
    if chosen.command == "run":
        return run(chosen.files, chosen.smoke)
    if chosen.command == "shot":
        return shot(chosen.out, chosen.file, chosen.theme, chosen.size)
    if chosen.command == "pictures":
        return pictures(chosen.all)
    plain = {"docs": docs, "demo": make_demo, "alarms": alarms}
    if chosen.command in plain:
        return plain[chosen.command]()
    setup(chosen.torch_index)
    say(f"{VENV} is ready")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
