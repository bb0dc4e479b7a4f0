"""Filters that keep a vector beside their weights, or look at each: against readable twins, and what they are for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm

from . import naive
from .dirt import DIRT, recovery
from .paths import TRUTH, flat, path

N = 8

TWINS = {
    "BenvenisteLMS": (
        {"mu": 0.2, "rate": 0.3, "smallest": 0.1, "largest": 0.7},
        lambda: naive.gradient_step(0.2, 0.3, 0.1, 0.7),
    ),
    "AngFarhangLMS": (
        {"mu": 0.2, "rate": 0.3, "memory": 0.8, "smallest": 0.1, "largest": 0.7},
        lambda: naive.gradient_step(0.2, 0.3, 0.1, 0.7, 0.8),
    ),
    "PNLMS": ({"mu": 0.7, "share": 0.05}, lambda: naive.pnlms(0.7, 0.05)),
    "IPNLMS": ({"mu": 0.7, "even": 0.3}, lambda: naive.ipnlms(0.7, 0.3)),
    "ZALMS": ({"attraction": 0.02}, lambda: naive.attracted(0.5, 0.02)),
    "RZALMS": ({"attraction": 0.02, "reweighting": 5.0}, lambda: naive.attracted(0.5, 0.02, 5.0)),
}
every = pytest.mark.parametrize("name", TWINS)


@every
@pytest.mark.parametrize(("taps", "references"), [(8, 1), (23, 2), (1, 1)])
def test_twin(name: str, taps: int, references: int) -> None:
    x, d = path(300, references)
    params, update = TWINS[name]
    f = getattr(sm, name)(taps, references=references, **params)
    y, w = naive.normalised(x, d, taps, 1e-3, update())
    np.testing.assert_allclose(f.run(flat(x), d), y, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(f.weights.reshape(references, taps), w[-1], rtol=1e-8, atol=1e-10)


@every
@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_any_scale(name: str, scale: float) -> None:
    x, d = path(400)
    f, g = getattr(sm, name)(N), getattr(sm, name)(N)
    np.testing.assert_allclose(f.run(scale * x[:, 0], 1e3 * d), 1e3 * g.run(x[:, 0], d), rtol=1e-6, atol=1e-9)


def test_without_a_rule_all_are_nlms() -> None:
    x, d = path(400)
    y = sm.NLMS(N, 0.5).run(x[:, 0], d)
    for f in (
        sm.BenvenisteLMS(N, 0.5, rate=0.0),
        sm.AngFarhangLMS(N, 0.5, rate=0.0),
        sm.PNLMS(N, 0.5, share=1.0),
        sm.IPNLMS(N, 0.5, even=1.0),
        sm.ZALMS(N, 0.5, attraction=0.0),
        sm.RZALMS(N, 0.5, attraction=0.0),
    ):
        np.testing.assert_allclose(f.run(x[:, 0], d), y, rtol=1e-9, atol=1e-12, err_msg=repr(f))


def test_ang_and_farhang_without_memory_are_mathews_and_xie() -> None:
    x, d = path(400)
    f, g = sm.AngFarhangLMS(N, rate=0.1, memory=0.0), sm.MathewsXieLMS(N, rate=0.1)
    np.testing.assert_allclose(f.run(x[:, 0], d), g.run(x[:, 0], d), rtol=1e-9, atol=1e-12)
    assert f.step == pytest.approx(g.step, rel=1e-9) != 0.1


def test_the_gradient_of_benveniste_is_that_of_the_weights() -> None:
    """psi is d w / d mu: between two filters whose step differs by a hair the weights differ by as much."""
    x, d = path(60)
    h = 1e-6
    low, high = (sm.NLMS(N, mu) for mu in (0.3 - h, 0.3 + h))
    low.run(x[:, 0], d)
    high.run(x[:, 0], d)
    f = sm.BenvenisteLMS(N, 0.3, rate=0.0)
    f.run(x[:, 0], d)
    psi = f._s[-N:][::-1]
    np.testing.assert_allclose(psi, (high.weights - low.weights) / (2.0 * h), rtol=1e-5, atol=1e-7)


def settled(f, truth: np.ndarray, samples: int, seed: int, noise: float = 0.03) -> np.ndarray:
    """The squared deviation of the weights along the way."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(samples)
    d = lfilter(truth, [1.0], x)
    d += noise * rng.standard_normal(samples)
    f = f.clone()
    off = []
    for t in range(0, samples, 50):
        f.run(x[t : t + 50], d[t : t + 50])
        off.append(np.sum((f.weights - truth) ** 2))
    return np.array(off)


def sparse(taps: int) -> np.ndarray:
    truth = np.zeros(taps)
    truth[[3, taps // 2]] = 1.0, -0.6
    return truth


def test_in_proportion_a_sparse_path_is_learnt_sooner() -> None:
    n = 128
    taken = {
        name: int(np.argmax(settled(f, sparse(n), 3000, 1) < 0.03))
        for name, f in {"NLMS": sm.NLMS(n, 0.5), "PNLMS": sm.PNLMS(n), "IPNLMS": sm.IPNLMS(n)}.items()
    }
    assert 0 < 2 * taken["PNLMS"] < taken["NLMS"]
    assert 0 < 1.5 * taken["IPNLMS"] < taken["NLMS"]
    dense = np.random.default_rng(2).standard_normal(n) / np.sqrt(n)
    off = {name: settled(f, dense, 3000, 1)[20] for name, f in {"NLMS": sm.NLMS(n), "IPNLMS": sm.IPNLMS(n)}.items()}
    assert off["IPNLMS"] < 2.0 * off["NLMS"]


def test_what_is_pulled_stays_at_zero() -> None:
    """On a sparse path both end nearer to it than NLMS with the same step, and the reweighted one nearest."""
    n = 64
    off = [np.mean(settled(f(n), sparse(n), 8000, 3, 0.1)[-80:]) for f in (sm.NLMS, sm.ZALMS, sm.RZALMS)]
    assert off[1] < 0.8 * off[0]
    assert off[2] < 0.8 * off[0]


@pytest.mark.parametrize("attraction", [0.01, 0.03])
def test_the_bias_is_the_attraction(attraction: float) -> None:
    """On white input an active weight ends ``attraction`` units too small (E[x x' / |x|^2] is 1 / n)."""
    truth = np.array([1.0, -1.0, 1.0, -1.0])
    x = np.random.default_rng(4).standard_normal((40_000, 4))
    f = sm.ZALMS(1, 0.003, attraction, regulariser=0.0, references=4)
    f.run(x, x @ truth)
    assert np.mean(1.0 - truth * f.weights[:, 0]) == pytest.approx(2.0 * attraction, rel=0.1)  # the rms of d is 2


def test_silence_does_not_empty_the_filter() -> None:
    x, _ = path(6000)
    x[2000:] *= 1e-6
    x[3000:5000] = 0.0
    d = lfilter(TRUTH, [1.0], x[:, 0])
    f = sm.ZALMS(N, attraction=0.05)
    f.run(x[:2010, 0], d[:2010])
    before = f.weights
    f.run(x[2010:, 0], d[2010:])
    np.testing.assert_allclose(f.weights, before, atol=1e-5)


@every
@pytest.mark.parametrize("kind", DIRT)
def test_dirt_never_stays(name: str, kind: str) -> None:
    recovery(getattr(sm, name)(16), kind)


def test_ends_are_checked() -> None:
    with pytest.raises(ValueError, match="smallest must be at most largest, got 0.5 and 0.2"):
        sm.BenvenisteLMS(smallest=0.5, largest=0.2)
