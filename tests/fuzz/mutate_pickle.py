"""Breaks pickles by their opcodes: deleted, doubled, replaced, with other arguments, with hostile pieces put in."""

from __future__ import annotations

import contextlib
import itertools
import pickletools
import random
import struct
from collections.abc import Callable, Sequence

from tests.fuzz.mutate_bytes import integer, mutate_bytes, packed

_OPCODES = {op.code.encode("latin1"): op for op in pickletools.opcodes}
_TEXTS = (b"items", b"torch", b"FloatStorage", b"storage", b"0", b"cpu", b"state_dict", b"\xff\xfe", b"a\nb", b"",
          b"_metadata", b"keys", b"__class__", b"__dict__", b"__reduce__", b"1_0", b"-1", b"\xed\xa0\x80",
          b"x" * 5000)  # fmt: skip
_GLOBALS = (b"tests.fuzz.canary\nfire", b"tests.fuzz.canary\nClass", b"os\nsystem", b"builtins\neval",
            b"builtins\nexec",
            b"builtins\ngetattr", b"builtins\nset", b"builtins\nfrozenset", b"builtins\nbytearray", b"builtins\nslice",
            b"builtins\nrange", b"builtins\ncomplex", b"__builtin__\nxrange", b"_codecs\nencode", b"torch\nSize",
            b"torch\nFloatStorage", b"torch.storage\nUntypedStorage", b"torch\nbfloat16", b"torch\nfloat32",
            b"collections\nOrderedDict", b"copyreg\n_reconstructor", b"copyreg\n__newobj__", b"copyreg\n__newobj_ex__",
            b"torch._utils\n_rebuild_tensor", b"torch._utils\n_rebuild_tensor_v2", b"torch._utils\n_rebuild_tensor_v3",
            b"torch._utils\n_rebuild_parameter", b"torch._utils\n_rebuild_parameter_with_state",
            b"torch._utils\n_rebuild_qtensor", b"torch._tensor\n_rebuild_from_type_v2",
            b"torch.nn.parameter\nParameter", b"torch.autograd.variable\nVariable", b"argparse\nNamespace",
            b"numpy.core.multiarray\n_reconstruct", b"numpy\ndtype", b"a.b\n<b>c</b>", b"\nx", b"x\n")  # fmt: skip


def mutate_pickles(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break one of the pickles that stand in a row at the beginning of some bytes, and keep what follows."""
    pickles, at = [], 0
    while (end := _end(data, at)) is not None:
        pickles.append(data[at:end])
        at = end
    if not pickles:
        return mutate_bytes(rng, data, others)
    index = rng.randrange(len(pickles))
    pickles[index] = mutate_pickle(rng, pickles[index], others)
    return b"".join(pickles) + data[at:]


def _end(data: bytes, at: int) -> int | None:
    try:
        return next(at + place + 1 for op, _, place in pickletools.genops(data[at:]) if op.name == "STOP")
    except (ValueError, StopIteration, UnicodeDecodeError, struct.error):
        return None


def tokens_of(data: bytes) -> list[bytes]:
    """Cut a pickle into opcodes with their arguments; what does not read is the last piece."""
    places: list[int] = []
    with contextlib.suppress(ValueError, struct.error):  # it goes on from where that was raised
        for _, _, place in pickletools.genops(data):
            places.append(place or 0)
    places.append(len(data))
    return [data[start:stop] for start, stop in itertools.pairwise(places)] or [data]


def mutate_pickle(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Break one pickle once or a few times."""
    tokens = tokens_of(data)
    if len(tokens) < 3 or rng.random() < 0.06:
        return mutate_bytes(rng, data, others)
    if rng.random() < 0.9:  # frames only say lengths, which would be wrong after every change
        tokens = [token for token in tokens if token[:1] != b"\x95"]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _mutate(rng, tokens, others)
    return b"".join(tokens)


def _mutate(rng: random.Random, tokens: list[bytes], others: Sequence[bytes]) -> None:
    if len(tokens) < 3:
        return
    at, choice = rng.randrange(1, len(tokens)), rng.random()
    if choice < 0.1:
        del tokens[at : at + rng.choice((1, 1, 2, 5))]
    elif choice < 0.2:
        tokens.insert(at, tokens[rng.choice((at, rng.randrange(len(tokens))))])
    elif choice < 0.3:
        tokens[at] = opcode(rng)
    elif choice < 0.4:
        tokens.insert(at, opcode(rng))
    elif choice < 0.68:
        arguments = [i for i, token in enumerate(tokens) if len(token) > 1]
        at = rng.choice(arguments) if arguments else at
        tokens[at] = _other_argument(rng, tokens[at])
    elif choice < 0.9:
        tokens[at:at] = [rng.choice(SNIPPETS)(rng)]
    elif choice < 0.95:
        other = tokens_of(rng.choice(others)[: 1 << 16])
        start = rng.randrange(len(other))
        tokens[at:at] = other[start : start + rng.choice((1, 3, 10, 50))]
    else:
        to = rng.randrange(1, len(tokens))
        tokens[at], tokens[to] = tokens[to], tokens[at]


def opcode(rng: random.Random) -> bytes:
    """Return any opcode with an argument it may have."""
    code = rng.choice(list(_OPCODES))
    op = _OPCODES[code]
    if op.arg is None:
        return code
    if op.name in ("GLOBAL", "INST"):
        return code + rng.choice(_GLOBALS) + b"\n"
    return code + _argument(rng, op.arg)


def _argument(rng: random.Random, arg: pickletools.ArgumentDescriptor) -> bytes:
    if arg.n >= 0:
        order = "big" if arg.name == "float8" else "little"
        return packed(integer(rng, rng.randrange(30)), arg.n, order)
    if arg.n == pickletools.UP_TO_NEWLINE:
        return rng.choice((b"0", b"1", b"-1", b"01", b"00", b"7", b"1_0", b"9" * 4400, b"1L", b"nan", b"1e9", b"'a'",
                           b"u0041", b"\\ud800", b"''", b" 3", b"4294967295")) + b"\n"  # fmt: skip
    width = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT8U: 8}.get(arg.n, 4)
    text = rng.choice(_TEXTS)
    said = len(text) if rng.random() < 0.8 else integer(rng)
    return packed(said, width) + text


def _other_argument(rng: random.Random, token: bytes) -> bytes:
    op = _OPCODES.get(token[:1])
    if op is None or op.arg is None:
        return token
    if op.name in ("GLOBAL", "INST"):
        return token[:1] + rng.choice(_GLOBALS) + b"\n"
    if op.arg.n > 0 and rng.random() < 0.6:
        return token[:1] + packed(integer(rng, int.from_bytes(token[1:], "little")), op.arg.n)
    if op.arg.n < -1 and rng.random() < 0.3:  # the length only
        width = {-2: 1, -5: 8}.get(op.arg.n, 4)
        return token[:1] + packed(integer(rng, int.from_bytes(token[1 : 1 + width], "little")),
                                  width) + token[1 + width :]
    return token[:1] + _argument(rng, op.arg)


# ---------------------------------------------------------------- pieces that are known to hurt


def _laugh(rng: random.Random) -> bytes:
    """Tuples of the same tuple, doubled again and again: short to write, endless to hash or print."""
    return rng.choice((b")", b"K\1\x85", b"]", b"}")) + b"2\x86" * rng.choice((2, 10, 30, 60))


def _laugh_key(rng: random.Random) -> bytes:
    return b"}" + _laugh(rng) + b"Ns"


def _laugh_set(rng: random.Random) -> bytes:
    return rng.choice((b"\x8f(%b\x90", b"(%b\x91", b"cbuiltins\nset\n](%be\x85R", b"(%bNd")) % _laugh(rng)


def _deep(rng: random.Random) -> bytes:
    count = rng.choice((10, 600, 2000, 50_000))
    opened, closed = rng.choice(((b"]", b"a"), (b")", b"\x85"), (b"(", b"t"), (b"(", b"l"), (b"}K\1", b"s"),
                                 (b"\x8f(", b"\x90"), (b"]", b"\x85a"), (b"}K\1]", b"as")))  # fmt: skip
    return b"N" + closed * count if closed == b"\x85" else opened * count + b"N" + closed * count


def _cycle(rng: random.Random) -> bytes:
    return rng.choice((b"]q\xf0h\xf0a", b"}q\xf0K\1h\xf0s", b"]q\xf0h\xf0\x85a",
                       b"cargparse\nNamespace\n)\x81q\xf0}K\1h\xf0sb",
                       b"ccollections\nOrderedDict\n)Rq\xf0h\xf0b", b"ca\nB\n)\x81q\xf0(h\xf0h\xf0e",
                       b"ca\nB\n)\x81q\xf0h\xf0)R",
                       b"}q\xf0h\xf0h\xf0s"))  # fmt: skip


def _memo(rng: random.Random) -> bytes:
    index = integer(rng)
    return rng.choice((b"q" + packed(index, 1), b"h" + packed(index, 1), b"r" + packed(index, 4),
                       b"j" + packed(index, 4),
                       b"p%d\n" % index, b"g%d\n" % index, b"\x94"))  # fmt: skip


def _call(rng: random.Random) -> bytes:
    arguments = rng.choice((b")", b"K\5\x85", b"]\x85", b"N\x85", b"}\x85", b"X\1\0\0\0a\x85", b"(K\1K\2K\3t",
                            b"NNN\x87",
                            b"J\xff\xff\xff\x7f\x85", _laugh(rng) + b"\x85", b"](K\1K\2e\x85"))  # fmt: skip
    how = rng.choice((b"R", b"R", b"R", b"\x81", b"}\x92"))
    return b"c" + rng.choice(_GLOBALS) + b"\n" + arguments + how


def _build(rng: random.Random) -> bytes:
    state = rng.choice((b"}X\5\0\0\0itemsK\1s", b"}U\5stateK\1s", b"N}U\4argsK\1s\x86", b"K\1", b"]", b")", b"NN\x86",
                        b"}K\1K\2s", b"}U\t__class__K\1s", b"}X\4\0\0\0keysNs", b"\x88N}\x87"))  # fmt: skip
    return state + b"b"


def _extension(rng: random.Random) -> bytes:
    return rng.choice((b"\x82" + packed(integer(rng), 1), b"\x83" + packed(integer(rng), 2),
                       b"\x84" + packed(integer(rng), 4)))  # fmt: skip


def _huge(rng: random.Random) -> bytes:
    size = rng.choice((5000, 50_000))
    return rng.choice((b"\x8b" + struct.pack("<i", size) + b"\x7f" * size, b"I" + b"9" * size + b"\n",
                       b"F" + b"9" * size + b"\n", b"L" + b"7" * 4300 + b"L\n", b"X\xff\xff\xff\xffa",
                       b"\x8d" + b"\xff" * 8, b"\x96" + packed(integer(rng), 8) + b"a",
                       b"\x95" + packed(integer(rng), 8),
                       b"V" + b"\\u0041" * size + b"\n"))  # fmt: skip


def _keys(rng: random.Random) -> bytes:
    """Keys that collide, are not themselves, or cannot be keys."""
    modulus = (1 << 61) - 1
    ints = b"".join(b"\x8a\x0a" + (i * modulus).to_bytes(10, "little", signed=True) + b"N" for i in range(1, 300))
    return rng.choice((b"}(" + ints + b"u", b"}G\x7f\xf8\0\0\0\0\0\0NsG\x7f\xf8\0\0\0\0\0\0Ns", b"}]Ns",
                       b"}cbuiltins\nslice\nNNN\x87RNs",
                       b"}cbuiltins\nrange\nK\5\x85RNs", b"}ca\nb\n)RNs", b"}ca\nbNs", b"}I00\nNsI01\nNs",
                       b"}K\1NsG?\xf0\0\0\0\0\0\0Ns",
                       b"}\x8f(K\1\x90Ns", b"}\x8b\x88\x13\0\0" + b"\x7f" * 5000 + b"Ns"))  # fmt: skip


def _tensor(rng: random.Random) -> bytes:
    """A tensor whose numbers are at the edge."""

    def number() -> bytes:
        return rng.choice((b"K\0", b"K\1", b"K\2", b"J\xff\xff\xff\xff", b"\x8a\x08" + packed(integer(rng), 8), b"N",
                           b"G?\xf0\0\0\0\0\0\0",
                           b"\x88", b"\x8b\x88\x13\0\0" + b"\x7f" * 5000, b"K\3"))  # fmt: skip

    dims = rng.choice((0, 1, 2, 2, 70))
    size, stride = (b"(" + b"".join(number() for _ in range(dims)) + b"t" for _ in range(2))
    kind = rng.choice((b"FloatStorage", b"ByteStorage", b"QInt8Storage", b"BoolStorage", b"Tensor"))
    view = rng.choice((b"", b"", b"N", b"X\1\0\0\0vK\0K\1\x87"))
    pid = (b"(X\7\0\0\0storagectorch\n" + kind + b"\nX\1\0\0\0" + rng.choice((b"0", b"1", b"2"))
           + b"X\3\0\0\0cpu" + number() + view + b"tQ")  # fmt: skip
    numbers = number() + size + stride
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + pid + numbers + b"\x89ccollections\nOrderedDict\n)RtR"


def _marks(rng: random.Random) -> bytes:
    return rng.choice((b"(", b"((", b"0", b"00", b"1", b"2", b"2" * 50, b"t", b"(t", b".", b"(0", b"\x97", b"\x98",
                       b"B\1\0\0\0a\x98"))


SNIPPETS: tuple[Callable[[random.Random], bytes], ...] = (
    _laugh, _laugh_key, _laugh_set, _deep, _cycle, _memo, _memo, _call, _call, _call, _build, _build, _extension, _huge,
    _keys, _tensor, _tensor, _marks, opcode)  # fmt: skip
