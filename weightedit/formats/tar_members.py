"""The members of a tar archive as ranges of its bytes; nothing is extracted.

Format: POSIX.1-2017, pax, sections "ustar Interchange Format" and "pax Header Block".
"""

from __future__ import annotations

from weightedit.core.source import SourceFile
from weightedit.formats.zip_directory import wrong

BLOCK = 512
MOST_MEMBERS = 1000
_MOST_PAX = 1 << 20
_FILES = (b"0", b"\0", b"7")


def is_tar(head: bytes) -> bool:
    """Tell a tar archive from its first bytes."""
    return head[257:262] == b"ustar"


def read_members(file: SourceFile) -> dict[str, tuple[int, int]]:
    """Return where the bytes of each regular file in the archive begin and end, by name.

    Raises
    ------
    CheckpointError
        If a header is damaged, a member reaches past the end of the file, or a name stands there twice.
    """
    found: dict[str, tuple[int, int]] = {}
    at, records = 0, 0
    pax: dict[str, str] = {}
    while at + BLOCK <= file.size:
        header = file.read(at, BLOCK)
        if not any(header):
            break
        records += 1
        if records > MOST_MEMBERS:
            raise wrong(file, f"is a tar archive of more than {MOST_MEMBERS:,} members; torch wrote 4.")
        name, kind, nbytes = _header(file, header, at)
        if kind in _FILES and "size" in pax:
            nbytes = _decimal(file, pax["size"], name)
        start, stop = at + BLOCK, at + BLOCK + nbytes
        if stop > file.size:
            raise wrong(file, f"is cut short: its member {name} should reach byte {stop:,}, and the file has "
                              f"{file.size:,}.", name)  # fmt: skip
        if kind == b"x":
            pax = _pax(file, start, nbytes)
        elif kind in _FILES:
            name, pax = pax.get("path", name), {}
            if name in found:
                raise wrong(file, f"holds the member {name} twice.", name)
            found[name] = start, stop
        at = stop + -stop % BLOCK
    return found


def _header(file: SourceFile, header: bytes, at: int) -> tuple[str, bytes, int]:
    """Return name, kind and size of one member."""
    name = _text(header[345:500]) + "/" + _text(header[:100]) if header[345:346] > b"\0" else _text(header[:100])
    blanked = header[:148] + b" " * 8 + header[156:]
    if _octal(header[148:156]) != sum(blanked):
        raise wrong(file, f"is damaged: the checksum of the member at byte {at:,} is wrong.", name)
    nbytes = int.from_bytes(header[125:136], "big") if header[124] & 0x80 else _octal(header[124:136])
    if nbytes is None:
        raise wrong(file, f"is damaged: its member {name} has no size.", name)
    return name, header[156:157], nbytes


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _octal(raw: bytes) -> int | None:
    digits = raw.strip(b" \0")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else None


def _decimal(file: SourceFile, text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise wrong(file, f"is damaged: its member {name} has the size {text[:40]!r}.", name)
    return int(text)


def _pax(file: SourceFile, start: int, nbytes: int) -> dict[str, str]:
    """Return the records of an extended header: `length key=value` and a line break each."""
    if nbytes > _MOST_PAX:
        raise wrong(file, f"is damaged: the extended header at byte {start:,} has {nbytes:,} bytes.")
    raw = file.read(start, nbytes)
    found: dict[str, str] = {}
    while raw:
        length, _, rest = raw.partition(b" ")
        size = int(length) if length.isdigit() and len(length) < 8 else 0
        if not len(length) + 1 < size <= len(raw):
            raise wrong(file, f"is damaged: the extended header at byte {start:,} does not read.")
        key, _, value = rest[: size - len(length) - 2].partition(b"=")
        found[key.decode("utf-8", "backslashreplace")] = value.decode("utf-8", "backslashreplace")
        raw = raw[size:]
    return found
