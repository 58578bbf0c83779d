"""Scenes of the doctor: nothing run, asked about code, the first failure, its mends, and what each part says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PySide6.QtWidgets import QPushButton, QWidget
from shooting import Shooting
from torch import nn

CODE = '''"""A small Llama-shaped model."""

import torch
from torch import nn
from torch.nn.functional import silu


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.v_proj, self.o_proj = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)

    def forward(self, x):
        weights = torch.softmax(self.q_proj(x) @ self.k_proj(x).mT, -1)
        return self.o_proj(weights @ self.v_proj(x))


class MLP(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(dim, hidden, bias=False), nn.Linear(dim, hidden, bias=False)
        self.act_fn = nn.SiLU()
        self.down_proj = nn.Linear(hidden, dim, bias=False)

    def forward(self, x):
        gate = self.act_fn(self.gate_proj(x))
        up = self.up_proj(x)
        return self.down_proj(gate * up)


class DecoderLayer(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.input_norm, self.self_attn = nn.RMSNorm(dim), Attention(dim)
        self.post_attn_norm, self.mlp = nn.RMSNorm(dim), MLP(dim, hidden)

    def forward(self, x):
        x = x + self.self_attn(self.input_norm(x))
        return x + self.mlp(self.post_attn_norm(x))


class AtlasModel(nn.Module):
    def __init__(self, dim=256, hidden=688, layers=8, vocab=512):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, dim)
        self.layers = nn.ModuleList(DecoderLayer(dim, hidden) for _ in range(layers))
        self.norm = nn.RMSNorm(dim)
        self.lm_head = nn.Linear(dim, vocab, bias=False)

    def forward(self, tokens):
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(self.norm(x))
'''


MESSAGE = """Traceback (most recent call last):
  File "train.py", line 41, in <module>
    model.load_state_dict(torch.load("atlas.pt"))
RuntimeError: Error(s) in loading state_dict for AtlasModel:
\tsize mismatch for lm_head.weight: copying a param with shape torch.Size([512, 256]) from checkpoint, the shape in \
current model is torch.Size([640, 256]).
"""


def made(files: Path) -> tuple[Path, Path]:
    """Write the code of a model, and a checkpoint that fits it."""
    code = files / "modeling_atlas.py"
    code.write_text(CODE, encoding="utf-8")
    names: dict[str, object] = {}
    exec(compile(CODE, str(code), "exec"), names)
    torch.manual_seed(0)
    model: nn.Module = names["AtlasModel"]()  # type: ignore[operator]
    torch.save(model.state_dict(), files / "atlas.pt")
    return code, files / "atlas.pt"


def run(at: Shooting, model: str, inputs: str) -> None:
    """Fill the fields, run, and agree."""
    room = at.window.aside.open("doctor")
    room.head.model.setCurrentText(model)
    room.head.input.setText(inputs)
    room.run()
    at.rest(lambda: bool(yes(room)))
    yes(room)[0].click()
    at.rest(lambda: not room.running.is_running)


def yes(room: QWidget) -> list[QPushButton]:
    """Return the button that agrees, where it is asked for."""
    return [one for one in room.findChildren(QPushButton) if one.text() == "Run this code" and one.isVisible()]


def doctor(at: Shooting, files: Path) -> None:
    """Before a run, the question, a healthy run, a sliced weight with what mends it, and other failures."""
    code, path = made(files)
    at.open(path)
    room = at.window.aside.open("doctor")
    at.take("doctor-nothing")
    room.head.model.setCurrentText(f"{code}:AtlasModel")
    room.head.input.setText("tokens: int64[1,16]")
    room.run()
    at.rest(lambda: bool(yes(room)))
    at.take("doctor-question")
    run(at, f"{code}:AtlasModel", "tokens: int64[1,16]")
    at.take("doctor-healthy")
    document = at.window.current.document
    document.apply("scale", "layers.0.mlp.up_proj.weight", factor=0.5)
    document.apply("slice", "layers.3.mlp.down_proj.weight", region="[:, 0:680]")
    run(at, f"{code}:AtlasModel", "tokens: int64[1,16]")
    at.take("doctor")
    view = room.pane.findChildren(QPushButton)
    for button in [button for button in view if button.text() == "Preview edit"][:2]:
        button.click()
        at.rest()
    at.take("doctor-preview")
    document.undo()
    for names, to in (("layers.(.*)", "module.blocks.\\1"), ("lm_head.weight", "")):
        if to:
            document.apply("rename", f"re:{names}", to=to)
        else:
            document.apply("delete", names)
    document.apply("cast", "re:.*norm.weight", dtype="float16", accept="all")
    document.apply("transpose", "module.blocks.1.mlp.up_proj.weight", accept="all")
    run(at, f"{code}:AtlasModel", "tokens: int64[1,16]")
    room.show_part("load")
    at.rest()
    at.take("doctor-load")
    document.go_to(1, accept="all")
    run(at, f"{code}:AtlasModel", "tokens: float32[1,16]")
    at.take("doctor-dtype")
    run(at, f"{code}:AtlasModle", "tokens: int64[1,16]")
    at.take("doctor-no-model")
    document.undo()
    room.training.loss.setCurrentText("CrossEntropyLoss")
    room.training.target.setText("int64[1,16]<512")
    run(at, f"{code}:AtlasModel", "tokens: int64[1,16]<512")
    room.show_part("training")
    at.rest()
    at.take("doctor-training")
    document.apply("scale", "layers.2.mlp.up_proj.weight", factor=3.0, accept="all")
    document.apply("scale", "norm.weight", factor=1.001, accept="all")
    room.show_part("activations")
    at.rest()
    at.take("doctor-activations")
    for button, name in ((room.activations.compare, "drift"), (room.activations.search, "broke"),
                         (room.activations.capture, "captured")):  # fmt: skip
        button.click()
        at.rest(lambda: bool(yes(room)))
        yes(room)[0].click()
        at.rest(seconds=1.5)
        at.take(f"doctor-{name}")
    room.head.input.setText("tokens: int64[1,16")
    at.take("doctor-wrong-input")
    page = at.window.aside.open("explain")
    for name, text in (("size", MESSAGE), ("caret", "for x in loader\n    print(x)"), ("unknown", "it went wrong")):
        page.text.setPlainText(text)
        at.rest(seconds=0.8)
        at.take(f"explain-{name}")


SCENES: dict[str, Callable[[Shooting, Path], None]] = {"doctor": doctor}
