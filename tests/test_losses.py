"""Losses: the score is the derivative of the value, the curvature that of the score; far out nothing overflows."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import streammse as sm
from streammse.kernels import losses
from streammse.kernels.losses import Loss, as_loss

NAMES = [name for name, value in vars(losses).items() if isinstance(value, Loss)]
OTHERS = {
    "huber": (0.8,),
    "log_cosh": (0.3,),
    "pinball": (0.9,),
    "correntropy": (2.5,),
    "gmcc": (3.0, 0.2),
    "tukey": (2.0,),
    "epsilon_insensitive": (0.5,),
}
LOSSES = [getattr(losses, name) for name in NAMES] + [getattr(losses, k)(*v) for k, v in OTHERS.items()]
every = pytest.mark.parametrize("loss", LOSSES, ids=str)

#: away from the corners of all of them
ERRORS = (-7.3, -2.2, -0.7, -0.33, 0.01, 0.33, 0.71, 1.7, 4.1, 9.0)


def test_all_ten_are_there() -> None:
    assert len(NAMES) == 10
    assert {name for name in sm.losses.__all__ if isinstance(getattr(sm.losses, name), Loss)} == set(NAMES)


@every
def test_score_and_curvature_are_derivatives(loss: Loss) -> None:
    def value(e: float) -> float:
        return loss.value(e, loss.a, loss.b)

    def score(e: float) -> float:
        return loss.score(e, loss.a, loss.b)

    h = 1e-5
    for e in ERRORS:
        assert score(e) == pytest.approx((value(e + h) - value(e - h)) / (2 * h), rel=1e-6, abs=1e-7)
        if loss.curvature is not None:
            slope = (score(e + h) - score(e - h)) / (2 * h)
            assert loss.curvature(e, loss.a, loss.b) == pytest.approx(slope, rel=1e-6, abs=1e-7)


@every
def test_a_loss_is_zero_at_zero_and_nowhere_below(loss: Loss) -> None:
    assert loss.at(0.0) == 0.0
    assert loss.score(0.0, loss.a, loss.b) == 0.0
    values = [loss.at(e) for e in np.linspace(-20, 20, 401)]
    assert min(values) >= 0.0
    assert all(np.diff(values[:200]) <= 0.0)  # and grows with the error on both sides
    assert all(np.diff(values[201:]) >= 0.0)


@every
def test_far_out_and_very_near_nothing_breaks(loss: Loss) -> None:
    for e in (1e-300, 1e-9, 1e4, 1e9, 1e150):
        if loss.name == "quartic" and e > 1e70:
            continue  # overflows as its definition does
        for error in (np.float64(e), np.float64(-e)):
            with np.errstate(over="ignore"):
                assert math.isfinite(loss.at(error))
                assert math.isfinite(loss.score(error, loss.a, loss.b))
    assert math.isnan(loss.at(math.nan))
    assert math.isnan(loss.score(math.nan, loss.a, loss.b))


def test_the_kernel_of_gmcc_saturates_where_its_power_overflows() -> None:
    for loss in (losses.gmcc, losses.gmcc(4.0, 0.5), losses.gmcc(0.5, 1e-3), losses.gmcc(1000.0, 0.5)):
        for e in (1e300, -1e300):
            assert (loss.at(e), loss.score(e, loss.a, loss.b), loss.curvature(e, loss.a, loss.b)) == (1.0, 0.0, 0.0)
        m = sm.MeanLoss(loss, window=1)
        assert m.update(1e300, 0.0) == 1.0
    assert losses.gmcc.curvature(1e-300, 2.0, 0.5) == 1.0


@pytest.mark.parametrize("loss", [losses.huber(0.7), losses.log_cosh(0.7), losses.correntropy(0.7), losses.tukey(0.7)])
def test_the_robust_ones_are_half_the_square_near_zero(loss: Loss) -> None:
    for e in (1e-9, 1e-6, 1e-4):
        assert loss.at(e) == pytest.approx(0.5 * e * e, rel=1e-6)


def test_limits_between_the_families() -> None:
    for e in ERRORS:
        assert losses.huber(1e9).at(e) == 0.5 * e * e
        assert losses.pinball(0.5).at(e) == 0.5 * abs(e)
        assert losses.gmcc(2.0, 0.5 / 1.7**2).at(e) * 1.7**2 == pytest.approx(losses.correntropy(1.7).at(e), rel=1e-12)
        assert losses.log_cosh(1e-8).at(e) / 1e-8 == pytest.approx(abs(e), rel=1e-6)
        assert losses.epsilon_insensitive(1e-12).at(e) == pytest.approx(abs(e), rel=1e-9)


def test_compiled_is_interpreted() -> None:
    errors = np.array([*ERRORS, 0.0, 1e9, -1e9, 1e-200])
    for name in NAMES:
        loss = getattr(losses, name)
        m = sm.MeanLoss(loss, window=1)
        got = m.run(errors, np.zeros(len(errors)))
        np.testing.assert_allclose(got, [loss.at(e) for e in errors], rtol=1e-14, err_msg=name)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: losses.huber(-1.0), ValueError, "delta of huber must be 0 < delta, got -1"),
        (lambda: losses.pinball(q=1.0), ValueError, "q of pinball must be 0 < q < 1, got 1"),
        (lambda: losses.gmcc(2.0, 0.0), ValueError, "lam of gmcc must be 0 < lam, got 0"),
        (lambda: losses.huber(width=1.0), TypeError, "huber has no parameter 'width': expected delta"),
        (lambda: losses.squared(3.0), TypeError, "squared has no parameters"),
        (lambda: losses.huber(1.0, 2.0), TypeError, "huber has 1 parameters"),
        (lambda: losses.squared(0.0, 1.0), TypeError, "squared has no parameters"),
        (lambda: sm.MeanLoss(["huber", -1.0, 0.0]), ValueError, "delta of huber must be 0 < delta, got -1"),
        (lambda: sm.NLMS(loss=["correntropy", 0.0, 0.0]), ValueError, "sigma of correntropy must be 0 < sigma, got 0"),
        (lambda: sm.MeanLoss(["huber", 1.0, 2.0]), TypeError, "huber has 1 parameters"),
        (lambda: sm.MeanLoss(["pinball", math.nan, 0.0]), ValueError, "0 < q < 1, got nan"),
        (lambda: sm.MeanLoss("huber"), TypeError, "loss must be a loss"),
        (lambda: as_loss("loss", ["hubert", 1.0, 0.0]), ValueError, "unknown loss 'hubert': expected one of squared"),
        (
            lambda: sm.make_loss(lambda: 0.0, lambda e: e),
            TypeError,
            r"a loss takes \(e\), \(e, a\) or \(e, a, b\), got 0",
        ),
    ],
)
def test_errors_say_what_was_expected(build, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()


# A loss of one's own.


def cauchy(e: float, a: float) -> float:
    return 0.5 * a * a * math.log1p((e / a) ** 2)


def cauchy_score(e: float, a: float) -> float:
    return e / (1.0 + (e / a) ** 2)


mine = sm.make_loss(cauchy, cauchy_score, a=2.0)


def test_ones_own_loss_survives_what_a_node_survives() -> None:
    for loss in (mine, mine(0.5)):
        node = sm.MeanLoss(loss, window=3)
        expected = node.run([1.0, 2.0, 0.0], [0.0, 0.0, 9.0])
        assert expected[0] == pytest.approx(cauchy(1.0, loss.a), rel=1e-14)
        for other in (copy.deepcopy(node), pickle.loads(pickle.dumps(node)), sm.load(node.snapshot())):
            assert other.loss == loss
            assert other.value == node.value
            assert other.update(3.0, 0.0) == copy.deepcopy(node).update(3.0, 0.0)


def strict(e: float) -> float:
    if e > 10.0:
        raise ValueError("too large")
    return e * e


@pytest.mark.parametrize("over", [{}, {"window": 4}, {"window": 4, "steady": True}], ids=str)
def test_a_loss_that_raises_leaves_the_state(over: dict[str, object]) -> None:
    m = sm.MeanLoss(sm.make_loss(strict, lambda e: 2.0 * e), **over)
    d, x = np.arange(1.0, 7.0), np.zeros(6)
    m.run(d[:3], x[:3])
    before = m._s.copy()
    spoilt = np.r_[d, np.inf, 20.0, d]
    for curve in (True, False):
        with pytest.raises(ValueError, match="too large"):
            m.run(spoilt, np.zeros(spoilt.size), curve=curve)
        np.testing.assert_array_equal(m._s, before)
    with pytest.raises(ValueError, match="too large"):
        m.update(20.0, 0.0)
    np.testing.assert_array_equal(m._s, before)
    assert m.run(d, x, curve=False) == sm.MSE(**over).run(np.r_[d[:3], d], np.zeros(9))[-1]


def test_a_loss_without_a_name_is_refused_by_snapshots_only() -> None:
    node = sm.MeanLoss(sm.make_loss(lambda e: abs(e) ** 1.5, lambda e: 1.5 * abs(e) ** 0.5))
    node.update(4.0, 0.0)
    assert copy.deepcopy(node).value == node.value == pytest.approx(8.0)
    with pytest.raises(ValueError, match="a snapshot cannot name the loss '<lambda>'"):
        node.snapshot()


def test_the_same_loss_is_descended() -> None:
    x = np.random.default_rng(0).standard_normal(400)
    d = np.convolve(x, [0.5, -0.25])[:400]
    d[::37] += 1e3  # outliers, which the squared error follows
    kind = sm.NLMS(taps=2, mu=0.2, loss=mine(0.3))
    kind.run(x, d)
    assert np.abs(kind.weights - [0.5, -0.25]).max() < 0.1


def test_known_losses_are_equal_by_name_and_parameters() -> None:
    assert losses.huber(1.5) == losses.huber(delta=1.5) == pickle.loads(pickle.dumps(losses.huber(1.5)))
    assert losses.huber(1.5) != losses.huber(1.6)
    assert repr(losses.gmcc(3.0, 0.2)) == "gmcc(alpha=3, lam=0.2)"
