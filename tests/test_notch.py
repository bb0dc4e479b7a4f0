"""Adaptive notches: their transfer functions, where they settle and from where, gaps, spikes and hum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

import streammse as sm
from streammse.denoise.notch import Notch
from streammse.kernels import notch as k

BOTH = [sm.LatticeNotch, sm.AdaptiveNotch]


def tone(samples: int, frequency: float, noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sin(2 * np.pi * frequency * np.arange(samples) + 0.4) + noise * rng.standard_normal(samples)


def transfer(cls: type[Notch], frequency: float, bandwidth: float) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator, as the papers have them."""
    width, c = 2 * np.pi * bandwidth, np.cos(2 * np.pi * frequency)
    if cls is sm.AdaptiveNotch:
        rho = 1 - width / 2
        return np.array([1, -2 * c, 1]), np.array([1, -2 * rho * c, rho**2])
    s2 = (1 - np.tan(width / 2)) / (1 + np.tan(width / 2))
    return (1 + s2) / 2 * np.array([1, -2 * c, 1]), np.array([1, -c * (1 + s2), s2])


@pytest.mark.parametrize("cls", BOTH)
def test_a_still_notch_is_its_transfer_function(cls: type[Notch]) -> None:
    x = np.random.default_rng(0).standard_normal(400)
    f = cls(start=0.13, bandwidth=0.02, mu=0.0)
    b, a = transfer(cls, 0.13, 0.02)
    np.testing.assert_allclose(f.run(x), signal.lfilter(b, a, x), rtol=1e-10, atol=1e-12)
    w, h = signal.freqz(b, a, 100_000)
    below = w[np.abs(h) < np.sqrt(0.5)] / (2 * np.pi)
    assert below[-1] - below[0] == pytest.approx(0.02, rel=0.001 if cls is sm.LatticeNotch else 0.1)


def test_the_direct_form_descends_its_gradient() -> None:
    x = np.random.default_rng(1).standard_normal(300)
    ends = []
    for nudge in (-1e-6, 0.0, 1e-6):
        f = sm.AdaptiveNotch(start=0.13, bandwidth=0.02, mu=0.0)
        f.s[k.SECTIONS + k.WHERE] += nudge
        f.run(x[:-1])
        section = f.s[k.SECTIONS :]
        psi = section[k.X1] - f.s[k.FIRST] * section[k.F1]
        ends.append((f.update(x[-1]), psi))
    assert ends[1][1] == pytest.approx((ends[2][0] - ends[0][0]) / 2e-6, rel=1e-6)


def test_the_lattice_is_drawn_to_the_tone_from_everywhere() -> None:
    x = tone(4000, 0.13, 0.1)
    for start in np.linspace(0.02, 0.48, 24):
        f = sm.LatticeNotch(start=start, mu=0.0)
        pull = 0.0
        for one in x:
            x1 = f.s[k.SECTIONS + k.X1]
            pull += f.update(one) * x1
        assert np.sign(pull) == np.sign(start - 0.13), start


@pytest.mark.parametrize("start", [0.01, 0.2, 0.35, 0.49])
def test_the_lattice_finds_a_tone_in_as_much_noise_and_without_bias(start: float) -> None:
    f = sm.LatticeNotch(start=start, mu=0.01, bandwidth=0.05)
    x = tone(40_000, 0.13, 0.7)
    found = []
    f.run(x[:20_000])
    for at in range(20_000, 40_000, 200):
        f.run(x[at : at + 200])
        found.append(f.frequency)
    assert np.mean(found) == pytest.approx(0.13, abs=3e-4)


def test_the_direct_form_settles_more_closely_but_must_begin_near() -> None:
    x = tone(30_000, 0.13, 0.3)
    spread = {}
    for cls in BOTH:
        f, found = cls(start=0.135, mu=0.005), []
        for at in range(0, 30_000, 100):
            f.run(x[at : at + 100])
            found.append(f.frequency)
        spread[cls] = np.std(found[100:])
        assert np.mean(found[100:]) == pytest.approx(0.13, abs=1e-4)
    assert spread[sm.AdaptiveNotch] < 0.3 * spread[sm.LatticeNotch]
    far = sm.AdaptiveNotch(start=0.4, mu=0.005)
    far.run(x)
    assert abs(far.frequency - 0.13) > 0.05


def test_several_tones_in_hertz() -> None:
    rng = np.random.default_rng(2)
    t = np.arange(60_000) / 8000
    x = sum(a * np.sin(2 * np.pi * f * t) for a, f in ((1.0, 440.0), (0.7, 1100.0), (0.5, 2500.0)))
    clean = 0.1 * rng.standard_normal(t.size)
    f = sm.LatticeNotch(tones=3, rate=8000, bandwidth=60.0, mu=0.002)
    y = f.run(x + clean)
    np.testing.assert_allclose(np.sort(f.frequencies), [440.0, 1100.0, 2500.0], atol=2.0)
    assert f.frequency == f.frequencies[0]
    assert np.mean((y - clean)[-5000:] ** 2) < 1e-3


def test_a_tone_that_jumps_is_found_again() -> None:
    x = np.r_[tone(10_000, 0.1, 0.3), tone(20_000, 0.33, 0.3, 1)]
    f = sm.LatticeNotch(mu=0.01)
    f.run(x[:10_000])
    assert f.frequency == pytest.approx(0.1, abs=5e-3)
    y = f.run(x[10_000:])
    assert f.frequency == pytest.approx(0.33, abs=5e-3)
    assert np.mean(y[-5000:] ** 2) < 1.15 * 0.09


@pytest.mark.parametrize("cls", BOTH)
def test_in_a_gap_the_tone_goes_on(cls: type[Notch]) -> None:
    x = tone(21_000, 0.13, 0.01)
    f = cls(start=0.132, mu=0.002)
    f.run(x[:20_000])
    before = f.frequency
    gap = f.run(np.full(137, np.nan))
    assert (gap == gap[0]).all()
    assert f.frequency == before
    assert np.abs(f.run(x[20_137:20_237])).max() < 0.1  # of a tone of amplitude 1: at once as clean as before


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_dirt_is_survived_and_forgotten(cls: type[Notch], scale: float) -> None:
    """Silence, a quiet passage, a spike of 1e7 times the signal: it does not ring, and the tone stays where it is."""
    x = scale * tone(30_000, 0.13, 0.05)
    x[:300] = 0.0
    x[8000:12_000] *= 1e-6
    dirty = x.copy()
    dirty[20_000] += 1e7 * scale
    dirty[22_000:22_003] = np.inf, -1e300, np.nan
    f, same = cls(start=0.132, mu=0.002), cls(start=0.132, mu=0.002)
    y, clean = f.run(dirty), same.run(x)
    assert np.isfinite(y).all()
    assert y[20_000] == pytest.approx(1e7 * scale, rel=1e-5)  # what is no tone is not taken away
    assert np.abs(y - clean)[20_001:22_000].max() < 0.7 * scale  # a notch would ring with 1e5 times as much
    assert np.mean(y[-3000:] ** 2) < 1.2 * (0.05 * scale) ** 2
    f.run(np.zeros(300_000))  # fades to nothing, not to numbers without digits
    assert not f.s[k.SECTIONS + k.X1]
    assert f.run(x[-5000:])[-1000:].std() < 0.08 * scale


def test_hum_is_for_the_canceller_that_knows_it() -> None:
    """Beats on a hum that wanders, with two harmonics: the notches track it, HumCanceller does better."""
    rng = np.random.default_rng(4)
    t = np.arange(60_000) / 500
    beats = np.exp(-(((t % 0.83) - 0.3) ** 2) / (2 * 0.012**2)) + 0.01 * rng.standard_normal(t.size)
    phase = 2 * np.pi * np.cumsum(50 + 0.3 * np.sin(2 * np.pi * t / 20)) / 500
    hum = sum(a * np.sin(f * phase + f) for a, f in ((1.0, 1), (0.3, 2), (0.2, 3)))
    last = slice(30_000, None)
    errors = {}
    for width in (1.0, 2.0, 4.0):
        for mu in (1e-3, 3e-3, 1e-2):
            notch = sm.LatticeNotch(tones=3, rate=500, start=(50, 100, 150), bandwidth=width, mu=mu)
            errors[width, mu] = np.mean((notch.run(beats + hum) - beats)[last] ** 2)
    least = min(errors.values())
    assert least < 0.02 * np.mean(hum**2)
    ours = np.mean((sm.HumCanceller(500).run(beats + hum) - beats)[last] ** 2)
    assert ours < 0.5 * least


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="bandwidth must be below rate / 2 = 50"):
        sm.LatticeNotch(rate=100, bandwidth=50)
    with pytest.raises(ValueError, match="a frequency for each of 2 tones, got 1"):
        sm.LatticeNotch(2, start=0.1)
    with pytest.raises(ValueError, match=r"start must be between 0 and rate / 2 = 0.5"):
        sm.AdaptiveNotch(start=0.5)
    with pytest.raises(ValueError, match="start must be a frequency"):
        sm.AdaptiveNotch(start=[[0.1]])
