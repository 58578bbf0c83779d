"""The functions an expression may call: the whole list, with what completion, help and printing need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Arity = Literal["values", "reduction", "share", "dim"]


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the language.

    Attributes
    ----------
    name, signature, help
        As typed, as completion shows it, and one sentence.
    group
        Under which heading help lists it.
    arity
        `values` takes expressions; `reduction` one and dimensions; `share` one and a number from 0 to 1; `dim` a
        dimension.
    least, most
        How many expressions it takes.
    gives
        `number` or `condition`.
    whole
        What it does with whole numbers: `keep` them, or compute in `float64`.
    complex
        Whether it takes complex values.
    code
        In PyTorch, with a place for each expression; empty where `search.printing` builds it.
    exact
        Whether its result is the same bits however values are grouped, as for rounding and comparing.
    """

    name: str
    signature: str
    help: str
    group: str
    arity: Arity = "values"
    least: int = 1
    most: int = 1
    gives: Literal["number", "condition"] = "number"
    whole: Literal["keep", "float64"] = "keep"
    complex: bool = False
    code: str = ""
    exact: bool = False


def _smooth(name: str, help: str, *, complex: bool = True, code: str = "") -> Function:
    """Make a function of one value that is not exact, and computes whole numbers in float64."""
    return Function(name, f"{name}(x)", help, "Each value", whole="float64", complex=complex,
                    code=code or f"torch.{name}({{0}})")  # fmt: skip


def _plain(name: str, help: str, *, complex: bool = False, condition: bool = False, code: str = "") -> Function:
    """Make a function of one value that is exact, and keeps whole numbers whole."""
    return Function(name, f"{name}(x)", help, "Conditions" if condition else "Each value", complex=complex, exact=True,
                    gives="condition" if condition else "number", code=code or f"torch.{name}({{0}})")  # fmt: skip


def _reduction(name: str, help: str, *, complex: bool = False, condition: bool = False,
               whole: Literal["keep", "float64"] = "float64") -> Function:  # fmt: skip
    return Function(name, f"{name}(x, *dims)", help, "Many values", "reduction", complex=complex, whole=whole,
                    gives="condition" if condition else "number")  # fmt: skip


_ALL = (
    _plain("abs", "The magnitude.", complex=True),
    _smooth("sqrt", "The square root; NaN below 0."),
    _smooth("rsqrt", "1 / sqrt(x)."),
    _smooth("exp", "e to the power of x."),
    _smooth("exp2", "2 to the power of x."),
    _smooth("expm1", "exp(x) - 1, exact near 0."),
    _smooth("log", "The natural logarithm."),
    _smooth("log2", "The logarithm to base 2."),
    _smooth("log10", "The logarithm to base 10."),
    _smooth("log1p", "log(1 + x), exact near 0."),
    _smooth("sin", "The sine of x in radians."),
    _smooth("cos", "The cosine of x in radians."),
    _smooth("tan", "The tangent of x in radians."),
    _smooth("tanh", "The hyperbolic tangent."),
    _smooth("sigmoid", "1 / (1 + exp(-x))."),
    _plain("relu", "x where it is above 0, else 0."),
    _smooth("gelu", "x times the normal distribution function of x.", complex=False,
            code="torch.nn.functional.gelu({0})"),
    _smooth("silu", "x * sigmoid(x).", complex=False, code="torch.nn.functional.silu({0})"),
    _smooth("erf", "The error function.", complex=False),
    _plain("sign", "-1, 0 or 1."),
    _plain("floor", "The next whole number down."),
    _plain("ceil", "The next whole number up."),
    _plain("round", "The nearest whole number; halves go to the even one."),
    _plain("trunc", "The whole part, towards 0."),
    Function("frac", "frac(x)", "x - trunc(x).", "Each value", whole="float64", exact=True, code="torch.frac({0})"),
    Function("square", "square(x)", "x * x.", "Each value", complex=True, code="torch.square({0})"),
    Function("reciprocal", "reciprocal(x)", "1 / x.", "Each value", whole="float64", complex=True,
             code="torch.reciprocal({0})"),
    Function("minimum", "minimum(a, b)", "The smaller of two values; NaN if either is.", "Each value", least=2, most=2,
             exact=True),
    Function("maximum", "maximum(a, b)", "The larger of two values; NaN if either is.", "Each value", least=2, most=2,
             exact=True),
    Function("clamp", "clamp(x, lowest, highest)", "x kept between two values.", "Each value", least=3, most=3,
             exact=True),
    Function("where", "where(condition, a, b)", "a where the condition holds, b elsewhere.", "Each value", least=3,
             most=3, complex=True, exact=True, code="torch.where({0}, {1}, {2})"),
    Function("real", "real(x)", "The real part.", "Each value", complex=True, exact=True, code="torch.real({0})"),
    Function("imag", "imag(x)", "The imaginary part of a complex value.", "Each value", complex=True, exact=True,
             code="torch.imag({0})"),
    Function("conj", "conj(x)", "The complex conjugate.", "Each value", complex=True, exact=True,
             code="torch.conj({0})"),
    _smooth("angle", "The angle of a complex value; 0 or pi of a real one."),
    _plain("isnan", "Whether x is NaN.", complex=True, condition=True),
    _plain("isinf", "Whether x is infinite.", complex=True, condition=True),
    _plain("isfinite", "Whether x is neither NaN nor infinite.", complex=True, condition=True),
    _plain("nonfinite", "Whether x is NaN or infinite.", complex=True, condition=True, code="~torch.isfinite({0})"),
    Function("outliers", "outliers(x, k)", "Whether x is more than k standard deviations from the mean; both of the "
             "finite values.", "Conditions", least=2, most=2, gives="condition"),
    _reduction("mean", "The average.", complex=True),
    _reduction("sum", "The sum.", complex=True, whole="keep"),
    _reduction("prod", "The product.", complex=True, whole="keep"),
    _reduction("std", "The standard deviation of a sample: torch's, which divides by n - 1."),
    _reduction("var", "The variance of a sample: torch's, which divides by n - 1."),
    _reduction("min", "The smallest value; NaN if one is.", whole="keep"),
    _reduction("max", "The largest value; NaN if one is.", whole="keep"),
    _reduction("norm", "The L2 norm: the root of the sum of squares.", complex=True),
    _reduction("count", "How many values are not 0, or how often a condition holds.", complex=True, whole="keep"),
    _reduction("any", "Whether a condition holds anywhere, or a value is not 0.", complex=True, condition=True),
    _reduction("all", "Whether a condition holds everywhere, or no value is 0.", complex=True, condition=True),
    Function("median", "median(x)", "The middle of all values in order; the lower of two, as torch's.", "Many values",
             "reduction", whole="float64", code="torch.median({0})"),
    Function("quantile", "quantile(x, q)", "The value that a share q of all values does not exceed, q from 0 to 1.",
             "Many values", "share", whole="float64"),
    Function("index", "index(dim)", "The positions along a dimension, counted from the start of the region.",
             "Places", "dim"),
    Function("size", "size(dim)", "How many positions a dimension of the region has.", "Places", "dim"),
)  # fmt: skip

FUNCTIONS: dict[str, Function] = {function.name: function for function in _ALL}
_WITHIN = {name: _reduction(name, "") for name in ("finite_mean", "finite_std")}
"""What `outliers` is made of; nobody calls them by name."""
CONSTANTS: dict[str, float] = {
    "pi": 3.141592653589793, "e": 2.718281828459045, "inf": float("inf"), "nan": float("nan"),
}  # fmt: skip


def function(name: str) -> Function:
    """Return what is known of a function, or of a part of one."""
    return FUNCTIONS.get(name) or _WITHIN[name]
