"""The losses by name: ``sm.losses.huber(1.5)``. Each can be averaged (``sm.MeanLoss``) and descended (``sm.NLMS``)."""

from .kernels.losses import (
    Loss,
    absolute,
    correntropy,
    epsilon_insensitive,
    gmcc,
    huber,
    log_cosh,
    make_loss,
    pinball,
    quartic,
    squared,
    tukey,
)

__all__ = [
    "Loss",
    "absolute",
    "correntropy",
    "epsilon_insensitive",
    "gmcc",
    "huber",
    "log_cosh",
    "make_loss",
    "pinball",
    "quartic",
    "squared",
    "tukey",
]
