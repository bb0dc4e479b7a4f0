"""A path of three taps to be identified, and coloured inputs to do it with."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

TRUTH = np.array([0.6, -0.4, 0.2])


def path(samples: int, references: int = 1, pole: float = 0.5, seed: int = 0, noise: float = 0.1):
    """Coloured inputs (T, m) and what a path of three taps each makes of them, with noise."""
    rng = np.random.default_rng(seed)
    x = lfilter([1.0], [1.0, -pole], rng.standard_normal((samples, references)), axis=0)
    d = lfilter(TRUTH, [1.0], x, axis=0).sum(axis=1) + noise * rng.standard_normal(samples)
    return x, d


def flat(x: np.ndarray) -> np.ndarray:
    return x[:, 0] if x.shape[1] == 1 else x
