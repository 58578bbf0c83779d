"""Small models of real architectures, and the way from a damaged checkpoint over its report to a strict load."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

import weightedit
from weightedit.doctor.facts import facts_of
from weightedit.doctor.inside.model_facts import model_facts
from weightedit.doctor.load_report.report import LoadReport, load_report

FORMATS = (".pt", ".safetensors")
Tensors = dict[str, torch.Tensor]
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


class Block(nn.Module):
    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.down = nn.Sequential(nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside))


class ResNet(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(Block(4, 6), Block(6, 6))
        self.layer2 = nn.Sequential(Block(6, 8), Block(8, 8))
        self.fc = nn.Linear(8, classes)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 5, padding_idx=0)
        self.lstm = nn.LSTM(5, 7, num_layers=2, bidirectional=True)
        self.head = nn.Linear(14, 3)


def gpt2(vocabulary: int = 50, layers: int = 2) -> nn.Module:
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_layer=layers, n_embd=8, n_head=2, vocab_size=vocabulary, n_positions=12, **TOKENS))  # fmt: skip


def bert(kind: str = "BertForSequenceClassification") -> nn.Module:
    return getattr(transformers, kind)(transformers.BertConfig(
        num_hidden_layers=2, hidden_size=8, num_attention_heads=2, intermediate_size=12, vocab_size=30,
        max_position_embeddings=16, pad_token_id=0))  # fmt: skip


def t5() -> nn.Module:
    return transformers.T5ForConditionalGeneration(transformers.T5Config(
        d_model=8, d_kv=4, d_ff=12, num_layers=2, num_heads=2, vocab_size=30, decoder_start_token_id=0,
        tie_word_embeddings=True))  # fmt: skip


def llama() -> nn.Module:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=32, max_position_embeddings=16, **TOKENS))  # fmt: skip


def transformer() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nested tensors, which nobody makes here
        return nn.Transformer(8, 2, 2, 2, 12)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "gpt2": gpt2, "bert": bert, "t5": t5, "llama": llama, "resnet": ResNet, "lstm": Recurrent,
    "transformer": transformer,
}  # fmt: skip


def state_of(model: nn.Module) -> Tensors:
    """A plain dict of a model's tensors, each with values of its own; tied ones stay tied."""
    with torch.no_grad():
        for number, tensor in enumerate({id(one): one for one in model.state_dict(keep_vars=True).values()}.values()):
            tensor.copy_(torch.rand(tensor.shape, generator=torch.Generator().manual_seed(number)) * 90)
    return dict(model.state_dict())


def renamed(state: Tensors, *pairs: tuple[str, str]) -> Tensors:
    """A state_dict with parts of its names replaced."""
    made = {}
    for name, tensor in state.items():
        for old, new in pairs:
            name = name.replace(old, new)
        made[name] = tensor
    return made


def saved(state: object, path: Path) -> Path:
    """Save a state_dict as the name of the file says; safetensors keeps one of several tied names, as libraries do."""
    if path.suffix != ".safetensors":
        torch.save(state, path)
        return path
    assert isinstance(state, Mapping)
    once = {tensor.data_ptr() if tensor.numel() else name: name for name, tensor in reversed(state.items())}
    save_file({name: state[name].clone().contiguous() for name in state if name in once.values()}, path)
    return path


def report_on(model: nn.Module, path: Path, part: str | None = None) -> LoadReport:
    with weightedit.open(path) as document:
        return load_report(model_facts(model), facts_of(document), part)


def mended(model: nn.Module, path: Path, rounds: int = 4) -> Tensors:
    """Accept the first mend of each finding, in order, until none refuses; export and load strictly.

    Returns what the model holds then.
    """
    facts = model_facts(model)
    with weightedit.open(path) as document:
        for _ in range(rounds):
            report = load_report(facts, facts_of(document))
            if all(finding.level == "notice" for finding in report.findings):
                break
            for finding in report.findings:
                for edit in finding.mends[0].edits if finding.mends else ():
                    document.apply(edit, accept="all")
        report = load_report(facts, facts_of(document))
        assert not [finding.message for finding in report.findings if finding.level == "refusal"]
        out = path.with_name(f"mended{path.suffix}")
        document.export(out, shared="copy")
    model.load_state_dict(loaded(out, report.part), strict=True)
    return dict(model.state_dict())


def loaded(path: Path, part: str) -> Tensors:
    """Load a file as the person's code does it."""
    if path.suffix == ".safetensors":
        return load_file(path)
    found = torch.load(path, weights_only=True)
    return found[part] if part else found


def differing(ours: Tensors, theirs: Tensors) -> list[str]:
    """The names under which two state_dicts do not hold the same bits."""
    assert ours.keys() == theirs.keys()
    return [name for name, tensor in ours.items() if not _same_bits(tensor, theirs[name])]


def _same_bits(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and \
        ours.contiguous().reshape(-1).view(torch.uint8).equal(theirs.contiguous().reshape(-1).view(torch.uint8))


def kinds(report: LoadReport) -> list[str]:
    return [finding.kind for finding in report.findings]
