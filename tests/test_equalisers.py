"""CMA and decision-directed equalisers: closed forms, naive twins, symmetry, and what they must survive."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm
from streammse.kernels.constellations import NAMES

from . import naive

CHANNEL = np.array([0.1 - 0.05j, 1.0, 0.3 - 0.2j, 0.1j])


def transmitted(name: str = "QPSK", samples: int = 6000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Symbols, and what a channel makes of them."""
    sent = np.random.default_rng(seed).choice(sm.constellation(name).points, samples)
    return sent, np.convolve(sent, CHANNEL)[:samples]


@pytest.mark.parametrize("name", NAMES)
def test_a_constellation_is_what_it_says(name: str) -> None:
    one = sm.constellation(name)
    points = one.points
    assert np.mean(np.abs(points) ** 2) == pytest.approx(1.0)
    assert abs(points.sum()) < 1e-12
    assert len(np.unique(points.round(9))) == len(points)
    quarter = np.exp(2j * np.pi / one.symmetry)
    np.testing.assert_allclose(
        np.sort_complex((points * quarter).round(9)), np.sort_complex(points.round(9)), atol=1e-8
    )
    rng = np.random.default_rng(1)
    y = np.concatenate([2.0 * (rng.standard_normal(500) + 1j * rng.standard_normal(500)), [0j, 1e300, -1e300j]])
    distances = np.abs(y[:, None] - points)
    np.testing.assert_allclose(np.abs(y - one.nearest(y)), distances.min(axis=1), rtol=1e-12)
    assert np.isin(one.nearest(y).round(9), points.round(9)).all()
    for turn in (-0.1, 0.3):
        many = rng.choice(points, 20_000) * np.exp(1j * turn)
        assert one.phase(many) == pytest.approx(turn, abs=0.02)


@pytest.mark.parametrize(
    ("name", "dispersion"), [("BPSK", 1.0), ("QPSK", 1.0), ("8-PSK", 1.0), ("16-QAM", 1.32), ("64-QAM", 29.0 / 21.0)]
)
def test_the_dispersion_in_closed_form(name: str, dispersion: float) -> None:
    """(7 L^2 - 13) / (5 (L^2 - 1)) for a square of L by L points, from the sums of odd squares and fourth powers."""
    one = sm.constellation(name)
    assert one.dispersion == pytest.approx(dispersion, rel=1e-12)
    if name.endswith("QAM"):
        assert one.dispersion == pytest.approx((7.0 * one.up**2 - 13.0) / (5.0 * (one.up**2 - 1.0)), rel=1e-12)


def test_an_unknown_constellation() -> None:
    with pytest.raises(ValueError, match=r"unknown constellation '32-QAM': expected one of BPSK, QPSK, 8-PSK, 16-QAM"):
        sm.constellation("32-QAM")
    with pytest.raises(ValueError, match="constellation must be one of BPSK, QPSK"):
        sm.CMA(constellation="32-QAM")


def twin(x, taps, mu, error):
    """A normalised complex filter that makes its error itself: it begins with a weight in the middle of a full line."""
    power = np.cumsum(np.abs(x) ** 2) / np.arange(1, len(x) + 1)
    below = naive.energies(np.abs(x)[:, None], taps, 1e-3)
    line, w, outputs = np.zeros(taps, complex), np.zeros(taps, complex), []
    for t in range(len(x)):
        line = np.concatenate([x[t : t + 1], line[:-1]])
        y = np.vdot(w, line)
        outputs.append(y)
        if t == taps - 1:
            w[taps // 2] = 1.0 / np.sqrt(power[t])
        elif t >= taps:
            w = w + mu / below[t] * np.conj(error(y)) * line
    return np.array(outputs), w


@pytest.mark.parametrize("taps", [4, 8, 11])
def test_cma_is_the_naive_twin(taps: int) -> None:
    _, x = transmitted("16-QAM", 600)
    f = sm.CMA(taps, 0.02, "16-QAM")
    y, w = twin(x, taps, 0.02, lambda y: y * (1.32 - abs(y) ** 2))
    np.testing.assert_allclose(f.run(x), y, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(f.weights, w, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["BPSK", "8-PSK", "16-QAM"])
def test_decision_directed_is_the_naive_twin(name: str) -> None:
    _, x = transmitted(name, 600)
    points = sm.constellation(name).points
    f = sm.DecisionDirected(9, 0.05, name)
    y, w = twin(x, 9, 0.05, lambda y: points[np.abs(points - y).argmin()] - y)
    np.testing.assert_allclose(f.run(x), y, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(f.weights, w, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_cma_opens_the_eye_up_to_a_phase_at_any_level(scale: float) -> None:
    sent, x = transmitted()
    f = sm.CMA(taps=21, mu=0.1)
    y = f.run(scale * np.exp(0.4j) * x)[-1000:]
    np.testing.assert_allclose(np.abs(y), 1.0, atol=0.01)
    fit = [np.vdot(np.roll(sent, delay)[-1000:], y) / 1000.0 for delay in range(20)]
    delay = int(np.argmax(np.abs(fit)))
    assert abs(fit[delay]) == pytest.approx(1.0, abs=0.005)
    np.testing.assert_allclose(y, fit[delay] * np.roll(sent, delay)[-1000:], atol=0.02)


def test_the_phase_is_no_business_of_cma() -> None:
    """x turned: the output turned, the weights as they were; x mirrored: both mirrored."""
    _, x = transmitted()
    plain, turned, mirrored = (sm.CMA(taps=7, mu=0.02) for _ in range(3))
    y = plain.run(x)
    np.testing.assert_allclose(turned.run(np.exp(0.7j) * x), np.exp(0.7j) * y, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(turned.weights, plain.weights, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(mirrored.run(np.conj(x)), np.conj(y), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(mirrored.weights, np.conj(plain.weights), rtol=1e-9, atol=1e-10)
    assert np.abs(plain.weights.imag).max() > 0.01


def test_decisions_take_over_without_a_gap() -> None:
    sent, x = transmitted("16-QAM", 12_000)
    qam = sm.constellation("16-QAM")
    cma = sm.CMA(15, 0.03, "16-QAM")
    y = cma.run(x[:8000])
    f = sm.DecisionDirected(15, 0.05, "16-QAM")
    f.weights = w = cma.weights * np.exp(1j * qam.phase(y[-2000:]))
    f.run(x[8000 - 14 : 8000])
    assert f.unlearnt == 14
    np.testing.assert_allclose(f.weights, w, rtol=1e-14)
    z = f.run(x[8000:])
    assert z[0] == pytest.approx(np.vdot(w, x[8000 - 14 : 8001][::-1]), rel=1e-12)
    told = sm.NLMS(15, 0.05, complex=True)
    told.weights = w
    fit = [np.vdot(np.roll(sent, delay)[8000:], z) / len(z) for delay in range(20)]
    delay = int(np.argmax(np.abs(fit)))
    aimed = np.roll(sent, delay) * np.exp(0.5j * np.pi * np.round(2.0 * np.angle(fit[delay]) / np.pi))
    np.testing.assert_allclose(qam.nearest(z), aimed[8000:], atol=1e-9)  # no decision is wrong: so it is the NLMS
    told.run(x[8000 - 14 : 8000])
    np.testing.assert_allclose(told.run(x[8000:], aimed[8000:])[-100:], z[-100:], atol=1e-3)


@pytest.mark.parametrize("kind", [sm.CMA, sm.DecisionDirected])
@pytest.mark.parametrize("trial", ["spike", "spikes", "quiet", "zeros", "nan", "subnormal", "constant"])
def test_hard_signals_leave_it_sound(kind, trial: str) -> None:
    _, x = transmitted(samples=9000)
    x *= 1e-3
    if trial == "spike":
        x[4000] = 1e4j
    elif trial == "spikes":
        x[4000:7000:500] *= 30.0
    elif trial == "quiet":
        x[3000:5000] *= 1e-6
    elif trial == "zeros":
        x[:4000] = 0.0
    elif trial == "nan":
        x[3000:3100] = complex(0.0, np.nan)
        x[3200] = np.inf
    elif trial == "subnormal":
        x[3000:5000] = 5e-324 * (1 + 1j)
    elif trial == "constant":
        x[3000:5000] = 1e-3j
    f = kind(taps=11, mu=0.03)
    y = f.run(x)
    assert np.isfinite(y).all()
    assert np.isfinite(f.s).all()
    assert f.diverged == 0
    qpsk = sm.constellation("QPSK")
    last = y[-300:] * np.exp(-1j * qpsk.phase(y[-300:]))
    assert np.abs(last - qpsk.nearest(last)).max() < 0.1


def test_a_divergence_begins_anew() -> None:
    _, x = transmitted(samples=4000)
    f = sm.CMA(taps=11, mu=0.1)
    f.run(x)
    f.weights = np.full(11, 1e12)
    with pytest.warns(RuntimeWarning, match="the adaptive filter diverged"):
        y = f.run(x)
    assert f.diverged == 1
    np.testing.assert_allclose(np.abs(y[-200:]), 1.0, atol=0.1)


def test_what_it_takes() -> None:
    with pytest.raises(TypeError, match="CMA takes no reference"):
        sm.CMA().run(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match=r"weights must have shape \(11,\), got \(3,\)"):
        sm.CMA().weights = np.ones(3)
    assert isinstance(sm.CMA().update(1.0), complex)
    assert sm.bank(sm.CMA(), 2).run(np.ones((2, 30))).shape == (2, 30)
