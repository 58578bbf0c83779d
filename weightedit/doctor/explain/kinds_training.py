"""Kinds of messages of optimizers, schedulers and loaders."""

from __future__ import annotations

from weightedit.doctor.explain.kind import ErrorKind, says
from weightedit.doctor.explain.pieces import N

_ANEW = "Make the optimizer after the model is complete and on its device, with `model.parameters()` called anew."

TRAINING = (
    ErrorKind(
        "no-parameters", "An optimizer without parameters", ("optimizer got an empty parameter list",),
        r"optimizer got an empty parameter list",
        says("The optimizer was given nothing to train.",
             _ANEW,
             "`model.parameters()` was kept in a variable and read before: it gives its parameters once. Write "
             "`list(model.parameters())`.",
             "Layers stand in a plain list or dict, which a module does not see: use `nn.ModuleList` or "
             "`nn.ModuleDict`.",
             "A filter by `requires_grad` kept none."),
        "optimizer got an empty parameter list"),
    ErrorKind(
        "optimize-non-leaf", "An optimizer of a computed tensor", ("can't optimize a non-leaf Tensor",),
        r"can't optimize a non-leaf Tensor",
        says("The optimizer was given a tensor that was computed from others.",
             "Only leaves are trained. `nn.Parameter(x).to(device)` and `x.requires_grad_() * 2` are computed: move "
             "and "
             "scale first, then make the parameter, `nn.Parameter(x.to(device))`."),
        "can't optimize a non-leaf Tensor"),
    ErrorKind(
        "optimizer-tensor", "A tensor where a list is meant", ("params argument given to the optimizer should be",),
        r"params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
        r"(?P<type>[\w.]{1,80})",
        says("The optimizer was given {type} and takes a list of tensors.", "Write `[w]`, or `model.parameters()`."),
        "params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.FloatTensor"),
    ErrorKind(
        "optimizer-type", "Something else than a tensor to optimize", ("optimizer can only optimize Tensors",),
        r"optimizer can only optimize Tensors, but one of the params is (?P<type>[\w.]{1,80})",
        says("Among what the optimizer was given is {type}.",
             "It takes tensors, or dicts with `params`. `model.named_parameters()` gives pairs of names and tensors in "
             "older versions: take `model.parameters()`."),
        "optimizer can only optimize Tensors, but one of the params is int"),
    ErrorKind(
        "optimizer-twice", "A parameter that is given twice",
        ("some parameters appear in more than one parameter group",
         "optimizer contains a parameter group with duplicate parameters"),
        r"(?:some parameters appear in more than one parameter group|optimizer contains a parameter group with "
        r"duplicate "
        r"parameters)",
        says("The optimizer was given one parameter twice.",
             "It would be changed twice in each step. Tied weights are one parameter under two names: where groups are "
             "made by name, keep each `id(p)` once."),
        "some parameters appear in more than one parameter group"),
    ErrorKind(
        "optimizer-groups", "The state of another optimizer",
        ("loaded state dict contains a parameter group that doesn't match",
         "loaded state dict has a different number of"),
        r"loaded state dict (?P<what>contains a parameter group that doesn't match the size of optimizer's group|has a "
        r"different number of parameter groups)",
        says("The saved state of the optimizer is for {other}.",
             "The model has more or fewer parameters than the one that was saved, or the groups were made otherwise: "
             "make them as they were, or begin with a new optimizer. Parameters are matched by their order alone.",
             more=lambda match: {"other": "another number of groups" if "number" in match["what"] else
                                 "a group of another number of parameters"}),
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"),
    ErrorKind(
        "hyperparameter", "A setting of an optimizer out of its range", ("Invalid ",),
        r"Invalid (?P<what>learning rate|lr|epsilon value|momentum value|weight_decay value|rho value|lambd value|beta "
        r"parameter at index \d): (?P<a>[-+]?(?:\d[\d.]{0,30}(?:e[-+]?\d{1,4})?|nan|inf))(?=\s|$)",
        says("The {what} is {a}, which the optimizer does not take.",
             "Learning rate, weight decay, momentum and epsilon are 0 or more; betas are from 0 to below 1."),
        "Invalid learning rate: -1"),
    ErrorKind(
        "initial-lr", "A scheduler that goes on from nowhere",
        ("param 'initial_lr' is not specified in param_groups[",),
        rf"['\"]?param 'initial_lr' is not specified in param_groups\[(?P<a>{N})\]",
        says("The scheduler was told to go on at a later epoch, and the optimizer does not know its first learning "
             "rate.",
             "Load the saved state of the optimizer before the scheduler is made, or leave `last_epoch` out and load "
             "the state of the scheduler."),
        "param 'initial_lr' is not specified in param_groups[0] when resuming"),
    ErrorKind(
        "scheduler-order", "A scheduler that steps first",
        ("Detected call of `lr_scheduler.step()` before `optimizer.step()`",),
        r"Detected call of `lr_scheduler\.step\(\)` before `optimizer\.step\(\)`",
        says("`scheduler.step()` ran before the first `optimizer.step()`, and the first learning rate is passed over.",
             "Call `optimizer.step()` first. With a GradScaler the first steps may be left out for Inf; then the "
             "warning says so and nothing is wrong."),
        "Detected call of `lr_scheduler.step()` before `optimizer.step()`."),
    ErrorKind(
        "empty-dataset", "A dataset without samples", ("num_samples should be a positive integer value, but got",),
        rf"num_samples should be a positive integer value, but got num_samples=(?P<a>{N})",
        says("The loader shuffles a dataset of {a} samples.",
             "Print `len(dataset)`: often the folder is another one, or no file has the ending that is looked for."),
        "num_samples should be a positive integer value, but got num_samples=0"),
    ErrorKind(
        "collate-type", "A sample that makes no batch", ("default_collate: batch must contain tensors",),
        r"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        r"(?:<class )?'?(?P<type>[\w.]{1,200})",
        says("A sample of the dataset holds {type}, of which the loader can make no batch.",
             "Turn it into a tensor in the dataset, as by `ToTensor()` for images; leave out what is None, or give the "
             "loader a `collate_fn`."),
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'NoneType'>"),
    ErrorKind(
        "collate-lengths", "Samples of different lengths", ("each element in list of batch should be of equal size",),
        r"each element in list of batch should be of equal size",
        says("Samples of one batch hold lists of different lengths.",
             "Pad them to one length in the dataset, or give the loader a `collate_fn` that does."),
        "each element in list of batch should be of equal size"),
    ErrorKind(
        "storage-not-resizable", "Memory that cannot grow", ("Trying to resize storage that is not resizable",),
        r"Trying to resize storage that is not resizable",
        says("A tensor whose memory belongs to something else was to become larger.",
             "In a loader with workers: samples are views of arrays or have different sizes; return "
             "`torch.tensor(x)` or `.clone()` from the dataset.",
             "A tensor of numpy's memory was resized: copy it by `clone()` first."),
        "Trying to resize storage that is not resizable"),
    ErrorKind(
        "worker-died", "A worker that ended", ("exited unexpectedly", "is killed by signal: "),
        r"DataLoader worker \(pid(?:\(s\))? (?P<a>[\d, ]{1,80})\) (?:exited unexpectedly|is killed by signal: "
        r"(?P<signal>[\w ]{1,40}))",
        says("A worker of the loader, process {a}, ended{signal_text}.",
             "It cannot say why itself. Run with `num_workers=0`: an error then shows where it is.",
             "Memory is short: each worker holds a copy of what it touches. Take fewer.",
             "In a container the shared memory is small: give it `--shm-size`, or "
             "`torch.multiprocessing.set_sharing_strategy('file_system')`.",
             more=lambda match: {"signal_text": f" by signal {match['signal'].strip()}" if match["signal"] else ""}),
        "DataLoader worker (pid(s) 4711) exited unexpectedly"),
    ErrorKind(
        "spawn-main", "A process started while its file is read",
        ("An attempt has been made to start a new process before the",),
        r"An attempt has been made to start a new process before the",
        says("A new process reads your file from the top, and starts processes again there.",
             "Put what runs under `if __name__ == '__main__':`; workers of a loader on Windows and macOS need it."),
        "An attempt has been made to start a new process before the current process has finished its bootstrapping "
        "phase."),
    ErrorKind(
        "no-process-group", "A group of processes that was not made",
        ("Default process group has not been initialized",),
        r"Default process group has not been initialized",
        says("Something of torch.distributed was used before its group of processes was made.",
             "Call `torch.distributed.init_process_group(…)` first, and start the script by `torchrun`; or make no "
             "distributed model where there is one process."),
        "Default process group has not been initialized, please make sure to call init_process_group."),
    ErrorKind(
        "unused-in-ddp", "Parameters that get no gradient",
        ("Expected to have finished reduction in the prior iteration before starting a new one",),
        r"Expected to have finished reduction in the prior iteration before starting a new one",
        says("DistributedDataParallel waits for gradients of parameters that the last loss did not use.",
             "Give it `find_unused_parameters=True`, or let every parameter take part in the loss. The text lists "
             "their "
             "indices, in the order of `model.parameters()`."),
        "Expected to have finished reduction in the prior iteration before starting a new one. This error indicates "
        "that your module has parameters that were not used in producing loss."),
    ErrorKind(
        "bad-probabilities", "Probabilities that are none", ("probability tensor contains either",),
        r"probability tensor contains either `inf`, `nan` or element < 0",
        says("What is drawn from holds NaN, Inf or a number below 0.",
             "Look where NaN comes from: weights or activations too large for float16, a temperature of 0, a row that "
             "is masked in full. bfloat16 has the range of float32."),
        "probability tensor contains either `inf`, `nan` or element < 0"),
)  # fmt: skip
