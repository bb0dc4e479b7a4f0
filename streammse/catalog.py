"""Every public algorithm by name: the laws, the command line, the docs and the benchmarks read this table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import snapshot

if TYPE_CHECKING:
    from os import PathLike

    from .banks import Bank
    from .node import Node

#: name -> module. Adding an algorithm is one new file and one line here.
_WHERE = {
    "LMS": "filters.lms",
    "NLMS": "filters.lms",
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
    "NoiseCanceller": "denoise.canceller",
    "HumCanceller": "denoise.hum",
    "LineEnhancer": "denoise.enhancer",
    "Smoother": "denoise.smoother",
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
    """The class of an algorithm; ValueError names what there is when there is no such name."""
    if name not in _WHERE:
        raise ValueError(f"unknown algorithm {name!r}: expected one of {', '.join(_WHERE)}")
    found: type[Node] = getattr(import_module(f"streammse.{_WHERE[name]}"), name)
    return found


def load(data: bytes | str | PathLike[str]) -> Node | Bank:
    """A node or a bank from its snapshot: bytes, or the path of a file that holds them.

    Raises
    ------
    ValueError
        When the bytes are truncated, corrupted, of a newer version or of an algorithm that is not known.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        raw = bytes(data)
    else:
        with open(data, "rb") as file:
            raw = file.read()
    name, _, values, arrays = snapshot.parse(raw)
    if name.startswith("bank "):
        from .banks import Bank

        return Bank(_build(name.removeprefix("bank "), values), len(arrays["s"])).restore(raw)
    return _build(name, values).restore(raw)


def _build(name: str, values: dict[str, Any]) -> Node:
    module, _, qualname = name.rpartition(":")
    found: type[Node] = _user_class(module, qualname) if module else get(name)
    try:
        return found(**{key: _nodes(value) for key, value in values.items()})
    except (TypeError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise ValueError(f"the snapshot's {name} cannot be built: {error}") from None


def _nodes(value: Any) -> Any:
    """A parameter of a snapshot with the nodes in it built again: see ``snapshot.plain``."""
    if isinstance(value, list):
        return [_nodes(one) for one in value]
    if isinstance(value, dict) and set(value) == {"node", "params"}:
        return _build(value["node"], value["params"])
    return value


def _user_class(module: str, qualname: str) -> type[Node]:
    """The class of a user's own kernel, where its module has been imported (a snapshot never imports one)."""
    import sys

    from .node import Node

    found: object = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Node)):
        raise ValueError(  # noqa: TRY004  what is wrong is the snapshot
            f"the snapshot is of the kernel {qualname} in {module}: import it first"
        )
    return found
