"""Ten million samples of recursive filters, notches and active control: no breakdown, no drift, no pole outside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

import streammse as sm

BLOCK, BLOCKS = 100_000, 100
B, A = [0.5, -0.3, 0.2], [1.0, -1.2, 0.7]


@pytest.mark.parametrize("forgetting", [0.9, 0.99, 0.999, 1.0])
@pytest.mark.parametrize("cls", [sm.EquationError, sm.SteiglitzMcBride, sm.GaussNewtonIIR])
def test_least_squares_does_not_break_down(cls: type, forgetting: float) -> None:
    rng, f, zi = np.random.default_rng(0), cls(taps=3, poles=2, forgetting=forgetting), np.zeros(2)
    for number in range(BLOCKS):
        x = rng.standard_normal(BLOCK)
        if number % 10 == 4:
            x *= 1e-6  # a quiet passage
        elif number % 10 == 7:
            x[:] = 0.0
        d, zi = signal.lfilter(B, A, x, zi=zi)
        y = f.run(x, d)
        assert np.isfinite(y).all()
        assert np.abs(np.roots(f.denominator)).max() < 0.999 + 1e-6
    np.testing.assert_allclose(f.weights, [0.5, -0.3, 0.2, 1.2, -0.7], atol=1e-3)


@pytest.mark.parametrize("cls", [sm.OutputError, sm.SHARF])
def test_the_gradient_does_not_drift(cls: type) -> None:
    """Constant input excites one direction only; then a plant, which is found."""
    rng, f = np.random.default_rng(1), cls(taps=8, poles=4)
    for _ in range(BLOCKS // 2):
        y = f.run(np.ones(BLOCK), 3.0 + 0.1 * rng.standard_normal(BLOCK))
        assert np.isfinite(y).all()
        assert np.abs(np.roots(f.denominator)).max() < 0.999 + 1e-6
    for _ in range(BLOCKS // 2):
        x = rng.standard_normal(BLOCK)
        d = signal.lfilter(B, A, x)
        y = f.run(x, d)
    assert np.mean((d - y)[-1000:] ** 2) < 1e-3 * np.mean(d**2)


def test_active_control_stays_quiet() -> None:
    rng, path, played = np.random.default_rng(2), np.array([0.0, 0.0, 0.6, 0.2]), None
    f = sm.OnlineFilteredXNLMS(taps=16, mu=0.01, secondary=np.zeros(4), nu=0.02, limit=20.0)
    for _ in range(BLOCKS):
        x = rng.standard_normal(BLOCK)
        d = np.convolve(x, [0, 0, 0, 0.9, -0.4, 0.2])[:BLOCK]
        error, played = sm.active_control(f, x, d, path, played=played)
        assert np.abs(played).max() < 20.1
    assert np.mean(error[-5000:] ** 2) < 1.2 * 0.05**2 * np.sum(path**2)


@pytest.mark.parametrize("cls", [sm.LatticeNotch, sm.AdaptiveNotch])
def test_a_notch_follows_for_long(cls: type) -> None:
    rng, f, phase = np.random.default_rng(3), cls(start=0.1, mu=0.002), 0.0
    for number in range(BLOCKS):
        frequency = 0.1 + 0.03 * np.sin(2 * np.pi * (number + np.arange(BLOCK) / BLOCK) / 10)
        turns = phase + 2 * np.pi * np.cumsum(frequency)
        phase = turns[-1] % (2 * np.pi)
        y = f.run(np.sin(turns) + 0.1 * rng.standard_normal(BLOCK))
        assert f.frequency == pytest.approx(frequency[-1], abs=2e-3)
    assert np.mean(y**2) < 1.3 * 0.01
