"""StreamMSE: streaming signal processing and forecasting, one sample at a time, steered by the mean squared error."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_OTHERS = {
    "AdaptiveConformal": "backtesting",
    "ConformalInterval": "backtesting",
    "LiveBacktest": "backtesting",
    "ResidualInterval": "backtesting",
    "Runner": "runner",
    "active_control": "active",
    "backtest": "backtesting",
    "bank": "banks",
    "compare": "comparison",
    "constellation": "kernels.constellations",
    "from_statsmodels": "forecast.borrowed",
    "kernel": "own",
    "load": "loading",
    "losses": "losses",
    "make_loss": "kernels.losses",
    "max_step": "theory",
    "predict_mse": "theory",
    "realtime": "undisturbed",
    "simulate_mse": "theory",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that importing the package costs next to nothing."""
    if name.startswith("_"):
        raise AttributeError(f"module 'streammse' has no attribute {name!r}")
    catalog = import_module("streammse.catalog")
    where = _OTHERS.get(name) or catalog.where(name)
    if where is None:
        raise AttributeError(f"module 'streammse' has no attribute {name!r}")
    module = import_module(f"streammse.{where}")
    value = module if where == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    catalog = import_module("streammse.catalog")
    return sorted(["__version__", *_OTHERS, *catalog.names()])
