"""Kinds of messages of devices: tensors on two of them, CUDA that is missing, out of memory or at fault."""

from __future__ import annotations

import re

from weightedit.core.edit import Edit
from weightedit.core.words.paths import counted
from weightedit.doctor.explain.fitting import names_of
from weightedit.doctor.explain.kind import ErrorKind, Explain, Found, Match, Said, Seen, said_of, says
from weightedit.doctor.explain.pieces import DEVICE, DTYPE, N, device_word
from weightedit.doctor.finding import Mend

_MOVE = "Move model and input to one device: `model.to(device)` and `x = x.to(device)`."
_MADE = "A tensor is made within `forward` without a device, and so on the CPU: make it with `device=x.device`."
_KEPT = "A tensor is kept as a plain attribute, which does not move with the model: register it as a buffer."
_LATE = ("CUDA says so late: the line of the traceback may be another one. Run with `CUDA_LAUNCH_BLOCKING=1`, or on "
         "the CPU, which names the line.")  # fmt: skip
_ASSERT = re.compile(r"Assertion `([^`\n]{1,200})` failed")
_ASSERTED = (
    ("srcIndex < srcSelectDimSize", "an index past the end of an embedding or of a table"),
    ("t >= 0 && t < n_classes", "a target that is no class of the output"),
    ("index out of bounds", "an index past the end of a tensor"),
    ("idx_dim >= 0 && idx_dim < index_size", "an index past the end in `gather` or `scatter`"),
    ("input_val >= zero && input_val <= one", "an input of BCELoss that is no probability, or NaN"),
    ("probability tensor contains", "probabilities that are negative, Inf or NaN"),
)  # fmt: skip


def _moved(tensors: Found, device: str) -> tuple[Mend, ...]:
    targets = names_of(tensors)
    if not targets:
        return ()
    return (Mend(f"Move {counted(len(targets), 'tensor')} to {device}", (Edit("to_device", targets, None,
                                                                              {"device": device}),),
                 f"{', '.join(sorted({one.device for one in tensors})[:4])} → {device}"),)  # fmt: skip


def _two_devices(match: Match, seen: Seen) -> Said:
    given = said_of(match)
    first, second = given["a"] or given["c"], given["b"] or given["d"]
    what = given["what"] or given["which"]
    groups = [tuple(one for one in seen.tensors if one.device == device) for device in (first, second)]
    few = min(groups, key=len) if all(groups) else ()
    other = "" if not few else second if few[0].device == first else first
    which = f"; `{what}` is one of them" if what else ""
    return Said(f"Tensors on {first} and on {second} meet in one operation{which}.", _MOVE,
                (_MADE, _KEPT), few, _moved(few, other))  # fmt: skip


def _saved_on(match: Match, seen: Seen) -> Found:
    backend = (match["backend"] or "cuda").lower()
    return tuple(one for one in seen.tensors if one.device.partition(":")[0] == backend)


def _to_cpu(match: Match, seen: Seen) -> tuple[Mend, ...]:
    return _moved(_saved_on(match, seen), "cpu")


def _input_and_weight(explained: Explain) -> Explain:
    """Pass over a message of this wording that is about dtypes."""
    return lambda match, seen: None if device_word(match["on1"]) == device_word(match["on2"]) else \
        explained(match, seen)  # fmt: skip


def _assert(match: Match, seen: Seen) -> Said:
    failed = _ASSERT.search(seen.text)
    known = next((words for piece, words in _ASSERTED if failed and piece in failed[1]), "")
    causes = (f"The text says `{failed[1]}`: {known}.",) if failed and known else (
        "A target that is no class of the output: n outputs have the classes 0 to n − 1.",
        "An index past the end of an embedding: compare `ids.max()` with its rows.",
        "An input of BCELoss that is no probability, or NaN.")  # fmt: skip
    return Said("A check within a CUDA kernel did not hold; nothing more can be computed in this process.",
                f"Start the process anew. {_LATE}", causes)  # fmt: skip


DEVICES = (
    ErrorKind(
        "two-devices", "Tensors on two devices", ("Expected all tensors to be on the same device, but ",),
        rf"Expected all tensors to be on the same device, but (?:found at least two devices, (?P<a>{DEVICE}) and "
        rf"(?P<b>{DEVICE})!(?: \(when checking argument for argument (?P<what>\w{{1,60}}))?|got "
        rf"(?P<which>\w{{1,60}}) is on "
        rf"(?P<c>{DEVICE}), different from other tensors on (?P<d>{DEVICE}))", _two_devices,
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (when checking "
        "argument for argument mat1 in method wrapper_CUDA_addmm)"),
    ErrorKind(
        "other-device", "A tensor on another device", (" is not on the expected device ",),
        rf"Tensor on device (?P<a>{DEVICE}) is not on the expected device (?P<b>{DEVICE})!",
        says("A tensor is on {a}, and the others are on {b}.", f"{_MOVE} A tensor on `meta` has no values: load the "
             "weights first, or move the module by `to_empty`.", _MADE, _KEPT),
        "Tensor on device cpu is not on the expected device meta!"),
    ErrorKind(
        "input-device", "An input on another device than the weights", (") should be the same",),
        rf"Input type \((?P<on1>{DTYPE})\) and (?P<what>weight|bias) type \((?P<on2>{DTYPE})\) should be the same",
        _input_and_weight(says("The input is on {first}, and the {what} of the layer on {second}.", _MOVE, _MADE,
                               more=lambda match: {"first": device_word(match["on1"]),
                                                   "second": device_word(match["on2"])})),
        "Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be the same"),
    ErrorKind(
        "module-device", "A module on another device", ("module must have its parameters and buffers on device",),
        rf"module must have its parameters and buffers on device (?P<a>{DEVICE}) \(device_ids\[0\]\) but found one of "
        rf"them on device: (?P<b>{DEVICE})",
        says("DataParallel needs the module on {a}, and one of its tensors is on {b}.",
             "Write `model.to('{a}')` before DataParallel.", _KEPT),
        "module must have its parameters and buffers on device cuda:0 (device_ids[0]) but found one of them on device: "
        "cpu"),
    ErrorKind(
        "saved-on-device", "A checkpoint saved on a device that is not here",
        ("Attempting to deserialize object on a ",),
        r"Attempting to deserialize object on a (?P<backend>[A-Z]{2,12}) device but torch\.\w{2,12}\.is_available\(\) "
        r"is False",
        says("Tensors of the checkpoint are saved as being on {backend}, and torch finds none here.",
             "Load it with `map_location='cpu'`, or save it from the CPU: then it loads everywhere.",
             fits=_saved_on, mends=_to_cpu),
        "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
        "running on "
        "a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the "
        "CPU."),
    ErrorKind(
        "saved-on-number", "A checkpoint saved on a device of a higher number",
        ("Attempting to deserialize object on ",),
        rf"Attempting to deserialize object on (?P<backend>[A-Z]{{2,12}}) device (?P<a>{N}) but "
        rf"torch\.\w{{2,12}}\.device_count\(\) is (?P<b>{N})",
        says("Tensors of the checkpoint are saved as being on {backend} device {a}; there are {b} here, counted from "
             "0.",
             "Load it with `map_location='cpu'`, or with `map_location='cuda:0'`.", fits=_saved_on, mends=_to_cpu),
        "Attempting to deserialize object on CUDA device 7 but torch.cuda.device_count() is 1. Please use torch.load "
        "with map_location to map your storages to an existing device."),
    ErrorKind(
        "cuda-not-compiled", "A torch without CUDA", ("Torch not compiled with CUDA enabled",),
        r"Torch not compiled with CUDA enabled",
        says("The torch that runs here was built without CUDA, and CUDA was asked for.",
             "Take the device as it is here: `device = 'cuda' if torch.cuda.is_available() else 'cpu'`. For a GPU, "
             "install a torch that is built for it; `torch.version.cuda` says which one this is."),
        "Torch not compiled with CUDA enabled"),
    ErrorKind(
        "cuda-driver", "No driver for CUDA",
        ("Found no NVIDIA driver on your system", "The NVIDIA driver on your system is too old"),
        r"(?:Found no NVIDIA driver on your system|The NVIDIA driver on your system is too old)",
        says("torch finds no driver of NVIDIA that it can work with.",
             "Install or update the driver, or a torch that is built for an older CUDA. In a container the GPU must be "
             "handed in. Without a GPU, take the device `cpu`."),
        "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from "
        "http://www.nvidia.com/Download/index.aspx"),
    ErrorKind(
        "cuda-memory", "Out of memory on the GPU", ("CUDA out of memory. Tried to allocate ",),
        r"CUDA out of memory\. Tried to allocate (?P<a>[\d.]{1,12} ?[KMGT]?i?B)(?:[. (]{1,3}GPU (?P<gpu>\d{1,4})"
        r"(?:; (?P<b>[\d.]{1,12} [KMGT]?i?B) total capacity| has a total capacity of (?P<c>[\d.]{1,12} [KMGT]?i?B)))?",
        says("{a} more were asked for, and {gpu_text} has no such room{total}.",
             "Make the batch smaller, and add up gradients over several; compute without gradients where nothing is "
             "trained, under `torch.no_grad()`; load weights in bfloat16, half of float32.",
             "Memory grows from step to step: something keeps the graph, as `total += loss` does; write "
             "`total += loss.item()`.", "Another process uses the GPU: `nvidia-smi` lists them.",
             more=lambda match: {"gpu_text": f"GPU {match['gpu']}" if match["gpu"] else "the GPU",
                                 "total": f"; it has {match['b'] or match['c']} in all" if match["b"] or match["c"]
                                 else ""}),
        "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.15 GiB of which 10.00 MiB "
        "is "
        "free. Including non-PyTorch memory, this process has 79.00 GiB memory in use."),
    ErrorKind(
        "cpu-memory", "Out of memory", ("DefaultCPUAllocator: ",),
        r"(?:\[enforce fail at [^\]\n]{1,200}\] [^\n]{0,100}?)?DefaultCPUAllocator: (?:can't allocate memory|not "
        rf"enough memory): you tried to allocate (?P<a>{N}) bytes",
        says("{bytes} bytes of memory were asked for, and there are not so many.",
             "Look at the shape that is made: a size may be larger than meant, as by a shape that repeats. Else make "
             "the batch smaller.", more=lambda match: {"bytes": f"{int(match['a']):,}"}),
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 4611686018427387904 bytes."),
    ErrorKind(
        "cuda-assert", "A check on the GPU that did not hold", ("CUDA error: device-side assert triggered",),
        r"CUDA error: device-side assert triggered", _assert,
        "CUDA error: device-side assert triggered"),
    ErrorKind(
        "cuda-kernel", "A GPU that this torch was not built for",
        ("no kernel image is available for execution on the",),
        r"CUDA error: no kernel image is available for execution on the device",
        says("This torch has no code for this GPU.",
             "The GPU is newer or older than those torch was built for. Compare `torch.cuda.get_arch_list()` with "
             "`torch.cuda.get_device_capability()`, and install a torch whose list has it."),
        "CUDA error: no kernel image is available for execution on the device"),
    ErrorKind(
        "cuda-address", "An access outside of memory on the GPU",
        ("CUDA error: an illegal memory access was encountered", "CUDA error: unspecified launch failure"),
        r"CUDA error: (?:an illegal memory access was encountered|unspecified launch failure)",
        says("A CUDA kernel read or wrote outside of its memory; nothing more can be computed in this process.",
             f"Start the process anew. {_LATE}",
             "A kernel of an extension, or one that was compiled, has a fault: run without it.",
             "An index is past the end where the kernel does not check: look for it on the CPU."),
        "CUDA error: an illegal memory access was encountered"),
    ErrorKind(
        "cuda-ordinal", "A GPU that is not there",
        ("CUDA error: invalid device ordinal", "Invalid device id"),
        r"(?:CUDA error: invalid device ordinal|Invalid device id$)",
        says("A GPU was asked for by a number that there is not.",
             "GPUs are counted from 0; `torch.cuda.device_count()` says how many this process sees, and "
             "`CUDA_VISIBLE_DEVICES` hides the others."),
        "CUDA error: invalid device ordinal"),
    ErrorKind(
        "cublas", "A product that CUDA could not compute", ("CUDA error: CUBLAS_STATUS_",),
        r"CUDA error: CUBLAS_STATUS_(?P<status>[A-Z_]{1,40}) when calling `(?P<call>\w{1,60})",
        says("cuBLAS ended with {status} in {call}.",
             f"The status alone does not say why. {_LATE}",
             "The GPU is out of memory: `ALLOC_FAILED`, or `NOT_INITIALIZED` at the first product. Make the batch "
             "smaller to find out.", "An index past the end came before it, in an embedding or a loss: run on the CPU.",
             "Shapes of a product do not fit each other: print them."),
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ErrorKind(
        "cudnn", "A layer that cuDNN could not compute", ("cuDNN error: CUDNN_STATUS_",),
        r"cuDNN error: CUDNN_STATUS_(?P<status>[A-Z_]{1,60})",
        says("cuDNN ended with {status}.", "The status alone does not say why.",
             "The GPU is out of memory: make the batch smaller to find out.",
             "cuDNN has no code for these shapes or dtypes: set `torch.backends.cudnn.enabled = False` to find out.",
             "The installed cuDNN is another one than torch was built with: look for a second one in "
             "`LD_LIBRARY_PATH`."),
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
    ErrorKind(
        "cuda-fork", "CUDA in a forked process", ("Cannot re-initialize CUDA in forked subprocess",),
        r"Cannot re-initialize CUDA in forked subprocess",
        says("A process was forked after CUDA was in use, and CUDA was asked for in it.",
             "Start processes by `torch.multiprocessing.set_start_method('spawn')`. In a dataset keep tensors on the "
             "CPU, and move the batch in the loop."),
        "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' "
        "start method"),
    ErrorKind(
        "numpy-device", "A tensor that numpy cannot reach", (" device type tensor to numpy",),
        rf"can't convert (?P<a>{DEVICE}) device type tensor to numpy",
        says("The tensor is on {a}, and numpy reads memory of the CPU only.",
             "Write `x.detach().cpu().numpy()`. A tensor on `meta` has no values at all."),
        "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."),
    ErrorKind(
        "device-name", "A word that is no device", (" device type at start of device string: ",),
        r"Expected one of cpu, cuda, [\w, ]{1,300} device type at start of device string: (?P<a>[^\n]{1,80})",
        says("{a} is no device of torch.",
             "Devices are called `cpu`, `cuda`, `cuda:0`, `mps` and so on. `.to(…)` takes "
             "a dtype as `torch.float16`, not as text."),
        "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, "
        "mps, meta, hpu, mtia, privateuseone device type at start of device string: gpu"),
    ErrorKind(
        "no-backend", "An operation that there is not for a device", ("Could not run 'aten::",),
        r"Could not run 'aten::(?P<op>[\w.]{1,80})' with arguments from the '(?P<a>\w{1,40})' backend",
        says("torch has no {op} for {a} here.",
             "Either this torch is built without that device, or the operation was not written for it: compute this "
             "step on the CPU, `x.cpu()`, and move the result back."),
        "Could not run 'aten::empty.memory_format' with arguments from the 'MPS' backend."),
)  # fmt: skip
