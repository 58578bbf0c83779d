"""The command line; Qt is imported only when a window is opened."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from weightedit import __version__
from weightedit.core.errors import EditRefused, WeightEditError
from weightedit.core.words.visible import LONGEST_MESSAGE, message, visible, visible_lines

LONGEST_TRACE = 100_000
Command = Callable[[argparse.Namespace], int]
COMMANDS = ("inspect", "diff", "apply", "convert", "extract", "find", "recover", "module",
            "check")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0 fine, 1 different, 2 error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["--debug"] and given[1:2] and given[1] in COMMANDS:
        given = [*given[1:], "--debug"]
    parser = _commands() if given and given[0] in COMMANDS else _window()
    first = next((word for word in given if word != "--debug"), "")
    if meant := _command_meant(first):
        parser.error(f"there is no file or command {first}; did you mean {meant}?")
    options = parser.parse_args(given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names may hold what a terminal's encoding does not
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except WeightEditError as error:
        _trace(options)
        print(f"weightedit: {message(str(error))}{_hint(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `weightedit inspect … | head`
        _give_up_stdout()
        return 0
    except OSError as error:
        _trace(options)
        _give_up_stdout()
        print(f"weightedit: the output could not be written: {message(str(error.strerror or error))}.", file=sys.stderr)
        return 2
    except Exception as error:  # a fault of ours is one line too; the traceback is for those who ask
        _trace(options)
        print(f"weightedit: {message(f'{type(error).__name__}: {error}')}; this is a fault in weightedit, "
              "--debug shows where.", file=sys.stderr)  # fmt: skip
        return 2
    except KeyboardInterrupt:
        print("weightedit: interrupted; nothing was changed.", file=sys.stderr)
        return 2


def _command_meant(word: str) -> str | None:
    """Return the command that a word was likely meant to be, where it is neither one nor a file."""
    if word in COMMANDS or not word.isalpha() or os.path.lexists(word):
        return None
    from difflib import get_close_matches  # nothing else needs it before the first paint

    return next(iter(get_close_matches(word, COMMANDS, 1, 0.7)), None)


def _trace(options: argparse.Namespace) -> None:
    """Print where an error came from, for those who asked; the messages in it may hold what a file says."""
    if options.debug:
        print(visible_lines(traceback.format_exc().rstrip(), LONGEST_TRACE), file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints show file names, which a pattern of the shell may have put there, as they are."""

    def error(self, message: str) -> NoReturn:
        """Say on one line what is wrong with the arguments, and exit with 2."""
        super().error(visible(message, LONGEST_MESSAGE))


def _hint(error: WeightEditError) -> str:
    """Say which option answers a refusal."""
    kinds = {hazard.kind for hazard in error.hazards} if isinstance(error, EditRefused) else set()
    return " Add --shared copy or --shared alias." if "shared-storage" in kinds else ""


def _give_up_stdout() -> None:
    """Let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _window() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="weightedit",
        description="See, change and export the weights of PyTorch models.",
        epilog=f"Without a window: weightedit {' | '.join(COMMANDS)}; each has --help.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="checkpoints to open; none opens a start page")
    parser.add_argument("--smoke", action="store_true", help="open, paint, say in one line what is shown, and quit")
    parser.add_argument("--theme", choices=("dark", "light"), help="instead of the system's")
    parser.add_argument("--shot", metavar="OUT.png", help="write a picture of the window and quit")
    parser.add_argument("--size", default="1400x900", metavar="WxH", help="size of the window (default %(default)s)")
    parser.add_argument("--version", action="version", version=f"weightedit {__version__}")
    parser.add_argument("--debug", action="store_true", help="print the traceback of an error")
    parser.set_defaults(run=_open_window)
    return parser


def _open_window(options: argparse.Namespace) -> int:
    from weightedit.ui.running.collecting import paused

    with paused():  # nothing of what is imported is garbage
        from weightedit.ui.running.module_sources import leave_unread

        leave_unread()
        from weightedit.ui.app import run

    try:
        width, height = (int(part) for part in options.size.lower().split("x"))
    except ValueError:
        raise WeightEditError(f"--size is {options.size}; write it like 1400x900.") from None
    shot = Path(options.shot) if options.shot else None
    return run(options.files, smoke=options.smoke, shot=shot, size=(width, height), theme=options.theme)


def _commands() -> argparse.ArgumentParser:
    parser = _Parser(prog="weightedit")
    commands = parser.add_subparsers(required=True)  # of the parser's own kind
    common = _Parser(add_help=False)
    common.add_argument("--debug", action="store_true", help="print the traceback of an error")

    def command(name: str, run: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=help, description=help)
        added.set_defaults(run=_lazily(run))
        return added

    one = command("inspect", "inspect", "List names, shapes, dtypes and storage groups; exit 0, or 2 on an error.")
    one.add_argument("file", metavar="FILE")
    one.add_argument("--json", action="store_true", help="print JSON instead of a table")
    one.add_argument("--stats", action="store_true", help="read every tensor and add its statistics")
    one = command("diff", "diff", "Compare tensors bit by bit, values and metadata; exit 0 same, 1 different, 2 error.")
    one.add_argument("a", metavar="A")
    one.add_argument("b", metavar="B")
    one.add_argument("--json", action="store_true", help="print JSON instead of lines")
    one = command("find", "find", "Find the cells that meet a condition; exit 0 found, 1 none, 2 error.")
    one.add_argument("file", metavar="FILE")
    one.add_argument("condition", metavar="CONDITION", help="such as 'isnan(w)' or 'abs(w) > 6 * std(w)'")
    one.add_argument("--names", metavar="PATTERN", help="only these tensors, such as 'layers.*.weight'")
    one.add_argument("--json", action="store_true", help="print JSON instead of lines")
    one = command("apply", "apply", "Replay a recipe on a checkpoint and write the result to another file.")
    one.add_argument("recipe", metavar="RECIPE")
    one = _source_and_destination(one)
    one.add_argument("--in-place", action="store_true",
                     help="with SRC as DST and --overwrite: write only what changed, into the file itself; whoever "
                          "reads it meanwhile, or after a crash, sees old and new bytes mixed until weightedit put the "
                          "old ones back")  # fmt: skip
    one = _source_and_destination(command("convert", "convert", "Write a checkpoint in the format of DST's suffix."))
    one = command("extract", "extract", "Write one tensor, or a region of it, to a file of OUT's suffix.")
    one.add_argument("file", metavar="FILE")
    one.add_argument("tensor", metavar="TENSOR", help="its name, as inspect lists it")
    one.add_argument("out", metavar="OUT", help=".npy, .csv, .tsv, .npz, .pt or .safetensors")
    one.add_argument("--region", metavar="R", help="such as '[3, 10:20, :]'; the whole tensor without it")
    one.add_argument("--dtype", metavar="D", help="another one that holds every value, such as float32 for bfloat16")
    one = command("module", "module", "Run one trusted file as a module in a process of its own; exit 0, 1 where "
                                      "it is not trusted or holds no module, 2 on an error.")  # fmt: skip
    one.add_argument("file", metavar="FILE", nargs="?")
    one.add_argument("--trust", metavar="SHA256", help="run it, and trust content of this hash, which module FILE "
                                                       "prints, from then on")  # fmt: skip
    one.add_argument("--import-from", metavar="FOLDER", action="append", default=[],
                     help="where classes may be imported from, beside what is installed; more than once")  # fmt: skip
    one.add_argument("--trusted", action="store_true", help="list what is trusted")
    one.add_argument("--revoke", metavar="SHA256", help="trust content of this hash no longer")
    one.add_argument("--json", action="store_true", help="print JSON instead of lines")
    _add_check(command("check", "check", "Say whether a model loads, runs and trains with these weights, and which "
                                         "edit mends it; exit 0 healthy, 1 findings, 2 error."))  # fmt: skip
    one = command("recover", "recover", "List edits that a crash left unsaved, write a file with them, or discard "
                                        "them; or put back a FILE whose patch in place was cut short; exit 0, 1 where "
                                        "some did not fit, 2 on an error.")  # fmt: skip
    one.add_argument("key", metavar="KEY|FILE", nargs="?",
                     help="which, as the list has it; alone, its edits are listed, and a file is put back")  # fmt: skip
    one.add_argument("destination", metavar="DST", nargs="?", help="the file to write, with the edits applied")
    one.add_argument("--overwrite", action="store_true", help="replace DST where it exists, also the file itself")
    one.add_argument("--shared", choices=("copy", "alias"), help="what safetensors does with shared tensors")
    one.add_argument("--discard", metavar="KEY", help="throw these edits away")
    one.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _add_check(one: argparse.ArgumentParser) -> None:
    one.add_argument("file", metavar="FILE")
    one.add_argument("--model", metavar="M", required=True,
                     help="package.module:factory, 'file.py:Class(3, width=64)' or a folder with a config.json")
    one.add_argument("--input", metavar="SPEC",
                     help="such as 'float32[2,3,224,224]', 'ids: int64[1,16]<32000' or tokens.npy")  # fmt: skip
    one.add_argument("--target", metavar="SPEC", help="what the loss compares the output with, such as 'int64[2]<10'")
    one.add_argument("--loss", metavar="NAME",
                     help="CrossEntropyLoss, mse_loss, output.loss, or file.py:NAME; a training step is taken with it")
    one.add_argument("--train", action="store_true", help="take one training step, on a copy")
    one.add_argument("--optimizer", metavar="M",
                     help="one of torch.optim, 'AdamW(lr=1e-4)', or code that makes one of the model; SGD without")
    one.add_argument("--data", metavar="M", help="code that makes a Dataset or DataLoader, which is looked through")
    one.add_argument("--step-to", metavar="FILE", default="",
                     help="a new file, .pt, for the weights after the training step")  # fmt: skip
    one.add_argument("--recipe", metavar="FILE", default="",
                     help="a new file, .json, for the first mend of each finding that has edits, as a recipe that "
                          "apply takes; it is tried in memory, and the model runs again for that")  # fmt: skip
    one.add_argument("--device", metavar="D", default="auto",
                     help="fake (no values, no memory), cpu or cuda:0; auto is fake, and cpu where values are "
                          "needed")  # fmt: skip
    one.add_argument("--assign", action="store_true",
                     help="let the file's dtypes replace the model's, as load_state_dict(assign=True) does")
    one.add_argument("--seconds", metavar="N", type=float, default=600.0, help="how long the model may take")
    one.add_argument("--yes", action="store_true", help="run the model's code without asking")
    one.add_argument("--json", action="store_true",
                     help="print JSON instead of lines; `edits` of each of a finding's `mends` are steps of a recipe, "
                          "and `mend` is the first mend where that is a single step")  # fmt: skip


def _source_and_destination(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("destination", metavar="DST")
    parser.add_argument("--overwrite", action="store_true", help="replace DST where it exists, also SRC itself")
    parser.add_argument("--shared", choices=("copy", "alias"), help="what safetensors does with shared tensors")
    return parser


def _lazily(name: str) -> Command:
    def run(options: argparse.Namespace) -> int:
        from weightedit import terminal, terminal_check, terminal_module

        found: Command = getattr({"module": terminal_module, "check": terminal_check}.get(name, terminal), name)
        return found(options)

    return run
