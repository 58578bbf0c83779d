"""What modules take and give is taken apart one way for traces and training steps, and what holds itself has an end."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import torch

from weightedit.doctor.inside.seeing import leaves, seen_of, tensors_in
from weightedit.doctor.inside.training.parts import parts_of


def test_every_tensor_has_its_place():
    @dataclass
    class Batch:
        ids: torch.Tensor
        rest: Any

    pair = namedtuple("pair", ["left", "right"])  # as code that is brought has them
    value = (Batch(torch.ones(2), {"mask": [torch.ones(3), None]}), pair(torch.ones(4), 5))
    places = ["0.ids", "0.rest.mask.0", "0.rest.mask.1", "1.left", "1.right"]
    assert [place for place, _ in leaves(value)] == places
    assert [one.place for one in seen_of(value)] == places
    assert [one.path for one in parts_of(value)] == places
    assert [one.numel() for one in tensors_in(value)] == [2, 3, 4]


def test_what_holds_itself_many_times_is_no_endless_walk():
    value: list[Any] = [torch.ones(1)]
    value += [value] * 20
    assert len(list(leaves(value))) == 21
    assert len(list(tensors_in(value))) == 1
    assert len(parts_of(value)) == 21
