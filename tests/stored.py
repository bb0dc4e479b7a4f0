"""Snapshots on disk: what each release wrote must stay readable. ``python -m tests.stored FOLDER`` writes today's.

A new format, or a new layout of a family, gets a new folder in ``tests/data/snapshots``, written once by the code that
introduces it; the older ones stay as they are. Beside the snapshots lie the outputs that must follow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import streammse as sm

FOLDER = Path(__file__).parent / "data" / "snapshots"


@sm.kernel(state=2, rate=0.1)
def StoredLevel(p, s, x, d):
    """A kernel of one's own: a level."""
    y = s[0]
    if d == d:  # noqa: PLR0124  as a user might write it
        s[0] += p[0] * (d - y)
        s[1] += 1.0
    return y


def series(samples: int, seed: int) -> np.ndarray:
    """A slow wave with a season of four and noise."""
    t = np.arange(samples)
    noise = np.random.default_rng(seed).standard_normal(samples)
    return 20.0 + np.sin(t / 7.0) + np.array([2.0, 0.0, -1.0, -1.0])[t % 4] + 0.3 * noise


def filtered(node: Any, samples: int, seed: int) -> Any:
    """A path of three taps, learnt; the output, to be compared."""
    x = np.random.default_rng(seed).standard_normal(samples)
    d = np.convolve(x, [0.5, -0.3, 0.1])[:samples]
    return node.run(*((np.stack([one, -one]) for one in (x, d)) if hasattr(node, "__len__") else (x, d)))


def observed(node: Any, samples: int, seed: int) -> Any:
    """A series, forecast one step ahead."""
    return node.run(series(samples, seed))


def measured(node: Any, samples: int, seed: int) -> Any:
    """A series against itself, four samples late."""
    y = series(samples + 4, seed)
    return node.run(y[4:], y[:-4])


def cleaned(node: Any, samples: int, seed: int) -> Any:
    """A series beside what disturbs it."""
    noise = np.random.default_rng(seed).standard_normal(samples)
    return node.run(series(samples, seed) + np.convolve(noise, [0.5, 0.3])[:samples], noise)


#: name of the file: what it holds, and how it is driven
STORED: dict[str, tuple[Callable[[], Any], Callable[[Any, int, int], Any]]] = {
    "nlms": (lambda: sm.NLMS(taps=4), filtered),
    "huber-lms": (lambda: sm.NLMS(taps=3, mu=0.2, loss=sm.losses.huber(0.5)), filtered),
    "bank": (lambda: sm.bank(sm.NLMS(taps=2), 2), filtered),
    "own": (lambda: StoredLevel(rate=0.2), filtered),
    "mse": (lambda: sm.MSE(window=8), measured),
    "trimmed": (lambda: sm.TrimmedMSE(0.25, window=6), measured),
    "canceller": (lambda: sm.NoiseCanceller(taps=3), cleaned),
    "holt-winters": (lambda: sm.HoltWinters(season=4, alpha=0.3, beta=0.1, gamma=0.2), observed),
    "local-level": (lambda: sm.LocalLevel(irregular=1.0, level=0.2), observed),
    "ensemble": (lambda: sm.BOA([sm.Naive(), sm.SeasonalNaive(4), sm.NLMS(taps=3)]), observed),
}


def main(folder: str) -> None:
    """Write all of them, and what comes out of each afterwards."""
    where = Path(folder)
    where.mkdir(parents=True)
    after = {}
    for name, (make, drive) in STORED.items():
        node = make()
        drive(node, 50, 1)
        (where / f"{name}.state").write_bytes(node.snapshot())
        after[name] = np.asarray(drive(node, 6, 2)).ravel().tolist()
    (where / "after.json").write_text(json.dumps(after, indent=1) + "\n")


if __name__ == "__main__":
    StoredLevel.__module__ = "tests.stored"  # by which a test finds it
    main(sys.argv[1])
