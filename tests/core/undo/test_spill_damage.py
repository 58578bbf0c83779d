"""What the spill keeps is checksummed: bytes that were lost are an error that names them, and never a value."""

from __future__ import annotations

import errno
import gc
import os
import random
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import weightedit
from weightedit.assembly import open_document
from weightedit.core.storage import Patched, Resident
from weightedit.core.undo import sealed
from weightedit.core.undo.sealed import BLOCK, Mapped, Sealed, SpillDamaged, SpillFile, Window, seal
from weightedit.core.undo.spill import Spill

POSIX = pytest.mark.skipif(os.name != "posix", reason="writes to the file by its handle at a place")
pytestmark = POSIX
SIZE = 5 * BLOCK + 1234


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Resident, bytes]:
    spill = Spill(tmp_path, in_memory=0)
    data = random.Random(1).randbytes(SIZE)
    buffer = spill.allocate(SIZE)
    buffer[:] = data
    return Resident(buffer), data


def test_sealed_bytes_read_back_wherever_one_looks(filled):
    """Reads need not keep to blocks."""
    resident, data = filled
    assert isinstance(resident.kept, Sealed)
    places = [(0, SIZE), (0, 1), (BLOCK - 1, 2), (BLOCK, BLOCK), (100, 3 * BLOCK), (SIZE - 1, 1), (SIZE, 0), (7, BLOCK),
              (5 * BLOCK, 1234), (4 * BLOCK, BLOCK + 1234), (2 * BLOCK, 2 * BLOCK + 5)]  # fmt: skip
    for at, nbytes in places:
        view = memoryview(bytearray(nbytes))
        resident.read_into(view, at)
        assert view == data[at : at + nbytes], (at, nbytes)
    window = Window(resident.kept)
    for at, nbytes in places:
        assert window.piece(at, nbytes) == data[at : at + nbytes]
    resident.verify()


def test_a_flipped_bit_is_found_anywhere(filled):
    """One bit of any byte, in each block and in the last one, which is shorter."""
    resident, data = filled
    for at in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 17, 5 * BLOCK, SIZE - 1]:
        os.pwrite(resident.kept.file.handle, bytes([data[at] ^ 1 << at % 8]), at)
        for look in (resident.verify, lambda at=at: resident.read_into(memoryview(bytearray(1)), at),
                     lambda: resident.read_into(memoryview(bytearray(SIZE)))):  # fmt: skip
            with pytest.raises(SpillDamaged, match="the checksum of bytes"):
                look()
        os.pwrite(resident.kept.file.handle, data[at : at + 1], at)
        resident.verify()


def test_blocks_that_changed_places_are_found(filled):
    """A disk may write a good block to the wrong place."""
    resident, data = filled
    os.pwrite(resident.kept.file.handle, data[BLOCK : 2 * BLOCK], 0)
    os.pwrite(resident.kept.file.handle, data[:BLOCK], BLOCK)
    with pytest.raises(SpillDamaged):
        resident.verify()


def test_a_file_cut_short_is_an_error_and_no_crash(filled):
    """Where it would be read through its mapping the process would die of SIGBUS."""
    resident, _ = filled
    gc.collect()
    os.ftruncate(resident.kept.file.handle, 100)
    with pytest.raises(SpillDamaged, match="cut short"):
        resident.read_into(memoryview(bytearray(SIZE)))


def test_an_error_of_the_disk_is_a_sentence(filled, monkeypatch):
    """A mapped page that cannot be read kills; a read says EIO."""
    resident, _ = filled

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("weightedit.core.files.positioned._READ_AT", broken)
    with pytest.raises(SpillDamaged, match=os.strerror(errno.EIO)):
        resident.verify()


def test_sealed_bytes_are_not_mapped_any_more(tmp_path):
    """So nothing can reach them past the checksums, and limits on memory do not count them."""
    buffer = Spill(tmp_path, in_memory=0).allocate(SIZE)
    mapped = weakref.ref(buffer.obj)
    resident = Resident(buffer)
    del buffer
    assert mapped() is None
    resident.verify()


def test_nobody_can_cut_short_what_is_being_filled(tmp_path):
    """It is mapped then; it has no name in any folder that another program could open."""
    spill = Spill(tmp_path, in_memory=0)
    buffer = spill.allocate(SIZE)
    assert not list(spill.folder.iterdir())
    assert os.fstat(buffer.obj.file.handle).st_nlink == 0
    buffer[-1] = 7


def test_sealing_again_does_not_bless_damage(tmp_path):
    """An argument of an edit is made readable at each use of it."""
    spill = Spill(tmp_path, in_memory=0)
    buffer = spill.allocate(SIZE)
    kept = seal(buffer)
    os.pwrite(kept.file.handle, b"x", 10)
    with pytest.raises(SpillDamaged):
        Resident(buffer).verify()
    with pytest.raises(SpillDamaged):
        sealed.verify(buffer)


def test_the_disk_is_given_back_with_the_last_who_reads(tmp_path):
    spill = Spill(tmp_path, in_memory=0)
    resident = Resident(spill.allocate(SIZE))
    handle = resident.kept.file.handle
    gc.collect()
    assert spill.disk_nbytes == SIZE
    del resident
    gc.collect()
    assert spill.disk_nbytes == 0
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(handle)


# ---------------------------------------------------------------- of a document


def files(document: weightedit.Document) -> list[SpillFile]:
    """The files behind everything history and document keep."""
    found: dict[int, SpillFile] = {}

    def add(kept: object) -> None:
        if isinstance(kept, Sealed):
            found[id(kept.file)] = kept.file
        elif isinstance(kept, memoryview) and isinstance(kept.obj, Mapped):
            found[id(kept.obj.file)] = kept.obj.file

    for step in document.history.steps:
        for command in step.commands:
            for content in (getattr(command, "before", None), getattr(command, "after", None)):
                content = content[1].storage.content if isinstance(content, tuple) else content
                if isinstance(content, Patched):
                    [add(kept) for kept in content.patches.kept]
                    content = content.base
                if isinstance(content, Resident):
                    add(content.kept)
            for _, *both in getattr(command, "pieces", ()):
                [add(kept) for kept in both]
    return list(found.values())


def flip(file: SpillFile) -> None:
    for at in (0, file.nbytes // 2, file.nbytes - 1):
        byte = os.pread(file.handle, 1, at)
        os.pwrite(file.handle, bytes([byte[0] ^ 255]), at)


def cut(file: SpillFile) -> None:
    os.ftruncate(file.handle, 0)


def wipe(file: SpillFile) -> None:
    """As a file that was deleted and made anew."""
    os.ftruncate(file.handle, 0)
    os.ftruncate(file.handle, file.nbytes)


@pytest.fixture
def document(tmp_path: Path) -> weightedit.Document:
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.randn(64, 64), "b": torch.randn(64, 64)}, path)
    made = open_document(path, spill=Spill(tmp_path / "spill", in_memory=0))
    yield made
    made.close()


EDITS: dict[str, Callable[[weightedit.Document], object]] = {
    "resident": lambda document: document.apply("scale", "a", factor=0.5),
    "patched": lambda document: document.apply("scale", "a", factor=0.5, region="[3:9, :]"),
    "cells": lambda document: document.apply("fill", "a", value=1.0, region="where w > 0.5"),
    "rebound": lambda document: document.apply("cast", "a", dtype="float64"),
    "transposed": lambda document: document.apply("transpose", "a"),
}


@pytest.mark.parametrize("damage", [flip, cut, wipe])
@pytest.mark.parametrize("edit", EDITS)
def test_redo_of_damaged_bytes_is_refused_and_the_document_stays(edit, damage, document):
    """Undo leads to the file's own bytes; redo would show what was lost."""
    before = document.read("a")
    EDITS[edit](document)
    label = document.history.steps[0].label
    document.undo()
    for file in files(document):
        damage(file)
    with pytest.raises(SpillDamaged) as caught:
        document.redo()
    assert f"redo of {label}" in str(caught.value)
    assert "values of a" in str(caught.value)
    assert document.history.position == 0
    assert torch.equal(document.read("a"), before)
    assert document.can_redo
    document.apply("fill", "b", value=2.0)
    assert torch.equal(document.read("b"), torch.full((64, 64), 2.0))


@pytest.mark.parametrize("edit", EDITS)
def test_undo_to_damaged_bytes_is_refused_and_the_document_stays(edit, document, tmp_path):
    """Two edits: undoing the second would show the first, which was lost."""
    EDITS[edit](document)
    damaged = files(document)
    document.apply("fill", "a", value=3.0)
    after = document.read("a")
    for file in damaged:
        flip(file)
    with pytest.raises(SpillDamaged, match=r"values of a .* for undo of fill 3"):
        document.undo()
    assert document.history.position == 2
    assert torch.equal(document.read("a"), after)
    document.export(tmp_path / "out.safetensors")
    with weightedit.open(tmp_path / "out.safetensors") as again:
        assert torch.equal(again.read("a"), after)
    document.go_to(0)  # past what was lost, to what was not
    assert document.history.position == 0
    document.read("a")


@pytest.mark.parametrize("edit", EDITS)
def test_damaged_bytes_are_neither_shown_nor_exported_nor_edited(edit, document, tmp_path):
    """Whoever reads them is told which tensor it is."""
    EDITS[edit](document)
    target = tmp_path / "out.safetensors"
    target.write_bytes(b"before")
    document.snapshot("kept")
    for file in files(document):
        flip(file)
    document.apply("fill", "b", value=1.0)
    for refused in (lambda: document.read("a"), lambda: document.export(target), lambda: document.save(),
                    lambda: document.apply("scale", "a", factor=2.0), lambda: document.apply("set", "b", values="a"),
                    lambda: document.preflight("scale", "a", factor=2.0),
                    lambda: document.export_tensor("a", tmp_path / "a.npy")):  # fmt: skip
        with pytest.raises(SpillDamaged, match="values of a "):
            refused()
    assert target.read_bytes() == b"before"
    assert len(document.history) == 2
    document.undo()
    with pytest.raises((SpillDamaged, weightedit.EditRefused)):
        document.restore("kept", "a")
    document.undo()
    document.export(target)


def test_a_live_parameter_never_gets_damaged_bytes(tmp_path):
    """They would be written into a model that somebody trains."""
    module = torch.nn.Linear(64, 64)
    document = open_document(module, spill=Spill(tmp_path, in_memory=0))
    before = module.weight.detach().clone()
    document.apply("scale", "weight", factor=0.5)
    after = module.weight.detach().clone()
    for file in files(document):
        flip(file)
    with pytest.raises(SpillDamaged, match="undo of scale"):
        document.undo(accept="all")
    assert torch.equal(module.weight, after)
    assert not torch.equal(module.weight, before)
    assert document.can_undo
    document.close()
