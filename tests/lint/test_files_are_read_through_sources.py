"""Bytes of a file we do not own are read by `SourceFile` alone, which notices that it changed, and never mapped."""

from __future__ import annotations

import ast

from tests.lint.sources import nodes

READERS = ("core/source.py", "core/files/positioned.py")
OPENED_WHOLE = {
    "formats/detection.py": "the first bytes, before a file is opened as anything",
    "formats/safetensors_index.py": "an index, read once and whole when a sharded checkpoint is opened",
}
"""Files of the rooms that know checkpoints, which read something without a source; each with what."""
ALONE = ("doctor/trusted_file/child.py", "doctor/inside/")
"""Run in processes of their own: on bytes that were read and hashed, and beside a model that a person brought, on the
inputs that it is given and on a file of values that is our own."""
ROOMS = ("formats/", "operations/", "search/", "assembly.py")
OPENS = {"open", "read_bytes", "read_text", "fdopen"}
"""core opens files of its own as well: journals, locks, recipes, the log. So these are looked for in `ROOMS`."""
READS = {"memmap", "fromfile", "from_file", "pread", "preadv", "mmap"}
LOADERS = {("np", "load"), ("numpy", "load"), ("torch", "load")}


def called(node: ast.AST) -> tuple[str, str]:
    """What a call calls: on which name, and what."""
    if not isinstance(node, ast.Call):
        return "", ""
    if isinstance(node.func, ast.Name):
        return "", node.func.id
    if isinstance(node.func, ast.Attribute):
        return node.func.value.id if isinstance(node.func.value, ast.Name) else "", node.func.attr
    return "", ""


def opens(node: ast.AST) -> bool:
    of, what = called(node)
    return what in OPENS and of not in {"kind", "candidate", "weightedit"}  # a format, or the program itself


def reads(node: ast.AST) -> bool:
    of, what = called(node)
    return what in READS or what == "safe_open" or (of, what) in LOADERS


def test_only_sources_read_files():
    """A read past them would show what another program wrote as if it were what was opened, or die of SIGBUS."""
    found = {f"{name}:{node.lineno}" for name, node in nodes() if isinstance(node, ast.Call)
             and name not in READERS and not name.startswith(("ui/", *ALONE))
             and ((name.startswith(ROOMS) and name not in OPENED_WHOLE and opens(node))
                  or (name != "core/undo/sealed.py" and reads(node)))}  # fmt: skip
    assert not found, f"read these through SourceFile: {sorted(found)}"


def test_only_the_spill_maps():
    """A mapped file that another program cuts short kills this one."""
    found = {name for name, node in nodes() if isinstance(node, ast.Import | ast.ImportFrom)
             and any(alias.name == "mmap" for alias in node.names)}  # fmt: skip
    assert found == {"core/undo/sealed.py"}


def test_this_test_finds_what_it_looks_for():
    for text in ("open(path)", "path.open('rb')", "path.read_bytes()", "os.open(path, 0)"):
        assert any(opens(node) for node in ast.walk(ast.parse(text))), text
    for text in ("np.load(path)", "torch.load(path)", "os.pread(handle, 1, 0)", "np.memmap(path)", "safe_open(path)",
                 "mmap.mmap(handle, 1)", "torch.UntypedStorage.from_file(path)"):  # fmt: skip
        assert any(reads(node) for node in ast.walk(ast.parse(text))), text
