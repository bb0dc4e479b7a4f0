"""Rolling-origin backtests: the protocol, the compiled pass, scores, intervals, comparison, the live form.

The function is ``sm.backtest``; this room is called otherwise so that importing it never hides the function.
"""

from .intervals import AdaptiveConformal, ConformalInterval, Interval, ResidualInterval
from .live import LiveBacktest
from .result import Result
from .rolling_origin import backtest

__all__ = [
    "AdaptiveConformal",
    "ConformalInterval",
    "Interval",
    "LiveBacktest",
    "ResidualInterval",
    "Result",
    "backtest",
]
