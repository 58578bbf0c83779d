"""Kinds of hazards of values: what a dtype cannot hold."""

from __future__ import annotations

from weightedit.core.hazard_kinds.kind import HazardKind

VALUES = (
    HazardKind(
        "precision-loss", "Values and dtypes", "Values are rounded",
        "A copy into a smaller dtype rounds each value, silently. A copy into a wider one keeps the rounding there "
        "was.",
        "Notes how many values change, and the largest absolute and relative error.",
        ("notice", "refusal"), """
>>> w = torch.zeros(2, dtype=torch.bfloat16)
>>> _ = w.copy_(torch.tensor([0.1, 1.0], dtype=torch.float64))
>>> w.double()
tensor([0.1001, 1.0000], dtype=torch.float64)
"""),
    HazardKind(
        "overflow", "Values and dtypes", "Values past the range",
        "A number too large for a float dtype becomes infinite, or NaN where there is no infinity, and whole numbers "
        "wrap around.",
        "Asks, with how many, what they become and where. A cast that clamps them to the end says how many.",
        ("warning", "notice"), """
>>> torch.zeros(2, dtype=torch.float16).copy_(torch.tensor([70000.0, 1.0]))
tensor([inf, 1.], dtype=torch.float16)
>>> torch.tensor([300, 127]).to(torch.int8)
tensor([ 44, 127], dtype=torch.int8)
"""),
    HazardKind(
        "underflow", "Values and dtypes", "Small values become 0",
        "A number too small for the dtype becomes 0.",
        "Asks, with how many and where.",
        ("notice", "warning"), """
>>> torch.tensor([1e-9, 1.0]).half()
tensor([0., 1.], dtype=torch.float16)
"""),
    HazardKind(
        "truncation", "Values and dtypes", "Fractions are cut off",
        "A copy into an integer tensor drops fractions, towards 0; NaN and numbers out of range become some whole "
        "number.",
        "Asks, with how many and where.",
        ("warning",), """
>>> torch.zeros(2, dtype=torch.int64).copy_(torch.tensor([2.7, -2.7]))
tensor([ 2, -2])
>>> torch.tensor([float("nan")]).to(torch.int64).item() == float("nan")
False
"""),
    HazardKind(
        "imaginary-lost", "Values and dtypes", "Imaginary parts are dropped",
        "A copy of complex numbers into a real tensor keeps the real part. A warning says so once in a process.",
        "Asks, with how many.",
        ("warning",), """
>>> torch.zeros(1).copy_(torch.tensor([1 + 2j]))
tensor([1.])
"""),
    HazardKind(
        "limits-crossed", "Values and dtypes", "A minimum above the maximum",
        "`clamp` with a minimum above the maximum sets every value to the maximum, and says nothing.",
        "Asks, with both limits and how many values there are, and offers to swap them.",
        ("warning",), """
>>> torch.tensor([0.0, 1.0, 5.0]).clamp(min=3, max=2)
tensor([2., 2., 2.])
"""),
    HazardKind(
        "non-finite", "Values and dtypes", "NaN and Inf spread",
        "Arithmetic with NaN or Inf gives NaN or Inf, and one such weight is in every output.",
        "Notes how many there are before and after. An operation that has no result for them, such as a singular value "
        "decomposition, is refused.",
        ("notice", "warning", "refusal"), """
>>> m = nn.Linear(3, 2)
>>> with torch.no_grad():
...     m.weight[0, 0] = float("nan")
>>> m(torch.zeros(1, 3)).isnan()
tensor([[ True, False]])
>>> torch.tensor([float("inf")]) - torch.tensor([float("inf")])
tensor([nan])
"""),
    HazardKind(
        "quantized", "Values and dtypes", "Parts of a quantized tensor",
        "`copy_` of a quantized tensor into a region or view keeps the region's own scale and copies the stored "
        "numbers, so other values come out. Into a whole tensor it takes over the source's scale.",
        "Refuses to compute with its numbers. A cast to a float dtype dequantizes it, and it can be replaced whole.",
        ("refusal", "warning", "notice"), """
>>> w = torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8)
>>> ones = torch.quantize_per_tensor(torch.ones(4), 0.2, 0, torch.qint8)
>>> _ = w[:2].copy_(ones[:2])
>>> w.dequantize()
tensor([0.5000, 0.5000, 0.0000, 0.0000])
>>> w.copy_(ones).q_scale()
0.2
"""),
)  # fmt: skip
