"""A model of the shape of Llama in plain torch: 80 layers and 69 billion parameters as it is by default."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class RMSNorm(nn.Module):
    """Divides by the root of the mean square, in float32, as Llama does."""

    def __init__(self, width: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take and give `[batch, words, width]`."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)
        return self.weight * wide.to(x.dtype)


class Rotary(nn.Module):
    """Sines and cosines of each place, by which queries and keys are turned."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("inv_freq", 1e4 ** -(torch.arange(0, width, 2).float() / width), persistent=False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take `[batch, words, width of the model]`, and give cosines and sines `[words, width of a head]`."""
        angles = torch.outer(torch.arange(x.shape[1], device=x.device).float(), self.inv_freq)
        angles = torch.cat((angles, angles), -1)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


def turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn `[batch, heads, words, width]` by the angles of each place."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


class Attention(nn.Module):
    """Grouped attention: several heads of queries to one of keys and values."""

    def __init__(self, hidden: int, heads: int, few: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.width = hidden // heads
        self.q_proj = nn.Linear(hidden, hidden, bias=False, dtype=dtype)
        self.k_proj = nn.Linear(hidden, few * self.width, bias=False, dtype=dtype)
        self.v_proj = nn.Linear(hidden, few * self.width, bias=False, dtype=dtype)
        self.o_proj = nn.Linear(hidden, hidden, bias=False, dtype=dtype)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """Take and give `[batch, words, hidden]`."""
        batch, words, _ = x.shape
        q, k, v = (project(x).view(batch, words, -1, self.width).transpose(1, 2)
                   for project in (self.q_proj, self.k_proj, self.v_proj))  # fmt: skip
        made = functional.scaled_dot_product_attention(turned(q, cos, sin), turned(k, cos, sin), v, is_causal=True,
                                                       enable_gqa=True)  # fmt: skip
        made = made.transpose(1, 2).reshape(batch, words, -1)
        return torch.as_tensor(self.o_proj(made))


class MLP(nn.Module):
    """SwiGLU."""

    def __init__(self, hidden: int, inner: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(hidden, inner, bias=False, dtype=dtype)
        self.up_proj = nn.Linear(hidden, inner, bias=False, dtype=dtype)
        self.down_proj = nn.Linear(inner, hidden, bias=False, dtype=dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take and give `[batch, words, hidden]`."""
        return torch.as_tensor(self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x)))


class Layer(nn.Module):
    """Attention and SwiGLU, each of what is normalized and added to what was there."""

    def __init__(self, hidden: int, inner: int, heads: int, few: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.self_attn = Attention(hidden, heads, few, dtype)
        self.mlp = MLP(hidden, inner, dtype)
        self.input_layernorm = RMSNorm(hidden, dtype)
        self.post_attention_layernorm = RMSNorm(hidden, dtype)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """Take and give `[batch, words, hidden]`."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return torch.as_tensor(x + self.mlp(self.post_attention_layernorm(x)))


class Body(nn.Module):
    """Everything but the head."""

    def __init__(self, layers: int, hidden: int, inner: int, heads: int, few: int, words: int,
                 dtype: torch.dtype) -> None:  # fmt: skip
        super().__init__()
        self.embed_tokens = nn.Embedding(words, hidden, dtype=dtype)
        self.layers = nn.ModuleList(Layer(hidden, inner, heads, few, dtype) for _ in range(layers))
        self.norm = RMSNorm(hidden, dtype)
        self.rotary = Rotary(hidden // heads)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Take `[batch, words]`, and give `[batch, words, hidden]`."""
        x = self.embed_tokens(ids)
        cos, sin = self.rotary(x)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return torch.as_tensor(self.norm(x))


class Llama(nn.Module):
    """The model; sizes by default are those of Llama 2 70B, in bfloat16."""

    def __init__(self, layers: int = 80, hidden: int = 8192, inner: int = 28_672, heads: int = 64, few: int = 8,
                 words: int = 32_000) -> None:  # fmt: skip
        super().__init__()
        self.model = Body(layers, hidden, inner, heads, few, words, torch.bfloat16)
        self.lm_head = nn.Linear(hidden, words, bias=False, dtype=torch.bfloat16)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Take `[batch, words]` of int64, and give logits `[batch, words, vocabulary]`."""
        return torch.as_tensor(self.lm_head(self.model(ids)))
