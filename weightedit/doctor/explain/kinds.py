"""The kinds of messages, by subject; nothing registers itself, this tuple is all there is."""

from __future__ import annotations

from dataclasses import dataclass

from weightedit.doctor.explain.kind import ErrorKind
from weightedit.doctor.explain.kinds_attention import ATTENTION
from weightedit.doctor.explain.kinds_autograd import AUTOGRAD
from weightedit.doctor.explain.kinds_devices import DEVICES
from weightedit.doctor.explain.kinds_dtypes import DTYPES
from weightedit.doctor.explain.kinds_files import FILES
from weightedit.doctor.explain.kinds_layers import LAYERS
from weightedit.doctor.explain.kinds_load import LOAD
from weightedit.doctor.explain.kinds_losses import LOSSES
from weightedit.doctor.explain.kinds_modules import MODULES
from weightedit.doctor.explain.kinds_sequences import SEQUENCES
from weightedit.doctor.explain.kinds_shapes import SHAPES
from weightedit.doctor.explain.kinds_training import TRAINING
from weightedit.doctor.explain.kinds_values import VALUES
from weightedit.doctor.explain.kinds_views import VIEWS
from weightedit.doctor.explain.syntax import SYNTAX

SUBJECTS: tuple[tuple[str, tuple[ErrorKind, ...]], ...] = (
    ("Loading weights", LOAD), ("Files", FILES), ("Shapes", SHAPES), ("Views and indices", VIEWS), ("Layers", LAYERS),
    ("Sequences", (*ATTENTION, *SEQUENCES)), ("Losses", LOSSES), ("Dtypes", DTYPES), ("Devices", DEVICES),
    ("Gradients", AUTOGRAD), ("Training", TRAINING), ("Modules", MODULES), ("Values", VALUES),
)  # fmt: skip
KINDS: tuple[ErrorKind, ...] = tuple(kind for _, kinds in SUBJECTS for kind in kinds)
"""In the order in which they are tried where several begin at the same place."""


@dataclass(frozen=True, slots=True)
class KnownKind:
    """One kind, as people read about it.

    Attributes
    ----------
    name
        What `Explained.kind` says.
    subject
        The heading it stands under.
    title
        What happens, in a few words.
    sample
        Such a message.
    """

    name: str
    subject: str
    title: str
    sample: str


def kinds() -> tuple[KnownKind, ...]:
    """Return every kind once, by subject, for a page that lists them."""
    made: dict[str, KnownKind] = {}
    for subject, several in (*SUBJECTS, ("Python", SYNTAX)):
        for kind in several:
            made.setdefault(kind.name, KnownKind(kind.name, subject, kind.title, kind.sample))
    return tuple(made.values())
