"""A reference that is switched on late: what a filter learnt from dither does no harm when the signal comes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm

FILTERS = [
    sm.NLMS(16),
    sm.NLMS(16, 1.0),
    sm.GNGD(16),
    sm.KwongJohnstonLMS(16),
    sm.SMNLMS(16),
    sm.IPNLMS(16),
    sm.RZALMS(16),
    sm.AffineProjection(16),
    sm.SMAffineProjection(16),
    sm.DCTLMS(16),
    sm.RLS(16),
    sm.RobustRLS(16),
    sm.VariableForgettingRLS(16),
    sm.QRRLS(16),
    sm.SlidingWindowRLS(16, window=200),
    sm.LatticeRLS(16),
]
CANCELLERS = [sm.NoiseCanceller(16), sm.FilterCanceller(sm.NLMS(16))]
COMPLEX = [sm.NLMS(16, complex=True), sm.RLS(16, complex=True), sm.AffineProjection(16, complex=True)]


def late(quiet: int, level: float, samples: int = 1000, seed: int = 0, noise: float = 0.05):
    """An input that is so quiet at first, and what a path makes of it with noise that is there from the start."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(quiet + samples)
    x[:quiet] *= level
    d = lfilter(rng.standard_normal(16), [1.0], x)
    return x, d + noise * rng.standard_normal(x.size)


@pytest.mark.parametrize("f", FILTERS, ids=repr)
@pytest.mark.parametrize(("quiet", "level"), [(1, 1e-9), (1, 1e-6), (20, 1e-5), (1000, 1e-5), (5000, 1e-7)])
def test_a_late_input_makes_no_output_beyond_the_signals(f, quiet: int, level: float) -> None:
    for seed in range(3):
        x, d = late(quiet, level, seed=seed)
        g = f.clone()
        e = d - g.run(x, d)
        assert np.abs(e).max() < 3.0 * np.abs(d).max()
        assert np.std(e[-200:]) < 0.3


@pytest.mark.parametrize("f", COMPLEX, ids=repr)
@pytest.mark.parametrize("quiet", [1, 20, 1000])
def test_a_complex_one_neither(f, quiet: int) -> None:
    (x, d), (xi, di) = late(quiet, 1e-6), late(quiet, 1e-6, seed=1)
    e = (d + 1j * di) - f.clone().run(x + 1j * xi, d + 1j * di)
    assert np.abs(e).max() < 5.0 * np.abs(d).max()


def test_nor_one_of_two_references() -> None:
    (x, d), (other, more) = late(500, 1e-6), late(500, 1e-6, seed=1)
    for f in (sm.NLMS(16, references=2), sm.RLS(16, references=2), sm.AffineProjection(16, references=2)):
        e = d + more - f.run(np.column_stack([x, other]), d + more)
        assert np.abs(e).max() < 2.0 * np.abs(d + more).max()


@pytest.mark.parametrize("f", FILTERS, ids=repr)
def test_what_explained_a_quiet_input_is_kept(f) -> None:
    """The path was learnt from an input 100 dB down, without noise: it is known when the input comes up."""
    x, d = late(3000, 1e-5, noise=0.0)
    d += 1e-8 * np.random.default_rng(9).standard_normal(d.size)
    e = d - f.clone().run(x, d)
    assert np.std(e[3000:]) < 0.1 * np.std(d[3000:])


@pytest.mark.parametrize("f", FILTERS[:-1], ids=repr)  # in the lattice a spike counts in full, as it says
def test_a_spike_for_a_rise_is_soon_forgotten(f) -> None:
    """In noise alone, so that nothing speaks for the weights; the path comes after the spike."""
    rng = np.random.default_rng(1)
    x = 1e-3 * rng.standard_normal(9000)
    d = 1e-3 * rng.standard_normal(9000)
    d[2500:] = lfilter([0.8, -0.4], [1.0], x)[2500:] + 1e-5 * rng.standard_normal(6500)
    x[2000] = 10.0
    e = d - f.clone().run(x, d)
    assert np.std(e[-500:]) < 0.3 * np.std(d[-500:])


@pytest.mark.parametrize("f", [sm.NLMS(5), sm.NLMS(5, references=2), sm.GNGD(5), sm.RLS(5)], ids=repr)
def test_stream_and_chunks_rise_alike(f) -> None:
    x, d = late(700, 1e-6, 2000)
    x[1500:1600] *= 1e-9
    x[1700] = 1e7
    x = x if f.references == 1 else np.column_stack([x, x[::-1]])
    whole, parts, one = f.clone(), f.clone(), f.clone()
    y = whole.run(x, d)
    np.testing.assert_array_equal(
        np.concatenate([parts.run(x[a : a + 97], d[a : a + 97]) for a in range(0, 2700, 97)]), y
    )
    np.testing.assert_array_equal([one.update(x[t], d[t]) for t in range(2700)], y)
    np.testing.assert_array_equal(one._s, whole._s)
    np.testing.assert_array_equal(parts._s, whole._s)


def test_weights_that_do_not_learn_are_left_alone() -> None:
    """Those of a filter with a step of zero, and of one that has no d."""
    x, d = late(500, 1e-6)
    f = sm.NLMS(16, 0.0)
    f.weights = np.full(16, 100.0)
    f.run(x, d)
    np.testing.assert_array_equal(f.weights, 100.0)
    g = sm.RLS(16)
    g.weights = np.full(16, 100.0)
    g.run(x)
    np.testing.assert_array_equal(g.weights, 100.0)


@pytest.mark.parametrize("f", CANCELLERS, ids=["NoiseCanceller", "FilterCanceller"])
@pytest.mark.parametrize("quiet", [20, 1000])
def test_a_canceller_neither(f, quiet: int) -> None:
    for seed in range(3):
        x, d = late(quiet, 1e-5, seed=seed)
        assert np.abs(f.clone().run(d, x)).max() < 2.0 * np.abs(d).max()
