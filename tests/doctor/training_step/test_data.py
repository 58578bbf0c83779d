"""A pass over the data names the first sample or batch that differs, is broken or does not fit; healthy data is let
go."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from tests.doctor.training_step.steps import above_notice, only, step
from weightedit.core.errors import Cancelled
from weightedit.doctor.inside.training.dataset import as_call, first_batch, scan_batches
from weightedit.doctor.records import from_json, to_json
from weightedit.doctor.training_step.batch_facts import BatchFacts
from weightedit.doctor.training_step.batches import batch_findings


class Samples(Dataset):
    """Samples that a function makes of their numbers."""

    def __init__(self, make, count=20):
        self.make, self.count = make, count

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        return self.make(number)


class Stream(IterableDataset):
    def __init__(self, make, count):
        self.make, self.count = make, count

    def __iter__(self):
        return (self.make(number) for number in range(self.count))


def image(number, odd=7, shape=(3, 30, 32)):
    return torch.zeros(shape if number == odd else (3, 32, 32)), number % 4


def scan(source, **kwargs):
    facts = scan_batches(source, **kwargs)
    return from_json(BatchFacts, json.loads(json.dumps(to_json(facts))))


def said(source, training=None, **kwargs):
    return batch_findings(scan(source, **kwargs), training)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 4))


def trained(batch=2):
    return step(net(), torch.zeros(batch, 3, 32, 32), torch.zeros(batch, dtype=torch.int64), "ce")


def test_the_sample_that_differs_from_the_rest_is_named():
    (found,) = said(Samples(image))
    assert (found.kind, found.level) == ("differs", "warning")
    assert found.message == ("Sample 7 has float32[3, 30, 32] in input 0; 19 of 20 samples have float32[3, 32, 32] "
                             "in input 0.")  # fmt: skip


def test_a_first_sample_that_differs_from_all_others_is_the_one():
    found = only(said(Samples(lambda number: image(number, odd=0))), "differs")
    assert found.message.startswith("Sample 0 has float32[3, 30, 32]")


def test_the_loader_of_that_raises_and_the_sample_is_pinned():
    loader = DataLoader(Samples(image), batch_size=4)
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        list(loader)
    (found,) = said(loader)
    assert (found.kind, found.level) == ("collate", "refusal")
    assert found.message == ("Batch 1 cannot be made: sample 7 has float32[3, 30, 32] in input 0, the other 3 "
                             "float32[3, 32, 32] in input 0.")  # fmt: skip
    assert found.torch_says.startswith("stack expects each tensor to be equal size")


@pytest.mark.parametrize("loader", [
    lambda: DataLoader(Samples(image), batch_size=4, shuffle=True),
    lambda: DataLoader(Stream(image, 20), batch_size=4),
    lambda: DataLoader(torch.utils.data.Subset(Samples(image), [3, 7, 1, 2]), batch_size=2),
])  # fmt: skip
def test_shuffled_streamed_and_partial_sets_are_pinned_too(loader):
    (found,) = said(loader())
    assert found.kind == "collate"
    assert "float32[3, 30, 32]" in found.message


@pytest.mark.parametrize("odd", [
    lambda number: (torch.zeros(3, dtype=torch.float64 if number == 5 else torch.float32), 0),
    lambda number: (torch.zeros(3), None if number == 5 else 0),
    lambda number: {"x": torch.zeros(3)} | ({} if number == 5 else {"y": 1}),
    lambda number: (torch.zeros((3, 1) if number == 5 else 3), 0),
])  # fmt: skip
def test_dtypes_nones_missing_keys_and_dimensions(odd):
    found = only(said(Samples(odd)), "differs")
    assert (found.level, found.message[:9]) == ("warning", "Sample 5 ")


def test_what_a_data_set_raises_is_told_with_its_number_and_place():
    def breaks(number):
        return {}["label"] if number == 12 else (torch.zeros(3), 0)

    (found,) = said(Samples(breaks))
    assert (found.kind, found.level) == ("data", "refusal")
    assert found.message.startswith("Sample 12 of Samples cannot be read: it raises KeyError, at test_data.py:")
    (found,) = said(DataLoader(Samples(breaks), batch_size=5))
    assert found.message.startswith("Sample 12 of DataLoader cannot be read")
    (found,) = said(breaks(number) for number in range(20))
    assert found.message.startswith("Batch 12 of generator cannot be read")


def test_things_that_are_no_tensors_are_told_by_what_they_are():
    class Image:
        def __init__(self):
            self.size, self.mode = (32, 24), "RGB"

    @dataclass
    class Sample:
        picture: Image
        name: str
        array: np.ndarray

    facts = scan(Samples(lambda number: Sample(Image(), "a", np.zeros((2, 3)))))
    assert [(part.path, part.type, part.shape, part.dtype) for part in facts.forms[0].parts] == [
        ("picture", "Image", (32, 24), "RGB"), ("name", "str", (), ""),
        ("array", "ndarray", (2, 3), "float64")]  # fmt: skip
    (found,) = said(DataLoader(Samples(lambda number: (Image(), 0)), batch_size=4))
    assert found.kind == "collate"
    assert "it raises TypeError" in found.message


@pytest.mark.parametrize("source", [
    lambda: DataLoader(TensorDataset(torch.zeros(10, 3), torch.zeros(10)), batch_size=4),
    lambda: TensorDataset(torch.zeros(10, 3), torch.zeros(10)),
    lambda: [(torch.zeros(4, 3), torch.zeros(4)), (torch.zeros(2, 3), torch.zeros(2))],
    lambda: iter([{"x": torch.zeros(4, 3)}]),
    lambda: DataLoader(Stream(lambda number: torch.zeros(3), 9), batch_size=4),
    lambda: DataLoader(TensorDataset(torch.zeros(10, 3)), batch_size=None),
    list,
])  # fmt: skip
def test_healthy_data_and_a_smaller_last_batch_have_no_finding(source):
    assert said(source()) == []


def test_a_loader_gives_what_torch_gives():
    """The batches that are looked at are made without the loader's own iterator; they are the same."""
    data = TensorDataset(torch.arange(10.0), torch.arange(10))
    for loader in (DataLoader(data, batch_size=4), DataLoader(data, batch_size=3, drop_last=True),
                   DataLoader(Stream(lambda number: torch.tensor(number), 7), batch_size=3, drop_last=True),
                   DataLoader(data, batch_size=None)):  # fmt: skip
        real = list(loader)
        facts = scan(loader)
        assert facts.seen == len(real)
        if loader.batch_size:
            assert [one.size for one in facts.sizes for _ in range(one.count)] == [len(first(one)) for one in real]
        assert repr(first_batch(loader)) == repr(real[0])


def first(batch):
    return batch[0] if isinstance(batch, list) else batch


def test_batches_of_texts_are_as_long_as_their_longest():
    def batches(lengths):
        return [{"input_ids": torch.zeros(4, length, dtype=torch.int64)} for length in lengths]

    assert [one.level for one in said(batches([57, 61, 80]))] == ["notice"]
    assert [one.level for one in said(batches([64, 64, 64, 31]))] == ["notice"]
    floats = [{"x": torch.zeros(4, length)} for length in (64, 64, 64, 31)]
    assert [one.level for one in said(floats)] == ["warning"]


def test_a_batch_whose_parts_are_of_two_sizes():
    (found,) = said([(torch.zeros(5, 10), torch.zeros(10, 1))])
    assert (found.kind, found.message) == ("batch-size", "Batch 0 has 5 in float32[5, 10] in input 0 and 10 in "
                                           "float32[10, 1] in target.")  # fmt: skip


def test_nan_in_the_data_is_told_by_its_first_sample():
    bad = {3, 9}
    (found,) = said(Samples(lambda number: (torch.full((2,), float("nan") if number in bad else 0.0), 0)))
    assert found.message == "Sample 3 has 2 NaN among the 2 values of its input 0; so has 1 more sample."


def test_a_last_batch_of_one_under_a_batch_norm():
    """Torch raises at the end of the first epoch: Expected more than 1 value per channel when training."""
    data = TensorDataset(torch.zeros(5, 3, 32, 32), torch.zeros(5, dtype=torch.int64))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        net()(torch.zeros(1, 3, 32, 32))
    (found,) = said(DataLoader(data, batch_size=2), trained())
    assert (found.kind, found.module, found.level) == ("batch-of-one", "3", "warning")
    assert found.message.startswith("Batch 2, the last, has 1 sample, and 3 (BatchNorm1d) takes its mean")
    assert said(DataLoader(data, batch_size=2, drop_last=True), trained()) == []
    pixels = step(nn.Sequential(nn.BatchNorm2d(3)), torch.zeros(2, 3, 32, 32), None, "sum")
    assert said(DataLoader(data, batch_size=2), pixels) == []


@pytest.mark.parametrize(("make", "says", "level"), [
    (lambda number: (torch.zeros(3, 32, 32, dtype=torch.uint8), 0), "have uint8[3, 32, 32] in input 0", "warning"),
    (lambda number: (torch.zeros(1, 32, 32), 0), "have float32[1, 32, 32] in input 0", "warning"),
    (lambda number: (torch.zeros(32, 32, 3), 0), "have float32[32, 32, 3] in input 0", "warning"),
    (lambda number: (np.zeros((3, 32, 32)), 0), "have float64[3, 32, 32] in input 0", "warning"),
    (lambda number: ("a.png", 0), "values of type str in input 0", "warning"),
    (lambda number: (torch.zeros(3, 64, 64), 0), "have float32[3, 64, 64] in input 0", "notice"),
])  # fmt: skip
def test_data_that_the_model_does_not_take(make, says, level):
    (found,) = said(Samples(make), trained())
    assert (found.kind, found.level) == ("fits", level)
    assert says in found.message
    assert "the model took float32[3, 32, 32]" in found.message


def test_data_that_the_model_takes():
    assert said(Samples(lambda number: image(number, odd=-1)), trained()) == []
    assert said(DataLoader(Samples(lambda number: image(number, odd=-1)), batch_size=4), trained()) == []


def test_names_of_a_dict_are_compared_with_the_keywords():
    class Takes(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(9, 2)

        def forward(self, input_ids, attention_mask):
            return self.embed(input_ids) * attention_mask[..., None]

    ids = torch.zeros(2, 5, dtype=torch.int64)
    training = step(Takes(), None, None, "sum", input_ids=ids, attention_mask=torch.ones(2, 5))
    (found,) = above_notice(said([{"input_ids": ids}], training))
    assert found.message == "The model ran with attention_mask, and batches have none."
    assert above_notice(said([{"input_ids": ids, "attention_mask": torch.ones(2, 5)}], training)) == []


def test_a_pass_stops_at_a_number_a_time_or_a_word():
    endless = (torch.zeros(3) for _ in iter(int, 1))
    facts = scan(endless, most=50)
    assert (facts.seen, facts.stopped, facts.total) == (50, "most", None)
    assert scan((torch.zeros(3) for _ in iter(int, 1)), most=10**9, seconds=0.05).stopped == "time"
    assert scan(Samples(image), most=20).stopped == ""

    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        scan_batches(Samples(image), ask=stop)


def test_shuffling_draws_nothing_from_the_generator_of_the_person():
    before = torch.get_rng_state()
    scan(DataLoader(Samples(lambda number: torch.zeros(3)), batch_size=4, shuffle=True))
    assert torch.equal(before, torch.get_rng_state())


def test_a_batch_is_taken_apart_into_a_call():
    class Labels(nn.Module):
        def forward(self, x, labels=None):
            return x

    class Plain(nn.Module):
        def forward(self, x):
            return x

    x, y = torch.zeros(2, 3), torch.zeros(2)
    assert as_call((x, y), Plain()) == ((x,), {}, y)
    assert as_call([x, x, y], Plain()) == ((x, x), {}, y)
    assert as_call((x, y), Plain(), takes_target=False) == ((x, y), {}, None)
    assert as_call(x, Plain()) == ((x,), {}, None)
    assert as_call({"x": x, "labels": y}, Labels()) == ((), {"x": x, "labels": y}, y)
    assert as_call({"x": x, "labels": y}, Plain()) == ((), {"x": x}, y)
    assert as_call({"x": x}, Plain()) == ((), {"x": x}, None)
