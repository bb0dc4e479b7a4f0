"""No leakage through estimates: what comes after an origin changes no parameter that is in use there."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import streammse as sm

#: models whose estimates for the noisy walk below lie inside their bounds, so that one more sample would move them
INSIDE = [sm.SES(), sm.Theta(), sm.LocalLevel(), sm.BOA([sm.Naive(), sm.SES()])]
SHAPES = [{}, {"stride": 3}, {"gap": 2}, {"window": 40}]
REFITTED = [*product(INSIDE, SHAPES), (sm.ARIMA((1, 0, 0)), {})]


def noisy_walk(samples: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return 20.0 + 0.3 * np.cumsum(rng.standard_normal(samples)) + rng.standard_normal(samples)


def told(y, model, **protocol) -> tuple[np.ndarray, np.ndarray]:
    """The origins, and what was forecast from each."""
    result = sm.backtest(y, model, horizon=3, start=60, keep_errors=True, **protocol)
    return result.origins, result._kept()[0].kept[0]


@pytest.mark.parametrize(("model", "more"), REFITTED, ids=str)
def test_refit_looks_at_nothing_that_comes_later(model, more) -> None:
    """From the origin of a refit on the series is another one: what was said until then stays, bit for bit."""
    y = noisy_walk(92)
    origins, before = told(y, model, refit=4, **more)
    at = int(origins[len(origins) // 2 // 4 * 4])  # an origin at which it is refitted
    changed = y.copy()
    changed[at:] += 50.0
    _, after = told(changed, model, refit=4, **more)
    known = origins <= at
    assert before[known].tobytes() == after[known].tobytes()
    assert not np.array_equal(before[~known], after[~known])
    changed = y.copy()  # and what came just before it counts
    changed[at - 1] += 1.0
    _, after = told(changed, model, refit=4, **more)
    assert (before[origins == at] != after[origins == at]).any()


@pytest.mark.parametrize("model", INSIDE, ids=repr)
def test_a_first_fit_looks_at_nothing_that_comes_later(model) -> None:
    y = noisy_walk(90)
    changed = y.copy()
    changed[60:] += 50.0
    assert told(y, model)[1][0].tobytes() == told(changed, model)[1][0].tobytes()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("more", [{}, {"window": 40}, {"stride": 3, "gap": 2}], ids=str)
def test_refit_with_regressors_looks_at_nothing_that_comes_later(known, more) -> None:
    x = np.random.default_rng(2).standard_normal((92, 1))
    y = noisy_walk(92) + 2.0 * x[:, 0]
    model = sm.ARIMA((1, 0, 0), exogenous=1)
    protocol = {"refit": 4, "x_known": known, **more}
    origins, before = told(y, model, x=x, **protocol)
    at = int(origins[4])
    changed, other = y.copy(), x.copy()
    changed[at:] += 50.0
    other[at if not known else at + 3 + more.get("gap", 0) :] += 7.0
    _, after = told(changed, model, x=other, **protocol)
    assert before[origins <= at].tobytes() == after[origins <= at].tobytes()
    assert not np.array_equal(before[origins > at], after[origins > at])
