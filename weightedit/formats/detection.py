"""Which format a file is, told by its content; and one clear sentence for what is none."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from weightedit.core.errors import CheckpointError
from weightedit.core.source import SourceFile
from weightedit.core.words.paths import reason, shown, some
from weightedit.core.writing.leftovers import settle_folder
from weightedit.formats.bare_pickle import protocol_of, what_it_is

HEAD = 4096
"""Bytes of a file that tell its format."""
INDEX_SUFFIX = ".index.json"
_SAFETENSORS = ".safetensors"
CHECKPOINT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".jit")

_SPOILED = ("is damaged", "is empty", "is longer than it says", "is no safetensors file", "is not valid JSON",
            "has a header", "has metadata", "has a pickle that cannot be read", "names ", "says its header")
"""How sentences begin that say that what a file holds makes no sense."""
_AGAIN = "Get the file again, or have it written anew where it comes from."
_LEGACY_PICKLES = (b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", b"L119547037146038801333356L\n.")  # binary, and as text
_FOREIGN: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"GGUF", "a GGUF file"),
    (0, b"\x1f\x8b", "a gzip archive: unpack it first"),
    (0, b"BZh", "a bzip2 archive: unpack it first"),
    (0, b"\xfd7zXZ\x00", "an xz archive: unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstandard archive: unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (0, b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a Windows program"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself: run git lfs pull to fetch it"),
)


def is_torch_legacy(head: bytes) -> bool:
    """Whether the file is what torch.save wrote before 1.6: a magic number in a pickle of its own."""
    return any(number in head[:48] for number in _LEGACY_PICKLES)


def what_instead(path: Path, head: bytes, size: int) -> CheckpointError:
    """Return the error that says what a file of no known format is."""
    name = path.name
    if not size:
        return CheckpointError(f"{name} {with_remedy('is empty: it has 0 bytes.')}", file=path)
    for offset, magic, what in _FOREIGN:
        if head[offset : offset + len(magic)] == magic:
            return CheckpointError(f"{name} is {what}; weightedit reads safetensors, torch checkpoints and numpy "
                                   "arrays.", file=path)  # fmt: skip
    if path.name.lower().endswith(_SAFETENSORS) and head[8:9] == b"{" and not is_text(head):
        lies = lying_length(int.from_bytes(head[:8], "little"), size)
        return CheckpointError(f"{name} {with_remedy(lies)}", file=path)
    if (protocol := protocol_of(head)) is not None:
        return what_it_is(path, protocol)
    if is_text(head):
        kind = "a web page" if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")) else "a text file"
        return CheckpointError(f"{name} is {kind}, not a checkpoint.", file=path)
    return CheckpointError(f"{name} is no checkpoint that weightedit knows: its first bytes are "
                           f"{head[:8].hex(' ')}.", file=path)  # fmt: skip


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file read as text."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(head) < HEAD:  # only a head may end within a character
            return False
        text = head[: error.start].decode("utf-8")
    return all(char.isprintable() or char in "\t\r\n\f\ufeff" for char in text)


def find_file(path: Path) -> Path:
    """Return the regular file that a path means, as `locate` does.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is a pipe or device, which is not waited for; or as `locate` does.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a path takes three times as long, and this is for each opening
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{shown(path)} cannot be read: {reason(error)}.", file=path) from error
    if stat.S_ISREG(mode):
        return path
    if stat.S_ISDIR(mode):
        return locate(path)
    raise CheckpointError(f"{shown(path)} is a pipe or device, not a file.", file=path)


def read_head(path: Path) -> tuple[bytes, int]:
    """Return the first bytes of a regular file and its size; raises `CheckpointError` where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(HEAD), path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{shown(path)} cannot be read: {reason(error)}.", file=path) from error


def open_file(path: Path | SourceFile) -> SourceFile:
    """Open the file that a path means; one that is open already is returned as it is.

    Raises
    ------
    CheckpointError
        If a folder holds no checkpoint, or several, or the file cannot be read.
    """
    return path if isinstance(path, SourceFile) else SourceFile(locate(path))


def locate(path: Path) -> Path:
    """Return the file that a path means: itself, or the checkpoint or index inside a folder.

    Raises
    ------
    CheckpointError
        If a folder holds no checkpoint, or several and no index that joins them.
    """
    try:
        if not path.is_dir():
            return path
        settle_folder(path, path)  # else an index that was to come last could be missing, or name shards of two saves
        files = sorted(child for child in path.iterdir() if child.is_file())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{shown(path)} cannot be read: {reason(error)}.", file=path) from error
    indices = [file for file in files if file.name.endswith(".safetensors" + INDEX_SUFFIX)]
    candidates = indices or [file for file in files if file.suffix.lower() in CHECKPOINT_SUFFIXES]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise CheckpointError(
            f"The folder {shown(path)} holds {len(candidates):,} checkpoints and no single index that joins them: "
            f"{some(file.name for file in candidates)}. Open one of them.",
            file=path,
        )
    raise CheckpointError(f"The folder {shown(path)} holds no checkpoint.", file=path)


def with_remedy(what: str) -> str:
    """Return what is wrong with a file, with what to do where it was cut short or its content makes no sense."""
    if what.startswith("is cut short"):
        return f"{what} Download or copy it again."
    return f"{what} {_AGAIN}" if what.startswith(_SPOILED) else what


def lying_length(length: int, size: int) -> str:
    """Return what is wrong with a safetensors file whose header would be longer than any, or than the file."""
    what = f"{length:,} byte{'s' * (length != 1)}"
    return f"is damaged: the header length lies, {what} in a file of {size:,}."


def within(folder: Path, name: str) -> Path | None:
    """Return the file `name` means inside `folder`, or None where it would leave the folder.

    Absolute names, `..`, drive letters and links that point out of the folder all leave it.
    """
    if not name or "\0" in name or "\\" in name or ":" in name or name.startswith("/") or name.endswith("/"):
        return None
    if ".." in name.split("/"):
        return None
    target = folder / name
    inside = os.path.realpath(folder)
    # A hub cache keeps its files as links into a folder beside this one; those links are made by the cache itself.
    allowed = (inside, os.path.join(os.path.dirname(os.path.dirname(inside)), "blobs"))  # noqa: PTH118, PTH120
    real = os.path.realpath(target)
    return target if any(real.startswith(root + os.sep) for root in allowed) else None
