"""DCT-LMS: against its definition, a transform that does not drift, colour, and what breaks others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dct
from scipy.signal import lfilter

import streammse as sm
from streammse.kernels import cosine, line

from . import naive


def coloured(samples: int, colour: float, seed: int = 0) -> np.ndarray:
    """Noise through a pole, of unit power."""
    return lfilter([np.sqrt(1.0 - colour**2)], [1.0, -colour], np.random.default_rng(seed).standard_normal(samples))


@pytest.mark.parametrize(("taps", "references"), [(1, 1), (7, 1), (32, 1), (6, 3)])
def test_it_is_its_definition(taps: int, references: int) -> None:
    rng = np.random.default_rng(taps)
    x = np.stack([coloured(600, 0.8, seed) for seed in range(references)], axis=1)
    h = rng.standard_normal((references, taps))
    d = sum(np.convolve(x[:, r], h[r])[:600] for r in range(references)) + 0.1 * rng.standard_normal(600)
    d[300:310] = np.nan
    f = sm.DCTLMS(taps, mu=0.7, memory=90.0, regulariser=0.01, references=references)
    y, w = naive.dct_lms(x, d, taps, 0.7, 90.0, 0.01)
    np.testing.assert_allclose(f.run(x if references > 1 else x[:, 0], d), y, atol=1e-10)
    np.testing.assert_allclose(f.weights, w if references > 1 else w[0], atol=1e-10)
    assert f.unlearnt == 10


def test_the_transform_does_not_drift_and_a_spike_is_gone_when_it_has_left() -> None:
    f = sm.DCTLMS(24)
    x = coloured(300_000, 0.9)
    at = line.size(24, 1, 1) + 4 * 24

    def wrong() -> float:
        return float(np.abs(f.s[at : at + 24] - dct(x[: -24 - 1 : -1], norm="ortho")).max())

    f.run(x)
    assert wrong() < 1e-14
    x[-100] = 1e12
    f.run(x)
    assert wrong() < 1e-14
    assert f.s.size == at + 3 * 24
    assert cosine.VECTORS == 7


@pytest.mark.parametrize("colour", [0.9, 0.98])
def test_colour_costs_it_little(colour: float) -> None:
    """In the time domain the slowest mode needs as many times as long as the eigenvalues spread."""
    x = coloured(6000, colour)
    h = np.random.default_rng(1).standard_normal(32) * np.exp(-np.arange(32) / 8.0)
    d = np.convolve(x, h)[:6000] + 1e-3 * np.random.default_rng(2).standard_normal(6000)
    ours, nlms = (np.mean((d - f.run(x, d))[1000:1500] ** 2) for f in (sm.DCTLMS(32), sm.NLMS(32)))
    assert ours < 2e-6
    assert nlms > 100.0 * ours
    assert np.mean((d - sm.DCTLMS(32).run(x, d))[-2000:] ** 2) < 1.6e-6  # 1 + mu / (2 - mu) times the noise


def test_weights_are_those_of_the_samples() -> None:
    for f in (sm.DCTLMS(9), sm.DCTLMS(5, references=2)):
        h = np.random.default_rng(0).standard_normal(f.weights.shape)
        f.weights = h
        np.testing.assert_allclose(f.weights, h, atol=1e-14)
        x = np.random.default_rng(1).standard_normal((40, f.references))
        wanted = sum(np.convolve(x[:, r], np.atleast_2d(h)[r])[:40] for r in range(f.references))
        np.testing.assert_allclose(f.run(x if f.references > 1 else x[:, 0]), wanted, atol=1e-12)
        with pytest.raises(ValueError, match="weights must have shape"):
            f.weights = h[..., 1:]


HARD = {
    "constant": np.ones_like,
    "sine": lambda t: np.sin(0.3 * t),
    "leading zeros": lambda t: np.where(t < 5000, 0.0, coloured(t.size, 0.5)),
    "120 dB up at once": lambda t: coloured(t.size, 0.5) * np.where(t < 10_000, 1e-6, 1.0),
    "120 dB down and up": lambda t: coloured(t.size, 0.5) * np.where((t > 5000) & (t < 10_000), 1e-6, 1.0),
    "a spike": lambda t: 1e-3 * coloured(t.size, 0.5) + 1e4 * (t == 9000),
    "subnormal": lambda t: np.where(t < 9000, 1e-310, coloured(t.size, 0.5)),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("mu", [0.5, 1.5])
def test_what_breaks_others(name: str, mu: float) -> None:
    x = HARD[name](np.arange(20_000.0))
    d = np.convolve(x, [0.5, -0.4, 0.3])[: x.size]
    f = sm.DCTLMS(16, mu=mu)
    error = d - f.run(x, d)
    assert np.abs(error).max() <= 1.5 * np.abs(d).max()
    assert np.mean(error[-2000:] ** 2) < 1e-12 * np.mean(d[-2000:] ** 2)


def test_perfectly_correlated_references() -> None:
    x = coloured(8000, 0.5)
    d = np.convolve(x, [0.5, -0.4, 0.3])[: x.size]
    f = sm.DCTLMS(8, references=2)
    error = d - f.run(np.stack([x, x], axis=1), d)
    assert np.mean(error[-1000:] ** 2) < 1e-20
    np.testing.assert_allclose(f.weights[0], f.weights[1], atol=1e-9)  # the least of all that would do
