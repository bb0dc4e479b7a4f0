"""Affine projection and its set-membership form: against a readable twin, closed forms, and where signals are dirty."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import streammse as sm
from streammse.kernels import projection

from . import naive
from .dirt import DIRT, recovery
from .paths import TRUTH, flat
from .paths import path as coloured

path = functools.partial(coloured, pole=0.9)


@pytest.mark.parametrize(
    ("taps", "order", "references"),
    [(8, 4, 1), (8, 4, 2), (8, 1, 1), (5, 9, 1), (1, 1, 3), (3, 2, 1)],
)
def test_twin(taps: int, order: int, references: int) -> None:
    x, d = path(300, references)
    d[100], d[150:155] = np.nan, np.nan
    f = sm.AffineProjection(taps, order, references=references)
    y, w = naive.affine_projection(x, d, taps, order, 0.5, 1e-3)
    np.testing.assert_allclose(f.run(flat(x), d), y, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(f.weights.reshape(references, taps), w[-1], rtol=1e-9, atol=1e-10)
    assert f.unlearnt == 6


@pytest.mark.parametrize("references", [1, 2])
def test_set_membership_twin(references: int) -> None:
    x, d = path(300, references)
    f = sm.SMAffineProjection(8, 4, 0.2, references=references)
    y, w = naive.affine_projection(x, d, 8, 4, 1.0, 1e-3, 0.2)
    np.testing.assert_allclose(f.run(flat(x), d), y, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(f.weights.reshape(references, 8), w[-1], rtol=1e-9, atol=1e-10)
    assert 0 < f.updates < 150


@pytest.mark.parametrize("scale", [1e-9, 1e9])
@pytest.mark.parametrize("kind", [sm.AffineProjection, sm.SMAffineProjection])
def test_any_scale(kind, scale: float) -> None:
    x, d = path(300)
    np.testing.assert_allclose(kind(8).run(scale * x[:, 0], scale * d), scale * kind(8).run(x[:, 0], d), rtol=1e-6)


def test_order_1_is_nlms() -> None:
    x, d = path(2000)
    for mu in (0.2, 1.0, 1.9):
        f, g = sm.AffineProjection(16, 1, mu), sm.NLMS(16, mu)
        np.testing.assert_allclose(f.run(x[:, 0], d), g.run(x[:, 0], d), rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(f.weights, g.weights, rtol=1e-9, atol=1e-10)


def test_without_a_threshold_the_set_is_a_point() -> None:
    x, d = path(500)
    f, g = sm.SMAffineProjection(8, 4, 0.0), sm.AffineProjection(8, 4, 1.0)
    np.testing.assert_array_equal(f.run(x[:, 0], d), g.run(x[:, 0], d))


@pytest.mark.parametrize("references", [1, 2])
def test_weights_at_any_moment(references: int) -> None:
    """What is read predicts the next output; what is set is what is read, and the samples before are met by it."""
    x, d = path(60, references)
    rng = np.random.default_rng(4)
    f = sm.AffineProjection(7, 4, references=references)
    line = np.zeros((references, 7))
    for t in range(60):
        if t in (1, 23, 24, 50):
            chosen = rng.standard_normal(f.weights.shape)
            f.weights = chosen
            np.testing.assert_allclose(f.weights, chosen, rtol=1e-14)
        w = f.weights
        line = np.column_stack([x[t], line[:, :-1]])
        assert f.update(flat(x)[t], d[t]) == pytest.approx(np.sum(w.reshape(references, 7) * line), rel=1e-10)
    same = f.weights
    f.weights = same
    g = sm.AffineProjection(7, 4, references=references)
    g.run(flat(x[:50]), d[:50])
    g.run(flat(x[50:]), d[50:])
    after = rng.standard_normal((9, references)), rng.standard_normal(9)
    before = f.weights
    errors = f._s[f._behind + projection.ERRORS * 5 : f._behind + projection.ERRORS * 5 + 4]
    rows = np.lib.stride_tricks.sliding_window_view(x, 7, axis=0)[-4:, :, ::-1]
    np.testing.assert_allclose(errors, d[-4:] - np.einsum("trk,rk->t", rows, before.reshape(references, 7)), atol=1e-12)
    assert np.isfinite(f.run(flat(after[0]), after[1])).all()
    with pytest.raises(ValueError, match="weights must have shape"):
        f.weights = np.zeros(3)


def test_a_full_step_meets_all_of_the_last_samples() -> None:
    """mu = 1 and no regulariser: the last ``order`` errors are zero afterwards."""
    x, d = path(200)
    f = sm.AffineProjection(16, 4, 1.0, regulariser=0.0)
    f.run(x[:, 0], d)
    rows = np.lib.stride_tricks.sliding_window_view(x[:, 0], 16)[-4:, ::-1]
    np.testing.assert_allclose(rows @ f.weights, d[-4:], atol=1e-10)


def test_errors_within_the_bound_stay_and_others_end_on_it() -> None:
    x, d = path(400)
    f = sm.SMAffineProjection(8, 3, 0.2, regulariser=0.0)
    for t in range(400):
        before, updates = f.weights, f.updates
        f.update(x[t, 0], d[t])
        gamma = 0.2 * math.sqrt(np.mean(d[: t + 1] ** 2))
        if t > 20 and f.updates > updates:
            rows = np.array([x[t - k - 7 : t - k + 1, 0][::-1] for k in range(3)])
            e, after = d[t - 2 : t + 1][::-1] - rows @ before, d[t - 2 : t + 1][::-1] - rows @ f.weights
            np.testing.assert_allclose(after, np.clip(e, -gamma, gamma), atol=1e-9)
            assert abs(e[0]) > gamma


def samples_to(f, x: np.ndarray, d: np.ndarray, drop: float) -> int:
    """How many samples until the error of the weights has dropped so far for good."""
    step, off = 20, []
    for t in range(0, d.size, step):
        f.run(x[t : t + step], d[t : t + step])
        off.append(np.linalg.norm(f.weights[:3] - TRUTH))
    late = np.flatnonzero(np.array(off) > drop)
    return step * (int(late[-1]) + 2 if late.size else 1)


def test_colour_slows_nlms_and_not_the_projection() -> None:
    """Its order is that of the input plus one, so it converges as on white noise (Rupp 1998)."""
    taken = {}
    for pole in (0.0, 0.95):
        x, d = path(6000, pole=pole, noise=1e-3)
        for name, f in (("ap", sm.AffineProjection(16, 2, 1.0)), ("nlms", sm.NLMS(16, 1.0))):
            taken[name, pole] = samples_to(f, x[:, 0], d, 0.01)
    assert taken["nlms", 0.95] > 4 * taken["nlms", 0.0]
    assert taken["ap", 0.95] < 2 * taken["ap", 0.0]
    assert taken["ap", 0.95] < taken["nlms", 0.95] / 4


@pytest.mark.parametrize(("order", "mu"), [(1, 0.2), (4, 0.05), (4, 0.2)])
def test_excess_mean_squared_error(order: int, mu: float) -> None:
    n, s = 32, 0.1
    rng = np.random.default_rng(1)
    x = rng.standard_normal((24, 6000))
    bank = sm.bank(sm.AffineProjection(n, order, mu, regulariser=0.0), 24)
    y = bank.run(x, s * rng.standard_normal(x.shape))[:, 2000:]
    expected = mu / (2.0 - mu) * order * s * s * n / (n - 2)
    assert np.mean(y * y) == pytest.approx(expected, rel=0.12)


def test_nothing_drifts() -> None:
    """After a spike and a long run the Gram matrix is that of the line, to rounding."""
    x, d = path(40_000)
    x[100] = 1e9
    d[100:132] = np.nan
    f = sm.AffineProjection(32, 4)
    f.run(x[:, 0], d)
    rows = np.lib.stride_tricks.sliding_window_view(x[:, 0], 32)[-4:]
    gram = f._s[f._behind + projection.ROWS * 5 :][: 4 * 5].reshape(4, 5)[:, :4]
    np.testing.assert_allclose(np.tril(gram), np.tril(rows @ rows.T), rtol=1e-13)


@pytest.mark.parametrize("kind", DIRT)
@pytest.mark.parametrize(
    "f",
    [
        sm.AffineProjection(16),
        sm.AffineProjection(16, regulariser=0.0),
        sm.SMAffineProjection(16),
        sm.AffineProjection(16, references=2),
    ],
    ids=repr,
)
def test_dirt_never_stays(f, kind: str) -> None:
    recovery(f, kind)
