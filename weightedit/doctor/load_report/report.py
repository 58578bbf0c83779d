"""A checkpoint against a model in full: a row for each tensor, and findings with the edits that make it load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

from weightedit.core.edit import Edit
from weightedit.core.words.labels import called, listed
from weightedit.core.words.paths import counted
from weightedit.doctor.facts import ModelFacts, TensorFacts
from weightedit.doctor.finding import Finding, Mend
from weightedit.doctor.load_report.absent import absent
from weightedit.doctor.load_report.adapter import adapter
from weightedit.doctor.load_report.casts import casts
from weightedit.doctor.load_report.comparison import Comparison, Told
from weightedit.doctor.load_report.differences import difference
from weightedit.doctor.load_report.everything import everything
from weightedit.doctor.load_report.extra_states import extra_states as extra_states_told
from weightedit.doctor.load_report.loading_code import loading_code
from weightedit.doctor.load_report.matching import by_name, match
from weightedit.doctor.load_report.naming import Naming
from weightedit.doctor.load_report.part import Part, part_of
from weightedit.doctor.load_report.renamed import renamed
from weightedit.doctor.load_report.sizes import sizes
from weightedit.doctor.load_report.surplus import surplus
from weightedit.doctor.load_report.taking import copies
from weightedit.doctor.load_report.ties import SameBits, untied
from weightedit.doctor.load_report.turned import turned
from weightedit.doctor.load_report.undecided import left_over, undecided

Verdict = Literal["same", "renamed", "dtype", "transposed", "permuted", "reshaped", "vocabulary", "shape", "tied",
                  "undecided", "missing", "unexpected"]  # fmt: skip
_VERDICTS: dict[str, Verdict] = {
    "undecided": "undecided", "tied": "tied", "vocabulary": "vocabulary", "shape": "shape", "size": "shape",
    "transposed": "transposed", "permuted": "permuted", "reshaped": "reshaped", "dtype": "dtype",
    "slashes": "renamed", "wrapper": "renamed", "prefix": "renamed", "legacy": "renamed", "renamed": "renamed",
}  # fmt: skip
"""What kinds of findings make of a row, the gravest first."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tensor of the model, of the checkpoint, or of both.

    Attributes
    ----------
    name
        In the model; empty where it has none.
    checkpoint_name
        In the document; empty where it is not there.
    verdict
        The gravest difference.
    model, checkpoint
        What it is in each.
    findings
        Places in the report's findings of those that are about it, whose mends mend it.
    """

    name: str
    checkpoint_name: str
    verdict: Verdict
    model: TensorFacts | None = None
    checkpoint: TensorFacts | None = None
    findings: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What `load_state_dict(strict=True)` would meet, all of it.

    Attributes
    ----------
    rows
        One for each tensor of the model in its order, then those of the checkpoint that it does not have.
    findings
        First cause first. The mends of each are for the document as it is after the first mends of those before it;
        where that can be said they fit it before that too.
    names
        Names in the document by names in the model, as they are matched after the proposed renames.
    part
        The part of the document that is compared, `state_dict`; empty for all of it.
    same_names
        How many tensors have the same name in both.
    left_over
        Edits for what is left where a person takes the first of each choice: the others are added or dropped.
    about
        What the checkpoint is, where none of its tensors is compared with the model.
    """

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    names: Mapping[str, str]
    part: str
    same_names: int
    left_over: tuple[Edit, ...] = ()
    about: str = ""

    @property
    def headline(self) -> str:
        """One line that counts: `291 names match, 1 shape differs`."""
        if self.about:
            return self.about
        both = [(row.model, row.checkpoint) for row in self.rows if row.name in self.names]
        shapes = sum(ours is not None and theirs is not None and difference(ours, theirs) is not None
                     for ours, theirs in both)  # fmt: skip
        dtypes = sum(ours is not None and theirs is not None and ours.dtype != theirs.dtype for ours, theirs in both)
        verdicts = [row.verdict for row in self.rows]
        missing = verdicts.count("missing") + verdicts.count("tied")
        differing = len(self.names) - self.same_names
        said = [f"{counted(self.same_names, 'name')} {'matches' if self.same_names == 1 else 'match'}"]
        for count, noun in ((differing, "name"), (shapes, "shape"), (dtypes, "dtype")):
            said += [f"{counted(count, noun)} {'differs' if count == 1 else 'differ'}"] if count else []
        for count, word in ((missing, "missing"), (verdicts.count("unexpected"), "unexpected"),
                            (verdicts.count("undecided"), "undecided")):  # fmt: skip
            said += [f"{count:,} {word}"] if count else []
        return ", ".join(said)

    @property
    def everything(self) -> Mend | None:
        """The first mends of all findings in order, as one; None where there are none."""
        return everything(self.findings, self.left_over)

    def mends_of(self, row: Row) -> tuple[Mend, ...]:
        """Return the ways to mend one tensor, those of the first cause first."""
        return tuple(mend for place in row.findings for mend in self.findings[place].mends)


def load_report(model: ModelFacts, checkpoint: tuple[TensorFacts, ...], part: str | None = None,
                same_bits: SameBits | None = None,
                extra_states: tuple[str, ...] | None = (), beside: tuple[str, ...] = ()) -> LoadReport:  # fmt: skip
    """Compare a checkpoint with a model, without reading a value.

    Parameters
    ----------
    model
        As its code makes it.
    checkpoint
        The tensors of a document, as `facts_of` tells them.
    part
        The container whose tensors are compared, such as `ema`; the one that fits best where it is left out.
    same_bits
        Given the names of two tensors of the document that are one in the model; where it is left out nobody looks
        whether they have the same values, and the report says so.
    extra_states
        Names in the document under which modules keep an extra state, as `extra_states_of` tells them; None where
        nobody can tell, and nothing is said of them.
    beside
        What the document holds at its first level, as `holds` tells it; said where there are no tensors.

    Raises
    ------
    KeyError
        If the checkpoint has nothing in that part.
    """
    wanted = {facts.name: facts for facts in model.tensors if facts.is_persistent}
    if extra_states:
        inside = tuple(f"{name}." for name in extra_states)
        checkpoint = tuple(facts for facts in checkpoint
                           if facts.name not in extra_states and not facts.name.startswith(inside))  # fmt: skip
    found = part_of(wanted, checkpoint, lambda one: _score(wanted, one), part)
    groups: dict[str, set[str]] = {}
    for facts in checkpoint:
        if facts.same_as:
            groups.setdefault(facts.same_as, {facts.same_as}).add(facts.name)
    if not checkpoint:
        said = "The checkpoint holds no tensors, so there is nothing to load"
        said += f"; it holds {listed(list(beside))}" if beside else ""
        rows = tuple(Row(name, "", "missing", facts, None, (0,)) for name, facts in wanted.items())
        return LoadReport(rows, (Finding("no-tensors", "", "", said),), {}, "", 0, about="no tensors")
    if of_what := adapter(wanted, found.tensors):
        return LoadReport((), (of_what[1],), {}, found.name, 0, about=of_what[0])
    compared = Comparison(model, wanted, found, match(wanted, found.tensors),
                          Naming([*(facts.name for facts in checkpoint), *(extra_states or ())]),
                          {one.name: one.type for one in model.modules},
                          {first: frozenset(names) for first, names in groups.items()},
                          None if extra_states is None else
                          tuple(name for name in extra_states if name.startswith(found.start)))  # fmt: skip
    told = [*_about_part(compared, len(checkpoint)),
            *(_other(compared) if compared.matched.is_other else _findings(compared, same_bits))]  # fmt: skip
    told += loading_code(compared, told)
    pairs = compared.matched.pairs
    names = {name: found.tensors[pairs[name]].name for name in wanted if name in pairs}
    return LoadReport(tuple(_rows(compared, told)), tuple(one.finding for one in told), names, found.name,
                      sum(name == key for name, key in pairs.items()), tuple(left_over(compared)))  # fmt: skip


def _score(wanted: Mapping[str, TensorFacts], part: Part) -> tuple[int, ...]:
    pairs, _ = by_name(wanted, part.tensors)
    fitting = sum(prod(wanted[name].shape) == prod(part.tensors[key].shape) for name, key in pairs.items())
    return fitting, len(pairs)


def _findings(compared: Comparison, same_bits: SameBits | None) -> Iterator[Told]:
    """Yield findings, first cause first: names, then shapes, dtypes, what is missing and what is too much."""
    yield from copies(compared)
    yield from renamed(compared)
    yield from undecided(compared)
    differences = {name: one for name in compared.matched.pairs
                   if (one := difference(compared.ours(name), compared.theirs(name))) is not None}  # fmt: skip
    yield from turned(compared, differences)
    yield from sizes(compared, differences)
    yield from casts(compared)
    yield from absent(compared)
    yield from surplus(compared)
    yield from extra_states_told(compared)
    yield from untied(compared, same_bits)


def _other(compared: Comparison) -> Iterator[Told]:
    """Yield the one finding that nothing fits."""
    known, of = len(compared.matched.pairs), len(compared.wanted)
    where = f"{called(compared.part.name)} of the checkpoint" if compared.part.name else "the checkpoint"
    said = f"{known:,} of {counted(of, 'name')} of {called(compared.model.type)} " \
           f"{'is' if known == 1 else 'are'} in {where}, and shapes do not tell the rest: " \
           "it looks like a checkpoint of another model"  # fmt: skip
    yield Told(Finding("other-model", "", "", said))


def _about_part(compared: Comparison, of: int) -> Iterator[Told]:
    """Yield the notices which part is compared, and that a part of several containers is no state_dict as it is."""
    part = compared.part
    if part.name:
        beside = of - len(part.tensors)
        said = f"{called(part.name)} is the part that is compared, {counted(len(part.tensors), 'tensor')}"
        said += f"; {beside:,} beside it {'is' if beside == 1 else 'are'} not looked at" if beside else ""
        said += f"; {listed(part.rivals)} could be meant as well" if part.rivals else ""
        said += f'; in code it is checkpoint["{part.name}"]' if "." not in part.name else ""
        yield Told(Finding("part", "", "", said, level="notice"))
    containers = list(dict.fromkeys(part.tensors[key].container for key in compared.matched.pairs.values()))
    if len(containers) > 1:
        said = f"What the model has lies in {len(containers)} parts of the checkpoint, " \
               f"{listed([name or 'its first level' for name in containers])}: load_state_dict takes one dict of all " \
               "names, or each module its own"  # fmt: skip
        yield Told(Finding("nested", "", "", said, level="notice"))


def _rows(compared: Comparison, told: list[Told]) -> Iterator[Row]:
    """Yield the rows, each with the gravest that the findings say of it."""
    by_name: dict[str, list[int]] = {}
    by_key: dict[str, list[int]] = {}
    for place, one in enumerate(told):
        for name in one.names:
            by_name.setdefault(name, []).append(place)
        for key in one.keys:
            by_key.setdefault(key, []).append(place)
    pairs, tensors = compared.matched.pairs, compared.part.tensors
    for name, ours in compared.wanted.items():
        places = tuple(by_name.get(name, ()))
        theirs = tensors[pairs[name]] if name in pairs else None
        otherwise: Verdict = "missing" if theirs is None else "same" if pairs[name] == name else "renamed"
        verdict = _verdict([told[place].finding.kind for place in places], otherwise)
        yield Row(name, "" if theirs is None else theirs.name, verdict, ours, theirs, places)
    matched = set(pairs.values())
    for key, theirs in tensors.items():
        if key not in matched:
            places = tuple(by_key.get(key, ()))
            verdict = _verdict([told[place].finding.kind for place in places], "unexpected")
            yield Row("", theirs.name, verdict, None, theirs, places)


def _verdict(kinds: list[str], otherwise: Verdict) -> Verdict:
    return next((verdict for kind, verdict in _VERDICTS.items() if kind in kinds), otherwise)
