"""Rows of queries and keys that Meta's code of Llama has in another order than transformers."""

from __future__ import annotations

from weightedit.core.edit import Edit
from weightedit.doctor.load_report.comparison import Comparison
from weightedit.doctor.load_report.dialect_names import ROTATED
from weightedit.doctor.load_report.turned import edit


def in_rows_of_transformers(compared: Comparison) -> list[Edit]:
    """Return the edits that put rows of queries and keys into the order in which transformers rotates them.

    Meta's code rotates neighbouring rows of a head together, transformers a row of its first half with one of the
    second (`convert_llama_weights_to_hf.py`). None where the model does not say how large a head is.
    """
    shapes: dict[tuple[tuple[int, ...], int], list[str]] = {}
    sizes = {one.name: (one.says or {}).get("head_dim", 0) for one in compared.model.modules}
    for name in compared.matched.dialect:
        if name.endswith(ROTATED):
            size, shape = sizes.get(name.rsplit(".", 2)[0], 0), compared.theirs(name).shape
            if size < 2 or size % 2 or len(shape) != 2 or shape[0] % size:
                return []
            shapes.setdefault((shape, size), []).append(name)
    made: list[Edit] = []
    for (shape, size), names in shapes.items():
        heads = (shape[0] // size, size // 2, 2, shape[1])
        made += [edit(compared, "reshape", names, {"shape": heads}),
                 edit(compared, "permute", names, {"dims": (0, 2, 1, 3)}),
                 edit(compared, "reshape", names, {"shape": shape})]  # fmt: skip
    return made
