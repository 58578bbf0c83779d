"""What optimizers, schedulers and loaders refuse."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from tests.doctor.explain.provoking import Provoked


def leaf():
    return torch.zeros(3, requires_grad=True)


def read_before():
    parameters = nn.Linear(2, 2).parameters()
    list(parameters)
    SGD(parameters, lr=0.1)


def two_groups():
    return SGD([{"params": [leaf()]}, {"params": [leaf()]}], lr=0.1)


def in_two_groups():
    weight = leaf()
    SGD([{"params": [weight]}, {"params": [weight]}], lr=0.1)


def twice():
    weight = leaf()
    SGD([weight, weight], lr=0.1)


def first(samples):
    return next(iter(DataLoader(samples, batch_size=2)))


def by_worker():
    batches = iter(DataLoader([torch.zeros(2), torch.zeros(3)], batch_size=2, num_workers=1))
    try:
        next(batches)
    finally:
        batches._shutdown_workers()  # else it waits for seconds, whenever it is collected


def scheduler_first():
    torch.optim.lr_scheduler.StepLR(SGD([leaf()], lr=0.1), 1).step()


def resized():
    torch.from_numpy(torch.zeros(3).numpy().copy()).resize_(10)


TRAINING = (
    Provoked("no-parameters", lambda: SGD([], lr=0.1),
             "The optimizer was given nothing to train."),
    Provoked("no-parameters", read_before,
             "The optimizer was given nothing to train."),
    Provoked("optimize-non-leaf", lambda: SGD([leaf() * 2], lr=0.1),
             "The optimizer was given a tensor that was computed from others."),
    Provoked("optimizer-tensor", lambda: SGD(leaf(), lr=0.1),
             "The optimizer was given a torch.FloatTensor and takes a list of tensors."),
    Provoked("optimizer-type", lambda: SGD([3], lr=0.1),
             "Among what the optimizer was given is an int."),
    Provoked("optimizer-twice", in_two_groups,
             "The optimizer was given one parameter twice."),
    Provoked("optimizer-twice", twice,
             "The optimizer was given one parameter twice."),
    Provoked("optimizer-groups",
             lambda: SGD([leaf()], lr=0.1).load_state_dict(SGD([leaf(), leaf()], lr=0.1).state_dict()),
             "The saved state of the optimizer is for a group of another number of parameters."),
    Provoked("optimizer-groups", lambda: SGD([leaf()], lr=0.1).load_state_dict(two_groups().state_dict()),
             "The saved state of the optimizer is for another number of groups."),
    Provoked("hyperparameter", lambda: SGD([leaf()], lr=-1),
             "The learning rate is -1, which the optimizer does not take."),
    Provoked("initial-lr", lambda: torch.optim.lr_scheduler.StepLR(SGD([leaf()], lr=0.1), 1, last_epoch=3),
             "The scheduler was told to go on at a later epoch, and the optimizer does not know its first learning "
             "rate."),
    Provoked("scheduler-order", scheduler_first,
             "`scheduler.step()` ran before the first `optimizer.step()`, and the first learning rate is passed "
             "over."),
    Provoked("empty-dataset", lambda: DataLoader([], shuffle=True),
             "The loader shuffles a dataset of 0 samples."),
    Provoked("collate-type", lambda: first([None, None]),
             "A sample of the dataset holds None, of which the loader can make no batch."),
    Provoked("collate-lengths", lambda: first([[1, 2], [1]]),
             "Samples of one batch hold lists of different lengths."),
    Provoked("stack-sizes", lambda: first([torch.zeros(2), torch.zeros(3)]),
             "Entry 0 is [2] and entry 1 is [3]; what is stacked must be of one shape."),
    Provoked("stack-sizes", by_worker,
             "Entry 0 is [2] and entry 1 is [3]; what is stacked must be of one shape."),
    Provoked("storage-not-resizable", resized,
             "A tensor whose memory belongs to something else was to become larger."),
    Provoked("no-process-group", lambda: torch.distributed.all_reduce(torch.zeros(3)),
             "Something of torch.distributed was used before its group of processes was made."),
    Provoked("bad-probabilities", lambda: torch.multinomial(torch.tensor([-1.0, 2.0]), 1),
             "What is drawn from holds NaN, Inf or a number below 0."),
)  # fmt: skip
