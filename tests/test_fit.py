"""The search: closed forms, scipy, limits, losses, and that what it finds is carried by every copy."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import streammse as sm
from streammse import fit
from streammse.forecast.base import Forecaster

rng = np.random.default_rng(0)
WALK = 50.0 + np.cumsum(rng.standard_normal(300)) + 0.7 * rng.standard_normal(300)
SEASONAL = WALK + 4.0 * np.sin(2 * np.pi * np.arange(300) / 7)
FITTED = [sm.SES(), sm.Holt(damped=True), sm.HoltWinters(7), sm.ETS(7, "M", "A", "M"), sm.AutoETS(7)]
each = pytest.mark.parametrize("node", FITTED, ids=repr)


def made(node: Forecaster) -> Forecaster:
    return node.clone().fit(SEASONAL)


def test_a_linear_problem_is_solved_in_closed_form() -> None:
    """With the weights given, forecasts are linear in the start: least squares."""
    y = SEASONAL[:80]
    node = sm.Holt(alpha=0.3, beta=0.1)

    def errors(level: float, slope: float) -> np.ndarray:
        started = sm.Holt(alpha=0.3, beta=0.1, fitted=(0.3, 0.1, 1.0, 2.0, 0.0, level, slope))
        return y - started.run(y)

    zero = errors(0.0, 0.0)
    X = np.column_stack([zero - errors(1.0, 0.0), zero - errors(0.0, 1.0)])
    expected = np.linalg.lstsq(X, zero, rcond=None)[0]
    node.fit(y).reset()
    assert (node.level, node.slope) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [sm.losses.squared, sm.losses.huber(1.0), sm.losses.log_cosh(1.0), sm.losses.absolute, sm.losses.pinball(0.8)],
)
def test_no_other_search_finds_a_smaller_loss(loss: sm.losses.Loss) -> None:
    optimize = pytest.importorskip("scipy.optimize")

    def mean(theta: np.ndarray) -> float:
        alpha, level = theta
        if not 1e-4 <= alpha <= 0.9999:
            return np.inf
        node = sm.SES(fitted=(alpha, 1.0, 0.0, level, 0.0))
        return float(np.mean([loss.at(e) for e in WALK - node.run(WALK)]))

    node = sm.SES().fit(WALK, loss=loss).reset()
    best = optimize.minimize(mean, [0.5, WALK[0]], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    assert mean(np.array([node.alpha, node.level])) <= best.fun * 1.002


def test_a_robust_loss_is_not_moved_by_outliers() -> None:
    y = WALK.copy()
    y[[60, 130, 220]] += 400.0
    clean = sm.SES().fit(WALK).alpha
    robust = sm.SES().fit(y, loss=sm.losses.huber(1.0)).alpha
    assert abs(robust - clean) < 0.3
    assert abs(sm.SES().fit(y).alpha - clean) > abs(robust - clean)


@each
def test_after_fit_the_forecast_goes_on_from_the_end(node: Forecaster) -> None:
    one = made(node)
    ahead = one.forecast(5)
    assert np.isfinite(ahead).all()
    again = copy.deepcopy(one).reset()
    assert np.isfinite(again.run(SEASONAL)).all()  # from the start that was found, with no warming up
    np.testing.assert_array_equal(again.forecast(5), ahead)


@each
def test_what_was_found_is_carried_by_every_copy(node: Forecaster) -> None:
    one = made(node)
    expected, future = copy.deepcopy(one).run(SEASONAL), SEASONAL
    for how, other in {
        "pickle": pickle.loads(pickle.dumps(one)),
        "load": sm.load(one.snapshot()),
        "restore": made(node).restore(one.snapshot()),
    }.items():
        np.testing.assert_array_equal(other.run(future), expected, err_msg=how)
        assert other.params == one.params
    fresh = one.clone()
    np.testing.assert_array_equal(fresh.run(SEASONAL), copy.deepcopy(one).reset().run(SEASONAL))
    bank = sm.bank(one, 2)
    np.testing.assert_array_equal(bank.run(SEASONAL)[1], fresh.clone().run(SEASONAL))


@each
def test_an_update_bound_before_fit_goes_on_after_it(node: Forecaster) -> None:
    one, other = node.clone(), made(node)
    update = one.update
    update(1.0)
    one.fit(SEASONAL)
    assert update(7.0) == other.update(7.0)


@each
def test_fitting_again_is_no_worse(node: Forecaster) -> None:
    one = made(node)
    before = np.mean((SEASONAL - copy.deepcopy(one).reset().run(SEASONAL)) ** 2)
    one.fit(SEASONAL)
    assert np.mean((SEASONAL - one.reset().run(SEASONAL)) ** 2) <= before * 1.0005


@each
def test_missing_samples_are_skipped(node: Forecaster) -> None:
    y = SEASONAL.copy()
    y[[3, 50, 51, 120, 299]] = np.nan
    assert np.isfinite(node.clone().fit(y).forecast(10)).all()


@each
def test_a_series_without_samples_changes_nothing(node: Forecaster) -> None:
    one = made(node)
    state, params = one._s.copy(), one.params
    for hopeless in (np.full(40, np.nan), np.array([])):
        with pytest.raises(ValueError, match="needs"):
            one.fit(hopeless)
    assert one.params == params
    np.testing.assert_array_equal(one._s, state)


@each
def test_a_constant_series_goes_on(node: Forecaster) -> None:
    np.testing.assert_allclose(node.clone().fit(np.full(60, 3.0)).forecast(4), 3.0, rtol=1e-6)
    if node.params.get("seasonal") == "M":  # nothing can be a multiple of silence
        with pytest.raises(ValueError, match="needs positive values"):
            node.clone().fit(np.zeros(60))
    else:
        assert np.isfinite(node.clone().fit(np.zeros(60)).forecast(4)).all()


@pytest.mark.parametrize("loss", [None, sm.losses.huber(1.0)], ids=repr)
@pytest.mark.parametrize(
    "node",
    [sm.HoltWinters(7), sm.HoltWinters(7, damped=True), sm.ETS(7, "M", "A", "A"), sm.ETS(7, "A", "N", "A"),
     sm.HoltWinters(2), sm.HoltWinters(7, alpha=0.2, beta=0.1, gamma=0.1)],
    ids=repr,
)  # fmt: skip
def test_the_phases_of_a_season_share_a_copy_and_nothing_else_changes(node: Forecaster, loss) -> None:
    problem = node._problem(SEASONAL, SEASONAL)
    assert problem.delayed == node.season - 2
    shared, alone = (fit.minimise(one, SEASONAL, SEASONAL, loss) for one in (problem, problem._replace(delayed=0)))
    assert shared.value == pytest.approx(alone.value, rel=1e-7)
    np.testing.assert_allclose(shared.theta, alone.theta, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "node", [sm.HoltWinters(7, seasonal="mul"), sm.ETS(7, "A", "M", "A"), sm.ETS(7, "M", "N", "M")]
)
def test_no_phase_shares_a_copy_where_one_is_not_the_other_delayed(node: Forecaster) -> None:
    assert node._problem(SEASONAL, SEASONAL).delayed == 0
    gap = SEASONAL.copy()
    gap[41] = np.nan
    assert sm.HoltWinters(7)._problem(gap, gap).delayed == 0


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_unit_of_the_series_does_not_matter(scale: float) -> None:
    plain, scaled = sm.HoltWinters(7).fit(SEASONAL), sm.HoltWinters(7).fit(scale * SEASONAL)
    mse = [np.mean((SEASONAL - plain.reset().run(SEASONAL)) ** 2)]
    mse.append(np.mean((SEASONAL - scaled.reset().run(scale * SEASONAL) / scale) ** 2))
    assert mse[0] == pytest.approx(mse[1], rel=1e-3)


def test_a_weight_that_is_given_stays() -> None:
    node = sm.HoltWinters(7, alpha=0.25, gamma=0.0).fit(SEASONAL)
    assert (node.alpha, node.gamma, node.params["beta"]) == (0.25, 0.0, None)
    assert 0.0 <= node.beta <= 0.25
    free = sm.HoltWinters(7, beta=0.4).fit(SEASONAL)
    assert free.beta == 0.4
    assert free.alpha >= 0.4


def test_a_damped_trend_keeps_its_limits() -> None:
    for y in (WALK, SEASONAL, np.arange(50.0) ** 2):
        assert 0.8 <= sm.Holt(damped=True).fit(y).phi <= 0.98


def test_the_weights_are_found_again() -> None:
    rng = np.random.default_rng(5)
    level, y = 20.0, []
    for e in rng.standard_normal(20_000):
        y.append(level + e)
        level += 0.35 * e
    assert sm.SES().fit(y).alpha == pytest.approx(0.35, abs=0.02)


def test_rows_are_fits_one_by_one() -> None:
    many = [SEASONAL[:k] for k in (60, 90, 200)]
    for one, y in zip(fit.rows(sm.HoltWinters(7), many, threads=2), many, strict=True):
        np.testing.assert_array_equal(one.forecast(3), sm.HoltWinters(7).fit(y).forecast(3))


def test_a_row_of_a_bank_is_not_fitted() -> None:
    with pytest.raises(TypeError, match="bank"):
        sm.bank(sm.SES(), 2)[0].fit(WALK)


def test_weights_of_what_is_not_there_are_refused() -> None:
    for wrong in ({"beta": 0.1}, {"gamma": 0.1}, {"phi": 0.9}, {"damped": True}, {"fitted": (0.1, 0.2)}):
        with pytest.raises(ValueError, match=r"belongs to|no trend|fitted must hold"):
            sm.ETS(**wrong)
    with pytest.raises(ValueError, match="at least 2"):
        sm.ETS(1, seasonal="A")
    with pytest.raises(TypeError, match="fitted"):
        sm.SES(fitted="nothing")


SHORT = [
    (sm.ARIMA(), 5),
    (sm.ARIMA((0, 1, 1), (0, 1, 1, 12)), 17),
    (sm.ARIMA(ar=(0.5,), ma=(0.2,)), 1),
    (sm.LocalLevel(), 4),
    (sm.BasicStructural(12), 18),
    (sm.LocalLevel(irregular=1.0, level=0.5), 1),
    (sm.SES(), 1),
    (sm.HoltWinters(7), 7),
]


@pytest.mark.parametrize(("node", "least"), SHORT, ids=repr)
def test_a_model_says_how_many_samples_its_fit_needs(node: Forecaster, least: int) -> None:
    assert node.needs_to_fit == least >= node.needs
    y = np.concatenate([SEASONAL[: least - 1], [np.nan] * 30])
    words = "1 sample" if least == 1 else f"{least} samples"
    with pytest.raises(ValueError, match=f"at least {words}( to be fitted)?, got {least - 1}$"):
        node.clone().fit(y)
    assert np.isfinite(node.clone().fit(SEASONAL[:least]).forecast(3)).all()


@pytest.mark.parametrize(
    "node", [sm.Theta(), sm.SES(), sm.AutoETS(), sm.ARIMA(), sm.LocalLevel(), sm.ARLS(2), sm.Naive()], ids=repr
)
def test_values_that_are_too_large_to_count_are_named(node: Forecaster) -> None:
    with pytest.raises(ValueError, match=r"got 0 \(values beyond 1e\+100 count as missing\)"):
        node.fit(WALK * 1e150)


def test_one_sample_is_no_samples() -> None:
    with pytest.raises(ValueError, match="needs 1 sample before it can forecast, got 0"):
        sm.SES().forecast(1)
