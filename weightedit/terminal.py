"""The commands that need no window: inspect, diff, find, apply, convert, extract and recover."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightedit import assembly
from weightedit.assembly import FORMATS, open_document
from weightedit.core.compare import compare
from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.files.same_file import same_file
from weightedit.core.journals.kept_file import ALTERNATIVES
from weightedit.core.journals.recovery import Unfinished, discard, unfinished
from weightedit.core.progress import Progress
from weightedit.core.recipe import Recipe
from weightedit.core.slots import Entry
from weightedit.core.words.paths import counted, some
from weightedit.core.words.visible import columns, message, visible
from weightedit.core.writing.rolling_back import half_patched, settle_file
from weightedit.core.writing.saving import Saved

if TYPE_CHECKING:
    from weightedit.core.looking.results import Results

WIDEST = 100
"""Columns of a terminal that names get; what stands beside a longer one is moved to the right."""


def inspect(options: argparse.Namespace) -> int:
    """List the tensors of a checkpoint."""
    with open_document(options.file) as document:
        results = None
        if options.stats:
            from weightedit.core.looking.results import Results

            results = Results()
        rows = [_row(document, name, results) for name in document.tensors]
        if options.json:
            values = {one.name: _json_value(one) for one in document.entries
                      if one.kind not in ("tensor", "dict", "list", "tuple")}  # fmt: skip
            print(json.dumps({
                "file": str(document.path), "format": document.format_name, "metadata": document.metadata,
                "nbytes": document.total_nbytes, "values": values, "tensors": rows,
            }, indent=1))  # fmt: skip
        else:
            _print_table(document, rows, options.stats)
    return 0


def _row(document: Document, name: str, results: Results | None) -> dict[str, Any]:
    info = document.tensors[name]
    row: dict[str, Any] = {
        "name": info.name, "path": [key if isinstance(key, int) else str(key) for key in info.path], "kind": info.kind,
        "shape": list(info.shape), "dtype": info.dtype_name, "encoding": info.encoding, "device": info.device,
        "requires_grad": info.requires_grad, "stride": list(info.stride), "offset": info.offset,
        "storage_group": info.storage_group, "numel": info.numel, "nbytes": info.nbytes,
    }  # fmt: skip
    if results is not None:
        from weightedit.core.looking.results import kept_statistics

        found = kept_statistics(results, document.pin(name))
        numbers = {"min": found.minimum, "max": found.maximum, "mean": found.mean, "std": found.std, "l2": found.l2}
        row["statistics"] = {key: _json_number(value) for key, value in numbers.items()} | {
            "zeros": found.zeros, "nan": found.nan, "inf": found.posinf + found.neginf,
            "distinct": found.distinct}  # fmt: skip
    return row


def _json_value(entry: Entry) -> object:
    """Return a number, truth value, text or None as itself, and of everything else the text the window shows."""
    value = entry.value
    if entry.kind != "value" or not (value is None or type(value) in (bool, int, float, str)):
        return entry.text
    return _json_number(value) if isinstance(value, float) else value


def _json_number(value: float | int | None) -> float | int | str | None:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _print_table(document: Document, rows: list[dict[str, Any]], stats: bool) -> None:
    from weightedit.core.words.numbers import bytes_text, shape_text, statistic_text

    heads = ["name", "shape", "dtype", "size", "group"] + (["min", "max", "mean", "std", "NaN", "Inf"] if stats else [])
    cells = []
    for row in rows:
        line = [visible(row["name"]), shape_text(row["shape"]), row["dtype"], bytes_text(row["nbytes"]),
                row["storage_group"] or ""]  # fmt: skip
        if stats:
            found = row["statistics"]
            line += [statistic_text(found[key]) if not isinstance(found[key], str) else found[key]
                     for key in ("min", "max", "mean", "std")]  # fmt: skip
            line += [f"{found['nan']:,}", f"{found['inf']:,}"]
        cells.append(line)
    lines = [[_as_printed(text) for text in line] for line in [heads, *cells]]
    widths = [max(columns(line[column]) for line in lines) for column in range(len(heads))]
    widths[0] = min(widths[0], WIDEST)
    for line in lines:
        filled = [" " * (width - columns(text)) for text, width in zip(line, widths, strict=True)]
        numbers = (f"{fill}{text}" for fill, text in zip(filled[1:], line[1:], strict=True))
        print("  ".join([line[0] + filled[0], *numbers]).rstrip())
    if names := _not_run(document):
        print(f"Named in the file, not imported and not run: {some(names)}.")
    word = "tensor" if len(rows) == 1 else "tensors"
    print(f"{len(rows):,} {word}, {bytes_text(document.total_nbytes)}, {document.format_name}")


def _not_run(document: Document) -> list[str]:
    """Return the classes and functions that a pickle names, beyond those that only make tensors and containers."""
    return sorted({f"{module}.{name}" for file in document.files
                   for (module, name), known in file.named.items() if not known})  # fmt: skip


def _as_printed(text: str) -> str:
    """Return a text with escapes for what the terminal's encoding does not have, as they will be printed."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding, "replace")


def diff(options: argparse.Namespace) -> int:
    """Compare two checkpoints; exit 0 same, 1 different."""
    with open_document(options.a) as first, open_document(options.b) as second:
        found = compare(first, second)
    differences = [one for one in found if one.what != "same"]
    if options.json:
        print(json.dumps({
            "same": not differences, "compared": len(found),
            "differences": [{"name": one.name, "what": one.what, "detail": one.detail, "changed": one.changed}
                            for one in differences]}, indent=1))  # fmt: skip
    else:
        for one in differences:
            print(f"{visible(one.name)}: {message(one.detail)}")
        tensors = sum(one.is_tensor for one in found)
        print(f"{tensors:,} tensors and {len(found) - tensors:,} values compared, {len(differences):,} different")
    return 1 if differences else 0


def find(options: argparse.Namespace) -> int:
    """Find the cells that meet a condition, tensor by tensor; exit 0 found, 1 none."""
    from dataclasses import asdict

    from weightedit.search.find import find as matches

    with open_document(options.file) as document:
        found = []
        for one in matches(document, options.condition, options.names, progress=_on_stderr):
            found.append(one)
            if one.count and not options.json:
                first = list(one.first or ())
                print(f"{visible(one.name)}: {one.count:,} of {one.numel:,}, first {first}", flush=True)
    count = sum(one.count for one in found)
    if options.json:
        print(json.dumps({"count": count, "tensors": [asdict(one) for one in found]}, indent=1))
    for one in found:
        if one.skipped:
            print(f"weightedit: skipped {visible(one.name)}: {message(one.skipped)}", file=sys.stderr)
    if found and all(one.skipped for one in found):
        return 2
    if not count and not options.json:
        print("weightedit: nothing found.", file=sys.stderr)
    return 0 if count else 1


def apply(options: argparse.Namespace) -> int:
    """Replay a recipe."""
    recipe = Recipe.load(options.recipe)
    _clean()
    with open_document(options.source) as document:
        if options.in_place:
            _check_patched(document, options)
        else:
            _check_destination(document, options)
        recipe.apply(document, progress=_on_stderr)
        if options.in_place:
            print(f"weightedit: {document.save_plan(options.shared, in_place=True).text}.", file=sys.stderr)
            return _report(document.save(options.shared, in_place=True, progress=_on_stderr), "Patched")
        return _exported(document, options)


def convert(options: argparse.Namespace) -> int:
    """Write a checkpoint in another format."""
    destination = Path(options.destination)
    known = tuple(dict.fromkeys(suffix for kind in FORMATS if kind.writes for suffix in kind.suffixes))
    if destination.suffix and not destination.is_dir() and not destination.name.lower().endswith(known):
        raise WeightEditError(f"The suffix of {destination.name} names no format; take one of {', '.join(known)}.")
    _clean()
    with open_document(options.source) as document:
        _check_destination(document, options)
        return _exported(document, options)


def _exported(document: Document, options: argparse.Namespace) -> int:
    """Say how it will be done, and write the file."""
    print(f"weightedit: {document.export_plan(options.destination, shared=options.shared).text}.", file=sys.stderr)
    return _report(document.export(options.destination, shared=options.shared, progress=_on_stderr))


def _clean() -> None:
    """Put right what saves left behind that were killed, before something is written; say it in one line each."""
    from weightedit.core.words.numbers import bytes_text
    from weightedit.core.writing.leftovers import clean

    done = clean()
    if done.removed:
        count = counted(len(done.removed), "file")
        where = some(dict.fromkeys(str(path.parent) for path in done.removed), 3) if len(done.removed) > 1 else ""
        which = f"in {where}" if where else visible(str(done.removed[0]))
        print(f"weightedit: removed {count} that interrupted saves had left, {bytes_text(done.nbytes)}, {which}.",
              file=sys.stderr)  # fmt: skip
    for word, files in (("completed", done.completed), ("took back", done.taken_back)):
        if files:
            print(f"weightedit: {word} an interrupted save of {some(file.name for file in files)}.", file=sys.stderr)
    for one in done.kept:
        print(f"weightedit: {visible(str(one.path))} was left: {visible(one.why)}.", file=sys.stderr)


def _check_destination(document: Document, options: argparse.Namespace) -> None:
    """Refuse to write over what is there, unless that was asked for."""
    destination = Path(options.destination)
    if options.overwrite or not destination.exists():
        return
    if any(destination.samefile(file.path) for file in document.files if Path(file.path).exists()):
        raise WeightEditError(f"{destination.name} is the source itself, which would be written over; give another "
                              "name, or add --overwrite to replace it.")  # fmt: skip
    if not destination.is_dir():
        raise WeightEditError(f"{destination.name} exists and would be written over; give another name, or add "
                              "--overwrite to replace it.")  # fmt: skip
    names = {"model.safetensors", *(Path(file.path).name for file in document.files)}  # what writers put into a folder
    if document.path is not None:
        names.add(document.path.name)
    if held := sorted(name for name in names if (destination / name).exists()):
        raise WeightEditError(f"{destination.name} holds {some(held)}, which would be written over; give another, "
                              "or add --overwrite to replace what has the same name.")  # fmt: skip


def _check_patched(document: Document, options: argparse.Namespace) -> None:
    """Refuse to patch anything but the source, and also that unless it may be written over."""
    if document.path is None or not same_file(Path(options.destination), [document.path]):
        raise WeightEditError("--in-place changes SRC itself; name it as DST, too.")
    if not options.overwrite:
        raise WeightEditError(f"{document.path.name} would be changed in place; add --overwrite to do that.")


def extract(options: argparse.Namespace) -> int:
    """Write one tensor, or a region of it, to a file of its own."""
    _clean()
    with open_document(options.file, progress=Progress(_on_stderr)) as document:
        return _report(document.export_tensor(options.tensor, options.out, options.region, dtype=options.dtype,
                                              progress=_on_stderr))  # fmt: skip


def recover(options: argparse.Namespace) -> int:
    """List what a crash left unsaved, or write a file with it, or throw it away."""
    if options.discard is not None:
        if options.key is not None:
            raise WeightEditError("--discard throws one journal away; give it alone.")
        discard(options.discard)
        print(f"Discarded: {visible(options.discard)}")
        return 0
    if options.destination is not None:
        _clean()
    if options.key is None:
        _print_unfinished(unfinished(), options.json)
        return 0
    if options.destination is None and (os.sep in options.key or Path(options.key).exists()):
        return _put_back(Path(options.key), options.json)
    found = unfinished()
    one = next((one for one in found if one.key == options.key), None)
    if one is None:
        raise WeightEditError(f"There is nothing to recover under {options.key!r}, and no file of that name; "
                              "weightedit recover lists what there is.")  # fmt: skip
    if options.destination is None:
        _print_edits(one, options.json)
        return 0
    return _recovered(one, options)


def _put_back(path: Path, json_wanted: bool) -> int:
    """Put back the old bytes of a file whose patch in place was cut short."""
    if not path.exists():
        raise WeightEditError(f"{path} is not there.")
    done = settle_file(path, asked=True)
    if json_wanted:
        print(json.dumps({"put_back": [str(one) for one in done]}, indent=1))
    elif done:
        print(f"The old bytes were put back: {some([visible(str(one)) for one in done], 10)}")
    else:
        print(f"{visible(str(path))} needs nothing put back: no patch in place has left it half written.")
    return 0


def _recovered(one: Unfinished, options: argparse.Namespace) -> int:
    """Write a file with the edits of a journal; the journal stays, unless it is of the file that was written."""
    with assembly.recover(one, progress=Progress(_on_stderr), journal=False) as document:
        _check_destination(document, options)
        own = document.path is not None and Path(options.destination).exists() \
            and Path(options.destination).samefile(document.path)  # fmt: skip
        status = _report(document.export(options.destination, shared=options.shared, progress=_on_stderr))
        recovered = document.recovered
    if recovered is not None and recovered.reason:
        print(f"weightedit: warning: {message(recovered.reason)}", file=sys.stderr)
    left = recovered is not None and bool(recovered.left_out)
    if own and not left:
        discard(one.key)
    else:
        print(f"The journal stays; weightedit recover --discard {one.key} throws it away.", file=sys.stderr)
    return 1 if left else status


def _print_unfinished(found: list[Unfinished], json_wanted: bool) -> None:
    from weightedit.core.words.numbers import bytes_text

    patched = half_patched()
    if json_wanted:
        listed = [_unfinished_json(one) for one in found] + [{"half_patched": str(path)} for path in patched]
        print(json.dumps(listed, indent=1))
        return
    for path in patched:
        print(f"Half patched in place: {visible(str(path))}. weightedit recover FILE puts its old bytes back.")
    if not found:
        if not patched:
            print("Nothing to recover.")
        return
    lines = [["key", "last edit", "edits", "journal", "file"]]
    lines += [[one.key, f"{one.last:%Y-%m-%d %H:%M:%S}", one.count_text, bytes_text(one.nbytes), _file_text(one)]
              for one in found]  # fmt: skip
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for line in lines:
        key, last, count, size, file = line
        print(f"{key:{widths[0]}}  {last:{widths[1]}}  {count:>{widths[2]}}  {size:>{widths[3]}}  {file}")
    if len({one.path for one in found if one.path.name}) < sum(bool(one.path.name) for one in found):
        print(ALTERNATIVES)


def _file_text(one: Unfinished) -> str:
    if one.problem is not None:
        return one.problem
    return visible(str(one.path)) + (f" ({visible(one.file_problem)})" if one.file_problem else "")


def _print_edits(one: Unfinished, json_wanted: bool) -> None:
    if json_wanted:
        print(json.dumps(_unfinished_json(one), indent=1))
        return
    if one.problem is not None:
        raise WeightEditError(one.problem)
    print(f"{visible(str(one.path))}, edits not saved: {one.count_text}.")
    if one.file_problem:
        print(f"The file: {visible(one.file_problem)}.")
    for edit in one.edits:
        undone = "  (undone)" if edit.undone else ""
        print(f"{edit.time:%H:%M:%S}  {visible(edit.label)}, {visible(edit.where)}{undone}")


def _unfinished_json(one: Unfinished) -> dict[str, Any]:
    edits = [{"label": edit.label, "where": edit.where, "time": edit.time.isoformat(), "undone": edit.undone,
              "group": edit.group} for edit in one.edits]  # fmt: skip
    return {"key": one.key, "path": str(one.path), "title": one.title, "begun": one.begun.isoformat(),
            "last": one.last.isoformat(), "problem": one.problem,
            "file_problem": one.file_problem, "nbytes": one.nbytes, "edits": edits}  # fmt: skip


def _report(saved: Saved, done: str = "Exported") -> int:
    from weightedit.core.words.numbers import bytes_text

    for hazard in saved.hazards:
        print(f"weightedit: {hazard.level}: {hazard.message}", file=sys.stderr)
    count = f"{saved.tensors:,} {'tensor' if saved.tensors == 1 else 'tensors'}"
    what = f"{count}, {bytes_text(saved.nbytes)}, {saved.format_name}"
    print(f"{done} and read back, {what}: {message(str(saved.path))}")
    return 0


def _on_stderr(label: str, done: int, total: int) -> None:
    """Show progress on a terminal; a log file is left alone."""
    if sys.stderr.isatty() and total:
        end = "\n" if done >= total else ""
        print(f"\r{visible(label)} {100 * done // total:3d} %", end=end, file=sys.stderr, flush=True)
