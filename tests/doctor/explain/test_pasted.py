"""However a traceback was pasted, out of a terminal, a log, a notebook or a chat, it is explained the same."""

from __future__ import annotations

import textwrap

import pytest

from weightedit.doctor.explain.cleaning import MOST_TEXT, cleaned
from weightedit.doctor.explain.explain import explain
from weightedit.doctor.explain.explained import Frame

MESSAGE = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x7 and 10x5)"
TRACEBACK = f"""\
Traceback (most recent call last):
  File "/home/me/train.py", line 31, in <module>
    main()
  File "/home/me/models/net.py", line 12, in forward
    return self.fc(x)
           ^^^^^^^^^^
  File "/usr/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1775, in _wrapped_call_impl
    return self._call_impl(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/site-packages/torch/nn/modules/linear.py", line 125, in forward
    return F.linear(input, self.weight, self.bias)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
{MESSAGE}
"""
FRAME = Frame("/home/me/models/net.py", 12, "forward", "return self.fc(x)")


def each_line(before: str) -> str:
    return "".join(f"{before}{line}\n" for line in TRACEBACK.splitlines())


@pytest.mark.parametrize("text", [
    TRACEBACK,
    TRACEBACK.replace("\n", "\r\n"),
    TRACEBACK.replace("\n", "\r"),
    "\ufeff" + TRACEBACK,
    "some output\nEpoch 1: loss = 0.5\n" + TRACEBACK + "\n[1]    4711 exit 1     python train.py\n",
    "$ python train.py\n" + TRACEBACK,
    ">>> model(x)\n" + TRACEBACK + ">>> ",
    f"```pytb\n{TRACEBACK}```\n",
    each_line("> "),
    each_line("[rank0]: "),
    each_line("[default0]:[rank0]: "),
    each_line("(RayTrainWorker pid=4711, ip=10.0.0.1) "),
    each_line("2024-05-01 12:00:00,123 - trainer - ERROR - "),
    each_line("[2024-05-01 12:00:00] "),
    each_line("2024-05-01T12:00:00.123456Z "),
    TRACEBACK.replace("Traceback", "ERROR:root:Traceback"),
    TRACEBACK.replace('File "', '\x1b[0;32mFile \x1b[0m"').replace("RuntimeError", "\x1b[1;31mRuntimeError\x1b[0m"),
    TRACEBACK.replace("/", "\\").replace("site-packages\\", "site-packages/"),
])  # fmt: skip
def test_what_stands_around_a_traceback_is_taken_off(text):
    found = explain(text)
    assert found.kind == "matrix-product"
    assert found.torch_says == MESSAGE
    assert found.frame is not None
    assert (found.frame.line, found.frame.function, found.frame.code) == (FRAME.line, FRAME.function, FRAME.code)


@pytest.mark.parametrize("text", [
    MESSAGE, MESSAGE.split(": ", 1)[1], f"  {MESSAGE}  ", f"E       {MESSAGE}", f"{MESSAGE}\n\nWhat does it mean?",
    f"terminate called after throwing an instance of 'c10::Error'\n  what():  {MESSAGE.split(': ', 1)[1]}",
    f"builtins.{MESSAGE}", f"12: {MESSAGE}", f"rank 3: {MESSAGE}",
])  # fmt: skip
def test_a_message_alone_is_found(text):
    found = explain(text)
    assert (found.kind, found.frame) == ("matrix-product", None)


def test_a_warning_is_found_after_its_place():
    text = ("/a b/torch/nn/modules/loss.py:610: UserWarning: Using a target size (torch.Size([5])) that is different "
            "to "
            "the input size (torch.Size([5, 1])). This will likely lead to incorrect results due to broadcasting.\n"
            "  return F.mse_loss(input, target, reduction=self.reduction)\n")  # fmt: skip
    assert explain(text).kind == "loss-broadcast"
    assert explain("C:\\a\\loss.py:610: " + text.split(": ", 1)[1]).kind == "loss-broadcast"
    assert explain(text + TRACEBACK).kind == "matrix-product"  # what ended the program comes before a warning
    assert explain(TRACEBACK + text).kind == "matrix-product"


# ---------------------------------------------------------------- chains

CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
OTHER = """\
Traceback (most recent call last):
  File "/home/me/run.py", line 3, in run
    optimizer()
ValueError: optimizer got an empty parameter list
"""
UNKNOWN = """\
Traceback (most recent call last):
  File "/home/me/cache.py", line 7, in look
    return kept[key]
KeyError: 'x'
"""


@pytest.mark.parametrize("between", [CAUSED, DURING])
def test_of_a_chain_the_first_cause_is_explained_with_its_own_frame(between):
    found = explain(TRACEBACK + between + OTHER)
    assert (found.kind, found.frame) == ("matrix-product", FRAME)
    turned = explain(OTHER + between + TRACEBACK)
    assert turned.kind == "no-parameters"
    assert turned.frame == Frame("/home/me/run.py", 3, "run", "optimizer()")


def test_of_a_chain_what_is_not_known_is_passed_over():
    found = explain(UNKNOWN + DURING + TRACEBACK)
    assert (found.kind, found.frame) == ("matrix-product", FRAME)
    assert explain(UNKNOWN).kind == "unknown"
    assert explain(UNKNOWN).frame == Frame("/home/me/cache.py", 7, "look", "return kept[key]")


def test_the_error_of_a_worker_is_explained_and_the_loop_named():
    text = textwrap.dedent("""\
        Traceback (most recent call last):
          File "/home/me/train.py", line 8, in <module>
            for x in loader:
          File "/usr/lib/python3/site-packages/torch/utils/data/dataloader.py", line 732, in __next__
            data = self._next_data()
        RuntimeError: Caught RuntimeError in DataLoader worker process 0.
        Original Traceback (most recent call last):
          File "/usr/lib/python3/site-packages/torch/utils/data/_utils/collate.py", line 171, in collate
            return torch.stack(batch, 0, out=out)
        RuntimeError: stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at entry 1
        """)
    found = explain(text)
    assert found.kind == "stack-sizes"
    assert found.frame == Frame("/home/me/train.py", 8, "<module>", "for x in loader:")
    own = text.replace("site-packages/torch/utils/data/_utils/collate.py", "../../home/me/data.py").replace(
        "/usr/lib/python3/../..", "")  # fmt: skip
    assert explain(own).frame == Frame("/home/me/data.py", 171, "collate", "return torch.stack(batch, 0, out=out)")


# ---------------------------------------------------------------- notebooks


def test_a_traceback_of_a_notebook_names_the_cell():
    text = textwrap.dedent("""\
        ---------------------------------------------------------------------------
        RuntimeError                              Traceback (most recent call last)
        Cell In[7], line 3
              1 model = Net()
              2 x = torch.zeros(2, 7)
        ----> 3 model(x)

        File /usr/lib/python3/site-packages/torch/nn/modules/linear.py:125, in Linear.forward(self, input)
            124 def forward(self, input: Tensor) -> Tensor:
        --> 125     return F.linear(input, self.weight, self.bias)

        RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x7 and 10x5)
        """)
    assert explain(text).frame == Frame("cell 7", 3, "", "model(x)")
    own = text.replace("/usr/lib/python3/site-packages/torch/nn/modules/linear.py", "~/net.py")
    assert explain(own).frame == Frame("~/net.py", 125, "Linear.forward(self, input)",
                                       "return F.linear(input, self.weight, self.bias)")  # fmt: skip


def test_a_traceback_of_an_older_notebook_names_the_cell():
    text = textwrap.dedent("""\
        RuntimeError                              Traceback (most recent call last)
        <ipython-input-5-0a1b2c3d4e5f> in <module>
              1 x = torch.zeros(2, 7)
        ----> 2 model(x)

        RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x7 and 10x5)
        """)
    assert explain(text).frame == Frame("cell 5", 2, "<module>", "model(x)")


# ---------------------------------------------------------------- anomaly detection


def test_anomaly_detection_is_pointed_to():
    changed = ("RuntimeError: one of the variables needed for gradient computation has been modified by an inplace "
               "operation: [torch.FloatTensor [3]], which is output 0 of ExpBackward0, is at version 1; expected "
               "version "
               "0 instead.")  # fmt: skip
    assert "`torch.autograd.set_detect_anomaly(True)` names the line" in explain(changed).why
    warned = ("/a/graph.py:9: UserWarning: Error detected in ExpBackward0. Traceback of forward call that caused the "
              'error:\n  File "/home/me/net.py", line 4, in forward\n    y = x.exp()\n')  # fmt: skip
    assert "The text names ExpBackward0" in explain(f"{warned}{changed}").why


# ---------------------------------------------------------------- long texts


def test_the_message_at_the_end_of_a_long_log_is_found():
    log = "Epoch 1: loss = 0.5, accuracy = 0.9\n" * 100_000
    assert len(log) > MOST_TEXT
    assert explain(log + TRACEBACK).frame == FRAME
    assert explain(TRACEBACK + log).frame == FRAME
    assert len(cleaned(log)) <= MOST_TEXT + 1
