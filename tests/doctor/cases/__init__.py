"""Twelve models that do not load, run or train, as people post them; each file has the code, and what is broken.

A file has `Net`, the model; `INPUT`, and for training `TARGET` and `LOSS`; and `broken()`, which gives the state_dict
that was saved, or for code that breaks nothing in a file the module itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Case:
    """One of them, and what must be said of it.

    Attributes
    ----------
    name
        Of its file.
    title
        What is wrong, in a few words.
    torch
        Part of what torch raises.
    module, kind
        Of the first finding: the module it is pinned to, empty for the model itself, and the word for what it is.
    mend
        How the title of the first mend begins.
    is_assigned
        Whether the file is loaded with `assign=True`, which keeps its dtypes.
    """

    name: str
    title: str
    torch: str
    module: str
    kind: str
    mend: str
    is_assigned: bool = False

    @property
    def code(self) -> ModuleType:
        """Its file as a Python module."""
        return import_module(f"{__name__}.{self.name}")

    @property
    def reference(self) -> str:
        """Its model as code by reference."""
        return f"{Path(__file__).with_name(self.name)}.py:Net"


CASES = (
    Case("grey_image", "grey image into a colour convolution", "to have 3 channels, but got 1 channels instead",
         "conv1", "channels", "Give it float32[4,3,32,32]"),
    Case("flattened_size", "flattened size wrong", "mat1 and mat2 shapes cannot be multiplied (4x256 and 400x120)",
         "fc1", "features", "Give it float32[4,1,32,32]"),
    Case("batch_disagreement", "batch 5 against target 10",
         "The size of tensor a (5) must match the size of tensor b (10)", "", "batch-size",
         "Give a target of batch 5"),
    Case("float64_input", "float64 input", "mat1 and mat2 must have the same dtype, but got Double and Float",
         "fc1", "dtype", "Give it float32[8,13]"),
    Case("half_weights", "half weights with float input", "should be the same", "conv1", "dtype",
         "Cast 29 tensors to float32", is_assigned=True),
    Case("wrong_vocabulary", "wrong vocabulary", "size mismatch for transformer.wte.weight", "transformer.wte",
         "vocabulary", "Keep the first 100 rows of transformer.wte.weight"),
    Case("transposed_linear", "transposed Linear", "size mismatch for head.3.weight", "head.3", "transposed",
         "Transpose head.3.weight"),
    Case("missing_buffer", "missing buffer", 'Missing key(s) in state_dict: "stem.1.running_mean"', "stem.1",
         "missing", "Add stem.1 (2 tensors)"),
    Case("data_parallel", "wrapped in DataParallel", 'Unexpected key(s) in state_dict: "module.', "", "wrapper",
         "Rename 9 tensors"),
    Case("tied_head_lost", "tied head lost", 'Missing key(s) in state_dict: "lm_head.weight"', "lm_head", "tied",
         "Copy transformer.wte.weight to lm_head.weight"),
    Case("frozen_everything", "frozen everything", "element 0 of tensors does not require grad", "", "frozen",
         "Let 6 parameters require grad"),
    Case("integer_weights", "integer weights", "Only Tensors of floating point and complex dtype can require gradients",
         "fc", "dtype", "Cast fc.weight to float32", is_assigned=True),
)  # fmt: skip
