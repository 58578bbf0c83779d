"""Kinds of hazards of tensors that share memory."""

from __future__ import annotations

from weightedit.core.hazard_kinds.kind import HazardKind

SHARING = (
    HazardKind(
        "shared-storage", "Shared storage", "Other tensors change too",
        "A view, a tied weight and a slice lie in the same memory: writing one changes the others.",
        "Notes every tensor that changes with the edit, and which of its cells. A file format that cannot hold shared "
        "tensors is refused until it is said whether to copy them.",
        ("notice", "refusal"), """
>>> whole = torch.zeros(4, 6)
>>> row = whole[1]
>>> whole[1, 2:4] = -1
>>> row
tensor([ 0.,  0., -1., -1.,  0.,  0.])
"""),
    HazardKind(
        "unties", "Shared storage", "Tied weights come apart",
        "Giving one of two tied modules another tensor leaves the old one in the other; from then on they are trained "
        "and saved apart.",
        "Gives all of them the new tensor and says so; *untie this one* is one click, or `tied=\"untie\"`. An edit "
        "that would take apart what it was told to leave is refused.",
        ("notice", "warning", "refusal"), """
>>> embed, head = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
>>> head.weight = embed.weight
>>> head.weight = nn.Parameter(head.weight.double())
>>> embed.weight.dtype, head.weight is embed.weight
(torch.float32, False)
"""),
    HazardKind(
        "alias", "Shared storage", "Two names, one tensor",
        "`state_dict()` returns the live tensors, not copies; `load_state_dict()` copies values into the module, so "
        "what it was given stays apart, unless it is `assign=True`, which takes the given tensors themselves. "
        "`copy.deepcopy` gives tensors of their own.",
        "Shows the storage groups of everything that is open, and every paste says whether it copies values, replaces "
        "or ties. What happens to one entry and therefore to another is said.",
        ("notice", "warning", "refusal"), """
>>> m = nn.Linear(2, 2)
>>> a = m.state_dict()
>>> _ = a["weight"].fill_(7)
>>> m.weight[0, 0].item()
7.0
>>> given = {"weight": torch.zeros(2, 2), "bias": torch.zeros(2)}
>>> _ = m.load_state_dict(given)
>>> _ = given["weight"].fill_(3)
>>> m.weight[0, 0].item()
0.0
>>> _ = m.load_state_dict(given, assign=True)
>>> _ = given["weight"].fill_(5)
>>> m.weight[0, 0].item()
5.0
"""),
)  # fmt: skip
