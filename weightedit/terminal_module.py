"""The command `module`: what one trusted file is as a module, run in a process of its own."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from weightedit.assembly import open_document
from weightedit.core.document import Document
from weightedit.core.errors import WeightEditError
from weightedit.core.words.numbers import moment_text, shape_text
from weightedit.core.words.visible import visible, visible_lines
from weightedit.doctor.trusted_file.runnable import WARNING, Runnable, RunnableModule, command, looked_at, run_module
from weightedit.doctor.trusted_file.trusted import Trusted

FEW = 40
"""Names and modules that are listed; JSON has all of them."""


def module(options: argparse.Namespace) -> int:
    """Say what a file names, and run it as a module where its content is trusted."""
    trusted = Trusted()
    if options.revoke:
        was = trusted.revoke(options.revoke)
        print(f"{options.revoke} is trusted no longer." if was else f"{visible(options.revoke)} was not trusted.")
        return 0 if was else 1
    if options.trusted:
        return _list(trusted, options.json)
    if not options.file:
        raise WeightEditError("module needs a FILE, --trusted or --revoke SHA256.")
    with open_document(options.file) as document:
        found = looked_at(document)
        if options.trust and options.trust.lower() != found.sha256:
            raise WeightEditError(f"{visible(found.path.name)} has the hash {found.sha256}, not the one that --trust "
                                  "gives; nothing was run or trusted.")  # fmt: skip
        if not found.may_be_module or not (options.trust or trusted.is_trusted(found.sha256)):
            _tell(found, options.json)
            return 1
        print(f"weightedit: {WARNING}", file=sys.stderr)
        run = _run(document, found, trusted, options)
    _show(found, run, options.json)
    return 0 if run.report.modules else 1


def _run(document: Document, found: Runnable, trusted: Trusted, options: argparse.Namespace) -> RunnableModule:
    """Run it; what --trust gives is trusted from when the process found that hash, also where it cannot be run."""
    kept = not options.trust

    def accepted() -> None:
        nonlocal kept
        if not kept:
            trusted.trust(found.sha256, found.path.absolute())
            kept = True
            print("weightedit: this content is trusted from now on; to trust it no longer: weightedit module --revoke "
                  f"{found.sha256}", file=sys.stderr)  # fmt: skip

    try:
        folders = [Path(one).absolute() for one in options.import_from]
        return run_module(document, found.sha256, folders=folders, accepted=accepted)
    finally:
        if not kept:
            print("weightedit: nothing was trusted.", file=sys.stderr)


def _list(trusted: Trusted, as_json: bool) -> int:
    entries = trusted.all
    if as_json:
        print(json.dumps([asdict(one) for one in entries], indent=1))
        return 0
    from datetime import datetime

    for one in entries:
        print(f"{one.sha256}  {moment_text(datetime.fromtimestamp(one.time))}  {visible(one.path)}")
    print(f"{len(entries):,} trusted to run as a module.")
    return 0


def _tell(found: Runnable, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"trusted": False, "module": found.may_be_module, "sha256": found.sha256, "names": found.named,
                          "known": found.known, "torchscript": found.is_script}, indent=1))  # fmt: skip
        return
    _names("To run it, these would be imported, and may run", found.named)
    _names("These only write tensors and containers", found.known)
    if found.is_script:
        print("It is a TorchScript archive: torch would run the program in it.")
    print(f"SHA-256: {found.sha256}")
    if not found.may_be_module:
        print(f"{visible(found.path.name)} holds no module: it names no class or function of its own, so there is "
              "nothing to run or to trust.")  # fmt: skip
        return
    print(found.untrusted)
    print(WARNING)
    print(f"To trust this content and run it: {command(found.path)} --trust {found.sha256}")


def _names(title: str, names: tuple[str, ...]) -> None:
    print(f"{title} ({len(names):,}):{'' if names else ' none'}")
    for name in names[:FEW]:
        print(f"  {name}")
    if len(names) > FEW:
        print(f"  and {len(names) - FEW:,} more")


def _show(found: Runnable, run: RunnableModule, as_json: bool) -> None:
    report = run.report
    if as_json:
        compared = [{"name": one.name, "verdict": one.verdict} for one in run.compared]
        print(json.dumps({"trusted": True, "names": found.named, "known": found.known, **asdict(report),
                          "compared": compared}, indent=1))  # fmt: skip
        return
    if not report.modules:
        print(f"It holds no module: what was loaded is a {visible(report.type_name)}.")
    for one in report.modules:
        print(f"{visible(one.prefix) + ': ' if one.prefix else ''}{visible(one.class_name)}")
        print(f"  {visible(one.forward)}")
        for name, kind in one.modules[1:FEW]:
            print(f"  {visible(name)}: {visible(kind)}")
        if len(one.modules) > FEW:
            print(f"  and {len(one.modules) - FEW:,} more modules")
    verdicts = Counter(one.verdict for one in run.compared)
    listed = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.most_common())
    print(f"Beside what the file shows without running: {listed or 'no tensors to compare'}.")
    for tensor in [tensor for tensor in run.compared if tensor.verdict != "same"][:FEW]:
        shape = "" if tensor.run is None else f", {shape_text(tensor.run.shape)} {visible(tensor.run.dtype)}"
        print(f"  {visible(tensor.name)}: {tensor.verdict}{shape}")
    others = [name for name in report.imported if name.partition(".")[0] != "torch"]
    tops = sorted({name.partition(".")[0] for name in others})
    print(f"It imported {len(others):,} modules beside torch{': ' if tops else ''}"
          f"{', '.join(map(visible, tops[:FEW]))}.")  # fmt: skip
    if report.output.strip():
        print(f"It printed {report.output_nbytes:,} bytes:")
        print(visible_lines(report.output.strip(), 2_000))
