"""Kinds of hazards of live modules: what belongs to a parameter and is left behind."""

from __future__ import annotations

from weightedit.core.hazard_kinds.kind import HazardKind

LIVE = (
    HazardKind(
        "optimizer-detached", "Live modules", "A detached optimizer",
        "After `m.weight = nn.Parameter(…)` an optimizer made before goes on with the tensor it was given: the new one "
        "never changes, and nothing is said.",
        "Keeps a handed-over optimizer in step: `param_groups` and state follow the new parameter, and undo puts the "
        "old one back. Where an optimizer is not known it is said.",
        ("notice", "warning"), """
>>> m = nn.Linear(2, 2, bias=False)
>>> optimizer = torch.optim.SGD(m.parameters(), lr=1.0)
>>> m.weight = nn.Parameter(torch.zeros(2, 2))
>>> m(torch.ones(1, 2)).sum().backward()
>>> optimizer.step()
>>> m.weight.grad.sum().item(), m.weight.sum().item()
(4.0, 0.0)
"""),
    HazardKind(
        "optimizer-state-shape", "Live modules", "Moments of the old shape",
        "An optimizer's moments keep the shape of the parameter they were made for, and the next step raises.",
        "Makes the same edit on the state where values are only moved, else drops the state and asks first.",
        ("notice", "warning"), """
>>> m = nn.Linear(3, 2, bias=False)
>>> optimizer = torch.optim.Adam(m.parameters())
>>> m(torch.ones(1, 3)).sum().backward()
>>> optimizer.step()
>>> m.weight.data, m.weight.grad = torch.zeros(2, 2), None
>>> m(torch.ones(1, 2)).sum().backward()
>>> optimizer.step()
Traceback (most recent call last):
    ...
RuntimeError: The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1
"""),
    HazardKind(
        "module-attribute", "Live modules", "Sizes left behind",
        "`m.weight.data = …` accepts any shape and float dtype, and `in_features` and its kin stay what they were. "
        "`m.weight = tensor` raises instead, and the parameter is kept.",
        "Brings `in_features` and its kin along with an edit of the shape, and asks where a module keeps a size that "
        "cannot follow. Refuses a shape of which `weight_norm` would read past the end of a tensor.",
        ("notice", "warning", "refusal"), """
>>> m = nn.Linear(3, 3)
>>> m.weight.data = torch.zeros(7, 7)
>>> m.in_features, m.weight.shape
(3, torch.Size([7, 7]))
>>> m.weight = torch.zeros(3, 3)
Traceback (most recent call last):
    ...
TypeError: cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None expected)
"""),
    HazardKind(
        "tensor-hooks", "Live modules", "Hooks stay with the old parameter",
        "A gradient hook is registered on a tensor, not on its place: after `m.weight = nn.Parameter(…)` it is never "
        "called again.",
        "Takes hooks along to the new parameter, and back on undo; says so where they will see another shape.",
        ("notice",), """
>>> m = nn.Linear(2, 2, bias=False)
>>> handle = m.weight.register_hook(lambda grad: grad * 0)
>>> m.weight = nn.Parameter(torch.ones(2, 2))
>>> m(torch.ones(1, 2)).sum().backward()
>>> m.weight.grad
tensor([[1., 1.],
        [1., 1.]])
"""),
    HazardKind(
        "parametrized", "Live modules", "A weight that is computed",
        "`m.weight` of a parametrized module is a new tensor at each access: what is written into it is gone at the "
        "next one.",
        "Takes new values back through `right_inverse` into the originals, says how far what is computed then is from "
        "them, and refuses where there is no way back.",
        ("notice", "warning", "refusal"), """
>>> m = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
>>> with torch.no_grad():
...     _ = m.weight.fill_(7)
>>> bool((m.weight == 7).any())
False
"""),
    HazardKind(
        "unregistered", "Live modules", "Unregistered tensors",
        "A tensor set as a plain attribute is no parameter and no buffer: `state_dict()`, `parameters()` and `.to()` "
        "pass it by.",
        "Shows it as not registered, says that saving the module loses the edit, and offers to register it.",
        ("notice", "warning"), """
>>> m = nn.Linear(2, 2)
>>> m.scale = torch.ones(2)
>>> list(m.state_dict())
['weight', 'bias']
>>> m.double().scale.dtype
torch.float32
"""),
    HazardKind(
        "grad-dtype", "Live modules", "Whole numbers do not train",
        "Only floating point and complex tensors can require grad: a parameter of whole numbers raises unless it is "
        "made without.",
        "Clears `requires_grad` when a parameter becomes an integer one, and says so; setting it is refused.",
        ("notice", "refusal"), """
>>> nn.Parameter(torch.arange(3))
Traceback (most recent call last):
    ...
RuntimeError: Only Tensors of floating point and complex dtype can require gradients
>>> nn.Parameter(torch.arange(3), requires_grad=False).requires_grad
False
"""),
    HazardKind(
        "not-a-leaf", "Live modules", "Not a leaf",
        "`copy.deepcopy` of a tensor that was computed raises, and so does an in-place change of a leaf that requires "
        "grad. `deepcopy` of `t.detach()` works.",
        "Writes under `no_grad`, copies by detach and clone; `requires_grad` of a computed tensor is refused.",
        ("notice", "refusal"), """
>>> import copy
>>> leaf = torch.ones(2, requires_grad=True)
>>> copy.deepcopy(leaf * 2)
Traceback (most recent call last):
    ...
RuntimeError: Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol...
>>> copy.deepcopy((leaf * 2).detach())
tensor([2., 2.])
>>> leaf.mul_(2)
Traceback (most recent call last):
    ...
RuntimeError: a leaf Variable that requires grad is being used in an in-place operation.
"""),
    HazardKind(
        "changed-elsewhere", "Live modules", "Somebody else changed it",
        "Whoever holds a tensor can change it: a training step, a hook. A change through `.data` does not even raise "
        "its version.",
        "Compares versions and bytes, and asks before undo or redo overwrites what was changed since.",
        ("warning", "refusal", "notice"), """
>>> w = nn.Parameter(torch.ones(2))
>>> version = w._version
>>> w.data += 1
>>> w._version == version, w.sum().item()
(True, 4.0)
"""),
)  # fmt: skip
