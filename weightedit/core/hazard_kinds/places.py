"""Kinds of hazards of devices and files, and those that only the editor knows."""

from __future__ import annotations

from typing import Final

from weightedit.core.hazard_kinds.kind import HazardKind

PLACES = (
    HazardKind(
        "device-mix", "Devices and files", "One module on two devices",
        "A module takes parameters of any device, and its forward pass then raises; with a weight on `meta`, which has "
        "no values, `Linear` returns whatever lay in memory. `copy_` goes across devices, but nothing comes out of "
        "`meta`.",
        "Copies values to the device the weight is on. Asks before an edit leaves a module on two devices; a device "
        "that is not there is refused.",
        ("warning", "refusal", "notice"), """
>>> m = nn.Linear(2, 2)
>>> m.weight = nn.Parameter(torch.zeros(2, 2, device="meta"))
>>> m.weight.device, m.bias.device, m(torch.ones(1, 2)).device
(device(type='meta'), device(type='cpu'), device(type='cpu'))
>>> m.bias.data.copy_(m.weight[0])
Traceback (most recent call last):
    ...
NotImplementedError: Cannot copy out of meta tensor; no data!
"""),
    HazardKind(
        "values-dropped", "Devices and files", "What a file cannot hold",
        "A file format keeps what it has a place for: in safetensors a parameter becomes a tensor that does not train, "
        "and numbers and texts beside the tensors raise.",
        "Lists what an export would lose, before it and in its report.",
        ("warning", "notice"), """
>>> from safetensors.torch import load, save
>>> back = load(save({"w": nn.Parameter(torch.ones(1))}))
>>> type(back["w"]).__name__, back["w"].requires_grad
('Tensor', False)
>>> save({"w": torch.ones(1), "epoch": 3})
Traceback (most recent call last):
    ...
ValueError: Key `epoch` is invalid, expected torch.Tensor but received <class 'int'>
"""),
)  # fmt: skip

_OWN: Final = "Asked by the editor"
OWN = (
    HazardKind("argument", _OWN, "Arguments that do not fit", "",
               "Refuses, and says what the argument takes.", ("refusal",)),
    HazardKind("not-found", _OWN, "No such tensor", "",
               "Refuses a name or pattern that matches nothing, with the nearest names; asks before a restore leaves "
               "out what was deleted; notes a pattern of what is left that leaves no target.",
               ("refusal", "warning", "notice")),
    HazardKind("emptied", _OWN, "Nothing is left of a tensor", "",
               "Asks before the last row, or every value, of a tensor goes.", ("warning",)),
    HazardKind("unsupported", _OWN, "What cannot be done here", "",
               "Refuses what a tensor, a document or a file format cannot do, and says why.", ("refusal",)),
    HazardKind("unrecordable", _OWN, "An edit that cannot be recorded", "",
               "Refuses an edit that cannot be written to the journal first, which a crash would lose.", ("refusal",)),
    HazardKind("type-changes", _OWN, "A value of another kind", "",
               "Asks before a number becomes a text or the like; code that loads the file may not expect it.",
               ("warning", "notice")),
    HazardKind("choice", _OWN, "A choice of an export", "", "Refuses an export whose choices do not go together.",
               ("refusal",)),
    HazardKind("shards", _OWN, "Several files", "", "Says how many files an export writes.", ("notice",)),
    HazardKind("plan", _OWN, "How a file is written", "",
               "Says how an export writes its files, how many bytes, and how many of them are kept or copied "
               "unchanged.", ("notice",)),
    HazardKind("saves", _OWN, "Its own file", "", "Says that an export to the document's own file is a save.",
               ("notice",)),
    HazardKind("replaces-file", _OWN, "Replacing a file", "",
               "Asks before an export replaces a file, with its size and age.", ("warning",)),
    HazardKind("names-code", _OWN, "Code that loading would run", "",
               "Says which classes and functions a written pickle names beyond everyday ones; they are kept as they "
               "were and not run.", ("notice",)),
    HazardKind("dtype", _OWN, "Another dtype in the file", "",
               "Says which dtype a tensor is written as, where the format has not its own.", ("notice",)),
    HazardKind("slice", _OWN, "Only what is shown", "",
               "Says that a picture shows the slice on screen and not the whole tensor.", ("notice",)),
)  # fmt: skip
