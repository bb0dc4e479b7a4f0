"""Ten million samples of recursive least squares, where others break within thousands."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm

from .. import naive
from ..test_least_squares import PATH, nasty

BLOCK, BLOCKS = 500_000, 20


@pytest.mark.parametrize("colour", [0.0, 0.999])
@pytest.mark.parametrize("forgetting", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("name", ["RLS", "RobustRLS", "VariableForgettingRLS", "QRRLS", "LatticeRLS"])
def test_ten_million_samples(name: str, forgetting: float, colour: float) -> None:
    rng = np.random.default_rng(11)
    f = getattr(sm, name)(8, forgetting)
    at, line = np.zeros(1), np.zeros(PATH.size - 1)
    memory = 30 * round(1 / (1 - forgetting))
    for _ in range(BLOCKS):
        x, at = lfilter([1.0], [1.0, -colour], rng.standard_normal(BLOCK), zi=at)
        d, line = lfilter(PATH, [1.0], x, zi=line)
        d += 0.1 * rng.standard_normal(BLOCK)
        y = f.run(x, d)
        assert np.isfinite(f.s).all()
        assert np.mean((d - y)[10_000:] ** 2) < 0.014 * (1 + 8 * (1 - forgetting))
        if name in ("RLS", "QRRLS", "LatticeRLS"):
            rows = naive.regressors(x[-memory - 8 :, None], 8)[8:]
            wanted = naive.weighted_least_squares(rows, d[-memory:], forgetting, np.full(8, 1e-9))
            np.testing.assert_allclose(f.weights, wanted, rtol=0, atol=1e-7)
    assert getattr(f, "restarts", 0) == 0


@pytest.mark.parametrize("name", ["RLS", "RobustRLS", "VariableForgettingRLS", "QRRLS", "LatticeRLS"])
def test_a_sine_for_ten_million_samples(name: str) -> None:
    """Two of 32 directions are excited, and what is known of the others would be forgotten 10,000 times over."""
    f = getattr(sm, name)(32, 0.999)
    t = np.arange(BLOCK)
    rng = np.random.default_rng(12)
    for k in range(BLOCKS):
        phase = 2.0 * np.pi / 21.0 * ((t + k * BLOCK) % 21)  # to the last bit, for ever
        x = np.sin(phase)
        d = np.sin(phase + 1.0) + 0.01 * rng.standard_normal(BLOCK)
        e = d - f.run(x, d)
        assert np.isfinite(f.s).all()
        assert np.std(e[10_000:]) < 0.0101
        assert np.abs(f.weights).max() < 10.0  # what is not excited follows the first samples, and stays about there


@pytest.mark.parametrize("name", ["constant", "sine", "spike", "quiet"])
def test_why_there_is_no_fast_transversal_filter(name: str) -> None:
    """Stabilised as in the literature it is recursive least squares on noise, and breaks down elsewhere."""
    samples = 100_000
    noise = np.random.default_rng(13).standard_normal(samples)
    white = lfilter(PATH, [1.0], noise)
    out = naive.fast_transversal(noise[:3000], white[:3000], 8, 0.99, 1.0)
    np.testing.assert_allclose(out[2500:], white[2500:3000], atol=1e-6)
    x = nasty(samples)[name]
    d = lfilter(PATH, [1.0], x) + 0.01 * np.std(x) * noise
    with np.errstate(all="ignore"):
        assert len(naive.fast_transversal(x, d, 8, 0.99, np.mean(x[:100] ** 2))) < samples
    assert np.std((d - sm.LatticeRLS(8, 0.99).run(x, d))[-1000:]) < 0.02 * np.sqrt(np.mean(x**2)) + 1e-12
