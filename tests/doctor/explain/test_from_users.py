"""Messages as people meet and paste them: what is known is recognised, and all else is said to be unknown."""

from __future__ import annotations

import io
import logging
import traceback
from pathlib import Path

import pytest
import transformers

import weightedit
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.facts import facts_of

KNOWN = [
    ("RuntimeError: expected scalar type Half but found Float", "scalar-type", "float16 was expected"),
    ("RuntimeError: mixed dtype (CPU): expect parameter to have scalar type of Float", "norm-dtype", "of a norm"),
    ("RuntimeError: expected dtype c10::Half for `end` but got dtype float", "vector-dtype", "float16 and float32"),
    ("RuntimeError: expected m1 and m2 to have the same dtype, but got: float != c10::BFloat16", "product-dtype",
     "float32 cannot be multiplied with bfloat16"),
    ("RuntimeError: DataLoader worker (pid(s) 4743) exited unexpectedly", "worker-died", "4743"),
    ("RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's "
     "workers are out of shared memory.", "worker-died", "Bus error"),
    ("RuntimeError: Caught RuntimeError in DataLoader worker process 3.\nOriginal Traceback (most recent call last):\n"
     '  File "/a/b.py", line 47, in fetch\n    return self.collate_fn(data)\nRuntimeError: stack expects each tensor '
     "to be equal size, but got [3, 64, 64] at entry 0 and [3, 28, 64] at entry 6", "stack-sizes", "[3, 28, 64]"),
    ("RuntimeError: Expected all tensors to be on the same device, but got index is on cpu, different from other "
     "tensors on cuda:0 (when checking argument in method wrapper_CUDA__index_select)", "two-devices", "`index`"),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.65 GiB "
     "of which 11.06 MiB is free.", "cuda-memory", "20.00 MiB more"),
    ("RuntimeError: CUDA error: no kernel image is available for execution on the device", "cuda-kernel", "this GPU"),
    ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "cublas", "ALLOC"),
    ("RuntimeError: Attempting to deserialize object on CUDA device 2 but torch.cuda.device_count() is 1. Please use "
     "torch.load with map_location to map your storages to an existing device.", "saved-on-number", "CUDA device 2"),
    ("_pickle.UnpicklingError: Weights only load failed. Please file an issue with the following so that we can make "
     "`weights_only=True` compatible with your use case: WeightsUnpickler error: Unsupported operand 118",
     "weights-only", "the byte 118"),
    ("ModuleNotFoundError: No module named 'models'", "no-module", "models"),
    ("AttributeError: Can't get attribute 'Net' on <module '__main__' from '/a/b.py'>", "no-class", "class Net"),
    ("_pickle.UnpicklingError: invalid load key, 'v'.", "load-key", "`v`"),
    ("RuntimeError: unexpected EOF, expected 3302200 more bytes. The file might be corrupted.", "cut-file", "3302200"),
    ("RuntimeError: \"addmm_impl_cpu_\" not implemented for 'Half'", "not-implemented", "float16"),
    ("RuntimeError: Expected to have finished reduction in the prior iteration before starting a new one.",
     "unused-in-ddp", "DistributedDataParallel"),
    ("RuntimeError: Input type (torch.cuda.HalfTensor) and weight type (torch.FloatTensor) should be the same or input "
     "should be a MKLDNN tensor and weight is a dense tensor", "input-device", "on cuda"),
    ("RuntimeError: Error(s) in loading state_dict for PeftModelForCausalLM:\n\tsize mismatch for base_model.model.w: "
     "copying a param with shape torch.Size([33, 4]) from checkpoint, the shape in current model is "
     "torch.Size([32, 4]).", "size-mismatch", "base_model.model.w is [33, 4]"),
    ("RuntimeError: Function 'MulBackward0' returned nan values in its 0th output.", "nan-gradient", "MulBackward0"),
    ("safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer", "safetensors-cut",
     "another number of bytes"),
    ("safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge", "safetensors-length",
     "longer than the 100 MB"),
    ("RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you "
     "tried to allocate 4096000000 bytes. Error code 12 (Cannot allocate memory)", "cpu-memory", "4,096,000,000 bytes"),
    ("RuntimeError: The expanded size of the tensor (514) must match the existing size (600) at non-singleton "
     "dimension 1.  Target sizes: [4, 514].  Tensor sizes: [1, 600]", "expanded-size", "it has 600"),
    ("RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the "
     "'spawn' start method", "cuda-fork", "forked"),
    ("RuntimeError: weight should contain 64 elements not 128", "running-stats", "64 channels"),
    ("TypeError: BertModel.forward() got an unexpected keyword argument 'labels'", "unexpected-argument", "labels"),
    ("AttributeError: 'collections.OrderedDict' object has no attribute 'eval'", "attribute", "dict of weights"),
]  # fmt: skip
UNKNOWN = [
    "RuntimeError: Expected object of scalar type Double but got scalar type Float for argument #2 'mat2'",
    "RuntimeError: masked_scatter_: expected self and source to have same dtypes but gotHalf and Float",
    "RuntimeError: invalid dtype for bias - should match query's dtype",
    "RuntimeError: Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: long "
    "int and  query.dtype: float instead.",
    "RuntimeError: Input and hidden tensors are not at the same device, found input tensor at cuda:0 and hidden tensor "
    "at cpu",
    "OSError: Error no file named pytorch_model.bin, model.safetensors, tf_model.h5, model.ckpt.index or "
    "flax_model.msgpack found in directory ./out.",
    "ValueError: Due to a serious vulnerability issue in `torch.load`, even with `weights_only=True`, we now require "
    "users to upgrade torch to at least v2.6 in order to use the function.",
    "ValueError: The model did not return a loss from the inputs, only the following keys: logits.",
    "AssertionError: No inf checks were recorded for this optimizer.",
    "ValueError: Attempting to unscale FP16 gradients.",
    "Token indices sequence length is longer than the specified maximum sequence length for this model (600 > 512).",
    "ValueError: Target modules {'q_proj'} not found in the base model. Please check the target modules and try again.",
    "KeyError: 'model.layers.0.self_attn.rotary_emb.inv_freq'",
    "safetensors_rust.SafetensorError: Error while serializing: I/O error: No space left on device (os error 28)",
    "RuntimeError: [enforce fail at inline_container.cc:603] . unexpected pos 704 vs 598",
    "RuntimeError: operator torchvision::nms does not exist",
    "ValueError: You have to specify either input_ids or inputs_embeds",
    "ValueError: Input image size (9*9) doesn't match model (8*8).",
    "RuntimeError: Detected that PyTorch and torchvision were compiled with different CUDA major versions.",
    "RuntimeError: bilinear(): input2 size does not match weight size: got 4 but expected 3",
    "TypeError: 'NoneType' object is not subscriptable",
    "EOFError", "StopIteration", "KeyError: 'param_groups'",
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "says"), KNOWN, ids=[kind for _, kind, _ in KNOWN])
def test_a_known_message_is_recognised(text, kind, says):
    found = explain(text)
    assert found.kind == kind
    assert says in found.message


@pytest.mark.parametrize("text", UNKNOWN)
def test_an_unknown_message_is_said_to_be_unknown(text):
    assert explain(text).kind == "unknown"


def refused_by_transformers(folder: Path) -> tuple[str, str]:
    """Save a model and load it with other sizes: what is reported in a table, and the traceback."""
    config = transformers.BertConfig(num_hidden_layers=1, hidden_size=8, num_attention_heads=2, intermediate_size=8,
                                     vocab_size=30, num_labels=2)  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    config.vocab_size, config.num_labels = 40, 5
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger("transformers").addHandler(handler)
    try:
        transformers.BertForSequenceClassification.from_pretrained(folder, config=config)
        pytest.fail("it loads")
    except RuntimeError as error:
        return said.getvalue(), "".join(traceback.format_exception(error))
    finally:
        logging.getLogger("transformers").removeHandler(handler)


def test_what_transformers_reports_of_a_load_is_read_as_sizes_that_differ(tmp_path):
    """It says of each tensor what does not fit in a table, and raises without a number."""
    pasted = "".join(refused_by_transformers(tmp_path))
    with weightedit.open(tmp_path) as document:
        found = explain(pasted, facts_of(document))
    assert found.kind == "size-mismatch"
    assert "word_embeddings.weight is [30, 8] in the checkpoint and [40, 8] in the model" in found.message
    assert set(found.tensors) == {"classifier.weight", "classifier.bias", "bert.embeddings.word_embeddings.weight"}
    assert found.mends[0].title == "Bring 3 tensors to the sizes of the model"


def test_without_its_report_transformers_is_said_to_name_no_tensor(tmp_path):
    """People paste the traceback alone; where the report stands below it, it counts all the same."""
    report, raised = refused_by_transformers(tmp_path)
    found = explain(raised)
    assert found.kind == "size-mismatch"
    assert "this message does not say which" in found.message
    assert "report" in found.why
    assert any("ignore_mismatched_sizes=True" in cause for cause in found.causes)
    assert "is [30, 8] in the checkpoint and [40, 8] in the model" in explain(raised + report).message
