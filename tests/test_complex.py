"""Complex filters against a naive complex twin, the real filters, and what symmetry demands: conjugates hide well."""

from __future__ import annotations

import ctypes
import shutil

import numba
import numpy as np
import pytest

import streammse as sm

from . import naive
from .cases import signals
from .test_embedded import library as library  # noqa: PLC0414  a fixture
from .test_embedded import pointer

SAMPLES = 400
TURN = np.exp(0.7j)


def circular(samples: int, references: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """White circular noise (T, m) through paths whose weights have no symmetry, and a little noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((samples, references)) + 1j * rng.standard_normal((samples, references))
    paths = rng.standard_normal((references, 4)) + 1j * rng.standard_normal((references, 4))
    d = sum(np.convolve(x[:, k], paths[k])[:samples] for k in range(references))
    return x, d + 0.1 * (rng.standard_normal(samples) + 1j * rng.standard_normal(samples))


def improper(samples: int, references: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The same with more in the real part, and a part of it that follows the real one: E x^2 is not zero."""
    x, _ = circular(samples, references, seed)
    x = 2.0 * x.real + 1j * (0.3 * x.imag + 0.5 * x.real) + 0.2
    return x, np.convolve(x[:, 0], [0.3 + 1j, -0.5, 0.2j])[:samples]


def flat(x: np.ndarray) -> np.ndarray:
    return x[:, 0] if x.shape[1] == 1 else x


def complex_energies(x: np.ndarray, taps: int, regulariser: float) -> np.ndarray:
    """``naive.energies`` of the moduli, which is all that a step may depend on."""
    return naive.energies(np.abs(x), taps, regulariser)


@pytest.mark.parametrize("make", [circular, improper])
@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize("taps", [1, 5, 37])
def test_lms_is_the_naive_twin(make, references: int, taps: int) -> None:
    x, d = make(SAMPLES, references)
    d[50:60] = np.nan
    mu = 0.1 / taps / np.mean(np.abs(x) ** 2) / references
    f = sm.LMS(taps=taps, mu=mu, complex=True, references=references)
    y, w = naive.complex_transversal(x, d, taps, lambda e, t: mu)
    np.testing.assert_allclose(f.run(flat(x), d), y, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(f.weights, w[-1][0] if references == 1 else w[-1], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("make", [circular, improper])
@pytest.mark.parametrize("references", [1, 2])
def test_nlms_is_the_naive_twin(make, references: int) -> None:
    x, d = make(SAMPLES, references)
    f = sm.NLMS(taps=6, mu=0.7, complex=True, references=references)
    below = complex_energies(x, 6, 1e-3)
    y, w = naive.complex_transversal(x, d, 6, lambda e, t: 0.7 / below[t])
    np.testing.assert_allclose(f.run(flat(x), d), y, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(f.weights, w[-1][0] if references == 1 else w[-1], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("loss", [sm.losses.huber(0.5), sm.losses.quartic])
def test_a_loss_takes_the_modulus_and_leaves_the_phase(loss) -> None:
    x, d = circular(SAMPLES, 2)
    f = sm.LMS(taps=3, mu=1e-4, complex=True, loss=loss, references=2)
    unit = 0.25 if loss.name == "quartic" else 1.0
    y, w = naive.complex_transversal(x, d, 3, lambda e, t: 1e-4 * unit * loss.score(abs(e), loss.a, loss.b) / abs(e))
    np.testing.assert_allclose(f.run(x, d), y, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(f.weights, w[-1], rtol=1e-10, atol=1e-12)


def test_a_lopsided_loss_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a complex error has no sign: expected an even loss with complex=True, got"):
        sm.LMS(complex=True, loss=sm.losses.pinball(0.9))


@pytest.mark.parametrize("kind", [sm.LMS, sm.NLMS])
@pytest.mark.parametrize("references", [1, 3])
def test_on_real_data_it_is_the_real_filter(kind, references: int) -> None:
    x, d = (one.real for one in circular(3000, references))
    d[700] = 1e4  # the policies see the same
    real, made = (kind(taps=7, mu=0.02, references=references, complex=c) for c in (False, True))
    y = real.run(flat(x), d)
    z = made.run(flat(x), d)
    np.testing.assert_allclose(z.real, y, rtol=1e-9, atol=1e-11)
    assert not z.imag.any()
    np.testing.assert_allclose(made.weights, real.weights, rtol=1e-9, atol=1e-11)
    assert (made.unlearnt, made.diverged) == (real.unlearnt, real.diverged)


@pytest.mark.parametrize("kind", [sm.LMS, sm.NLMS])
def test_turns_and_mirrors(kind) -> None:
    """x turned: the same output, weights turned along; d turned: output along, weights back; both mirrored: all."""
    x, d = circular(SAMPLES)
    x = flat(x)

    def learnt(x: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        f = kind(taps=5, mu=0.02, complex=True)
        return f.run(x, d), f.weights

    y, w = learnt(x, d)
    for got, wanted in (
        (learnt(TURN * x, d), (y, TURN * w)),
        (learnt(x, TURN * d), (TURN * y, np.conj(TURN) * w)),
        (learnt(1j * x, d), (y, 1j * w)),
        (learnt(np.conj(x), np.conj(d)), (np.conj(y), np.conj(w))),
    ):
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    assert np.abs(w.imag).max() > 0.1


def test_the_output_is_what_the_conjugates_make_of_the_input() -> None:
    x, d = circular(SAMPLES)
    f = sm.NLMS(taps=5, complex=True)
    f.run(flat(x), d)
    w = f.weights
    new = flat(circular(50, seed=1)[0])
    y = np.convolve(np.concatenate([flat(x)[-4:], new]), np.conj(w))[4:54]
    np.testing.assert_allclose(f.run(new), y, rtol=1e-12)
    g = sm.NLMS(taps=5, complex=True)
    g.weights = w
    np.testing.assert_array_equal(g.weights, w)
    with pytest.raises(ValueError, match=r"weights must have shape \(5,\), got \(4,\)"):
        g.weights = w[:4]


@pytest.mark.parametrize("dirt", [complex(np.nan, 0), complex(0, np.nan), complex(0, np.inf), complex(-np.inf, 1)])
def test_dirt_in_either_part(dirt: complex) -> None:
    x, d = circular(SAMPLES)
    x = flat(x)
    f, g = (sm.NLMS(taps=4, complex=True) for _ in range(2))
    f.run(x, d), g.run(x, d)
    w = f.weights
    f.update(0.3 - 1j, dirt)
    np.testing.assert_allclose(f.weights, w, rtol=1e-15)
    assert f.unlearnt == 1
    g.update(0.3 - 1j)
    np.testing.assert_array_equal(f.s, g.s)
    f.update(dirt, 1.0)
    g.update(0.0, 1.0)
    np.testing.assert_array_equal(f.s, g.s)
    assert np.isfinite(f.s).all()


def test_excess_error_of_complex_lms() -> None:
    """mu tr(R) / (2 - mu tr(R)) of the noise power, tr(R) the power of both parts in the line: Sayed 2008, ch. 16."""
    rng = np.random.default_rng(2)
    taps, samples, mu = 8, 200_000, 0.02
    x = rng.standard_normal(samples) + 1j * rng.standard_normal(samples)
    noise = 0.1 * (rng.standard_normal(samples) + 1j * rng.standard_normal(samples))
    clean = np.convolve(x, rng.standard_normal(taps) + 1j * rng.standard_normal(taps))[:samples]
    y = sm.LMS(taps=taps, mu=mu, complex=True).run(x, clean + noise)
    excess = np.mean(np.abs(clean - y)[5000:] ** 2)
    trace = taps * 2.0
    assert excess / 0.02 == pytest.approx(mu * trace / (2.0 - mu * trace), rel=0.05)


def test_nlms_conserves_energy() -> None:
    """|v(n+1)|^2 + mu (2 - mu) |e|^2 / |x|^2 = |v(n)|^2 for the error v of the weights, without noise."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal(300) + 1j * rng.standard_normal(300)
    path = rng.standard_normal(4) + 1j * rng.standard_normal(4)
    d = np.convolve(x, np.conj(path))[:300]
    f = sm.NLMS(taps=4, mu=0.6, complex=True, regulariser=0.0)
    after = path
    for t in range(300):
        before, after = after, None
        e = d[t] - f.update(x[t], d[t])
        after = path - f.weights
        if t >= 4:  # the line is full
            lost = 0.6 * 1.4 * abs(e) ** 2 / np.sum(np.abs(x[t - 3 : t + 1]) ** 2)
            wanted = np.sum(np.abs(before) ** 2)
            assert np.sum(np.abs(after) ** 2) + lost == pytest.approx(wanted, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize("policy", ["reset", "hold", "raise"])
def test_divergence_follows_the_policy(policy: str, references: int) -> None:
    x, d = circular(4000, references)
    f = sm.LMS(taps=8, mu=1.0, complex=True, on_divergence=policy, references=references)
    if policy == "raise":
        before = f.s.copy()
        with pytest.raises(FloatingPointError, match="the adaptive filter diverged"):
            f.run(flat(x), d)
        np.testing.assert_array_equal(f.s, before)
        return
    with pytest.warns(RuntimeWarning, match="the adaptive filter diverged") as told:
        y = f.run(flat(x), d)
    assert np.isfinite(y).all()
    assert len(told) == 1
    assert f.diverged >= 1
    if policy == "hold":
        held = f.weights
        f.run(flat(x), d)
        np.testing.assert_array_equal(f.weights, held)
        f.weights = np.zeros_like(held)
        f.mu = 1e-3
        f.run(flat(x), d)
        assert f.weights.any()


@pytest.mark.parametrize("trial", ["spike", "spikes", "quiet", "zeros", "path", "subnormal", "constant", "same"])
def test_hard_signals_leave_it_sound(trial: str) -> None:
    """Section by section what others break on: outputs finite, nothing held to be divergence, and it learns again."""
    x, d = circular(9000, 2 if trial == "same" else 1)
    path = np.array([0.5 - 0.2j, 0.1j])
    if trial == "same":  # perfectly correlated references
        x[:, 1] = 2j * x[:, 0]
    x = 1e-3 * x
    if trial == "spike":
        x[4000] = 1e4j
    elif trial == "spikes":
        x[4000::500] *= 30.0
    elif trial == "quiet":
        x[3000:5000] *= 1e-6
    elif trial == "zeros":
        x[:4000] = 0.0
    elif trial == "subnormal":
        x[3000:5000] = 5e-324 * (1 + 1j)
    elif trial == "constant":
        x[3000:5000] = 1e-3j
    d = np.convolve(x[:, 0], path)[:9000]
    if trial == "path":
        d[4000:] *= -1j
    f = sm.NLMS(taps=4, complex=True, references=x.shape[1])
    y = f.run(flat(x), d)
    assert np.isfinite(y).all()
    assert np.isfinite(f.s).all()
    assert f.diverged == 0
    assert np.abs(d - y)[-500:].max() < 1e-6 * np.abs(d[-500:]).max()


def test_in_a_loop_of_ones_own_it_is_run() -> None:
    f, same = (sm.NLMS(taps=9, complex=True) for _ in range(2))
    x, d = signals(f, 300)
    step = f.compiled()

    @numba.njit
    def loop(p, s, x, d, y):
        for t in range(x.size):
            y[t] = step(p, s, x[t : t + 1], d[t])

    y = np.empty(300, complex)
    loop(f.p, f.s, x, d, y)
    np.testing.assert_array_equal(y, same.run(x, d))
    np.testing.assert_array_equal(f.s, same.s)


C_LOOP = """
#include <complex.h>
#include "streammse.h"

void filter(streammse_complex_step *step, streammse_node *node, int64_t n, const double complex *x,
            const double complex *d, double complex *y)
{
    for (int64_t t = 0; t < n; t++)
        step(node, (const double *)(x + t), (const double *)(d + t), (double *)(y + t));
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_from_c_in_its_own_complex_numbers(library) -> None:
    f, same = (sm.NLMS(taps=9, complex=True) for _ in range(2))
    x, d = signals(f, 300)
    y, c = np.empty(300, complex), f.c_function()
    library(C_LOOP).filter(
        *map(ctypes.c_void_p, (c.address, c.node)), ctypes.c_int64(300), pointer(x), pointer(d), pointer(y)
    )
    np.testing.assert_array_equal(y, same.run(x, d))
    assert c(1.0 - 1j) == same.update(1.0 - 1j)
    assert c([0.5j], 1j) == same.update(0.5j, 1j)
    assert c.block(c.node, 40, pointer(x), None, pointer(y)) == 40
    np.testing.assert_array_equal(y[:40], same.run(x[:40]))


def test_what_is_real_stays_real_and_what_is_refused_says_so() -> None:
    f = sm.NLMS(taps=4, complex=True)
    with pytest.raises(TypeError, match="x must be an array of real numbers, got complex128"):
        sm.NLMS(taps=4).run(np.ones(3, complex), np.ones(3))
    with pytest.raises(TypeError, match="d must be an array of complex or real numbers, got"):
        f.run(np.ones(3), ["a", "b", "c"])
    with pytest.raises(ValueError, match="other parameters: complex=False instead of True"):
        f.restore(sm.NLMS(taps=4).snapshot())
    for call in (
        lambda: sm.max_step(f, np.ones(50)),
        lambda: sm.predict_mse(f, np.ones(50), np.ones(50)),
        lambda: sm.backtest(np.ones(50), [f], horizon=2, start=20),
        lambda: sm.BOA([f, sm.Naive()]),
        lambda: sm.Runner(f, None, None),
    ):
        with pytest.raises((TypeError, ValueError), match=r"complex=True") as told:
            call()
        assert "\n" not in str(told.value)


def test_a_bank_of_complex_filters() -> None:
    bank = sm.bank(sm.NLMS(taps=3, complex=True), 2)
    x, d = signals(bank[0], 40)
    now = bank.update(np.array([1.0, 1j]), np.array([1j, 2.0]))
    assert now.dtype == complex
    assert bank.run(x, d).shape == (2, 40)
    assert bank.weights.dtype == complex
