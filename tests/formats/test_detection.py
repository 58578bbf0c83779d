"""Content decides what a file is; what is none gets one clear sentence, and nothing of it runs."""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests import checkpoints
from tests.formats.documents import SAFETENSORS, TORCH_ZIP, Held
from weightedit.core.errors import CheckpointError
from weightedit.core.progress import Progress
from weightedit.formats import detect, format_for

SENTENCES = {
    checkpoints.empty_file: "is empty",
    checkpoints.text_file: "is a text file",
    checkpoints.picture: "is a PNG picture",
    checkpoints.plain_zip: "without data.pkl",
    checkpoints.truncated_zip: "is cut short",
    checkpoints.truncated_safetensors: "is cut short. The header promises",
    checkpoints.truncated_header: "is cut short. Its header alone",
    checkpoints.missing_shard: 'names the shard "model-00002-of-00003.safetensors", which is not in the folder',
    checkpoints.empty_folder: "holds no checkpoint",
    checkpoints.folder_without_weights: "holds no checkpoint",
    checkpoints.unreadable: "cannot be read",
    checkpoints.nowhere: "there is no such file",
    checkpoints.evil_pickle: "is a bare pickle",
}


@pytest.mark.parametrize("make", SENTENCES)
def test_what_is_no_checkpoint_gets_one_sentence(make, tmp_path):
    path = make(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        detect(path).open(path, Progress())
    assert SENTENCES[make] in str(caught.value)
    assert ("cut short" in SENTENCES[make]) == str(caught.value).endswith("Download or copy it again.")
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert caught.value.file is not None
    assert not (tmp_path / checkpoints.EVIL_MARKER).exists()


def test_what_is_broken_is_tried_here():
    assert set(checkpoints.BROKEN) <= set(SENTENCES)


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"GGUF\3\0\0\0", "GGUF"), (b"\x89HDF\r\n\x1a\n", "HDF5"), (gzip.compress(b"x", mtime=0), "gzip"),
        (bytes(300), "first bytes"),
        (b"<!DOCTYPE html><html>", "web page"), (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)  # fmt: skip
def test_other_formats_are_named(head, word, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(head.ljust(64, b" "))
    with pytest.raises(CheckpointError, match=word):
        detect(path)


def path_of_nothing():
    """A function for a pickle to name."""


@pytest.mark.parametrize(("data", "said"), [
    (b"cos\nsystem\n(S'echo'\ntR.", "is a bare pickle of protocol 0, not a checkpoint of torch.save, and names os"),
    (b"\x80\x02}q\0U\x01acos\nsystem\nX", "protocol 2, not a checkpoint of torch.save, and names os.system; nothing"),
    (pickle.dumps({"a": [1, 2]}, 0), "torch.save; nothing of it was run. Write what it holds with torch.save(…) where"),
    (pickle.dumps({"a": path_of_nothing}, 1), "of protocol 1, not a checkpoint of torch.save, and names"),
    (b"", "is empty: it has 0 bytes. Get the file again"),
    (b"collections\nof\nthings\n", "is a text file"),
])  # fmt: skip
def test_what_a_bare_pickle_names_is_said_and_what_to_do(data, said, tmp_path):
    """Also one of protocol 0, which reads as text, and one that ends in the midst."""
    path = tmp_path / "model.pkl"
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        detect(path)
    assert said in str(caught.value)


def test_a_header_length_that_lies_is_said(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes((1 << 62).to_bytes(8, "little") + b'{"a":{}}'.ljust(80))
    with pytest.raises(CheckpointError, match=r"the header length lies, 4,611,686,018,427,387,904 bytes in .* 88\."):
        detect(path)


def test_the_suffix_decides_nothing(tmp_path):
    assert detect(checkpoints.safetensors_named_pt(tmp_path)) is SAFETENSORS
    assert detect(checkpoints.zip_named_safetensors(tmp_path)) is TORCH_ZIP


def test_a_folder_with_one_checkpoint_opens_and_with_two_names_them(tmp_path):
    one = checkpoints.tied_gpt2(tmp_path)
    assert Held.open(tmp_path).opened.path == one
    checkpoints.low_precision_safetensors(tmp_path)
    with pytest.raises(CheckpointError, match=r"2 checkpoints.*low_precision\.safetensors, tied_gpt2\.pt"):
        detect(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="pipes have names on POSIX only")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="pipe or device"):
        detect(tmp_path / "model.pt")


def test_the_suffix_names_the_format_to_write():
    assert format_for(Path("a.safetensors")) is SAFETENSORS
    assert format_for(Path("a.PTH")) is TORCH_ZIP
    assert format_for(Path("a"), "torch zip") is TORCH_ZIP
    assert format_for(Path("a.xyz")) is None


OPEN = """
import sys
from pathlib import Path
class Banned:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "numpy", "safetensors", "pyqtgraph", "PySide6"):
            raise AssertionError(name + " was imported")
sys.meta_path.insert(0, Banned())
from weightedit.core.progress import Progress
from weightedit.formats import detect
for name in sys.argv[1:]:
    opened = detect(Path(name)).open(Path(name), Progress())
    print(len(opened.root))
"""


def test_opening_imports_no_library(tmp_path):
    makers = checkpoints.training, checkpoints.sharded, checkpoints.evil, checkpoints.legacy
    paths = [make(tmp_path) for make in makers]
    done = subprocess.run([sys.executable, "-c", OPEN, *map(str, paths)], capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["5", "29", "2", "9"]


def test_opening_uses_neither_torch_load_nor_safe_open(tmp_path, monkeypatch):
    paths = []
    for make in checkpoints.READABLE:
        (tmp_path / make.__name__).mkdir()
        paths.append(make(tmp_path / make.__name__))

    def banned(*args, **kwargs):
        raise AssertionError("a library read the file")

    monkeypatch.setattr(torch, "load", banned)
    monkeypatch.setattr("safetensors.safe_open", banned)
    for path in paths:
        assert Held.open(path).slots
