"""Messages that need a GPU, or a build without one: by torch's own words, which stand in the installed torch too."""

from __future__ import annotations

import mmap
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.conftest import ROOT
from tests.doctor.explain.provoking import bare_of, traceback_of
from tests.doctor.explain.test_provoked import BY_TEXT
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.facts import TensorFacts

ASSERTED = """/pytorch/aten/src/ATen/native/cuda/Loss.cu:250: nll_loss_forward_reduce_cuda_kernel_2d: block: [0,0,0], \
thread: [3,0,0] Assertion `t >= 0 && t < n_classes` failed.
Traceback (most recent call last):
  File "train.py", line 12, in <module>
    loss.backward()
torch.AcceleratorError: CUDA error: device-side assert triggered
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
"""
TEXTS = [
    ("two-devices", "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, "
     "cuda:0 "
     "and cpu! (when checking argument for argument mat1 in method wrapper_CUDA_addmm)",
     "Tensors on cuda:0 and on cpu meet in one operation; `mat1` is one of them."),
    ("two-devices", "RuntimeError: Expected all tensors to be on the same device, but got mat1 is on cpu, different "
     "from "
     "other tensors on cuda:0 (when checking argument in method wrapper_CUDA_addmm)",
     "Tensors on cpu and on cuda:0 meet in one operation; `mat1` is one of them."),
    ("input-device", "RuntimeError: Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be "
     "the "
     "same", "The input is on cuda, and the weight of the layer on cpu."),
    ("input-device", "RuntimeError: Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be "
     "the "
     "same or input should be a MKLDNN tensor and weight is a dense tensor",
     "The input is on cpu, and the weight of the layer on cuda."),
    ("input-dtype", "RuntimeError: Input type (torch.cuda.FloatTensor) and weight type (torch.cuda.HalfTensor) should "
     "be "
     "the same", "The input is float32, and the weight of the layer float16."),
    ("module-device", "RuntimeError: module must have its parameters and buffers on device cuda:0 (device_ids[0]) but "
     "found one of them on device: cpu", "DataParallel needs the module on cuda:0, and one of its tensors is on cpu."),
    ("saved-on-device", "RuntimeError: Attempting to deserialize object on a CUDA device but "
     "torch.cuda.is_available() is "
     "False.", "Tensors of the checkpoint are saved as being on CUDA, and torch finds none here."),
    ("saved-on-number", "RuntimeError: Attempting to deserialize object on CUDA device 7 but "
     "torch.cuda.device_count() is "
     "2. Please use torch.load with map_location to map your storages to an existing device.",
     "Tensors of the checkpoint are saved as being on CUDA device 7; there are 2 here, counted from 0."),
    ("cuda-not-compiled", "AssertionError: Torch not compiled with CUDA enabled",
     "The torch that runs here was built without CUDA, and CUDA was asked for."),
    ("cuda-driver", "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and "
     "installed a driver from http://www.nvidia.com/Download/index.aspx",
     "torch finds no driver of NVIDIA that it can work with."),
    ("cuda-driver", "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
     "torch finds no driver of NVIDIA that it can work with."),
    ("cuda-memory", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 1 has a total "
     "capacity "
     "of 79.15 GiB of which 10.00 MiB is free.",
     "20.00 MiB more were asked for, and GPU 1 has no such room; it has 79.15 GiB in all."),
    ("cuda-memory", "RuntimeError: CUDA out of memory. Tried to allocate 376.00 MiB (GPU 0; 3.95 GiB total capacity; "
     "1.72 GiB already allocated; 354.88 MiB free; 2.46 GiB reserved in total by PyTorch)",
     "376.00 MiB more were asked for, and GPU 0 has no such room; it has 3.95 GiB in all."),
    ("cuda-memory", "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
     "2.00 GiB more were asked for, and the GPU has no such room."),
    ("cuda-assert", ASSERTED,
     "A check within a CUDA kernel did not hold; nothing more can be computed in this process."),
    ("cuda-kernel", "RuntimeError: CUDA error: no kernel image is available for execution on the device",
     "This torch has no code for this GPU."),
    ("cuda-address", "RuntimeError: CUDA error: an illegal memory access was encountered",
     "A CUDA kernel read or wrote outside of its memory; nothing more can be computed in this process."),
    ("cuda-ordinal", "RuntimeError: CUDA error: invalid device ordinal",
     "A GPU was asked for by a number that there is not."),
    ("cublas", "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
     "cuBLAS ended with ALLOC_FAILED in cublasCreate."),
    ("cudnn", "RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "cuDNN ended with NOT_INITIALIZED."),
    ("cuda-fork", "RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you "
     "must use the 'spawn' start method",
     "A process was forked after CUDA was in use, and CUDA was asked for in it."),
    ("no-backend", "NotImplementedError: Could not run 'aten::empty.memory_format' with arguments from the 'MPS' "
     "backend.",
     "torch has no empty.memory_format for MPS here."),
    ("numpy-device", "TypeError: can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the "
     "tensor to "
     "host memory first.", "The tensor is on cuda:0, and numpy reads memory of the CPU only."),
    ("unused-in-ddp", "RuntimeError: Expected to have finished reduction in the prior iteration before starting a new "
     "one.",
     "DistributedDataParallel waits for gradients of parameters that the last loss did not use."),
    ("worker-died", "RuntimeError: DataLoader worker (pid(s) 4711, 4712) exited unexpectedly",
     "A worker of the loader, process 4711, 4712, ended."),
    ("worker-died", "RuntimeError: DataLoader worker (pid 4711) is killed by signal: Killed.",
     "A worker of the loader, process 4711, ended by signal Killed."),
    ("spawn-main", "RuntimeError: An attempt has been made to start a new process before the current process has "
     "finished "
     "its bootstrapping phase.",
     "A new process reads your file from the top, and starts processes again there."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "message"), TEXTS)
def test_the_message_is_explained(kind, text, message):
    found = explain(text)
    assert (found.kind, found.message) == (kind, message)


def test_every_kind_that_cannot_be_provoked_has_a_text():
    assert {kind for kind, *_ in TEXTS} >= BY_TEXT


@pytest.mark.parametrize(("file", "words"), [
    ("lib/libtorch_cpu.so", "Expected all tensors to be on the same device, but found at least two devices, "),
    ("lib/libtorch_cpu.so", "Expected all tensors to be on the same device, but got "),
    ("lib/libtorch_cpu.so", ", different from other tensors on "),
    ("lib/libtorch_cpu.so", ") should be the same or input should be a MKLDNN tensor and weight is a dense tensor"),
    ("serialization.py", "device but torch.{backend_name}.is_available() is False. "),
    ("serialization.py", "but torch.{backend_name}.device_count() is {device_count}. "),
    ("nn/parallel/data_parallel.py", "(device_ids[0]) but found one of "),
    ("cuda/__init__.py", "Cannot re-initialize CUDA in forked subprocess. To use CUDA with "),
    ("cuda/__init__.py", "Torch not compiled with CUDA enabled"),
    ("utils/data/dataloader.py", "exited unexpectedly"),
])  # fmt: skip
def test_the_words_are_those_of_the_installed_torch(file, words):
    path = Path(torch.__file__).parent / file
    if not path.exists():
        pytest.skip(f"{file} is called otherwise here")
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        assert held.find(words.encode()) >= 0


def test_a_device_assert_says_what_its_kernel_checked():
    found = explain(ASSERTED)
    assert found.causes == ("The text says `t >= 0 && t < n_classes`: a target that is no class of the output.",)
    assert found.frame is not None
    assert (found.frame.file, found.frame.line, found.frame.code) == ("train.py", 12, "loss.backward()")
    assert len(explain(ASSERTED.partition("\n")[2]).causes) == 3


def test_tensors_on_the_device_that_fewer_have_are_moved():
    held = tuple(TensorFacts(f"w{at}", (2,), "float32", device="cuda:0") for at in range(3))
    text = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
    found = explain(text, (*held, TensorFacts("b", (2,), "float32")))
    assert found.tensors == ("b",)
    assert found.mends[0].title == "Move 1 tensor to cuda:0"
    assert explain(text, held).mends == ()


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.cuda.is_built(), reason="this torch has CUDA")
def test_cuda_that_is_not_there_is_explained():
    found = explain(traceback_of(lambda: torch.zeros(3).cuda()))
    assert found.kind == "cuda-not-compiled"
    assert found.frame is not None
    assert found.frame.code.endswith("torch.zeros(3).cuda()))")


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=pytest.mark.cuda)], indirect=True)
@pytest.mark.parametrize(("kind", "fails"), [
    ("two-devices", lambda: nn.Linear(3, 2).cuda()(torch.zeros(1, 3))),
    ("input-device", lambda: nn.Conv1d(3, 2, 1)(torch.zeros(1, 3, 4).cuda())),
    ("input-dtype", lambda: nn.Conv1d(3, 2, 1).cuda().half()(torch.zeros(1, 3, 4).cuda())),
    ("numpy-device", lambda: torch.zeros(3).cuda().numpy()),
    ("cuda-memory", lambda: torch.empty(1 << 50, device="cuda")),
    ("cuda-ordinal", lambda: torch.zeros(3, device="cuda:99")),
])  # fmt: skip
def test_what_a_gpu_says_is_explained(kind, fails, device):
    assert explain(bare_of(fails)).kind == kind


@pytest.mark.parametrize("device", [pytest.param("cuda", marks=pytest.mark.cuda)], indirect=True)
def test_a_device_assert_of_a_gpu_is_explained(device):
    """In a process of its own: CUDA computes nothing more after it."""
    code = textwrap.dedent("""
        import torch
        torch.nn.functional.nll_loss(torch.zeros(2, 3, device="cuda"), torch.tensor([0, 9], device="cuda"))
        torch.cuda.synchronize()
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    found = explain(done.stderr)
    assert found.kind == "cuda-assert"
    assert "a target that is no class of the output" in found.causes[0]
