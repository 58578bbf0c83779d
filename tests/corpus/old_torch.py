"""What torch wrote before 1.6 and before 0.2: files of pickles in a row and tar archives, broken and honest ones."""

from __future__ import annotations

import struct
import tarfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.corpus.building import written
from tests.corpus.case import Family, Opens, Refused, holds, raw
from tests.formats import torch_files as old

FAMILY = Family("old torch")
W = old.floats(1, 2, 3, 4, 5, 6)
SEEN = raw("float32", (2, 3), W)


def root(**more: Any) -> dict[str, Any]:
    return {"w": old.Tensor(old.storage("0", 6), 0, (2, 3), (3, 1))} | more


def legacy(name: str, words: str, root_: Any = None, storages: Any = None, **options: Any) -> None:
    """Add a file of pickles in a row that must be refused."""

    def make(folder: Path) -> Path:
        return old.legacy_file(
            folder / "model.pt",
            root() if root_ is None else root_,
            [("0", 6, W)] if storages is None else storages,
            **options,
        )

    FAMILY.add(name, make, Refused(words))


legacy("another magic number", "is a bare pickle", magic=1)
legacy("protocol version 1002", "has the protocol version 1002", version=1002)
legacy("a protocol version that is a text", "has the protocol version", version="1001")
legacy("a protocol version that is a list", "has the protocol version", version=[1001] * 1000)
legacy("system information that is a list", "its system information is no dict", system=[])
legacy("no storages listed", "lacks storage", keys=[], storages=[])
legacy("a storage twice", "twice", keys=["0", "0"])
legacy("keys that are numbers", "is no list of keys", keys=[0])
legacy("keys that are no list", "is no list of keys", keys="0")
legacy("keys in a dict", "is no list of keys", keys={"0": 1})
legacy("a storage nothing refers to", "which nothing refers to", storages=[("0", 6, W), ("9", 1, W[:4])])
legacy("a storage of fewer elements", "says it has 5 elements", storages=[("0", 5, W)])
legacy("a storage of more elements", "says it has 7 elements", storages=[("0", 7, W)])
legacy("a storage of -6 elements", "says it has -6 elements", storages=[("0", -6, W)])
legacy("a storage of 2^62 elements", "elements", storages=[("0", 1 << 62, W)])
legacy("a storage cut short", "is cut short", storages=[("0", 6, W[:-1])])
legacy("a storage without bytes", "is cut short", storages=[("0", 6, b"")])
legacy("a tensor past its storage", "reaches byte", {"w": old.Tensor(old.storage("0", 6), 0, (3, 3), (3, 1))})
legacy(
    "a storage promised past the file", "is cut short", {"w": old.Tensor(old.storage("0", 1 << 40), 0, (2, 3), (3, 1))}
)
legacy(
    "a storage of two sizes",
    "should have",
    {"a": old.Tensor(old.storage("0", 6), 0, (6,), (1,)), "b": old.Tensor(old.storage("0", 60), 0, (6,), (1,))},
)
legacy(
    "a view past its storage", "a view of elements", {"w": old.Tensor(old.storage("0", 6, ("v", 4, 6)), 0, (6,), (1,))}
)
legacy("a view at -1", "a view of elements", {"w": old.Tensor(old.storage("0", 6, ("v", -1, 6)), 0, (6,), (1,))})
legacy("a view of texts", "a view of a storage", {"w": old.Tensor(old.storage("0", 6, ("v", "0", "6")), 0, (6,), (1,))})
legacy("a view of two parts", "a view of a storage", {"w": old.Tensor(old.storage("0", 6, ("v", 0)), 0, (6,), (1,))})
legacy("a tensor past its view", "reaches element", {"w": old.Tensor(old.storage("0", 6, ("v", 2, 2)), 0, (3,), (1,))})
legacy("a view without a tensor", "without a tensor", {"s": old.storage("0", 6, ("v", 0, 2))})
legacy("a persistent id of another kind", "persistent id", {"w": old.Pid(("os", "system", "x", "y", 1, None))})
legacy("a module without its class", "pickle", {"w": old.Tensor(old.Pid(("module", 1)), 0, (1,), (1,))})


def whole() -> bytes:
    """The bytes of a sound file."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        return old.legacy_file(Path(name) / "x", root(), [("0", 6, W)]).read_bytes()


SOUND = whole()
for _share in (0.2, 0.4, 0.6, 0.8, 0.95):
    FAMILY.add(
        f"cut after {_share:.0%}", written(SOUND[: int(len(SOUND) * _share)], "model.pt"), Refused("is cut short")
    )
FAMILY.add("only the magic number", written(SOUND[:15], "model.pt"), Refused("is cut short"))
FAMILY.add("zeros behind the magic number", written(SOUND[:15] + bytes(500), "model.pt"), Refused("pickle"))
FAMILY.add(
    "random bytes behind the magic number",
    written(SOUND[:15] + bytes(i * 91 % 256 for i in range(500)), "model.pt"),
    Refused("pickle"),
)
FAMILY.add(
    "a pickle without an end", written(SOUND[:15] + b"\x80\2" + b"N" * 100_000, "model.pt"), Refused("is cut short")
)
FAMILY.add(
    "ten megabytes without an end",
    written(SOUND[:15] + b"\x80\2" + b"N0" * 5_000_000, "model.pt"),
    Refused("is cut short"),
)
FAMILY.add("a text of 4 GB", written(SOUND[:15] + b"\x80\2X\xff\xff\xff\xff", "model.pt"), Refused("is cut short"))
FAMILY.add(
    "code as the protocol version",
    written(SOUND[:15] + b"cos\nsystem\n(S'touch tripped'\ntR.", "model.pt"),
    Refused("has the protocol version"),
)
FAMILY.add(
    "code as the system information",
    written(SOUND[:27] + b"cos\nsystem\n(S'touch tripped'\ntR.", "model.pt"),
    Refused(""),
)


def odd(
    name: str, make: Callable[[Path], Path], tensors: dict[str, Any] | None = None, unwritable: str | None = None
) -> None:
    def made(folder: Path) -> tuple[Path, Opens]:
        return make(folder), holds({"w": SEEN} if tensors is None else tensors, None, unwritable)

    FAMILY.add(name, made)


def file(root_: Any = None, storages: Any = None, **options: Any) -> Callable[[Path], Path]:
    return lambda folder: old.legacy_file(
        folder / "model.pt",
        root() if root_ is None else root_,
        [("0", 6, W)] if storages is None else storages,
        **options,
    )


odd("made by hand", file())
odd("bytes behind the last storage", file(tail=b"more"))
odd(
    "a big-endian machine's, whose numbers are little-endian all the same",
    file(system=old.SYSTEM | {"little_endian": False}),
)
odd("no type sizes", file(system={}))
odd(
    "a view",
    file(root(v=old.Tensor(old.storage("0", 6, ("v", 2, 4)), 0, (2, 2), (2, 1)))),
    {"w": SEEN, "v": raw("float32", (2, 2), W[8:])},
)
odd("a parameter of torch 0.3", file({"w": old.Old(old.Tensor(old.storage("0", 6), 0, (2, 3), (3, 1)))}))
odd(
    "an empty storage",
    file(root(e=old.Tensor(old.storage("1", 0), 0, (0,), (1,))), [("0", 6, W), ("1", 0, b"")]),
    {"w": SEEN, "e": raw("float32", (0,), b"")},
)
odd(
    "code beside the tensor",
    file(root(x=old.Pid(("module", torch.nn.Linear, "evil.py", "import os; os.system('touch tripped')")))),
)
odd("no tensor", file({"a": 1}, []), {})

# ---------------------------------------------------------------- tar

MEMBERS = old.tar_members()
TAR = {
    "whole": torch.arange(12.0).reshape(3, 4),
    "transposed": torch.arange(4.0, 10.0).as_strided((3, 2), (1, 3)),
    "counts": torch.tensor([7, -9]),
    "strided": torch.tensor([5.0, 7.0]),
}


def tar(
    name: str, words: str, members: dict[str, bytes] | None = None, change: Callable[[bytes], bytes] = bytes
) -> None:
    """Add an archive that must be refused."""

    def make(folder: Path) -> Path:
        path = old.tar_file(folder / "model.pt", members)
        path.write_bytes(change(path.read_bytes()))
        return path

    FAMILY.add(f"tar: {name}", make, Refused(words))


def change(**members: bytes) -> dict[str, bytes]:
    return MEMBERS | members


tar("no pickle", "without pickle", {key: data for key, data in MEMBERS.items() if key != "pickle"})
tar("no storages", "without storages", {key: data for key, data in MEMBERS.items() if key != "storages"})
tar("another archive", "without storages", {"README": b"hello"})
tar("cut in half", "", None, lambda data: data[: len(data) // 2])
tar("cut in the first header", "is no checkpoint", None, lambda data: data[:250])
tar("a checksum that is wrong", "the checksum of the member", None, lambda data: b"X" + data[1:])
tar("a member past the file", "", None, lambda data: data[:1600])
tar("storages of 2^60", "", change(storages=b"\x80\2\x8a\x08" + struct.pack("<q", 1 << 60) + b"."))
tar("a number of storages that is a text", "is no number of storages", change(storages=b"\x80\2X\1\0\0\0a."))
tar("a number of storages below 0", "is no number of storages", change(storages=b"\x80\2J\xff\xff\xff\xff."))
tar("empty storages", "is cut short", change(storages=b""))
tar("empty tensors", "is cut short", change(tensors=b""))
tar("an empty pickle", "is cut short", change(pickle=b""))
tar(
    "a storage cut short",
    "is cut short",
    old.tar_members(storages=old.STORAGES[:1]) | {"storages": MEMBERS["storages"][:60]},
)
tar("a tensor over no storage", "lacks storage", old.tar_members(tensors=[(21, 99, (1,), (1,), 0)]))
tar(
    "a tensor past its storage",
    "reaches",
    old.tar_members(tensors=[(21, 11, (3, 5), (5, 1), 0)], root=OrderedDict(whole=old.Pid("21"))),
)
tar(
    "a tensor that the pickle names and nobody holds",
    "which it does not hold",
    old.tar_members(root=OrderedDict(a=old.Pid("77"))),
)
tar("a view past its storage", "a view of elements", old.tar_members(views=[(13, 11, 10, 6)]))
tar("a view of nothing", "lacks storage", old.tar_members(views=[(13, 98, 0, 1)]))
tar("views that are no list", "its views of storages are no list", old.tar_members(views={"a": 1}))
tar("a key twice", "twice", old.tar_members(storages=[*old.STORAGES, old.STORAGES[0]]))
tar(
    "-1 dimensions",
    "dimensions",
    change(tensors=MEMBERS["tensors"].replace(struct.pack("<ii", 2, 0), struct.pack("<ii", -1, 0), 1)),
)
tar(
    "2^31 dimensions",
    "dimensions",
    change(tensors=MEMBERS["tensors"].replace(struct.pack("<ii", 2, 0), struct.pack("<ii", 0x7FFFFFFF, 0), 1)),
)


def linked(kind: bytes) -> Callable[[Path], Path]:
    """A member that is a link out of the archive: it would be followed where archives are extracted."""

    def make(folder: Path) -> Path:
        path = folder / "model.pt"
        with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo("storages")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        return path

    return make


FAMILY.add("tar: a member that is a symbolic link", linked(tarfile.SYMTYPE), Refused("without storages"))
FAMILY.add("tar: a member that is a hard link", linked(tarfile.LNKTYPE), Refused("without storages"))
FAMILY.add("tar: a member that is a device", linked(tarfile.CHRTYPE), Refused("without storages"))

odd("tar: as torch wrote it", lambda folder: old.tar_file(folder / "model.pt"), TAR, "is read and not written")
odd(
    "tar: members by paths up beside them",
    lambda folder: old.tar_file(folder / "model.pt", MEMBERS | {"../../evil": b"x", "/etc/evil": b"x"}),
    TAR,
    "is read and not written",
)
odd(
    "tar: a pickle that would run",
    lambda folder: old.tar_file(folder / "model.pt", change(pickle=b"cos\nsystem\n(S'touch tripped'\ntR.")),
    {},
    "is read and not written",
)
