"""Which devices torch can compute on here, what they are called, and how much memory each has free."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weightedit.core.errors import EditRefused
from weightedit.core.hazards import refusal
from weightedit.core.words.numbers import bytes_text
from weightedit.core.words.shortages import is_lost_device, is_out_of_memory

TAG = re.compile(r"(cpu|cuda|mps|xpu|xla|hpu|npu)(:\d+)?")
"""A device as a checkpoint may name it."""
KEEPS_DEVICE = ("torch zip", "torch legacy", "torch tar")
"""Formats that keep a device with every storage."""


def devices() -> list[str]:
    """Return `cpu` and every CUDA device, as torch names them."""
    import torch

    return ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count())), *_plain_cuda()]


def offered() -> list[str]:
    """Return the devices to choose from: those here, and the first GPU, which files are saved for anywhere."""
    return list(dict.fromkeys(["cpu", "cuda:0", *(name for name in devices() if name != "cuda")]))


def _plain_cuda() -> list[str]:
    import torch

    return ["cuda"] if torch.cuda.is_available() else []


def full_name(device: str) -> str:
    """Return a device with its number: `cuda` is the one that torch computes on now, or the first."""
    if device != "cuda":
        return device
    import torch

    return f"cuda:{torch.cuda.current_device() if torch.cuda.is_available() else 0}"


def model_name(device: str) -> str:
    """Return what a GPU is, such as `NVIDIA H100`; nothing for what is none or is not here."""
    import torch

    index = device.removeprefix("cuda:")
    if not index.isdigit() or int(index) >= torch.cuda.device_count():
        return ""
    return torch.cuda.get_device_name(int(index))


def free_memory(device: str) -> int | None:
    """Return the bytes a device has free for tensors; None where the system does not say.

    On a GPU, what torch keeps reserved without using it counts as free.
    """
    if not device.startswith("cuda"):
        return _free_here() if device == "cpu" else None
    import torch

    index = torch.device(full_name(device)).index
    if index >= torch.cuda.device_count():
        return None
    free = int(torch.cuda.mem_get_info(index)[0])
    return free + int(torch.cuda.memory_reserved(index)) - int(torch.cuda.memory_allocated(index))


def _free_here() -> int | None:
    if os.name == "nt":
        return _windows_free()
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # macOS counts its free memory in ways that say little
        return None
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found.split()[1]) * 1024


def _windows_free() -> int | None:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint32), ("load", ctypes.c_uint32), ("total", ctypes.c_uint64),
                    ("free", ctypes.c_uint64), ("rest", ctypes.c_uint64 * 5)]  # fmt: skip

    status = Status(length=ctypes.sizeof(Status))
    found = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined,unused-ignore]
    return int(status.free) if found else None


@contextmanager
def refused_for_memory(what: str) -> Iterator[None]:
    """Make a refusal of an allocation that there was no room for, and of a device that stopped working.

    Nothing of the document has changed then.

    Raises
    ------
    EditRefused
        In place of what torch, numpy or the system raises.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if is_out_of_memory(error):
            title, detail = f"There is no memory left for {what}", f"{_free_text(str(error))}{_LESS}"
        elif is_lost_device(error):
            title, detail = f"The CUDA device stopped working at {what}", f"{_first_line(error)}. {_ELSEWHERE}"
        else:
            raise
        raise EditRefused([refusal("unsupported", title, detail)]) from error


_LESS = "Nothing was changed. Take a region or fewer tensors at once, or free some memory."
_ELSEWHERE = "Nothing was changed. Edit on the CPU, and start weightedit again to use the device."


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def _free_text(error: str) -> str:
    device = next((f"cuda:{found}" for found in re.findall(r"GPU (\d+)", error)), "cpu")
    free = free_memory(device)
    return "" if free is None else f"{device} has {bytes_text(free)} free. "
