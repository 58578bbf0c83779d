"""Values of any batch that raise or spoil training are told by batch, item and sample, with both numbers; torch raises
there, and is silent where nothing is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import weightedit
from tests.doctor.training_step.steps import step
from weightedit.doctor.inside.training.dataset import as_call, first_batch, scan_batches
from weightedit.doctor.inside.training.losses import found_loss
from weightedit.doctor.records import from_json, to_json
from weightedit.doctor.training_step.batch_facts import BatchFacts
from weightedit.doctor.training_step.batches import batch_findings


class Samples(Dataset):
    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, number):
        return self.samples[number]


class Words(nn.Module):
    """Token ids, flattened on the way as many models do, and a score for each of 4 classes."""

    def __init__(self, rows=10):
        super().__init__()
        self.words, self.head = nn.Embedding(rows, 6), nn.Linear(6, 4)

    def forward(self, input_ids):
        return self.head(self.words(input_ids.view(-1)).view(*input_ids.shape, 6).mean(1))


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 10))


def said(source, model, loss="CrossEntropyLoss"):
    """What is told of data with which the model takes a step, as the check does it."""
    chosen = found_loss(loss)
    args, kwargs, target = as_call(first_batch(source), model)
    facts = scan_batches(source, ignored=chosen.ignore_index)
    facts = from_json(BatchFacts, json.loads(json.dumps(to_json(facts))))
    return batch_findings(facts, step(model, args, target, chosen, **kwargs))


def classes(*odd, count=20, of=torch.int64):
    """Targets 0 to 9, but for some."""
    made = torch.arange(count, dtype=of) % 10
    for number, value in odd:
        made[number] = value
    return made


def test_a_class_that_the_output_does_not_have_is_found_in_a_later_batch():
    loader = DataLoader(TensorDataset(torch.zeros(20, 3), classes((14, 10))), batch_size=4)
    (found,) = said(loader, net())
    assert (found.kind, found.module, found.tensor, found.level) == ("target-range", "1", "1.weight", "refusal")
    assert found.message == ("Batch 3 has class 10 in item 2, which is sample 14 of the data; 1 gives 10 classes, "
                             "0 to 9.")  # fmt: skip
    assert [mend.title for mend in found.mends] == ["Insert 1 row into 1.weight and 1.bias"]
    batches = list(loader)
    with pytest.raises(IndexError, match="Target 10 is out of bounds"):
        nn.functional.cross_entropy(net()(batches[3][0]), batches[3][1])


def test_a_shuffled_loader_names_the_sample_of_the_data():
    data = TensorDataset(torch.zeros(20, 3), classes((14, 10)))
    for seed in range(9):
        torch.manual_seed(seed)
        found = said(DataLoader(data, batch_size=4, shuffle=True), net())
        assert all("which is sample 14 of the data" in one.message for one in found)


@pytest.mark.parametrize("target", [int, np.int64, lambda value: np.array(value), torch.tensor])
def test_a_sample_of_a_data_set_is_named_whatever_its_class_is_given_as(target):
    data = Samples([(torch.zeros(3), target(value)) for value in classes((14, 10)).tolist()])
    (found,) = said(data, net())
    assert found.message == "Sample 14 has class 10; 1 gives 10 classes, 0 to 9."


@pytest.mark.parametrize(("odd", "loss", "says"), [
    ((14, -1), "CrossEntropyLoss", "Sample 14 has class −1;"),
    ((14, -100), "CrossEntropyLoss", None),
    ((14, 255), nn.CrossEntropyLoss(ignore_index=255), None),
    ((14, -100), nn.CrossEntropyLoss(ignore_index=255), "Sample 14 has class −100;"),
    ((14, 9), "CrossEntropyLoss", None),
    ((14, 10), "NLLLoss", "Sample 14 has class 10;"),
    ((14, 10), "MultiMarginLoss", "Sample 14 has class 10;"),
])  # fmt: skip
def test_what_the_loss_leaves_out_is_let_go_and_other_negative_classes_are_not(odd, loss, says):
    data = TensorDataset(torch.zeros(20, 3), classes(odd))
    found = [one for one in said(data, net(), loss) if one.kind == "target-range"]
    assert [one.message.startswith(says) for one in found] == ([] if says is None else [True])


def test_what_is_left_out_does_not_hide_a_class_past_it():
    data = TensorDataset(torch.zeros(20, 3), classes((3, 255), (14, 10)))
    (found,) = said(data, net(), nn.CrossEntropyLoss(ignore_index=255))
    assert found.message.startswith("Sample 14 has class 10;")


def test_classes_that_count_from_1_are_told_as_such():
    data = TensorDataset(torch.zeros(20, 3), classes() + 1)
    (found,) = said(data, net())
    assert found.message.startswith("Sample 9 has class 10;")
    assert found.message.endswith("The data has classes 1 to 10: write target - 1.")
    assert found.mends == ()


def test_the_mend_makes_room_for_the_highest_class_of_all(tmp_path):
    data = TensorDataset(torch.zeros(20, 3), classes((14, 10), (17, 12)))
    (found,) = said(data, net())
    assert found.message.startswith("Sample 14 has class 10;")
    save_file(net().state_dict(), tmp_path / "net.safetensors")
    with weightedit.open(tmp_path / "net.safetensors") as document:
        for edit in found.mends[0].edits:
            document.apply(edit.operation, edit.targets, **edit.arguments)
        state = {name: document.read(name) for name in document.tensors}
    larger = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 13))
    larger.load_state_dict(state, strict=True)
    assert said(data, larger) == []


def test_an_id_past_the_rows_of_its_embedding():
    ids = torch.zeros(12, 5, dtype=torch.int64)
    ids[7, 2] = 11
    data = [{"input_ids": ids[start : start + 4], "labels": torch.zeros(4, dtype=torch.int64)} for start in (0, 4, 8)]
    (found,) = said(data, Words())
    assert (found.kind, found.module, found.tensor) == ("index", "words", "words.weight")
    assert found.message == "Batch 1 has the index 11 in its input_ids, in item 3; words has 10 rows, 0 to 9."
    assert found.mends[0].title == "Insert 2 rows into words.weight"
    with pytest.raises(IndexError):
        Words()(ids[4:8])
    assert said(data, Words(12)) == []
    (plain,) = said(TensorDataset(ids, torch.zeros(12, dtype=torch.int64)), Words())
    assert plain.message == "Sample 7 has the index 11 in its input 0; words has 10 rows, 0 to 9."


def test_whole_numbers_that_choose_no_rows_are_let_go():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(10, 6), nn.Linear(6, 4)

        def forward(self, ids, lengths):
            return self.head(self.words(ids).sum(1) / lengths[:, None])

    data = TensorDataset(torch.zeros(9, 5, dtype=torch.int64), torch.arange(5, 14), torch.zeros(9, dtype=torch.int64))
    assert said(data, Counts()) == []


def test_what_the_step_itself_raised_at_is_told_once():
    data = [(torch.zeros(4, 3), torch.tensor([0, 1, 12, 3]))]
    assert [one.kind for one in said(data, net())] == []


def test_where_nan_and_infinities_are():
    batch = torch.zeros(4, 3)
    batch[2, 1], batch[3, 0] = float("nan"), float("inf")
    data = [(torch.zeros(4, 3), torch.zeros(4)), (batch, torch.zeros(4)), (batch, torch.zeros(4))]
    facts = scan_batches(data)
    (found,) = batch_findings(facts)
    assert found.message == ("Batch 1 has 1 NaN and 1 infinite value among the 12 values of its input 0, the first in "
                             "item 2; so has 1 more batch.")  # fmt: skip
    pairs = Samples([(torch.zeros(3), float("nan") if number == 5 else 0.0) for number in range(9)])
    (found,) = batch_findings(scan_batches(pairs))
    assert found.message == "Sample 5 has 1 NaN among the 1 value of its target."


def test_values_of_every_kind_are_looked_at_without_a_word_of_python():
    """Odd dtypes, arrays that cannot be written, other byte orders, sparse and empty tensors, texts."""
    locked = np.arange(4)
    locked.setflags(write=False)
    odd = {"a": locked, "b": np.arange(3, dtype=">i4"), "c": torch.ones(2, dtype=torch.uint16), "d": "text",
           "e": torch.zeros(0, dtype=torch.int64), "f": torch.eye(2).to_sparse(), "g": np.float16("nan"), "h": 1 << 80,
           "i": torch.ones(2, dtype=torch.bool), "j": torch.ones(2, dtype=torch.float8_e4m3fn)}  # fmt: skip
    facts = scan_batches(Samples([odd]))
    assert [one.path for one in facts.bad] == ["g"]
    assert {one.path: one.highs[-1].value for one in facts.extremes} == {"a": 3, "b": 2, "c": 1, "h": 1 << 80}
