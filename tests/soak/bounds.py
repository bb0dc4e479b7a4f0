"""Hostile states through the machine code itself, compiled to look where it reads: ``python -m tests.soak.bounds``.

Numba must be told by NUMBA_BOUNDSCHECK=1 before it is imported. An IndexError, a crash or a hang is a hole.
"""

from __future__ import annotations

import os
import warnings

import numpy as np

import streammse as sm
from streammse.forecast.base import Forecaster
from streammse.node import Node
from tests.cases import all_cases, extras, signals
from tests.hostile import VALUES, with_state
from tests.test_hostile_states import INTERVALS, SCALARS, slots

TRIES = 40
STEPS = 300


def drive(node: Node, args: tuple[np.ndarray, ...], more: dict[str, np.ndarray]) -> None:
    """Block, stream and what lies ahead."""
    try:
        node.run(*args, **more)
        for t in range(5):
            node.update(*(one[t] for one in args), **{key: one[t] for key, one in more.items()})
        if isinstance(node, Forecaster) and node._s[0] >= node.needs:
            node.forecast(4, *(one[:4] for one in args[1:]))
    except FloatingPointError:
        pass  # the filter was told to say so


def main() -> None:
    """Every algorithm, from so many states."""
    assert os.environ.get("NUMBA_BOUNDSCHECK") == "1", "set NUMBA_BOUNDSCHECK=1"
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    nodes = [case.make() for case in all_cases()]
    for node in (*nodes, *INTERVALS):
        interval = any(node is one for one in INTERVALS)
        args = (rng.standard_normal(STEPS),) if interval else signals(node, STEPS)
        more = {} if interval else extras(node, STEPS)
        node.run(*args, **more)
        honest, places, taken = node._s.copy(), slots(node), 0
        for number in range(TRIES):
            s = honest.copy()
            end = (s.size, SCALARS, 1)[number % 3]
            s[:end] = rng.choice(VALUES, s[:end].size)
            s[rng.integers(s.size, size=2)] = rng.choice(VALUES, 2)
            for at, (low, high) in places.items():
                s[at] = rng.integers(low, min(high, 1e6), endpoint=True) if at < end else honest[at]
            try:
                hostile = sm.load(with_state(node, s))
            except ValueError:
                continue
            taken += 1
            drive(hostile, args, {key: one + 1e3 if key == "time" else one for key, one in more.items()})
        print(f"{node!r}: {taken} of {TRIES} taken", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
