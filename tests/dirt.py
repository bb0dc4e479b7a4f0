"""What signals bring with them in the field, and whether a filter is itself again afterwards."""

from __future__ import annotations

import copy

import numpy as np
from scipy.signal import lfilter

#: what happens, and whether the filter must have learnt the path at the end
DIRT = {
    "nothing": True,
    "nan": True,
    "huge": True,
    "silence": True,
    "leading zeros": True,
    "spike in x": True,
    "spike in d": True,
    "quiet": True,
    "tiny": False,
    "subnormal": False,
    "large": True,
    "constant": False,
    "the same twice": False,
}
SAMPLES, AT = 6000, 2000
PATH = np.array([0.5, -0.3, 0.2, 0.1])


def dirty(kind: str, references: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (T, m) and what the path makes of the sum of them, with noise 60 dB down."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SAMPLES, references))
    if kind == "constant":
        x[:] = 1.0
    elif kind == "the same twice":
        x[:] = np.sin(0.3 * np.arange(SAMPLES))[:, None]
    elif kind == "quiet":
        x[AT : AT + 2000] *= 1e-6
    elif kind == "silence":
        x[AT : AT + 2000] = 0.0
    elif kind == "leading zeros":
        x[:AT] = 0.0
    noise = 1e-3 * rng.standard_normal(SAMPLES) * (kind != "leading zeros" or np.arange(SAMPLES) >= AT)
    d = lfilter(PATH, [1.0], x.sum(axis=1)) + noise
    if kind == "nan":
        x[AT, 0], x[AT + 10, -1], d[AT + 20], d[AT + 30] = np.nan, np.inf, np.nan, -np.inf
    elif kind == "huge":
        x[AT, 0], d[AT + 100], x[AT + 200, 0], d[AT + 200] = 1e300, -1e300, 1e99, 1e99
    elif kind.startswith("spike"):
        x *= 1e-3
        d *= 1e-3
        (x[:, 0] if kind == "spike in x" else d)[AT] = 1e4
    by = {"tiny": 1e-160, "subnormal": 1e-310, "large": 1e90}.get(kind, 1.0)
    return by * x, by * d


def recovery(fresh: object, kind: str, within: float = 2.0, floor: float = 0.003) -> None:
    """Outputs and state stay finite, and at the end the error is what it is without dirt."""
    f, clean = copy.deepcopy(fresh), copy.deepcopy(fresh)
    m = f.references
    x, d = dirty(kind, m)
    y = f.run(x[:, 0] if m == 1 else x, d)
    assert np.isfinite(y).all()
    assert np.isfinite(f._s).all()
    assert np.isfinite(f.weights).all()
    if DIRT[kind]:
        x, d = dirty("nothing", m)
        wanted = d - clean.run(x[:, 0] if m == 1 else x, d)
        _, spoilt = dirty(kind, m)
        scale = np.std(spoilt[-1000:]) / np.std(d[-1000:])
        left = np.sqrt(np.mean((spoilt - y)[-500:] ** 2)) / scale
        assert left < within * np.sqrt(np.mean(wanted[-500:] ** 2)) + floor
