"""Pickles written opcode by opcode, around one sound tensor."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tests.corpus.case import Opens, raw
from tests.corpus.zips import W, checkpoint

SEEN = raw("float32", (2, 3), W)
END = b"."


def g(module: str, name: str) -> bytes:
    """A class or function by name."""
    return b"c" + f"{module}\n{name}\n".encode()


def t(text: str) -> bytes:
    """A text."""
    data = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<L", len(data)) + data


def n(number: int) -> bytes:
    """A whole number of any size."""
    if 0 <= number < 256:
        return b"K" + bytes([number])
    if -(1 << 31) <= number < 1 << 31:
        return b"J" + struct.pack("<i", number)
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data if len(data) < 256 else b"\x8b" + struct.pack("<i", len(data)) + data


def tup(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def lst(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


def dct(*pairs: tuple[bytes, bytes]) -> bytes:
    return b"}(" + b"".join(key + value for key, value in pairs) + b"u"


def call(function: bytes, *args: bytes) -> bytes:
    return function + tup(*args) + b"R"


def made(kind: bytes, *args: bytes, state: bytes = b"") -> bytes:
    """An object made without being initialized, and what is set on it."""
    return kind + tup(*args) + b"\x81" + (state + b"b" if state else b"")


def ordered(*pairs: tuple[bytes, bytes]) -> bytes:
    return g("collections", "OrderedDict") + b")R" + (b"(" + b"".join(k + v for k, v in pairs) + b"u" if pairs else b"")


def storage(
    kind: bytes | None = None, key: bytes | None = None, location: bytes | None = None, numel: bytes | None = None
) -> bytes:
    return (
        tup(
            t("storage"),
            g("torch", "FloatStorage") if kind is None else kind,
            t("0") if key is None else key,
            t("cpu") if location is None else location,
            n(6) if numel is None else numel,
        )
        + b"Q"
    )


def tensor(
    over: bytes | None = None,
    offset: bytes = b"K\0",
    size: bytes | None = None,
    stride: bytes | None = None,
    requires_grad: bytes = b"\x89",
    hooks: bytes | None = None,
    *more: bytes,
) -> bytes:
    return call(
        g("torch._utils", "_rebuild_tensor_v2"),
        storage() if over is None else over,
        offset,
        tup(n(2), n(3)) if size is None else size,
        tup(n(3), n(1)) if stride is None else stride,
        requires_grad,
        ordered() if hooks is None else hooks,
        *more,
    )


TENSOR = tensor()


def root(*pairs: tuple[bytes, bytes], first: bytes | None = None) -> bytes:
    """A dict of the sound tensor `w`, and of what is under trial."""
    return b"\x80\2" + dct((t("w"), TENSOR if first is None else first), *pairs) + END


def beside(value: bytes) -> bytes:
    """A dict of the sound tensor and one value under `x`."""
    return root((t("x"), value))


def opens(
    pickle: bytes, tensors: dict | None = None, storages: dict | None = None
) -> Callable[[Path], tuple[Path, Opens]]:
    def make(folder: Path) -> tuple[Path, Opens]:
        (folder / "model.pt").write_bytes(checkpoint(pickle, storages))
        return folder / "model.pt", Opens({"w": SEEN} if tensors is None else tensors, {})

    return make
