"""Files that are no checkpoint, and paths that are no file."""

from __future__ import annotations

import gzip
import os
import socket
from pathlib import Path

from tests.corpus.building import SEEN, TENSOR, bad_files, safetensors
from tests.corpus.case import Family, Opens, Refused

FAMILY = Family("no checkpoint")
SOUND = safetensors({"a": TENSOR})


for _suffix in ("pt", "safetensors", "npy", "npz", "csv", "safetensors.index.json", "ckpt", "bin"):
    bad_files(FAMILY, {f"empty .{_suffix}": (b"", "is empty")}, f"model.{_suffix}")

bad_files(
    FAMILY,
    {
        "one byte": (b"\xfe", "is no checkpoint"),
        "the first byte of a pickle": (b"\x80", "bare pickle"),
        "one zero": (b"\0", "is no checkpoint"),
        "seven bytes": (b"\x80\x02}q\0.x", "bare pickle"),
        "eight zeros": (bytes(8), "is no checkpoint"),
        "4,095 zeros": (bytes(4095), "is no checkpoint"),
        "a megabyte of zeros": (bytes(1 << 20), "is no checkpoint"),
        "a megabyte of 0xff": (b"\xff" * (1 << 20), "is no checkpoint"),
        "spaces": (b" " * 4096, "is a text file"),
        "one line break": (b"\n", "is a text file"),
        "JSON": (b'{"a": 1}', "is a text file"),
        "Python": (b"import torch\n", "is a text file"),
        "HTML": (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        "HTML after spaces": (b"\n\n  <HTML>login</HTML>", "is a web page"),
        "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
        "GGUF": (b"GGUF\3\0\0\0" + bytes(64), "is a GGUF file"),
        "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "is an HDF5 file"),
        "gzip": (gzip.compress(SOUND, mtime=0), "is a gzip archive"),
        "bzip2": (b"BZh91AY&SY" + bytes(32), "is a bzip2 archive"),
        "xz": (b"\xfd7zXZ\x00" + bytes(32), "is an xz archive"),
        "zstandard": (b"\x28\xb5\x2f\xfd" + bytes(32), "zstandard"),
        "7-Zip": (b"7z\xbc\xaf\x27\x1c" + bytes(32), "7-Zip"),
        "RAR": (b"Rar!\x1a\x07\0" + bytes(32), "RAR"),
        "TensorFlow Lite": (b"\x1c\0\0\0TFL3" + bytes(32), "TensorFlow Lite"),
        "PDF": (b"%PDF-1.7\n\xff" + bytes(32), "PDF"),
        "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(32), "PNG"),
        "JPEG": (b"\xff\xd8\xff\xe0" + bytes(32), "JPEG"),
        "a program": (b"\x7fELF\2\1\1" + bytes(64), "is a program"),
        "a Windows program": (b"MZ\x90\0" + bytes(64), "Windows program"),
        "a shell script": (b"#!/bin/sh\ntouch tripped\n", "is a text file"),
        "an ONNX model": (b"\x08\x07\x12\x07pytorch\x1a\x031.8" + bytes(32), "is no checkpoint"),
        "UTF-16 text": ("weights".encode("utf-16"), "is no checkpoint"),
        "latin-1 text": (b"\xe9t\xe9 " * 30, "is no checkpoint"),
        "a bare pickle of protocol 0": (b"(dp0\n.", "is a bare pickle of protocol 0"),
        "one of protocol 0 that would run": (b"cos\nsystem\n(S'touch tripped'\ntR.", "names os.system; nothing of it"),
        "a bare pickle of protocol 2": (b"\x80\x02}q\0.", "bare pickle"),
        "a bare pickle of protocol 5": (b"\x80\x05\x95\x02\0\0\0\0\0\0\0}.", "bare pickle"),
        "a bare pickle that would run": (b"\x80\x02cos\nsystem\nX\x0d\0\0\0touch tripped\x85R.", "bare pickle"),
        "a sound file behind a byte": (b"\0" + SOUND, "is no checkpoint"),
        "random bytes": (bytes(i * 197 % 256 for i in range(500)), "is no"),
    },
    "model.pt",
)


@FAMILY.bad("is a pipe or device")
def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "model.safetensors")
    return folder / "model.safetensors"


@FAMILY.bad("is a pipe or device")
def a_link_to_a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    (folder / "model.pt").symlink_to("pipe")
    return folder / "model.pt"


@FAMILY.bad("is a pipe or device")
def a_socket(folder: Path) -> Path:
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            os.chdir(folder)  # the names of sockets are short
            listening.bind("model.pt")
        finally:
            os.chdir(here)
    return folder / "model.pt"


def link_to(target: str):
    def make(folder: Path) -> Path:
        (folder / "model.pt").symlink_to(target)
        return folder / "model.pt"

    return make


for _device in ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/full"):
    FAMILY.add(
        f"a link to {_device}",
        link_to(_device),
        Refused("is a pipe or device"),
        lambda at=_device: None if Path(at).exists() else f"there is no {at}",
    )
for _title, _target, _words in (
    ("nowhere", "missing.pt", "no such file"),
    ("itself", "model.pt", "oo many"),
    ("its own folder", ".", "no checkpoint"),
    ("a path through a file", "model.pt/x", "oo many"),
    ("a name too long", "n" * 300, "too long"),
    ("/proc/self/mem", "/proc/self/mem", "cannot be read"),
):
    FAMILY.add(f"a link to {_title}", link_to(_target), Refused(_words))


@FAMILY.bad("oo many")
def links_in_a_circle(folder: Path) -> Path:
    (folder / "model.pt").symlink_to("b")
    (folder / "b").symlink_to("model.pt")
    return folder / "model.pt"


@FAMILY.bad("cannot be read", as_nobody=True)
def a_file_nobody_may_read(folder: Path) -> Path:
    (folder / "model.safetensors").write_bytes(SOUND)
    (folder / "model.safetensors").chmod(0)
    return folder / "model.safetensors"


@FAMILY.bad("cannot be read", as_nobody=True)
def a_folder_nobody_may_read(folder: Path) -> Path:
    (folder / "model").mkdir()
    (folder / "model" / "model.safetensors").write_bytes(SOUND)
    (folder / "model").chmod(0)
    return folder / "model"


@FAMILY.bad("holds no checkpoint")
def a_folder_with_a_files_suffix(folder: Path) -> Path:
    (folder / "model.safetensors").mkdir()
    return folder / "model.safetensors"


@FAMILY.bad("holds no checkpoint")
def a_folder_of_folders_named_as_files(folder: Path) -> Path:
    (folder / "model" / "a.pt").mkdir(parents=True)
    (folder / "model" / "b.safetensors.index.json").mkdir()
    return folder / "model"


@FAMILY.bad("holds no checkpoint")
def a_folder_of_pipes_and_dead_links(folder: Path) -> Path:
    inside = folder / "model"
    inside.mkdir()
    os.mkfifo(inside / "a.pt")
    (inside / "b.safetensors").symlink_to("nowhere")
    return inside


@FAMILY.bad("holds 2 checkpoints")
def a_folder_with_two_checkpoints(folder: Path) -> Path:
    inside = folder / "model"
    inside.mkdir()
    for name in ("a.safetensors", "b.safetensors"):
        (inside / name).write_bytes(SOUND)
    return inside


@FAMILY.bad("holds 2 checkpoints")
def a_folder_with_two_indices(folder: Path) -> Path:
    inside = folder / "model"
    inside.mkdir()
    for name in ("a.safetensors.index.json", "b.safetensors.index.json"):
        (inside / name).write_text("{}")
    return inside


@FAMILY.bad("holds 3,000 checkpoints")
def a_folder_with_3_000_checkpoints(folder: Path) -> Path:
    inside = folder / "model"
    inside.mkdir()
    for i in range(3000):
        (inside / f"{i}.pt").touch()
    return inside


@FAMILY.bad("no such file")
def a_path_that_is_not_there(folder: Path) -> Path:
    return folder / "nothing.pt"


@FAMILY.bad("too long")
def a_path_longer_than_the_system_takes(folder: Path) -> Path:
    return folder / "/".join(["d" * 200] * 30) / "model.pt"


@FAMILY.bad("cannot be read")
def a_path_with_a_zero(folder: Path) -> Path:
    return folder / "model\0.pt"


@FAMILY.bad("not a directory")
def a_path_through_a_file(folder: Path) -> Path:
    (folder / "model.pt").write_bytes(SOUND)
    return folder / "model.pt" / "weights.pt"


@FAMILY.odd
def a_link_to_a_sound_file(folder: Path):
    (folder / "blob").write_bytes(SOUND)
    (folder / "model.safetensors").symlink_to("blob")
    return folder / "model.safetensors", Opens({"a": SEEN}, {})


@FAMILY.odd
def a_folder_with_one_checkpoint_among_other_files(folder: Path):
    inside = folder / "model"
    inside.mkdir()
    (inside / "model.safetensors").write_bytes(SOUND)
    (inside / "config.json").write_text("{}")
    (inside / "run.sh").write_text("touch tripped")
    os.mkfifo(inside / "pipe.pt")
    return inside, Opens({"a": SEEN}, {})


@FAMILY.odd
def a_name_that_is_no_unicode(folder: Path):
    path = Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.safetensors"))
    path.write_bytes(SOUND)
    return path, Opens({"a": SEEN}, {})


@FAMILY.odd
def a_name_of_line_breaks_and_escapes(folder: Path):
    path = folder / "\x1b[31m\n<b>\u202e.safetensors"
    path.write_bytes(SOUND)
    return path, Opens({"a": SEEN}, {})


@FAMILY.bad("is empty")
def an_empty_file_with_a_hostile_name(folder: Path) -> Path:
    path = folder / "a\x1b[31m\n<b>\u202e.pt"
    path.touch()
    return path


@FAMILY.odd
def a_file_nobody_may_write(folder: Path):
    path = folder / "model.safetensors"
    path.write_bytes(SOUND)
    path.chmod(0o444)
    return path, Opens({"a": SEEN}, {})
