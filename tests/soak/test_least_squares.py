"""Ten million samples of recursive least squares, where others break within thousands."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm

from .. import naive
from ..test_least_squares import PATH

BLOCK, BLOCKS = 500_000, 20


@pytest.mark.parametrize("colour", [0.0, 0.999])
@pytest.mark.parametrize("forgetting", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("name", ["RLS", "RobustRLS", "VariableForgettingRLS"])
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
        if name == "RLS":
            rows = naive.regressors(x[-memory - 8 :, None], 8)[8:]
            wanted = naive.weighted_least_squares(rows, d[-memory:], forgetting, np.full(8, 1e-9))
            np.testing.assert_allclose(f.weights, wanted, rtol=0, atol=1e-7)
    assert f.restarts == 0


@pytest.mark.parametrize("name", ["RLS", "RobustRLS", "VariableForgettingRLS"])
def test_a_sine_for_ten_million_samples(name: str) -> None:
    """Two of 32 directions are excited, and what is known of the others would be forgotten 10,000 times over."""
    f = getattr(sm, name)(32, 0.999)
    t = np.arange(BLOCK)
    rng, known = np.random.default_rng(12), np.zeros(32)
    for k in range(BLOCKS):
        x = np.sin(0.3 * (t + k * BLOCK))
        d = np.sin(0.3 * (t + k * BLOCK) + 1.0) + 0.01 * rng.standard_normal(BLOCK)
        e = d - f.run(x, d)
        assert np.isfinite(f.s).all()
        assert np.std(e[10_000:]) < 0.0101
        known = f.weights if k == 0 else known  # after the start, which follows the first samples
        assert np.abs(f.weights - known).max() < 0.2
