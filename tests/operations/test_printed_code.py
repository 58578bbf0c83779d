"""*Copy as PyTorch* by dtype and by selection: whatever edit is done, the printed code runs and does the same."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import pytest
import torch

import weightedit
from tests.operations import oracle
from weightedit.core.pages.as_pytorch import as_pytorch

HALVES, FLOATS = ("float16", "bfloat16"), ("float16", "bfloat16", "float32")
ALL = (*FLOATS, "int16", "uint8", "bool")
REGIONS: tuple[Any, ...] = (None, "[1:, ::2]", ["[0, :]", "[:, 1]", "[1:3, [5, 3]]"],
                            "[[3, 0, 2], 4:]", "[2, 1:5]", ["[[0, 3], :]", "[:, [1, 2]]"])  # fmt: skip
CONDITIONS = ("[:2, :] where w < 1", "where w > 1", "[1, ...] where w != 0", "[[3, 1], :] where w > 0.5")
USUAL = (*REGIONS[:3], CONDITIONS[0])
"""One selection of each kind, for every dtype; the others for one, or for two where ties matter."""
ANY = (*REGIONS, *CONDITIONS)
WIDE = tuple(region for region in REGIONS if not isinstance(region, list) and region != "[2, 1:5]")
"""One region of two dimensions."""


@dataclass(frozen=True)
class Use:
    """One use of an operation, the dtypes it takes, and the selections."""

    operation: str
    arguments: dict[str, Any]
    dtypes: tuple[str, ...] = ALL
    regions: tuple[Any, ...] = ANY
    random: bool = False

    @property
    def most(self) -> tuple[str, ...]:
        """The dtypes that are tried with the unusual selections."""
        return ("float32", "uint8") if self.operation == "prune" else ("float32",)

    def __str__(self) -> str:
        return f"{self.operation}({', '.join(f'{key}={str(one)[:20]}' for key, one in self.arguments.items())})"


def use(operation: str, dtypes: tuple[str, ...] = ALL, regions: tuple[Any, ...] = ANY, *, random: bool = False,
        **arguments: Any) -> Use:  # fmt: skip
    return Use(operation, arguments, dtypes, regions, random)


NAN, INF = float("nan"), float("inf")
USES = [
    use("fill", value=3), *(use("fill", regions=USUAL, value=value) for value in (
        0.1, NAN, INF, 1e300, -300.7, 2**63, 1 + 2j)),
    use("set", regions=(*REGIONS, *CONDITIONS[:3]), values=2.5),
    use("set", regions=(None,), values=[1, 0, 3, 1, 2, 6, 5, 4]),
    *(use("scale", regions=USUAL, factor=factor) for factor in (2, 0.3, -300, 2**63, 1e300)),
    *(use("add", regions=USUAL, value=value) for value in (2, 0.3, 300, 2**63)),
    *(use("multiply", regions=(None, *CONDITIONS[:2]), other=torch.tensor(other)) for other in (
        [0.5, 1.5, -2.0, 3.1, 1.0, 0.1, 7.0, 2.0], [2, 3, -1, 5, 1, 0, 7, 300])),
    use("multiply", regions=("[:, 2]", "[:, 2] where w > 0"), other=torch.tensor([0.5, 1.5, -2.0, 3.1])),
    use("set", regions=("[1:3, [5, 3]]", "[1, [5, 3]]"), values=[1, 4]),
    use("clamp", min=-0.3, max=2.7), use("clamp", FLOATS, min=1e300), use("clamp", max=INF, min=-1e300),
    use("replace_nonfinite"), use("replace_nonfinite", nan=0.1, posinf=1e300), use("replace_nonfinite", neginf=-7),
    use("round"), use("round", decimals=1), use("round", FLOATS, decimals=-300), use("round", FLOATS, decimals=60),
    *(use("zero_small", regions=USUAL, threshold=threshold) for threshold in (0, 0.1, 1, 127.5, 32767, 1e300)),
    *(use("normalize", FLOATS, to=to, per=per, value=value) for per in ("tensor", "row", "column")
      for to, value in (("norm", 2), ("mean", None), ("mean", 3.5), ("std", 0.5), ("mean and std", None))),
    use("normalize", FLOATS, to="norm", ord=INF, per="row"), use("normalize", FLOATS, to="norm", ord=1),
    *(use("prune", by=by, amount=amount) for by in ("magnitude", "row", "column") for amount in (0.3, 0.5)),
    use("prune", by="row", amount=0.5, ord=INF),
    use("prune", regions=(None, "[[3, 0, 2], 4:]", "[2, 1:5]", ["[0:2, 0:4]", "[1:3, 4:8]"],
                          ["[[0, 3], 0:4]", "[:, [7, 0, 1, 5]]"], *CONDITIONS), by="n:m", n=1, m=2),
    use("low_rank", FLOATS, (*WIDE, *CONDITIONS[:2], CONDITIONS[3]), rank=1),
    use("flip", regions=(None, *WIDE), dims=[0, 1]), use("flip", regions=("[2, 1:5]",), dims=[1]),
    use("roll", regions=(None, *WIDE), shifts=[1], dims=[1]),
    use("roll", regions=(None, *WIDE), shifts=[10**30 + 1], dims=[-1]),
    use("permute_rows", regions=(None,), order=[2, 0, 3, 1]),
    *(use("expression", formula=formula) for formula in ("w * 2 + 1", "where(w > 0.3, w / 3, 2)", "w > 1", "3", "0.1")),
    *(use("expression", regions=(*REGIONS[:2], *REGIONS[3:5], *CONDITIONS), formula=formula)
      for formula in ("w - mean(w, 0)", "w + index(1)", "max(w)")),
    *(use("initialize", method=method) for method in ("zeros", "ones", "eye")),
    *(use("initialize", regions=USUAL, method="constant", value=value) for value in (0.25, NAN, 1e300)),
    *(use("initialize", FLOATS, random=True, method=method) for method in (
        "uniform", "normal", "trunc_normal", "xavier_uniform", "kaiming_normal", "orthogonal")),
    use("insert_rows", regions=(None,), index=1, method="mean"), use("insert_rows", regions=(None,), method="copy"),
    use("insert_rows", regions=(None,), index=-1, method="mean", dim=1, count=2),
    use("insert_rows", regions=(None,), method="constant", value=NAN),
    use("insert_rows", FLOATS, (None,), random=True, method="normal", index=0),
    use("delete_rows", regions=(None,), rows="1, -1"), use("transpose", regions=(None,)),
    *(use("pad", regions=(None,), pad=[1, 2, 0, 1], value=value) for value in (1, NAN, 300)),
    *(use("pad", regions=(None,), pad=pad, mode=mode) for mode in ("reflect", "replicate", "circular")
      for pad in ([2, 1], [-1, 3, 2, 1])),
    use("repeat", regions=(None,), repeats=[2, 1, 3]), use("reshape", regions=(None,), shape=[2, -1]),
    use("slice", regions=("[1:3, 2]", "[[3, 1], :]")), use("cast", regions=(None,), dtype="float64"),
    use("cast", regions=(None,), dtype="uint8"), use("cast", regions=(None,), dtype="complex64"),
]  # fmt: skip


def tensor(dtype: str) -> torch.Tensor:
    """4 × 8 values, with ties and NaN where there are such; the extremes where they are whole."""
    numbers = torch.randn(4, 8, generator=torch.Generator().manual_seed(6), dtype=torch.float64) * 3
    if dtype == "bool":
        return numbers > 0
    if dtype in ("int16", "uint8"):
        found = numbers.to(torch.int64).to(getattr(torch, dtype))
        found[3, 7], found[3, 6] = torch.iinfo(found.dtype).min, torch.iinfo(found.dtype).max
        return found
    return numbers.to(getattr(torch, dtype))


def alike(mine: torch.Tensor, theirs: torch.Tensor, rounds: bool) -> bool:
    """Whether values are the same; where sums are in another order, up to one step of the dtype."""
    if not rounds or not mine.is_floating_point():
        return oracle.same_values(mine, theirs)
    step = torch.finfo(mine.dtype).eps * 2
    return mine.dtype == theirs.dtype and torch.allclose(mine.double(), theirs.double(), step, 1e-6, equal_nan=True)


@pytest.mark.parametrize("one", USES, ids=str)
def test_the_code_does_the_same_in_every_dtype_and_selection(one):
    """Each dtype an operation takes, all of a tensor, parts, unions of parts, and cells that a condition chooses."""
    wrong = []
    for dtype in one.dtypes:
        for region in one.regions:
            if region not in USUAL and len(one.regions) > 1 and dtype not in one.most:
                continue
            live = {"w": tensor(dtype)}
            before, by_hand = copy.deepcopy(live), copy.deepcopy(live)
            more = {} if region is None else {"region": region}
            with weightedit.open(live) as doc:
                edit = doc.apply(one.operation, "w", accept="all", **one.arguments, **more)
                got = doc.read("w")
                doc.undo()  # the code is about the tensor as it was
                code = as_pytorch(doc, edit)
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", r"std\(\): degrees of freedom")  # of a column of one value
                    exec(code, {"checkpoint": by_hand, "values": one.arguments.get("values")})
            except Exception as error:
                wrong.append(f"{dtype} {region}: {error!r}\n{code}")
                continue
            theirs = by_hand["w"]
            if one.random:  # other values, in the same cells
                same = got.shape == theirs.shape and got.dtype == theirs.dtype
                if got.shape == before["w"].shape:
                    kept = _untouched(region)
                    same = same and oracle.same_values(theirs[kept], before["w"][kept])
                    same = same and (region is not None or bool((theirs != before["w"]).any()))
            else:
                same = alike(got, theirs, one.operation in ("normalize", "low_rank", "expression", "insert_rows"))
            if not same:
                wrong.append(f"{dtype} {region}:\n{code}\nedit {got}\ncode {theirs}")
    assert not wrong, f"{len(wrong)}: " + "\n".join(wrong[:3])


def _untouched(region: Any) -> torch.Tensor:
    """Cells that no region names; of a condition those outside its region."""
    found = torch.ones(4, 8, dtype=torch.bool)
    for text in region if isinstance(region, list) else [region]:
        found[oracle.region_index(str(text or "[:]").partition("where")[0].strip() or "[:]")] = False
    return found


def test_several_regions_in_the_code_are_one_selection():
    """The largest of both regions go together; the mask and one write say so."""
    with weightedit.open({"w": tensor("float32")}) as doc:
        edit = doc.apply("prune", "w", region=["[0, :]", "[:, 1]"], accept="all")
        code = as_pytorch(doc, edit)
    assert code.count("mask[") == 2
    assert code.count("checkpoint['w'][mask] = ") == 1


def test_what_has_no_sensible_code_says_so_and_raises():
    """Rather than give other values: of equal rows the first of the tensor goes, and this list is in another order."""
    with weightedit.open({"w": torch.ones(4, 8)}) as doc:
        edit = doc.preview("prune", "w", by="row", region="[[3, 1], :] where index(0) > 0").edit
        with pytest.raises(NotImplementedError, match="write the list in order"):
            exec(as_pytorch(doc, edit), {"checkpoint": {"w": torch.ones(4, 8)}})
