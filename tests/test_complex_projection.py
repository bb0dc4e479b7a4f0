"""Complex RLS and affine projection: against what numpy solves anew at every sample, symmetry, and hard signals."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm

from .test_complex import TURN, circular, flat, improper

KINDS = [
    lambda **more: sm.RLS(taps=5, forgetting=0.98, **more),
    lambda **more: sm.AffineProjection(taps=5, order=3, mu=0.7, **more),
]
each = pytest.mark.parametrize("make", KINDS, ids=["RLS", "AffineProjection"])


def regressors(x: np.ndarray, taps: int) -> np.ndarray:
    """Row n holds the regressor u(n), all taps of the first reference first."""
    padded = np.concatenate([np.zeros((taps - 1, x.shape[1])), x])
    return np.stack([padded[t : t + taps][::-1].T.ravel() for t in range(len(x))])


@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize("forgetting", [1.0, 0.97])
@pytest.mark.parametrize("signals", [circular, improper])
def test_rls_is_weighted_least_squares(signals, forgetting: float, references: int) -> None:
    x, d = signals(150, references)
    d[40:45] = complex(np.nan, 1.0)
    f = sm.RLS(4, forgetting, complex=True, references=references)
    y = f.run(flat(x), d)
    rows, known = regressors(x, 4), ~np.isnan(d)
    prior = np.repeat(0.01 * np.abs(x[0]) ** 2, 4)
    learnt = np.cumsum(known)

    def solved(samples: int) -> np.ndarray:
        use = np.flatnonzero(known[:samples])
        weights = forgetting ** (learnt[samples - 1] - learnt[use])
        past = forgetting ** learnt[samples - 1]
        gram = (rows[use].T * weights) @ np.conj(rows[use]) + past * np.diag(prior)
        return np.linalg.solve(gram, (rows[use].T * weights) @ np.conj(d[use]))

    np.testing.assert_allclose(f.weights.ravel(), solved(150), rtol=0, atol=1e-10)
    assert y[120] == pytest.approx(np.vdot(solved(120), rows[120]), abs=1e-10)
    assert f.restarts == 0
    assert f.unlearnt == 5


@pytest.mark.parametrize(("taps", "order", "references"), [(5, 1, 1), (5, 3, 1), (2, 4, 2), (1, 3, 1), (6, 10, 1)])
def test_affine_projection_is_the_textbook(taps: int, order: int, references: int) -> None:
    x, d = improper(200, references)
    x = x + 0.9j * np.roll(x, 1, axis=0)
    mu, regulariser = 0.7, 0.05
    f = sm.AffineProjection(taps, order, mu, complex=True, references=references, regulariser=regulariser)
    y = f.run(flat(x), d)
    power = np.cumsum(np.sum(np.abs(x) ** 2, axis=1)) / np.arange(1, 201) / references
    rows, w, outputs = regressors(x, taps), np.zeros(taps * references, complex), []
    n = taps * references
    for t in range(200):
        outputs.append(np.vdot(w, rows[t]))
        use = np.arange(max(0, t - order + 1), t + 1)
        added = power[use] * (np.maximum(0, n - references * (use + 1)) + regulariser * n)
        columns = rows[use].T
        e = d[use] - np.conj(w) @ columns
        w = w + mu * columns @ np.linalg.solve(np.conj(columns).T @ columns + np.diag(added), np.conj(e))
    np.testing.assert_allclose(y, outputs, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(f.weights.ravel(), w, rtol=1e-7, atol=1e-8)


def test_affine_projection_of_order_1_is_nlms() -> None:
    x, d = circular(500)
    a, b = sm.AffineProjection(6, 1, 0.4, complex=True), sm.NLMS(6, 0.4, complex=True)
    np.testing.assert_allclose(a.run(flat(x), d), b.run(flat(x), d), rtol=1e-9, atol=1e-11)


@each
@pytest.mark.parametrize("references", [1, 2])
def test_on_real_data_it_is_the_real_filter(make, references: int) -> None:
    x, d = (one.real for one in circular(600, references))
    real, made = (make(references=references, complex=c) for c in (False, True))
    y, z = real.run(flat(x), d), made.run(flat(x), d)
    np.testing.assert_allclose(z.real, y, rtol=1e-8, atol=1e-9)
    assert np.abs(z.imag).max() < 1e-12
    np.testing.assert_allclose(made.weights, real.weights, rtol=1e-8, atol=1e-9)


@each
def test_turns_and_mirrors(make) -> None:
    x, d = circular(400)
    x = flat(x)

    def learnt(x: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        f = make(complex=True)
        return f.run(x, d), f.weights

    y, w = learnt(x, d)
    for got, wanted in (
        (learnt(TURN * x, d), (y, TURN * w)),
        (learnt(x, TURN * d), (TURN * y, np.conj(TURN) * w)),
        (learnt(np.conj(x), np.conj(d)), (np.conj(y), np.conj(w))),
    ):
        for one, other in zip(got, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)
    assert np.abs(w.imag).max() > 0.1


@each
@pytest.mark.parametrize("references", [1, 2])
def test_weights_that_are_set_are_those_that_filter(make, references: int) -> None:
    x, d = circular(200, references)
    f = make(complex=True, references=references)
    f.run(flat(x), d)
    w = f.weights
    assert w.shape == ((5,) if references == 1 else (2, 5))
    f.weights = -2j * w
    np.testing.assert_array_equal(f.weights, -2j * w)
    new = np.concatenate([x[-4:], circular(1, references, 9)[0]])
    assert f.update(new[-1] if references > 1 else new[-1, 0]) == pytest.approx(
        np.sum(np.conj(-2j * np.atleast_2d(w)) * new[::-1].T), rel=1e-12
    )
    f.weights = w
    f.run(flat(x), d)
    np.testing.assert_allclose(f.weights, w, atol=0.5)


@each
@pytest.mark.parametrize(
    "trial", ["spike", "quiet", "zeros", "subnormal", "constant", "real", "same", "gaps", "nan", "spike in d"]
)
def test_hard_signals_leave_it_sound(make, trial: str) -> None:
    x, _ = circular(6000, 2 if trial == "same" else 1)
    if trial == "same":  # perfectly correlated references
        x[:, 1] = 2j * x[:, 0]
    x = 1e-3 * x
    if trial == "spike":
        x[2000] = 1e4j
    elif trial == "quiet":
        x[2000:3000] *= 1e-6
    elif trial == "zeros":
        x[:3000] = 0.0
    elif trial == "subnormal":
        x[2000:3000] = 5e-324 * (1 + 1j)
    elif trial == "constant":
        x[2000:4000] = 1e-3j
    elif trial == "real":
        x[2000:4000] = x[2000:4000].real
    d = np.convolve(x[:, 0], [0.5 - 0.2j, 0.1j])[:6000]
    if trial == "gaps":
        d[np.random.default_rng(1).random(6000) < 0.5] = np.nan
    elif trial == "nan":
        x[2000:2010] = complex(1.0, np.nan)
    elif trial == "spike in d":
        d[2000] = 1e4
    f = make(complex=True, references=x.shape[1])
    y = f.run(flat(x), d)
    assert np.isfinite(y).all()
    assert np.isfinite(f.s).all()
    assert np.nanmax(np.abs(d - y)[-300:]) < 1e-5 * np.nanmax(np.abs(d[-300:]))


@pytest.mark.parametrize("forgetting", [0.9, 0.99, 0.999])
def test_rls_does_not_break_down(forgetting: float) -> None:
    """A short form of ten million samples (tests/soak)."""
    x, d = circular(100_000)
    x = x[:, 0] * 1.0
    for t in range(1, len(x)):  # a pole near the circle: hard on P
        x[t] += 0.95j * x[t - 1]
    d = np.convolve(x, [0.8, -0.5j, 0.3, 0.2j])[:100_000] + 0.1 * d
    f = sm.RLS(4, forgetting, complex=True)
    y = f.run(x, d)
    assert np.isfinite(y).all()
    last = 30 * round(1 / (1 - forgetting))
    rows = regressors(x[:, None], 4)[-last:]
    weights = forgetting ** np.arange(last - 1.0, -1.0, -1.0)
    gram = (rows.T * weights) @ np.conj(rows)
    wanted = np.linalg.solve(gram, (rows.T * weights) @ np.conj(d[-last:]))
    np.testing.assert_allclose(f.weights, wanted, rtol=0, atol=1e-8)


def test_the_excess_error_of_complex_rls() -> None:
    """(1 - lambda) n / (1 + lambda) of the noise, n the complex weights: each sample has two rows for two numbers."""
    rng = np.random.default_rng(1)
    x, noise = (rng.standard_normal((2, 100_000)) + 1j * rng.standard_normal((2, 100_000))) * np.sqrt(0.5)
    d = np.convolve(x, [0.8, -0.5j, 0.3])[:100_000]
    e = (d - sm.RLS(6, 0.99, complex=True).run(x, d + noise))[2000:]
    assert np.mean(np.abs(e) ** 2) == pytest.approx(0.01 * 6 / 1.99, rel=0.05)


def test_what_is_not_complex_says_so() -> None:
    for one in (sm.RobustRLS, sm.VariableForgettingRLS, sm.SMAffineProjection):
        with pytest.raises(TypeError, match="complex"):
            one(complex=True)
