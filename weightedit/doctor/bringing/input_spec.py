"""Inputs of a model as text: `float32[2,3,224,224]`, several, by name, in lists and dicts, token ids, or from files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import nan, prod
from typing import Any

from weightedit.core.dtypes import DTYPES, dtype_named
from weightedit.core.words.visible import visible
from weightedit.doctor.bringing.quoting import quoted, unquoted
from weightedit.doctor.bringing.spec_tokens import TOKEN, SpecError, Tokens

FILES = (".npy", ".npz", ".pt", ".pth", ".safetensors")
DEEPEST = 20
MOST_DIMS = 64
LARGEST = 1 << 62
"""Elements of one input."""
_CONSTANTS = {"None": None, "True": True, "False": False}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class TensorItem:
    """A tensor that is made up: normal values for floats, numbers from 0 for integers, True for bool.

    Attributes
    ----------
    dtype, shape
        As in torch.
    below
        Integers are less than this; None leaves it to the model's smallest embedding.
    """

    dtype: str
    shape: tuple[int, ...]
    below: int | None = None

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]{'' if self.below is None else f'<{self.below}'}"


@dataclass(frozen=True, slots=True)
class FileItem:
    """A tensor, or whatever else torch finds there, from a file; `key` is its name in a file of several."""

    path: str
    key: str = ""

    def __str__(self) -> str:
        whole = f"{self.path}:{self.key}" if self.key else self.path
        found = TOKEN.fullmatch(whole)
        if found is not None and found["file"] == whole and _file(whole) == self:
            return whole
        return f"{quoted(self.path)}:{quoted(self.key)}" if self.key else quoted(self.path)


@dataclass(frozen=True, slots=True)
class ValueItem:
    """A number, text, True, False or None; a text that looks like a file is written `str 'x.npy'`."""

    value: float | int | str | bool | None

    def __str__(self) -> str:
        if not isinstance(self.value, str):
            return repr(self.value)
        return f"str {quoted(self.value)}" if _is_file(self.value) else quoted(self.value)


@dataclass(frozen=True, slots=True)
class NumbersItem:
    """A tensor written out, such as token ids: `[[101, 2003, 102]]`; int64 where all are whole, else float32."""

    values: tuple[float | int, ...]
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return _nested(self.values, self.shape)


@dataclass(frozen=True, slots=True)
class SeveralItem:
    """A list or tuple of items; a list that would read as a tensor is written `list(1, 2)`."""

    items: tuple[Item, ...]
    is_list: bool

    def __str__(self) -> str:
        inner = ", ".join(map(str, self.items))
        if self.is_list:
            return f"[{inner}]" if _numbers(self.items) is None else f"list({inner})"
        return f"({inner}{',' if len(self.items) == 1 else ''})"


@dataclass(frozen=True, slots=True)
class DictItem:
    """A dict of items by text."""

    items: tuple[tuple[str, Item], ...]

    def __str__(self) -> str:
        return "{" + ", ".join(f"{quoted(key)}: {item}" for key, item in self.items) + "}"


Item = TensorItem | FileItem | ValueItem | NumbersItem | SeveralItem | DictItem


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a model is called with: items by place, then items by name."""

    args: tuple[Item, ...]
    kwargs: tuple[tuple[str, Item], ...] = field(default=())

    def __str__(self) -> str:
        return ", ".join([*map(str, self.args), *(f"{name}: {item}" for name, item in self.kwargs)])

    def leaves(self) -> Iterator[Item]:
        """Give everything in it that holds nothing else."""
        waiting: list[Item] = [*self.args, *(item for _, item in self.kwargs)][::-1]
        while waiting:
            item = waiting.pop()
            if isinstance(item, SeveralItem):
                waiting += item.items[::-1]
            elif isinstance(item, DictItem):
                waiting += [inner for _, inner in item.items][::-1]
            else:
                yield item

    def tensors(self) -> Iterator[TensorItem]:
        """Give every made-up tensor in it."""
        return (item for item in self.leaves() if isinstance(item, TensorItem))


def parse_inputs(text: str) -> InputSpec:
    """Read an input spec.

    Raises
    ------
    SpecError
        If it does not read, with the column.
    """
    return _Parser(text).inputs()


def parse_item(text: str) -> Item:
    """Read one item, such as a target.

    Raises
    ------
    SpecError
        If it does not read, or is none or several.
    """
    found = parse_inputs(text)
    if len(found.args) != 1 or found.kwargs:
        raise SpecError("one tensor, list or dict is expected", text, 0)
    return found.args[0]


def spec_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> InputSpec | None:
    """Return the spec of arguments as they are, tensors by shape and dtype; None where there is something else.

    Parameters
    ----------
    args, kwargs
        By place and by name.
    """
    try:
        return InputSpec(tuple(map(_item_of, args)), tuple((name, _item_of(value)) for name, value in kwargs.items()))
    except TypeError:
        return None


def _item_of(value: Any) -> Item:
    if value is None or isinstance(value, bool | int | float | str):
        return ValueItem(nan if value != value else value)  # the one that a spec reads as
    if type(value) in (list, tuple):
        return SeveralItem(tuple(map(_item_of, value)), type(value) is list)
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return DictItem(tuple((key, _item_of(one)) for key, one in value.items()))
    dtype = str(getattr(value, "dtype", "")).removeprefix("torch.")
    if dtype not in DTYPES or not hasattr(value, "shape"):
        raise TypeError(f"{type(value).__name__} is no tensor")
    return TensorItem(dtype, tuple(value.shape))


class _Parser(Tokens):
    """Reads a spec from left to right; every complaint has its column."""

    def inputs(self) -> InputSpec:
        args: list[Item] = []
        kwargs: dict[str, Item] = {}
        while self.at < len(self.tokens):
            column = self._column()
            if self._kind() == "word" and self._sign(1) in (":", "="):
                name = self._take()
                self.at += 1
                if name in kwargs or not name.isidentifier():
                    self._fail(f"{visible(name)} is {'there twice' if name in kwargs else 'no name'}", column)
                kwargs[name] = self._item(0)
            elif kwargs:
                self._fail("inputs without a name come before those with one", column)
            else:
                args.append(self._item(0))
            if self.at < len(self.tokens) and self._take() not in (",", ";"):
                self._fail("a comma is expected", self.tokens[self.at - 1][2])
        if not args and not kwargs:
            self._fail("there is none", 0)
        return InputSpec(tuple(args), tuple(kwargs.items()))

    def _item(self, depth: int) -> Item:
        if depth > DEEPEST:
            self._fail(f"it nests more than {DEEPEST} deep", self._column())
        kind, column, word = self._kind(), self._column(), self._take()
        if kind == "file":
            return _file(word)
        if kind == "number":
            return ValueItem(_number(word))
        if kind == "text":
            return self._text(unquoted(word))
        if word == "str" and self._kind() == "text":
            return ValueItem(unquoted(self._take()))
        if word == "list" and self._sign() == "(":
            self.at += 1
            return replace(self._several("(", column, depth), is_list=True)
        if kind == "word" and word in _CONSTANTS:
            return ValueItem(_CONSTANTS[word])
        if kind == "word":
            return self._tensor(word, column)
        if word in ("(", "["):
            return self._sequence(word, column, depth)
        if word == "{":
            return self._dict(depth)
        return self._fail("a tensor is expected" if word else "it ends where a tensor is expected", column)

    def _text(self, text: str) -> Item:
        """Return a file where a text ends as one, or has a key after it."""
        if not _is_file(text):
            return ValueItem(text)
        if self._sign() != ":":
            return FileItem(text)
        self.at += 1
        if self._kind() != "text":
            self._fail("the key in the file is expected in quotes", self._column())
        return FileItem(text, unquoted(self._take()))

    def _tensor(self, word: str, column: int) -> TensorItem:
        try:
            dtype = dtype_named(word).name
        except KeyError:
            known = ", ".join(name for name in DTYPES if DTYPES[name].family != "opaque")
            self._fail(f"{visible(word, 60)} is no dtype; there are {known}", column)
        if self._sign() != "[":
            self._fail(f"the shape of {dtype} is expected in brackets, such as {dtype}[1,16]", self._column())
        self.at += 1
        shape: list[int] = []
        while self._sign() != "]":
            column = self._column()
            if self._kind() != "number" or not (size := self._take()).isdigit():
                self._fail("a size is a whole number of 0 or more", column)
            shape.append(int(size))
            if self._sign() == ",":
                self.at += 1
            elif self._sign() != "]":
                self._fail("a comma or ] is expected", self._column())
        self.at += 1
        if len(shape) > MOST_DIMS or prod(shape) > LARGEST:
            self._fail("that is larger than a tensor can be", column)
        return TensorItem(dtype, tuple(shape), self._below(dtype))

    def _below(self, dtype: str) -> int | None:
        if self._sign() != "<":
            return None
        self.at += 1
        column = self._column()
        word = self._take() if self._kind() == "number" else ""
        if not DTYPES[dtype].is_integer or not word.isdigit() or not int(word):
            self._fail("< is followed by a whole number above 0, and for integers only", column)
        return int(word)

    def _sequence(self, opening: str, column: int, depth: int) -> Item:
        found = self._several(opening, column, depth)
        return (_numbers(found.items) or found) if found.is_list else found

    def _several(self, opening: str, column: int, depth: int) -> SeveralItem:
        items: list[Item] = []
        while self._sign() != _CLOSING[opening]:
            items.append(self._item(depth + 1))
            if self._sign() in (",", ";"):
                self.at += 1
            elif self._sign() != _CLOSING[opening]:
                self._fail(f"a comma or {_CLOSING[opening]} is expected", self._column())
        self.at += 1
        return SeveralItem(tuple(items), opening == "[")

    def _dict(self, depth: int) -> DictItem:
        items: dict[str, Item] = {}
        while self._sign() != "}":
            kind, column, key = self._kind(), self._column(), self._take()
            if kind not in ("text", "word") or self._sign() not in (":", "="):
                self._fail("a name and a colon are expected", column)
            self.at += 1
            items[unquoted(key) if kind == "text" else key] = self._item(depth + 1)
            if self._sign() in (",", ";"):
                self.at += 1
            elif self._sign() != "}":
                self._fail("a comma or } is expected", self._column())
        self.at += 1
        return DictItem(tuple(items.items()))

def _drive(word: str) -> tuple[str, str, str]:
    path, colon, key = word[2:].partition(":")
    return word[:2] + path, colon, key


def _file(word: str) -> FileItem:
    path, _, key = word.partition(":") if not re.match(r"[A-Za-z]:[\\/]", word) else _drive(word)
    return FileItem(path, key)


def _is_file(text: str) -> bool:
    return text.lower().endswith(FILES)


def _number(word: str) -> float | int:
    if word[-3:] == "nan":
        return nan  # the very same one, as records that hold it are compared
    return int(word) if re.fullmatch(r"[-+]?\d+", word) else float(word)


def _numbers(items: Sequence[Item]) -> NumbersItem | None:
    """Return numbers, or lists of one shape of them, as one tensor; None where they are none."""
    if items and all(isinstance(item, ValueItem) and type(item.value) in (int, float) for item in items):
        return NumbersItem(tuple(item.value for item in items), (len(items),))  # type: ignore[union-attr, misc]
    rows = [item for item in items if isinstance(item, NumbersItem)]
    if not rows or len(rows) != len(items) or len({row.shape for row in rows}) > 1:
        return None
    return NumbersItem(tuple(value for row in rows for value in row.values), (len(rows), *rows[0].shape))


def _nested(values: tuple[float | int, ...], shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"[{', '.join(map(repr, values))}]"
    step = len(values) // shape[0]
    parts = (_nested(values[start : start + step], shape[1:]) for start in range(0, len(values), step))
    return f"[{', '.join(parts)}]"
