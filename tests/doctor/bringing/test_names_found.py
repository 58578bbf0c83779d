"""Which classes of a file may make a model is told by reading alone, and the outermost comes first."""

from __future__ import annotations

import pytest

from weightedit.doctor.bringing.model_reference import ReferenceWrong
from weightedit.doctor.bringing.names_found import names_found

CODE = """
raise SystemExit("it ran")
import torch.nn as nn
from transformers import PreTrainedModel

class Config: ...
class Block(nn.Module): ...
class Layer(Block): ...
class Body(PreTrainedModel[int]):
    def __init__(self):
        self.layers = nn.ModuleList(Layer() for _ in range(2))
class Head(Body): ...
def make(): ...
def _hidden(): ...
"""


def written(tmp_path, text):
    path = tmp_path / "model.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_class_that_none_is_made_of_is_first(tmp_path):
    assert names_found(written(tmp_path, CODE)) == ("Head", "Body", "Layer", "Block")


def test_without_modules_functions_come_before_classes(tmp_path):
    code = "class Config: ...\ndef make(): ...\ndef _hidden(): ...\n"
    assert names_found(written(tmp_path, code)) == ("make", "Config")


def test_classes_that_are_their_own_bases_are_none(tmp_path):
    assert names_found(written(tmp_path, "class A(B): ...\nclass B(A): ...\n")) == ("A", "B")


@pytest.mark.parametrize(("text", "says"), [
    ("class Net(:", "line 1"), (b"\x00\xff", "does not read as Python"), ("x = 1", "no class and no function"),
    ("(" * 100_000, "does not read as Python")])  # fmt: skip
def test_what_does_not_read_is_said(tmp_path, text, says):
    with pytest.raises(ReferenceWrong, match=says):
        names_found(written(tmp_path, text))


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ReferenceWrong, match="does not read"):
        names_found(tmp_path / "none.py")
