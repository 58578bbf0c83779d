"""Kinds of hazards of shapes, regions and writes that go nowhere."""

from __future__ import annotations

from weightedit.core.hazard_kinds.kind import HazardKind

SHAPES = (
    HazardKind(
        "broadcast", "Shapes and regions", "One row fills many",
        "`copy_` of a row into a matrix fills every row with it, and a difference of shapes `(5, 1)` and `(5,)` is a "
        "`(5, 5)` matrix. Nothing is said.",
        "Asks, with both shapes and how often the values are repeated. Arithmetic that is meant to broadcast, such as "
        "`multiply` by a row, is only noted.",
        ("warning", "notice"), """
>>> w = torch.zeros(10, 20)
>>> _ = w.copy_(torch.arange(20.0))
>>> w[0, :4], w[9, :4]
(tensor([0., 1., 2., 3.]), tensor([0., 1., 2., 3.]))
>>> (torch.zeros(5, 1) - torch.zeros(5)).shape
torch.Size([5, 5])
"""),
    HazardKind(
        "shape-mismatch", "Shapes and regions", "A shape that does not fit",
        "`target = source` copies nothing and never raises: the name `target` now means the other tensor, and the "
        "weight keeps its values. `target.copy_(source)` raises.",
        "Refuses, and offers what would fit: the transpose or another order of dimensions, the leading rows and "
        "columns, another shape, the region of the source's size, a larger target, or to replace the tensor. A "
        "replacement by another shape is noted.",
        ("refusal", "warning", "notice"), """
>>> weight, source = torch.zeros(5, 20), torch.ones(10, 20)
>>> target = weight
>>> target = source
>>> target.shape, weight.sum()
(torch.Size([10, 20]), tensor(0.))
>>> weight.copy_(source)
Traceback (most recent call last):
    ...
RuntimeError: The size of tensor a (5) must match the size of tensor b (10) at non-singleton dimension 0
"""),
    HazardKind(
        "out-of-range", "Shapes and regions", "A region past the end",
        "A slice past the end selects less, or nothing, and writing to it changes less, or nothing. An index past the "
        "end raises.",
        "Refuses both, says the valid range, and offers the part that is inside.",
        ("refusal",), """
>>> w = torch.zeros(10, 20)
>>> w[5:999].shape
torch.Size([5, 20])
>>> w[10:] = 1
>>> w.sum()
tensor(0.)
>>> w[10]
Traceback (most recent call last):
    ...
IndexError: index 10 is out of bounds for dimension 0 with size 10
"""),
    HazardKind(
        "lost-write", "Shapes and regions", "A write into a temporary",
        "Indexing with a list or a mask makes a copy, and `copy_` writes into that; `p[1].data = x` gives a new value "
        "to a view that is thrown away. All three change nothing, as does an indexed write to a sharded DTensor.",
        "Resolves lists and conditions to writes that reach the tensor, and reads the cells back.",
        ("notice", "warning", "refusal"), """
>>> w, p = torch.zeros(3, 2), nn.Parameter(torch.zeros(2, 2))
>>> _ = w[[0, 2]].copy_(torch.ones(2, 2))
>>> _ = w[w == 0].fill_(1)
>>> p[1].data = torch.ones(2)
>>> w.sum().item(), p.sum().item()
(0.0, 0.0)
"""),
    HazardKind(
        "overlap", "Shapes and regions", "Cells that lie on each other",
        "A copy between parts of one tensor that overlap raises, and so does a write into a tensor made by `expand`, "
        "whose rows are the same bytes; `fill_` does not raise and changes them all.",
        "Clones first and says so, so that one cell is one cell. Two targets that overlap in part are refused: which "
        "is computed first would decide.",
        ("notice", "refusal"), """
>>> t = torch.arange(4.0)
>>> t[1:].copy_(t[:-1])
Traceback (most recent call last):
    ...
RuntimeError: unsupported operation: some elements of the input tensor and the written-to tensor refer to a single...
>>> rows = torch.zeros(1, 3).expand(2, 3)
>>> rows[0, 0] = 1
>>> rows
tensor([[1., 0., 0.],
        [1., 0., 0.]])
"""),
)  # fmt: skip
