"""The same update rules and schedules in PyTorch."""

from typing import Any

import pytest

from nnrun.network.optimizers import OPTIMIZERS, Optimizer
from nnrun.network.schedules import SCHEDULES, Schedule

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")


class DoubleNadam(torch.optim.NAdam):
    """NAdam whose product of momenta, which takes torch's default type, is in double precision."""

    def step(self, closure: Any = None) -> Any:
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return super().step(closure)
        finally:
            torch.set_default_dtype(default)


NOT_IN_TORCH = {"lion", "quickprop"}
"""Optimizers that PyTorch has no rule for, whatever their hyperparameters."""


def torch_optimizer(
    entry: Optimizer, params: list[torch.Tensor], lr: float
) -> torch.optim.Optimizer | None:
    """Return PyTorch's optimizer of the same rule; None where it has none.

    Args:
        entry: Of the registry, with plain numbers in its fields.
        params: What it updates.
        lr: Learning rate.
    """
    e: Any = entry
    optim = torch.optim
    makers = {
        "sgd": lambda: optim.SGD(params, lr=lr),
        "momentum": lambda: optim.SGD(params, lr=lr, momentum=e.momentum),
        # PyTorch refuses nesterov without momentum, which is plain descent
        "nesterov": lambda: optim.SGD(params, lr=lr, momentum=e.momentum, nesterov=e.momentum > 0),
        "rmsprop": lambda: optim.RMSprop(params, lr=lr, alpha=e.rho, eps=e.epsilon),
        "adagrad": lambda: optim.Adagrad(
            params, lr=lr, initial_accumulator_value=e.initial, eps=e.epsilon
        ),
        "adadelta": lambda: optim.Adadelta(params, lr=lr, rho=e.rho, eps=e.epsilon),
        "adam": lambda: optim.Adam(params, lr=lr, betas=(e.beta1, e.beta2), eps=e.epsilon),
        "adamw": lambda: optim.AdamW(
            params, lr=lr, betas=(e.beta1, e.beta2), eps=e.epsilon, weight_decay=e.weight_decay
        ),
        "nadam": lambda: DoubleNadam(
            params,
            lr=lr,
            betas=(e.beta1, e.beta2),
            eps=e.epsilon,
            momentum_decay=e.momentum_decay,
        ),
        "rprop": lambda: optim.Rprop(
            params, lr=lr, etas=(e.shrink, e.grow), step_sizes=(e.min_step, e.max_step)
        ),
    }
    assert set(makers) == set(OPTIMIZERS) - NOT_IN_TORCH
    if entry.name in NOT_IN_TORCH or not getattr(entry, "bias_correction", True):
        return None
    return makers[entry.name]()


def torch_schedule(
    entry: Schedule, optimizer: torch.optim.Optimizer, n_steps: int
) -> torch.optim.lr_scheduler.LRScheduler | None:
    """Return PyTorch's scheduler of the same course; None where it has none.

    Args:
        entry: Of the registry.
        optimizer: What it steers; its learning rate is the schedule's base.
        n_steps: Updates of the whole budget.
    """
    warmup = entry.warmup
    if entry.name == "one_cycle" and warmup and entry.rise * (n_steps - warmup) <= 1:
        return None  # it starts at its peak, and torch's warm-up would end below
    course = _course(entry, optimizer, n_steps - warmup)
    if course is None or warmup == 0:
        return course
    rise = torch.optim.lr_scheduler.LinearLR(
        optimizer, start_factor=1 / (warmup + 1), total_iters=warmup
    )
    return torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, course], milestones=[warmup])


def _course(
    entry: Schedule, optimizer: torch.optim.Optimizer, n_steps: int
) -> torch.optim.lr_scheduler.LRScheduler | None:
    e: Any = entry
    lr = optimizer.param_groups[0]["lr"]
    schedulers = torch.optim.lr_scheduler
    makers = {
        "constant": lambda: schedulers.ConstantLR(optimizer, factor=1.0),
        "inverse_time": lambda: schedulers.LambdaLR(optimizer, lambda t: 1 / (1 + e.decay * t)),
        "triangular": lambda: schedulers.CyclicLR(
            optimizer, lr, e.peak * lr, step_size_up=e.period / 2, cycle_momentum=False
        ),
        "step": lambda: schedulers.StepLR(optimizer, e.every, e.gamma),
        "exponential": lambda: schedulers.ExponentialLR(optimizer, e.gamma),
        "polynomial": lambda: _polynomial(e, optimizer, n_steps),
        "cosine": lambda: _cosine(e, optimizer, n_steps, lr),
        "one_cycle": lambda: schedulers.OneCycleLR(
            optimizer,
            max_lr=e.peak * lr,
            total_steps=n_steps,
            pct_start=e.rise,
            anneal_strategy={"cosine": "cos", "linear": "linear"}[e.anneal],
            cycle_momentum=False,
            div_factor=e.peak,
            final_div_factor=1 / e.end if e.end else float("inf"),
        ),
    }
    assert set(makers) == set(SCHEDULES)
    return makers[entry.name]()


def _polynomial(e: Any, optimizer: torch.optim.Optimizer, n_steps: int) -> Any:
    if e.end:
        return None
    return torch.optim.lr_scheduler.PolynomialLR(optimizer, n_steps, e.power)


def _cosine(e: Any, optimizer: torch.optim.Optimizer, n_steps: int, lr: float) -> Any:
    if e.period is None:
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps, e.minimum * lr)
    return torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, e.period, e.growth, e.minimum * lr
    )
