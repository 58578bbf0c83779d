"""Torch checkpoints that would run something where a pickle is trusted: here they open as data, and nothing runs."""

from __future__ import annotations

import pickle

from tests.corpus.building import written
from tests.corpus.case import Family, Refused
from tests.corpus.opcodes import END, TENSOR, beside, call, dct, g, lst, made, n, opens, ordered, root, t, tup
from tests.corpus.zips import checkpoint

FAMILY = Family("evil pickles")
TOUCH = t("touch tripped")
CODE = t("open('tripped', 'w').close()")
CANARY = "this_module_is_nowhere"


def by(data: bytes) -> bytes:
    """Short bytes."""
    return b"C" + bytes([len(data)]) + data


def b(name: str) -> bytes:
    return g("builtins", name)


def sg(module: str, name: str) -> bytes:
    """STACK_GLOBAL, whose names may have dots."""
    return t(module) + t(name) + b"\x93"


CALLS = {
    "os.system": call(g("os", "system"), TOUCH),
    "posix.system": call(g("posix", "system"), TOUCH),
    "nt.system": call(g("nt", "system"), TOUCH),
    "os.popen": call(g("os", "popen"), TOUCH),
    "os.execv": call(g("os", "execv"), t("/bin/sh"), lst(t("sh"), t("-c"), TOUCH)),
    "os.remove": call(g("os", "remove"), t("model.pt")),
    "os.mkdir": call(g("os", "mkdir"), t("tripped")),
    "os.kill": call(g("os", "abort")),
    "os.fork": call(g("os", "fork")),
    "os._exit": call(g("os", "_exit"), n(0)),
    "sys.exit": call(g("sys", "exit"), n(0)),
    "subprocess.Popen": call(g("subprocess", "Popen"), lst(t("touch"), t("tripped"))),
    "subprocess.check_output": call(g("subprocess", "check_output"), lst(t("touch"), t("tripped"))),
    "commands.getoutput of Python 2": call(g("commands", "getoutput"), TOUCH),
    "pty.spawn": call(g("pty", "spawn"), t("/bin/sh")),
    "platform.popen": call(g("platform", "popen"), TOUCH),
    "eval": call(b("eval"), CODE),
    "exec": call(b("exec"), CODE),
    "eval of Python 2": call(g("__builtin__", "eval"), CODE),
    "execfile": call(g("__builtin__", "execfile"), t("/etc/passwd")),
    "compile": call(b("compile"), CODE, t("x"), t("exec")),
    "__import__": call(b("__import__"), t(CANARY)),
    "open": call(b("open"), t("tripped"), t("w")),
    "io.open": call(g("io", "open"), t("tripped"), t("w")),
    "input": call(b("input")),
    "breakpoint": call(b("breakpoint")),
    "print": call(b("print"), t("tripped")),
    "apply": call(g("__builtin__", "apply"), g("os", "system"), tup(TOUCH)),
    "type": call(b("type"), t("X"), tup(b("object")), b"}"),
    "object": call(b("object")),
    "globals": call(b("globals")),
    "getattr chain": call(call(b("getattr"), call(b("__import__"), t("os")), t("system")), TOUCH),
    "getattr of a known class": call(b("getattr"), g("collections", "OrderedDict"), t("__subclasses__")),
    "setattr": call(b("setattr"), g("torch", "nn"), t("x"), n(1)),
    "delattr": call(b("delattr"), g("torch", "Size"), t("x")),
    "vars of a function": call(b("vars"), g("torch._utils", "_rebuild_tensor_v2")),
    "map": call(b("list"), call(b("map"), g("os", "system"), lst(TOUCH))),
    "filter": call(b("filter"), g("os", "system"), lst(TOUCH)),
    "max with a key": call(b("max"), lst(TOUCH, TOUCH), g("os", "system")),
    "sorted": call(b("sorted"), lst(TOUCH)),
    "functools.partial": call(call(g("functools", "partial"), g("os", "system"), TOUCH)),
    "functools.partial by its state": made(
        g("functools", "partial"), state=tup(g("os", "system"), tup(TOUCH), b"}", b"N")
    ),
    "functools.reduce": call(g("functools", "reduce"), g("os", "system"), lst(TOUCH, TOUCH)),
    "operator.attrgetter": call(call(g("operator", "attrgetter"), t("system")), g("builtins", "__import__")),
    "operator.methodcaller": call(call(g("operator", "methodcaller"), t("system"), TOUCH), g("sys", "modules")),
    "operator.itemgetter": call(call(g("operator", "itemgetter"), t("os")), g("sys", "modules")),
    "itertools.starmap": call(g("itertools", "starmap"), g("os", "system"), lst(tup(TOUCH))),
    "importlib.import_module": call(g("importlib", "import_module"), t(CANARY)),
    "runpy": call(g("runpy", "run_path"), t("/etc/passwd")),
    "imp.load_source": call(g("imp", "load_source"), t("x"), t("/etc/passwd")),
    "pkgutil": call(g("pkgutil", "resolve_name"), t("os:system")),
    "pydoc.locate": call(g("pydoc", "locate"), t("os.system")),
    "site": call(g("site", "addsitedir"), t(".")),
    "a module that is nowhere": call(g(CANARY, "run")),
    "a package of the current folder": call(g("tripped", "run")),
    "types.CodeType": call(g("types", "CodeType"), n(0)),
    "types.FunctionType": call(g("types", "FunctionType"), b"N", b"}"),
    "marshal": call(g("marshal", "loads"), b"C\4code"),
    "a lambda by marshal": call(call(g("types", "FunctionType"), call(g("marshal", "loads"), b"C\4code"), b"}")),
    "code.interact": call(g("code", "interact")),
    "pickle.loads": call(g("pickle", "loads"), by(b"cos\nsystem\n(S'touch tripped'\ntR.")),
    "_pickle.loads": call(g("_pickle", "loads"), b"C\2N."),
    "torch.load": call(g("torch", "load"), t("evil.pt")),
    "torch.hub.load": call(g("torch.hub", "load"), t("a/b"), t("c")),
    "torch.hub.load_state_dict_from_url": call(
        g("torch.hub", "load_state_dict_from_url"), t("https://example.org/x.pt")
    ),
    "torch.jit.load": call(g("torch.jit", "load"), t("evil.pt")),
    "torch.classes.load_library": call(g("torch.ops", "load_library"), t("./evil.so")),
    "torch.utils.cpp_extension": call(g("torch.utils.cpp_extension", "load_inline"), t("x"), t("int f();")),
    "torch.save": call(g("torch", "save"), n(1), t("tripped")),
    "torch.distributed": call(g("torch.distributed", "init_process_group")),
    "torch._utils._rebuild_device_tensor_from_numpy": call(
        g("torch._utils", "_rebuild_device_tensor_from_numpy"), n(1)
    ),
    "torch._utils._import_dotted_name": call(g("torch._utils", "_import_dotted_name"), t("os.system")),
    "torch.storage._load_from_bytes": call(g("torch.storage", "_load_from_bytes"), by(b"cos\nsystem\n(NtR.")),
    "torch.package": call(g("torch.package", "PackageImporter"), t("x")),
    "torch._dynamo": call(g("torch._dynamo.utils", "run_eval"), CODE),
    "numpy.load": call(g("numpy", "load"), t("evil.npy")),
    "numpy's runstring": call(g("numpy.testing._private.utils", "runstring"), CODE, b"}"),
    "numpy.memmap": call(g("numpy", "memmap"), t("/etc/passwd")),
    "numpy.fromfile": call(g("numpy", "fromfile"), t("/dev/zero")),
    "an array of objects": call(g("numpy.core.multiarray", "_reconstruct"), g("numpy", "ndarray"), tup(n(0)), b"C\1b")
    + tup(
        n(1),
        tup(n(1)),
        call(g("numpy", "dtype"), t("O8"), b"\x89", b"\x88"),
        b"\x89",
        lst(call(g("os", "system"), TOUCH)),
    )
    + b"b",
    "pandas.eval": call(g("pandas", "eval"), CODE),
    "joblib": call(g("joblib", "load"), t("x")),
    "dill": call(g("dill._dill", "_create_function"), n(1)),
    "cloudpickle": call(g("cloudpickle.cloudpickle", "_make_function"), n(1)),
    "urlopen": call(g("urllib.request", "urlopen"), t("http://127.0.0.1:9/")),
    "socket": call(g("socket", "create_connection"), tup(t("127.0.0.1"), n(9))),
    "webbrowser": call(g("webbrowser", "open"), t("http://127.0.0.1:9/")),
    "http.client": call(g("http.client", "HTTPConnection"), t("127.0.0.1")),
    "smtplib": call(g("smtplib", "SMTP"), t("127.0.0.1")),
    "ctypes": call(g("ctypes", "CDLL"), t("libc.so.6")),
    "shutil.rmtree": call(g("shutil", "rmtree"), t(".")),
    "tempfile": call(g("tempfile", "mkstemp")),
    "zipfile": call(g("zipfile", "ZipFile"), t("tripped"), t("w")),
    "logging to a file": call(g("logging", "FileHandler"), t("tripped")),
    "sqlite3": call(g("sqlite3", "connect"), t("tripped")),
    "pathlib.Path.touch": call(sg("pathlib", "Path.touch"), call(g("pathlib", "PosixPath"), t("tripped"))),
    "timeit": call(g("timeit", "timeit"), CODE),
    "cProfile.run": call(g("cProfile", "run"), CODE),
    "pdb.run": call(g("pdb", "run"), CODE),
    "doctest": call(g("doctest", "debug_script"), CODE),
    "unittest": call(g("unittest", "main")),
    "threading": call(g("threading", "Thread")),
    "asyncio": call(g("asyncio.subprocess", "create_subprocess_shell"), TOUCH),
    "signal.alarm": call(g("signal", "alarm"), n(1)),
    "multiprocessing": call(g("multiprocessing.util", "spawnv_passfds"), t("/bin/true"), lst(), lst()),
    "gc": call(g("gc", "get_objects")),
    "ssl": call(g("ssl", "get_server_certificate"), tup(t("127.0.0.1"), n(9))),
    "xmlrpc": call(g("xmlrpc.client", "ServerProxy"), t("http://x")),
    "uuid": call(g("uuid", "_popen"), t("touch")),
    "atexit": call(g("atexit", "register"), g("os", "abort")),
    "time.sleep": call(g("time", "sleep"), n(99)),
    "our own opener": call(g("weightedit", "open"), t("evil.pt")),
    "our own settings": call(g("weightedit.core.files.folders", "state_folder")),
    "a function of this test": call(g("tests.corpus.runner", "warm")),
    "__main__": call(g("__main__", "main")),
    "a method of a text": call(sg("builtins", "str.format"), t("{0.__class__}"), n(1)),
    "bytes of a terabyte": call(b("bytes"), n(1 << 40)),
    "a list of a long range": call(b("list"), call(b("range"), n(1 << 40))),
    "a text times a billion": call(g("operator", "mul"), TOUCH, n(1 << 30)),
    "10 ** 10 ** 10": call(g("operator", "pow"), n(10), n(10**10)),
    "re.compile": call(g("re", "compile"), t("(a+)+$")),
    "codecs of zip": call(g("_codecs", "decode"), b"C\4abcd", t("zlib")),
    "collections.namedtuple": call(g("collections", "namedtuple"), t("X"), CODE),
    "dataclasses.make_dataclass": call(g("dataclasses", "make_dataclass"), t("X"), lst(t("a"))),
    "enum": call(g("enum", "Enum"), t("X"), t("a")),
    "copyreg.add_extension": call(g("copyreg", "add_extension"), t("os"), t("system"), n(5)),
    "copyreg.pickle": call(g("copyreg", "pickle"), b("int"), b("eval")),
    "copyreg._reconstructor of a module's class": call(
        g("copyreg", "_reconstructor"), g("subprocess", "Popen"), b("object"), b"N"
    ),
    "copyreg.__newobj__": call(g("copyreg", "__newobj__"), g("subprocess", "Popen"), lst(t("touch"), t("tripped"))),
    "copyreg.__newobj_ex__": call(g("copyreg", "__newobj_ex__"), g("subprocess", "Popen"), tup(lst(t("touch"))), b"}"),
    "a name in another script": call(g("оs", "systеm"), TOUCH),
    "an empty module": call(sg("", "eval"), CODE),
    "an empty name": call(sg("os", ""), CODE),
    "dots only": call(g("..", ".."), CODE),
    "a module with spaces": call(g(" os ", " system "), TOUCH),
    "a path as a module": call(g("../evil", "run")),
    "HTML as a name": call(g("<b>os</b>", "\x1b[31msystem\u202e"), TOUCH),
    "a name of 100,000 letters": call(g("os", "s" * 100_000), TOUCH),
}
for _name, _value in CALLS.items():
    FAMILY.add(f"calls {_name}", opens(beside(_value)))

OTHER = {
    "by INST": b"(" + TOUCH + b"ios\nsystem\n",
    "by OBJ": b"(" + g("os", "system") + TOUCH + b"o",
    "by NEWOBJ": made(g("subprocess", "Popen"), lst(t("touch"))),
    "by NEWOBJ_EX": g("subprocess", "Popen") + tup(lst(t("touch"))) + dct((t("shell"), b"\x88")) + b"\x92",
    "by STACK_GLOBAL": call(sg("os", "system"), TOUCH),
    "by a dotted STACK_GLOBAL": call(sg("os", "path.os.system"), TOUCH),
    "by BUILD": made(g("os", "system"), state=dct((t("__class__"), g("os", "abort")))),
    "by __setstate__ of a class": made(
        g("torch.nn.modules.linear", "Linear"), state=dct((t("__setstate__"), g("os", "system")))
    ),
    "by __reduce__ in a state": made(
        g("x", "Y"), state=dct((t("__reduce__"), g("os", "system")), (t("__dict__"), b"}"))
    ),
    "by slots of a state": made(g("x", "Y"), state=tup(b"N", dct((t("__class__"), g("os", "system"))))),
    "by APPENDS": call(g("os", "system")) + b"(" + TOUCH + b"e",
    "by SETITEMS": call(g("os", "putenv")) + b"(" + t("A") + t("B") + b"u",
    "by ADDITEMS": call(g("os", "system")) + b"(" + TOUCH + b"\x90",
    "as a key": dct((call(g("os", "system"), TOUCH), n(1))),
    "in a frozenset": b"(" + call(g("os", "system"), TOUCH) + b"\x91",
    "in a set": b"\x8f(" + call(g("os", "system"), TOUCH) + b"\x90",
    "inside hooks": tup(call(g("os", "system"), TOUCH)),
    "twice by the memo": call(g("os", "system"), TOUCH) + b"q\x09h\x09\x86",
    "popped again": call(g("os", "system"), TOUCH) + b"0N",
    "under a mark that is popped": b"(" + call(g("os", "system"), TOUCH) + b"1N",
    "as a default factory": call(g("collections", "defaultdict"), g("os", "system")),
    "as a hook of an OrderedDict": ordered((t("a"), g("os", "system"))),
    "as the attributes of an OrderedDict": ordered()
    + dct((t("items"), g("os", "system")), (t("__class__"), b("dict")))
    + b"b",
    "an object hiding its items": made(
        g("x", "Y"), state=dct((t("items"), n(1)), (t("keys"), b"N"), (t("__len__"), n(-1)), (t("__iter__"), b"N"))
    ),
    "an object that calls itself a module": made(
        g("x", "Y"),
        state=dct(
            (t("_modules"), dct((t("a"), call(g("os", "system"), TOUCH)))),
            (t("_parameters"), b"}"),
            (t("_buffers"), b"}"),
        ),
    ),
    "a partial of a partial": call(
        call(g("functools", "partial"), call(g("functools", "partial"), g("os", "system")), TOUCH)
    ),
    "2,000 calls": lst(*[call(g("os", "system"), TOUCH)] * 2_000),
    "calls 200 deep": call(g("os", "system"), b"")
    if False
    else b"".join([g("os", "system")] * 200) + TOUCH + b"\x85R" * 200,
    "a class as a value": g("os", "system"),
    "many names": lst(*[g(f"m{i}", f"f{i}") for i in range(3000)]),
}
for _name, _value in OTHER.items():
    FAMILY.add(_name, opens(beside(_value)))

for _name, _raw, _words in (
    ("an empty module by GLOBAL", beside(call(g("", "eval"), CODE)), "pickle"),
    ("an empty name by GLOBAL", beside(call(g("os", ""), CODE)), "pickle"),
    ("extension code 1", beside(b"\x82\1"), "extension"),
    ("extension code 2 bytes", beside(b"\x83\1\1"), "extension"),
    ("extension code 4 bytes", beside(b"\x84\1\1\1\1"), "extension"),
    (
        "attributes of a known function",
        beside(g("torch._utils", "_rebuild_tensor_v2") + dct((t("_call"), g("os", "system"))) + b"b"),
        "sets attributes",
    ),
    (
        "attributes of a storage type",
        beside(g("torch", "FloatStorage") + dct((t("dtype"), t("x"))) + b"b"),
        "sets attributes",
    ),
    ("attributes of a tensor", beside(TENSOR + dct((t("_describe"), g("os", "system"))) + b"b"), "sets attributes"),
    ("attributes of a name", beside(g("os", "system") + dct((t("x"), n(1))) + b"b"), "pickle"),
    ("items of a tensor", beside(TENSOR + b"(" + n(1) + b"e"), "pickle"),
    ("keys of a tensor", beside(TENSOR + b"(" + n(1) + n(2) + b"u"), "pickle"),
    ("a tensor called", beside(call(TENSOR, n(1))), "pickle"),
    ("a number called", beside(call(n(1), n(1))), "pickle"),
    ("a dtype called", beside(call(g("torch", "float32"), n(1))), "cannot be called"),
    ("a storage type called", beside(call(g("torch", "FloatStorage"), n(1 << 40))), "cannot be called"),
    ("a set of something called", beside(call(b("set"), g("os", "system"))), "no list"),
    (
        "an OrderedDict of something called",
        beside(call(g("collections", "OrderedDict"), call(b("map"), g("os", "system"), lst(TOUCH)))),
        "no list",
    ),
    ("a bytearray of a terabyte", beside(call(b("bytearray"), n(1 << 40))), "no bytes"),
    ("a complex of a text", beside(call(b("complex"), t("1j" * 9))), "no number"),
    ("a range of texts", beside(call(b("range"), t("9"))), "no number"),
    ("text encoded by rot13", beside(call(g("_codecs", "encode"), t("a"), t("rot13"))), "latin1"),
    ("more than 20,000 names", beside(lst(*[g("m", f"f{i}") for i in range(20_001)])), "more than 20,000"),
    ("a pickle of os.system as the root", b"\x80\2" + b"0N" + END, "pickle"),
):
    FAMILY.add(f"{_name}, refused", written(checkpoint(_raw), "model.pt"), Refused(_words))


class _Run:
    def __init__(self, *how: object) -> None:
        self.how = how

    def __reduce__(self) -> tuple:
        return self.how  # type: ignore[return-value]


def _protocols() -> None:
    """The same attack in every protocol, as Python's own pickler writes it."""
    for protocol in range(6):
        value = pickle.dumps(_Run(exec, ("open('tripped', 'w').close()",)), protocol)
        inside = value[2:-1] if protocol >= 2 else value[:-1]
        inside = inside[9:] if protocol >= 4 else inside  # without its frame
        FAMILY.add(f"exec in protocol {protocol}", opens(beside(inside.replace(b"\x94", b""))))


_protocols()
FAMILY.add("only an attack", opens(b"\x80\2" + call(g("os", "system"), TOUCH) + END, {}))
FAMILY.add(
    "an attack before the tensor", opens(b"\x80\2" + dct((t("x"), call(b("eval"), CODE)), (t("w"), TENSOR)) + END)
)
FAMILY.add("an attack behind STOP", opens(root() + call(g("os", "system"), TOUCH) + END))
