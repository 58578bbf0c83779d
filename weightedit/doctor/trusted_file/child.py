"""Loads one file as a module and says what it is: runs by itself in a process of its own, and imports nothing of ours.

Started as `python -I child.py`, with one line of JSON on standard input: path, sha256, folders to import from, and the
most memory. What it finds goes out as JSON on what was standard output; what the file's code prints goes with its
errors. The hash is of the very bytes that are loaded, and is compared before torch is imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import io
import json
import os
import signal
import sys
import zipfile
from typing import Any

PR_SET_PDEATHSIG = 1
"""Of prctl: the signal that a process gets when the thread that started it ends."""
MOST_MODULES = 20_000
MOST_TENSORS = 200_000
LONGEST = 2_000


def main() -> int:
    """Report on the file that standard input names; 0 where there is a report."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _end_with_the_one_that_asks()
    asked = json.loads(sys.stdin.buffer.readline())
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    report = _report(asked)
    out.write(json.dumps(report).encode("ascii"))
    out.flush()
    return 0


def _report(asked: dict[str, Any]) -> dict[str, Any]:
    limited = _limit_memory(int(asked["memory"]))
    with open(asked["path"], "rb") as file:  # noqa: PTH123  # the only time the file is read
        data = file.read()
    found = hashlib.sha256(data).hexdigest()
    if found != asked["sha256"]:
        return {"refused": "changed", "sha256": found}
    sys.path[:0] = asked["folders"]
    before = set(sys.modules)
    try:
        torch: Any = importlib.import_module("torch")
        torch_brought = set(sys.modules)
        script = _is_script(data)
        stream = io.BytesIO(data)
        loaded = torch.jit.load(stream, map_location="cpu") if script else \
            torch.load(stream, map_location="cpu", weights_only=False)  # fmt: skip
    except (ImportError, AttributeError) as error:
        return {"refused": "import", "error": _told(error)}
    except BaseException as error:  # SystemExit and KeyboardInterrupt of the file's code too
        return {"refused": "error", "error": _told(error)}
    made = {"sha256": found, "is_script": script, "type": _name(type(loaded)), "limited": limited}
    try:
        made["parts"] = [_part(prefix, module) for prefix, module in _modules(loaded, torch)]
        made["beside"] = _beside(loaded, torch)
    except BaseException as error:
        return {"refused": "error", "error": _told(error)}
    made["imported"] = sorted(str(name) for name in set(sys.modules) - torch_brought - before)[:MOST_MODULES]
    return made


def _end_with_the_one_that_asks() -> None:
    """Let Linux end this process when the one that started it ends; elsewhere it goes on until its file is loaded."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _limit_memory(most: int) -> bool:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except (ImportError, ValueError, OSError):
        return False
    return True


def _is_script(data: bytes) -> bool:
    if not data.startswith(b"PK"):
        return False
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist())


def _modules(loaded: Any, torch: Any) -> list[tuple[str, Any]]:
    """Return the modules that were loaded: the root, or those that a dict or list holds directly."""
    if isinstance(loaded, torch.nn.Module):
        return [("", loaded)]
    held = loaded.items() if isinstance(loaded, dict) else ()
    pairs = enumerate(loaded) if isinstance(loaded, list | tuple) else held
    return [(str(key), value) for key, value in pairs if isinstance(value, torch.nn.Module)]


def _beside(loaded: Any, torch: Any) -> list[dict[str, Any]]:
    """Describe the tensors that dicts and lists hold outside of every module, by their keys joined with dots."""
    found: list[dict[str, Any]] = []
    waiting: list[tuple[str, Any]] = [("", loaded)]
    seen: set[int] = set()
    while waiting and len(found) < MOST_TENSORS:
        name, value = waiting.pop()
        if isinstance(value, torch.Tensor):
            found.append({"name": name, "kind": "tensor", **_tensor(value)})
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(f"{name}.{key}" if name else str(key), inner) for key, inner in pairs]
    return found


def _part(prefix: str, module: Any) -> dict[str, Any]:
    """Describe one module: its class, the modules inside, its forward, and every tensor with a hash of its bytes."""
    tree: list[list[str]] = []
    for name, inner in module.named_modules():
        if len(tree) >= MOST_MODULES:
            break
        tree.append([name[:LONGEST], _name(type(inner), getattr(inner, "original_name", None))])
    tensors: list[dict[str, Any]] = []
    for kind, named in (("parameter", module.named_parameters(remove_duplicate=False)),
                        ("buffer", module.named_buffers(remove_duplicate=False))):  # fmt: skip
        for name, tensor in named:
            if len(tensors) < MOST_TENSORS:
                tensors.append({"name": name, "kind": kind, **_tensor(tensor)})
    name = _name(type(module), getattr(module, "original_name", None))
    return {"prefix": prefix, "class": name, "forward": _forward(module), "modules": tree, "tensors": tensors}


def _tensor(tensor: Any) -> dict[str, Any]:
    torch: Any = importlib.import_module("torch")
    made = {"shape": [int(size) for size in tensor.shape], "dtype": str(tensor.dtype).removeprefix("torch.")}
    try:
        plain = tensor.detach().cpu().contiguous()
        made["sha256"] = hashlib.sha256(plain.reshape(-1).view(torch.uint8).numpy()).hexdigest()
    except Exception:  # sparse, quantized, nested: shown by shape alone
        made["sha256"] = ""
    return made


def _forward(module: Any) -> str:
    import inspect

    schema = getattr(getattr(module, "forward", None), "schema", None)
    if schema is not None:  # of TorchScript
        return str(schema)[:LONGEST]
    try:
        return f"forward{inspect.signature(module.forward)}"[:LONGEST]
    except (TypeError, ValueError, AttributeError):
        return ""


def _name(kind: type, original: object = None) -> str:
    name = f"{kind.__module__}.{kind.__qualname__}"
    return f"{name} of {original}"[:LONGEST] if isinstance(original, str) else name[:LONGEST]


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:LONGEST]
    except BaseException:  # its own text is code of the file's too
        return type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
