"""Pickles that would hash, copy or print without end, or fill memory, get one sentence soon; odd honest ones open."""

from __future__ import annotations

import io
import re
import resource
import struct
import time
import zipfile

import pytest
import torch

import weightedit
from tests.fuzz.regressions import pickles
from weightedit.core.described.contents import file_inventory
from weightedit.core.errors import CheckpointError
from weightedit.core.source import SourceFile
from weightedit.formats import pickle_budget
from weightedit.formats.pickle_file import PickleStream, read_checked
from weightedit.formats.pickle_reader import PickleReader
from weightedit.formats.pickle_scan import end_of_pickle, guarded
from weightedit.formats.pickle_values import Growing
from weightedit.formats.pickle_walk import matched
from weightedit.formats.pickle_writer import PickleWriter

SECONDS = 5.0
MEMORY = 500 << 20


def file_of(tmp_path, opcodes, protocol=b"\x80\x04"):
    path = tmp_path / "a.pkl"
    path.write_bytes(protocol + opcodes + b".")
    return SourceFile(path)


def no_storage(*args):
    raise AssertionError("there is none")


@pytest.mark.parametrize("name", pickles.REFUSED)
def test_it_is_refused_soon_and_without_much_memory(name, tmp_path):
    file = file_of(tmp_path, pickles.REFUSED[name])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(CheckpointError) as refused:
        PickleStream(file).value("a value")
    assert time.process_time() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MEMORY >> 10
    text = str(refused.value)
    start = "a.pkl has a pickle that cannot be read: "
    assert text.startswith((start + "it", start + "what it", start + "a ", "a.pkl is cut short: it ends within"))
    assert text.isprintable()
    assert not re.search(r"\b(invalid|object at|NoneType)\b", text)
    assert refused.value.file == str(file.path)


@pytest.mark.parametrize("putting", [b"}(%bu", b"(%bd", b"ccollections\nOrderedDict\n)R(%bu"])
def test_whole_numbers_that_are_told_apart_slowly_are_refused(putting, tmp_path, monkeypatch):
    """No two share a hash, and 2 MB of them took 27 s in one call, in which nothing could be cancelled."""
    monkeypatch.setattr(pickle_budget, "_NS", 20_000_000)  # of 0.1 s or more that these take
    keys = b"".join(b"\x8a\x08" + struct.pack("<q", key) + b"N" for key in pickles.beside_each_other(15))
    with pytest.raises(CheckpointError, match="told apart slowly"):
        PickleStream(file_of(tmp_path, putting % keys)).value("a value")
    plain = b"".join(b"\x8a\x08" + struct.pack("<q", key) + b"N" for key in range(20_000))
    assert len(PickleStream(file_of(tmp_path, putting % plain)).value("a value")) == 20_000


@pytest.mark.parametrize("name", pickles.OPENED)
def test_it_is_read_listed_and_written_again(name, tmp_path):
    start = time.process_time()
    file = file_of(tmp_path, pickles.OPENED[name])
    root = PickleStream(file).value("a value")
    for entry in file_inventory(root).entries:
        assert len(entry.text) < 5000
    again = PickleWriter(no_storage, no_storage).write(root)
    assert matched(root, read_checked(PickleReader(no_storage, no_storage), again, file, "a value")) is not None
    assert time.process_time() - start < SECONDS


def test_a_pickle_packed_a_thousand_times_is_refused_before_it_is_unpacked(tmp_path):
    """70 kB of a zip archive would be 70 MB of empty dicts, and these 4 GB of memory."""
    path = tmp_path / "a.pt"
    whole = io.BytesIO()
    torch.save({}, whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in old.namelist():
            new.writestr(name, b"\x80\x02](" + b"}" * 70_000_000 + b"e." if name.endswith(".pkl") else old.read(name))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=r"a pickle of 70,000,006 bytes, packed into [\d,]+"):
        weightedit.open(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MEMORY >> 10


def test_a_smaller_packed_one_is_refused_by_what_it_would_take(tmp_path):
    path = tmp_path / "a.pt"
    whole = io.BytesIO()
    torch.save({}, whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, b"\x80\x02](" + b"}" * 10_000_000 + b"e." if name.endswith(".pkl") else old.read(name))
    with pytest.raises(CheckpointError, match=r"would take \d\d\d MiB of memory"):
        weightedit.open(path)


def test_objects_of_one_class_are_of_one_class(tmp_path):
    """100,000 calls of `_reconstructor` with the same arguments made as many classes: 150 MB, and 3 s."""
    data = b"ccopyreg\n_reconstructor\np1\n0(ca\nb\nc__builtin__\nobject\nNtp2\n0](" + b"g1\ng2\nR" * 100_000 + b"e"
    classes = len(type.__subclasses__(Growing))
    root = PickleStream(file_of(tmp_path, data)).value("a value")
    assert len(root) == 100_000
    assert len(type.__subclasses__(Growing)) - classes < 10


def test_a_version_that_prints_without_end_is_not_printed(tmp_path):
    """Found as torch legacy 1:126: the message printed 2 ** 60 pairs, to keep 80 characters of them."""
    path = tmp_path / "a.pt"
    path.write_bytes(pickles.legacy(pickles.LAUGH))
    with pytest.raises(CheckpointError, match="has the protocol version a tuple"):
        weightedit.open(path)


def test_a_version_of_ten_thousand_digits_is_not_printed(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(pickles.legacy(pickles.OPENED["a whole number of 10,000 digits"]))
    with pytest.raises(CheckpointError, match="has the protocol version a whole number"):
        weightedit.open(path)


def test_an_index_without_its_end_is_left_to_the_reader():
    """Found by coverage in the scan: it began again at 0, for ever, where the digits had no line of their own."""
    assert guarded(b"]p1.") == b"]p1."
    assert end_of_pickle(b"]p1.", 0) == (1, False)
