"""A portion of the work: one model on some of the series, and what is said where it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..node import Array, Predictor
from . import loop
from .field import Contestant
from .guests import Visit
from .plan import Plan
from .series import Series
from .work import Sums, Work

#: errors that one thread works on before it looks around
AT_ONCE = 2_000_000
#: origins whose forecasts by a guest wait until they are scored
TOGETHER = 64
NOTHING = np.empty((0, 0, 0))
END = 1 << 60


class Failure(NamedTuple):
    """A model that had nothing to say about a series, and why."""

    series: object
    model: str
    reason: str


#: what is raised in place of an exception of somebody's own, in one line that names series and model
_KINDS = (FloatingPointError, ArithmeticError, TypeError, ValueError, LookupError)


def named(error: Exception, where: str) -> Exception:
    """The same error with the words where it happened, as one of Python's own."""
    kind = next((kind for kind in _KINDS if isinstance(error, kind)), RuntimeError)
    told = " ".join(str(error).split())
    return kind(f"{where}: {told if type(error) is kind else f'{type(error).__name__}: {told}'}")


@dataclass
class Portion:
    """One model's work on the series, in one thread."""

    one: Contestant
    series: Series
    asked: Plan
    sums: Sums
    stop: threading.Event
    #: so many samples more are done
    tell: Callable[[int], None]
    #: whether a failure is written down in place of being raised
    skip: bool
    #: rows about which it is known before that the model has nothing to say
    hopeless: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.work = Work(self.asked, self.series.x.shape[1])
        self.failures: list[tuple[int, str]] = []

    def run(self, first: int, last: int) -> None:
        """Rows first to last - 1."""
        if self.one.node is not None and not by_itself(self.one, self.asked) and last - first > 1:
            try:
                self.work.take(self.one.node)
                self._on(first, last, NOTHING, fresh=True)
            except Warning:
                raise
            except Exception:  # noqa: BLE001  whichever it was: one by one they tell
                for row in range(first, last):
                    self.sums.drop(row)
            else:
                self.tell(int(self.series.edges[last] - self.series.edges[first]))
                return
        for row in range(first, last):
            self._told, self._where = 0, ""
            if row not in self.hopeless:
                self._try(row)
            self._say(row, END)

    def _try(self, row: int) -> None:
        try:
            self._row(row)
        except Warning:
            raise
        except Exception as error:
            name = self.one.name if len(self.series) == 1 else f"series {self.series.names[row]!r}, {self.one.name}"
            told = named(error, f"{name} at {self._where}")
            if not self.skip:
                raise told from error
            self.sums.drop(row)
            self.failures.append((row, str(named(error, self._where))))

    def _on(self, first: int, last: int, told: Array, *, fresh: bool, until: int = END) -> None:
        series = self.series
        self.work.run(series.y, series.edges, series.x, told, self.sums, first, last, fresh=fresh, until=until)
        if self.stop.is_set():
            raise KeyboardInterrupt

    def _say(self, row: int, until: int) -> None:
        """A row is done so far."""
        done = min(until, len(self.series.one(row)))
        self.tell(max(0, done - self._told))
        self._told = max(done, self._told)

    def _pass(self, row: int, until: int, *, fresh: bool, told: Array = NOTHING) -> None:
        """Score and learn the samples of a row up to ``until``."""
        try:
            self._on(row, row + 1, told, fresh=fresh, until=until)
        except Exception:
            self._where = f"sample {int(self.work.b[loop.SEEN])}"
            raise
        self._say(row, until)

    def _row(self, row: int) -> None:
        one, asked, y = self.one, self.asked, self.series.one(row)
        if one.guest is not None:
            self._visit(row)
            return
        assert one.node is not None
        if not by_itself(one, asked):
            self.work.take(one.node)
            self._in_pieces(row)
            return
        node = one.node.clone()
        if one.unfitted:
            self._where = f"origin {asked.start}"
            fit_at(node, self.series, row, asked.start, asked)
        self.work.take(node)
        if asked.refit is None:
            self._in_pieces(row)
            return
        origin, fresh = asked.start + asked.stride * asked.refit, True
        while origin < len(y):
            self._pass(row, origin - 1, fresh=fresh)  # the sample before an origin is learnt when the model is fitted
            fresh = False
            self._where = f"origin {origin}"
            fit_at(node, self.series, row, origin, asked)
            up_to(node, self.series, row, origin - 1)
            self.work.take(node, learnt=True)
            origin += asked.stride * asked.refit
        self._pass(row, END, fresh=fresh)

    def _in_pieces(self, row: int) -> None:
        """One long series in pieces, so that Ctrl-C need not wait for its end."""
        asked, samples = self.asked, len(self.series.one(row))
        size = max(1000, AT_ONCE // max(1, asked.horizon * (asked.window or 1) // asked.stride))
        for until in range(size, samples + size, size):
            self._pass(row, until, fresh=until == size)

    def _visit(self, row: int) -> None:
        """A guest says its forecasts origin by origin; a few wait in a ring for the pass."""
        asked, y, x = self.asked, self.series.one(row), self.series.beside(row)
        assert self.one.guest is not None
        self.work.take(None)
        visit = Visit(self.one.guest, asked.refit)
        told, fresh = np.full((1, TOGETHER, asked.horizon), np.nan), True
        for i in range(asked.origins(len(y))):
            k = asked.start + i * asked.stride
            self._where = f"origin {k}"
            first = max(0, k - asked.window) if asked.window is not None else 0
            beside = _beside(x, first, k, asked) if self.one.guest.takes_x and x.shape[1] else None
            said = visit(y[first:k].copy(), beside, first, asked.gap + asked.horizon)
            told[0, i % TOGETHER] = said[asked.gap :]
            if self.stop.is_set():
                raise KeyboardInterrupt
            if i % TOGETHER == TOGETHER - 1:
                self._pass(row, k, fresh=fresh, told=told)
                fresh = False
            else:
                self._say(row, k)
        self._pass(row, END, fresh=fresh, told=told)


def by_itself(one: Contestant, asked: Plan) -> bool:
    """Whether each series is a job of its own: guests, and what is fitted to each series."""
    return one.node is None or one.unfitted or (one.estimates and asked.refit is not None)


def _beside(x: Array, first: int, k: int, asked: Plan) -> Array:
    """The rows beside the known samples, and behind them those of the samples to come.

    Where these are not known, or lie behind the end of the series (nothing is scored there), the last one stands for
    them.
    """
    ahead = asked.gap + asked.horizon
    end = min(k + ahead, len(x)) if asked.known else k
    rows = np.empty((k - first + ahead, x.shape[1]))
    rows[: end - first] = x[first:end]
    rows[end - first :] = x[end - 1]
    return rows


def fit_at(node: Predictor, series: Series, row: int, origin: int, asked: Plan) -> None:
    """Estimate what is to be estimated from what is known at an origin."""
    first = max(0, origin - asked.window) if asked.window is not None else 0
    beside: tuple[ArrayLike, ...] = ()
    if getattr(node, "_exogenous", lambda: 0)():
        beside = (series.beside(row)[first:origin],)
    node.fit(series.one(row)[first:origin], *beside)  # type: ignore[attr-defined]


def up_to(node: Predictor, series: Series, row: int, origin: int) -> None:
    """Learn anew what came before, with the parameters as they are now."""
    exogenous = getattr(node, "_exogenous", lambda: 0)()
    node.reset()
    node.run(series.one(row)[:origin], *((series.beside(row)[:origin],) if exogenous else ()))
