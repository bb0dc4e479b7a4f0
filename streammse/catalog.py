"""Every public algorithm by name: the laws, the command line, the docs and the benchmarks read this table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .scalar import misnamed

if TYPE_CHECKING:
    from .node import Node

#: name -> module. Adding an algorithm is one new file and one line here.
_WHERE = {
    "LMS": "filters.lms",
    "NLMS": "filters.lms",
    "LeakyLMS": "filters.lms",
    "SignErrorLMS": "filters.sign",
    "SignDataLMS": "filters.sign",
    "SignSignLMS": "filters.sign",
    "LMF": "filters.fourth",
    "NLMF": "filters.fourth",
    "HuberLMS": "filters.robust",
    "LogCoshLMS": "filters.robust",
    "MCCLMS": "filters.robust",
    "GMCCLMS": "filters.robust",
    "PinballLMS": "filters.quantile",
    "KwongJohnstonLMS": "filters.variable_step",
    "MathewsXieLMS": "filters.variable_step",
    "GNGD": "filters.variable_step",
    "SMNLMS": "filters.variable_step",
    "BenvenisteLMS": "filters.gradient_step",
    "AngFarhangLMS": "filters.gradient_step",
    "PNLMS": "filters.proportionate",
    "IPNLMS": "filters.proportionate",
    "ZALMS": "filters.zero_attracting",
    "RZALMS": "filters.zero_attracting",
    "AffineProjection": "filters.affine_projection",
    "SMAffineProjection": "filters.affine_projection",
    "RLS": "filters.rls",
    "RobustRLS": "filters.robust_rls",
    "VariableForgettingRLS": "filters.variable_forgetting",
    "QRRLS": "filters.qr_rls",
    "SlidingWindowRLS": "filters.window_rls",
    "LatticeRLS": "filters.lattice",
    "DCTLMS": "filters.cosine",
    "FDAF": "filters.frequency",
    "PBFDAF": "filters.frequency",
    "FilteredXLMS": "filters.filtered_x",
    "FilteredXNLMS": "filters.filtered_x",
    "OnlineFilteredXNLMS": "filters.secondary_path",
    "EquationError": "filters.recursive",
    "SteiglitzMcBride": "filters.recursive",
    "OutputError": "filters.recursive",
    "GaussNewtonIIR": "filters.recursive",
    "SHARF": "filters.recursive",
    "FilterCanceller": "filters.canceller",
    "RandomWalkKalman": "filters.random_walk",
    "KalmanFilter": "filters.kalman",
    "ExtendedKalmanFilter": "filters.extended_kalman",
    "LatticeNotch": "denoise.notch",
    "AdaptiveNotch": "denoise.notch",
    "NoiseCanceller": "denoise.canceller",
    "HumCanceller": "denoise.hum",
    "LineEnhancer": "denoise.enhancer",
    "Smoother": "denoise.smoother",
    "EchoCanceller": "denoise.echo",
    "CMA": "denoise.equaliser",
    "DecisionDirected": "denoise.equaliser",
    "MSE": "metrics.errors",
    "RMSE": "metrics.errors",
    "MAE": "metrics.errors",
    "Bias": "metrics.errors",
    "ErrorVariance": "metrics.errors",
    "MeanLoss": "metrics.errors",
    "PinballLoss": "metrics.errors",
    "MAPE": "metrics.percentage",
    "SMAPE": "metrics.percentage",
    "MASE": "metrics.scaled",
    "RMSSE": "metrics.scaled",
    "SNR": "metrics.signal",
    "PSNR": "metrics.signal",
    "R2": "metrics.signal",
    "NRMSE": "metrics.signal",
    "TrimmedMSE": "metrics.trimmed",
    "MedianOfMeansMSE": "metrics.median_of_means",
    "Naive": "forecast.simple",
    "SeasonalNaive": "forecast.simple",
    "Drift": "forecast.simple",
    "RunningMean": "forecast.simple",
    "WindowAverage": "forecast.simple",
    "ExponentialWeights": "forecast.ensemble",
    "MLPoly": "forecast.ensemble",
    "BOA": "forecast.ensemble",
    "BestSoFar": "forecast.ensemble",
    "TrimmedMeanEnsemble": "forecast.ensemble",
    "MedianEnsemble": "forecast.ensemble",
    "SES": "forecast.ets",
    "Holt": "forecast.ets",
    "HoltWinters": "forecast.ets",
    "ETS": "forecast.ets",
    "AutoETS": "forecast.auto_ets",
    "ARLS": "forecast.autoregression",
    "ARNLS": "forecast.gradient_autoregression",
    "Croston": "forecast.intermittent",
    "SBA": "forecast.intermittent",
    "TSB": "forecast.intermittent",
    "Theta": "forecast.theta",
    "OptimisedTheta": "forecast.theta",
    "DynamicTheta": "forecast.theta",
    "StateSpace": "forecast.state_space",
    "ARIMA": "forecast.arima",
    "StatsmodelsETS": "forecast.borrowed",
    "LocalLevel": "forecast.structural",
    "LocalTrend": "forecast.structural",
    "BasicStructural": "forecast.structural",
    "Structural": "forecast.structural",
}


def names() -> list[str]:
    """The public names of all algorithms, in the order of the table."""
    return list(_WHERE)


def where(name: str) -> str | None:
    """The module in which an algorithm lives, or None."""
    return _WHERE.get(name)


def get(name: str) -> type[Node]:
    """The class of an algorithm; ValueError says what is near when there is no such name."""
    if name not in _WHERE:
        raise ValueError(misnamed("algorithm", name, _WHERE, "NLMS, RLS, MSE or ETS"))
    found: type[Node] = getattr(import_module(f"streammse.{_WHERE[name]}"), name)
    return found
