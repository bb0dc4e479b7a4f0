"""Fitted statsmodels models as streaming nodes: ``sm.from_statsmodels``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..kernels import ets as k
from ..node import Array
from .base import Forecaster
from .ets import ETS
from .state_space import StateSpace, rows

SUPPORTED = "SARIMAX, ARIMA, UnobservedComponents, ETSModel and ExponentialSmoothing (Holt, SimpleExpSmoothing)"


def from_statsmodels(results: Any) -> Forecaster:
    """A fitted statsmodels model as a streaming node that goes on where its sample ended.

    Each sample then costs what any node's costs, and the forecasts are those that ``results.append(..., refit=False)``
    and ``forecast`` of statsmodels would give. ``reset`` goes back to the end of the fitted sample.

    Parameters
    ----------
    results : statsmodels results
        Of a SARIMAX, ARIMA or UnobservedComponents model: a `StateSpace` comes back, with ``exogenous`` regressors
        where the model has them. Of ETSModel: a `StatsmodelsETS`. Of ExponentialSmoothing, Holt or SimpleExpSmoothing:
        an `ETS`.

    Returns
    -------
    node : Forecaster

    Raises
    ------
    TypeError
        When it is another model.
    ValueError
        When the model has an option that a stream cannot follow: a Box-Cox transform, differences taken of the data,
        regression coefficients that vary; or when its sample did not determine the start.

    Notes
    -----
    The forecasts of statsmodels' ExponentialSmoothing at horizons that are multiples of the season leave out what the
    last sample taught of the season, and with a damped multiplicative trend they begin from a start that is not the
    fitted one. There the node gives what smoothing a longer series would give.

    Examples
    --------
    >>> import statsmodels.api, streammse as sm
    >>> nile = statsmodels.api.datasets.nile.load_pandas().data["volume"].to_numpy()
    >>> model = statsmodels.api.tsa.SARIMAX(nile[:90], order=(0, 1, 1), trend="n")
    >>> results = model.fit(disp=False)
    >>> node = sm.from_statsmodels(results)
    >>> abs(node.run(nile[90:]) - results.append(nile[90:]).predict(90, 99)).max() < 1e-6
    np.True_
    """
    from statsmodels.tsa.exponential_smoothing.ets import ETSResults
    from statsmodels.tsa.holtwinters import HoltWintersResults
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    plain = getattr(results, "_results", results)
    model = getattr(plain, "model", None)
    if isinstance(plain, ETSResults):
        return _ets(plain)
    if isinstance(plain, HoltWintersResults):
        return _holt_winters(plain)
    if hasattr(plain, "filter_results"):
        if isinstance(model, SARIMAX):
            return _sarimax(plain)
        if isinstance(model, UnobservedComponents):
            return _components(plain)
    raise TypeError(f"expected the results of a fitted {SUPPORTED} of statsmodels, got {type(results).__name__}")


def _sarimax(results: Any) -> StateSpace:
    model = results.model
    if model.simple_differencing and (model.orig_k_diff or model.orig_k_seasonal_diff):
        raise ValueError(
            "simple_differencing=True takes differences of the data: expected a model of the series itself"
        )
    if model.hamilton_representation and model._k_trend:
        raise ValueError(
            "a trend in the Hamilton representation is not supported: expected hamilton_representation=False"
        )
    if model._k_exog and not model.mle_regression:
        raise ValueError("coefficients in the state are not supported: expected mle_regression=True")
    params = np.asarray(results.params, dtype=float)
    trend, beta = params[: model._k_trend], params[model._k_trend : model._k_trend + model._k_exog]
    powers = np.flatnonzero(model._polynomial_trend) if model._k_trend else np.zeros(0, dtype=int)
    inside = dict(zip(powers.tolist(), trend.tolist(), strict=True))
    outside: dict[int, float] = {}
    offset = model.trend_offset
    specification = getattr(model, "_spec_arima", None)
    if specification is not None:  # ARIMA has its trend among the regressors
        terms = [int(power) for power in specification.trend_terms]
        outside = dict(zip(terms, beta[: len(terms)].tolist(), strict=True))
        beta, offset = beta[len(terms) :], specification.trend_offset
    return _filtered(results, beta, inside, outside, model._k_states_diff, float(offset))


def _components(results: Any) -> StateSpace:
    model = results.model
    m = int(model.k_exog or 0)
    if m and not model.mle_regression:
        raise ValueError("coefficients in the state are not supported: expected mle_regression=True")
    params = np.asarray(results.params, dtype=float)
    return _filtered(results, params[params.size - m :], {}, {}, 0, 1.0)


def _filtered(
    results: Any, beta: Array, inside: dict[int, float], outside: dict[int, float], into: int, offset: float
) -> StateSpace:
    """The matrices, and the state predicted for the sample after the last.

    Powers of time, ``inside`` the state's row ``into`` or ``outside`` in the observation, are states of their own.
    """
    found = results.filter_results
    if found.nobs_diffuse >= found.nobs:
        raise ValueError("the sample is too short for the model: its start is still diffuse at the end")
    n, nobs = found.k_states, found.nobs
    more = max((*inside, *outside, -1)) + 1
    Z, T, Q = np.zeros(n + more), np.zeros((n + more, n + more)), np.zeros((n + more, n + more))
    for name in ("design", "transition", "selection", "state_cov", "obs_cov"):
        if getattr(found, name).shape[-1] > 1:
            raise ValueError(f"a {name} that varies over time is not supported")
    R, own = found.selection[:, :, 0], found.state_cov[:, :, 0]
    Z[:n], T[:n, :n], Q[:n, :n] = found.design[0, :, 0], found.transition[:, :, 0], R @ own @ R.T
    for power, coefficient in inside.items():
        T[into, n + power] = coefficient
    for power, coefficient in outside.items():
        Z[n + power] = coefficient
    for power in range(more):  # (t + 1)^power from the powers of t
        T[n + power, n : n + power + 1] = _binomial(power)
    mean, cov = np.zeros(n + more), np.zeros((n + more, n + more))
    mean[:n], cov[:n, :n] = found.predicted_state[:, -1], found.predicted_state_cov[:, :, -1]
    mean[n:] = (offset + nobs) ** np.arange(more)
    seen = int(np.isfinite(np.asarray(results.model.endog, dtype=float)).sum())
    made: dict[str, Any] = {"design": Z, "transition": rows(T), "state_cov": rows((Q + Q.T) / 2), "beta": beta}
    made |= {"obs_cov": float(found.obs_cov[0, 0, 0]), "mean": mean, "cov": rows((cov + cov.T) / 2), "seen": seen}
    return StateSpace(**made)


def _binomial(power: int) -> Array:
    row = np.ones(1)
    for _ in range(power):
        row = np.convolve(row, [1.0, 1.0])
    return row


KINDS = {None: "N", "add": "A", "mul": "M"}


def _ets(results: Any) -> ETS:
    model = results.model
    values: dict[str, Any] = {
        "alpha": float(results.alpha),
        "beta": float(results.beta) if model.has_trend else None,
        "gamma": float(results.gamma) if model.has_seasonal else None,
        "phi": float(results.phi) if model.damped_trend else None,
    }
    kinds = {"error": KINDS[model.error], "trend": KINDS[model.trend], "seasonal": KINDS[model.seasonal]}
    slope = results.slope if model.has_trend else None
    season = results.season if model.has_seasonal else None
    m = int(model.seasonal_periods) if model.has_seasonal else 1
    fitted = _state(values, results.level, slope, season, m)
    made: dict[str, Any] = {"season": m, **kinds, "damped": bool(model.damped_trend), **values, "fitted": fitted}
    return StatsmodelsETS(**made)


def _holt_winters(results: Any) -> ETS:
    model, params = results.model, results.params
    if params["use_boxcox"]:
        raise ValueError("a Box-Cox transform is not supported: expected use_boxcox=False")
    if params["remove_bias"]:
        raise ValueError("a correction of the bias is not supported: expected remove_bias=False")
    trend, seasonal, damped = model.trend, model.seasonal, bool(model.damped_trend)
    alpha = float(params["smoothing_level"])
    values: dict[str, Any] = {
        "alpha": alpha,
        "beta": alpha * float(params["smoothing_trend"]) if trend else None,
        "gamma": float(params["smoothing_seasonal"]) if seasonal else None,
        "phi": float(params["damping_trend"]) if damped else None,
    }
    m = int(model.seasonal_periods) if seasonal else 1
    fitted = _state(values, results.level, results.trend if trend else None, results.season if seasonal else None, m)
    made: dict[str, Any] = {"season": m, "trend": KINDS[trend], "seasonal": KINDS[seasonal], "damped": damped}
    return ETS(**made, **values, fitted=fitted)


def _state(
    values: dict[str, float | None], level: ArrayLike, slope: ArrayLike | None, season: ArrayLike | None, m: int
) -> tuple[float, ...]:
    """What ``fit`` would have found: the weights, and the state at the end of the sample."""
    levels = np.asarray(level, dtype=float)
    s = np.zeros(k.CYCLE + (m if season is not None else 0))
    s[k.SEEN], s[k.LEVEL] = levels.size, levels[-1]
    if slope is not None:
        s[k.SLOPE] = np.asarray(slope, dtype=float)[-1]
    if season is not None:
        s[k.CYCLE :] = np.asarray(season, dtype=float)[-m:]
    return (*(0.0 if one is None else one for one in values.values()), *s.tolist())


class StatsmodelsETS(ETS):
    r"""ETS as statsmodels' ETSModel has it: a season that multiplies learns from the error over the new level.

    .. math::

        c_t = c_{t-m} + \gamma\, e_t / \ell_t

    in place of e over the level before; everything else is `ETS`. `streammse.from_statsmodels` builds it.

    Parameters
    ----------
    season : int
        As in `ETS`, like all that follow. Fixed.
    error, trend, seasonal : str
        Kinds: "N", "A" or "M". Fixed.
    damped : bool
        Whether the trend fades. Fixed.
    alpha, beta, gamma, phi : float, optional
        Weights of the level, the trend and the season, and what remains of the trend.
    fitted : tuple of floats, optional
        The weights and the state to start from.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.StatsmodelsETS(season=2, seasonal="M", gamma=0.5).fit([4.0, 8.0, 4.0, 8.0, 4.0, 8.0]).forecast(2).round(6)
    array([4., 8.])

    References
    ----------
    statsmodels, statsmodels.tsa.exponential_smoothing.ets.ETSModel.
    """

    _variants = ({"season": 4, "error": "M", "trend": "A", "seasonal": "M"},)

    def _kinds(self) -> None:
        super()._kinds()
        self._p[k.BY_NEW] = 1.0
