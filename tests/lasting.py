"""What must hold however long a stream runs and however often it is stopped: shared by the suite and ``make soak``."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

import streammse as sm

from .cases import all_cases, extras, signals, stream

CASES = all_cases()
LONGEST = 300


def again(node: Any, fresh: Any, how: str) -> Any:
    """The node as it comes back from what was saved."""
    if how == "load":
        return sm.load(node.snapshot())
    if how == "restore":
        return fresh.restore(node.snapshot())
    return pickle.loads(pickle.dumps(node)) if how == "pickle" else node


def resumes(data: st.DataObject) -> None:
    """Any node, cut and saved anywhere, gives what it gives in one piece, bit for bit."""
    case = data.draw(st.sampled_from(CASES), label="case")
    samples = data.draw(st.integers(1, LONGEST), label="samples")
    edges = sorted(data.draw(st.lists(st.integers(0, samples), max_size=6), label="edges"))
    whole, node = case.make(), case.make()
    args, more = signals(whole, samples), extras(whole, samples)
    expected = whole.run(*args, **more)
    pieces = []
    for first, last in zip([0, *edges], [*edges, samples], strict=True):
        how = data.draw(st.sampled_from(["load", "restore", "pickle", "on"]), label="how")
        node = again(node, case.make(), how)
        cut = tuple(one[first:last] for one in args)
        also = {key: one[first:last] for key, one in more.items()}
        one_by_one = last - first < 20 and data.draw(st.booleans(), label="one by one")
        pieces.append(stream(node, cut, also) if one_by_one else node.run(*cut, **also))
    np.testing.assert_array_equal(np.concatenate(pieces), expected)
    assert np.array_equal(node._s, whole._s, equal_nan=True)


BLOCK = 120_000  # samples; a multiple of the season and not of the window


class Lasting(NamedTuple):
    """A node on one block that is repeated: how it is made and driven, and its error over the block."""

    make: Callable[[], Any]
    error: Callable[[Any], float]


def _windowed() -> Lasting:
    """Squared errors over ten decades; how far the worst value is from that of the window alone."""
    rng = np.random.default_rng(0)
    truth, prediction = np.zeros(BLOCK), rng.standard_normal(BLOCK) * 10.0 ** rng.uniform(-5, 5, BLOCK)
    window = 1009
    ends = range(window - 1, BLOCK, 7001)
    exact = {t: math.fsum(prediction[t - window + 1 : t + 1] ** 2) / window for t in ends}

    def error(metric: Any) -> float:
        curve = metric.run(truth, prediction)
        return max(abs(curve[t] / value - 1.0) for t, value in exact.items())

    return Lasting(lambda: sm.MSE(window=window), error)


def _filter() -> Lasting:
    rng = np.random.default_rng(1)
    x = rng.standard_normal(BLOCK)
    d = np.convolve(x, rng.standard_normal(32))[:BLOCK] + 0.1 * rng.standard_normal(BLOCK)
    return Lasting(lambda: sm.NLMS(taps=32, mu=0.2), lambda node: float(np.mean((d - node.run(x, d)) ** 2)))


def _smoothing() -> Lasting:
    t = np.arange(BLOCK)
    y = 50.0 + 5.0 * np.sin(2.0 * np.pi * t / BLOCK) + np.array([3.0, -1.0, -2.0, 0.0])[t % 4]
    y += np.random.default_rng(2).standard_normal(BLOCK)

    def error(node: Any) -> float:
        return float(np.nanmean((y - node.run(y)) ** 2))

    return Lasting(lambda: sm.HoltWinters(season=4, alpha=0.2, beta=0.01, gamma=0.05), error)


ENDURING = {"windowed MSE": _windowed, "NLMS": _filter, "Holt-Winters": _smoothing}


def resident() -> int:
    """Bytes of memory that this process holds."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("resident memory is read from /proc")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def endures(name: str, samples: float) -> tuple[float, float, int]:
    """(error in the beginning, error at the end, growth of memory in bytes) over so many samples."""
    lasting = ENDURING[name]()
    node = lasting.make()
    lasting.error(node)  # it converges, and whatever is allocated once is there
    first = lasting.error(node)
    before = resident()
    last = first
    for _ in range(int(samples // BLOCK)):
        last = lasting.error(node)
    return first, last, resident() - before


def check_endurance(name: str, samples: float) -> None:
    """Error at the end as at the start, in constant memory."""
    first, last, growth = endures(name, samples)
    print(f"{name}: {samples:.0e} samples, error {first:.6g}, at the end {last:.6g}, memory {growth:+,} bytes")  # noqa: T201
    if name == "windowed MSE":  # an error of its arithmetic: (W + 4) roundings at most, now and then
        assert max(first, last) < 1013 * 2.0**-53
    else:
        assert last == pytest.approx(first, rel=1e-6)
    assert growth < 4e6


def covariance_lasts(samples: int, square_root: bool) -> None:
    """The covariance stays positive where little is known of much: a fast and a slow state, now and then observed."""
    F = np.array([[1.0, 1.0, 0.5], [0.0, 1.0, 1.0], [0.0, 0.0, 0.999]])
    f = sm.KalmanFilter(F, [[1.0, 0.0, 0.0], [1.0, 1e-6, 0.0]], [0.0, 0.0, 1e-12], [1.0, 1e-8], square_root=square_root)
    rng = np.random.default_rng(6)
    worst = 1.0
    for _ in range(20):
        z = rng.standard_normal((samples // 20, 2))
        z[rng.random(z.shape) < 0.3] = np.nan
        assert np.isfinite(f.run(z)).all()
        P = f.covariance
        deviations = np.sqrt(P.diagonal())
        worst = min(worst, np.linalg.eigvalsh(P / np.outer(deviations, deviations)).min())
    print(f"square_root={square_root}: smallest eigenvalue of the correlations {worst:.3g}")  # noqa: T201
    assert worst > 0.0
    assert f.restarts == 0
