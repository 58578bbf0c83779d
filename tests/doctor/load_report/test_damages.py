"""Whatever is done to a checkpoint, the first mend of each finding makes it load, and what was whole stays so."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.doctor.load_report.models import (
    FORMATS,
    MODELS,
    Recurrent,
    ResNet,
    gpt2,
    mended,
    saved,
    state_of,
    transformer,
)
from weightedit.doctor.inside.model_facts import model_facts

BUILT = {"gpt2": gpt2, "resnet": ResNet, "lstm": Recurrent, "transformer": transformer}
STATES = {name: state_of(model()) for name, model in BUILT.items()}
TIED = {name: {one.name: one.same_as or one.name for one in model_facts(model()).tensors}
        for name, model in BUILT.items()}  # fmt: skip
PREFIXES = ["", "module.", "_orig_mod.", "model.", "module.net.", "net._orig_mod."]
_PATHS = itertools.count()


def drop(tensor):
    return None


def transpose(tensor):
    return tensor.T.contiguous() if tensor.dim() == 2 else tensor


def half(tensor):
    return tensor.half() if tensor.is_floating_point() else tensor


def pad(tensor):
    return torch.cat([tensor, tensor[:1]]) if tensor.dim() else tensor


def cut(tensor):
    return tensor[:, :-1].clone() if tensor.dim() > 1 and tensor.shape[1] > 1 else tensor


def flatten(tensor):
    return tensor.reshape(-1).clone()


def to_list(tensor):
    return tensor[None].clone()


def keep(tensor):
    return tensor


DAMAGES = [drop, transpose, half, pad, cut, flatten, to_list]
HEADS = {name: sorted({one.rpartition(".")[0] for one in state}) for name, state in STATES.items()}


@st.composite
def plans(draw):
    """What is done to which tensors of which model: damages, other names of modules, a prefix, one more tensor."""
    which = draw(st.sampled_from(sorted(BUILT)))
    hurt = draw(st.dictionaries(st.sampled_from(list(STATES[which])), st.sampled_from(DAMAGES), max_size=4))
    others = st.sampled_from(["other", "new.name", "x7"])
    moved = draw(st.dictionaries(st.sampled_from(HEADS[which]), others, max_size=2))
    return which, hurt, moved, draw(st.sampled_from(PREFIXES)), draw(st.booleans()), draw(st.sampled_from(FORMATS))


def damaged(which, hurt, moved, prefix, has_more):
    """The damaged state_dict, and the names of tensors that were left as they were."""
    made, whole = {}, []
    lost = {TIED[which][name] for name in hurt}
    for name, tensor in STATES[which].items():
        head, _, last = name.rpartition(".")
        value = hurt.get(name, keep)(tensor)
        place = f"{head.rpartition('.')[0]}.{moved[head]}.{last}".removeprefix(".") if head in moved else name
        if value is not None and prefix + place not in made:
            made[prefix + place] = value
        if TIED[which][name] not in lost and not any(f"{head}.".startswith(f"{other}.") for other in moved):
            whole.append(name)
    return made | ({"somewhere.else": torch.ones(2, 7)} if has_more else {}), whole


@given(plans())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_accepting_every_first_mend_loads_strictly(tmp_path, plan):
    *how, suffix = plan
    state, whole = damaged(*how)
    folder = Path(tmp_path) / str(next(_PATHS))
    folder.mkdir()
    got = mended(BUILT[how[0]](), saved(state, folder / f"model{suffix}"))
    assert [name for name in whole if not torch.equal(got[name], STATES[how[0]][name])] == []


@pytest.mark.parametrize("name", MODELS)
def test_all_damages_at_once(tmp_path, name):
    """A prefix, a lost, a transposed, a padded and a cast tensor in each architecture."""
    state = state_of(MODELS[name]())
    tied = {one.name for one in model_facts(MODELS[name]()).tensors if one.same_as}
    tied |= {one.same_as for one in model_facts(MODELS[name]()).tensors}
    matrices = [one for one, tensor in state.items()
                if tensor.dim() == 2 and one not in tied and tensor.shape[0] != tensor.shape[1]]  # fmt: skip
    vectors = [one for one, tensor in state.items() if tensor.dim() == 1 and tensor.is_floating_point()]
    hurt = {vectors[0]: drop, vectors[1]: half, vectors[2]: pad} | ({matrices[0]: transpose} if matrices else {})
    made = {f"module.model.{one}": hurt[one](tensor) if one in hurt else tensor for one, tensor in state.items()}
    path = saved({one: tensor for one, tensor in made.items() if tensor is not None}, tmp_path / "model.pt")
    got = mended(MODELS[name](), path)
    lossy = {vectors[0], vectors[1], vectors[2]}
    assert [one for one in state if one not in lossy and not torch.equal(got[one], state[one])] == []
    assert torch.equal(got[vectors[2]], state[vectors[2]])
    assert torch.equal(got[vectors[1]], state[vectors[1]].half().float())
