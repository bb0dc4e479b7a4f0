"""Parameters from history: a compiled search for the numbers that make the mean loss of the one-step errors least.

A model's parameters and its state before the first sample are flat vectors, so any number in either may be free. The
search is Levenberg-Marquardt within limits: forecasts are differentiated by running a copy of the kernel beside the
first for each free number, all of them abreast, so that one pass over the series fills the normal equations and nothing
grows with its length. Numbers that tell on the forecasts as one another, only later (``delayed``), share a copy. A loss
other than the squared one is met by weights anew in every round.

Multiplicative errors (``relative``) are met by Gaussian likelihood: with forecasts m and errors e = (y - m) / m it asks
for the least n log sum(e^2) + 2 sum(log abs(m)), which is the least sum of squares of e times the geometric mean of m.

J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed., 2006, sections 10.3 and 16.7; R. J. Hyndman,
A. B. Koehler, J. K. Ord and R. D. Snyder, Forecasting with Exponential Smoothing, 2008, section 5.1.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ._jit import Function, helper, kernel, loop, rare
from ._jit.instructions import call_ahead, call_step, call_vector_step
from ._jit.parts import part
from .kernels.losses import Loss, as_loss
from .node import Array

T = TypeVar("T")

# what the search is told, and what it tells
SKIP, RELATIVE, ROUNDS, ENOUGH, DESCENTS, DELAYED = range(6)
VALUE, COUNT, ROUND, SQUARES, LOGS, RESULTS = range(6)

STEP = 1e-7  # of a finite difference, in units of the number
COARSE = 1e-3  # a gain below this share ends the search over the parameters alone
SMALL = 1e-6  # an error below this share of the scale of the series weighs as one of this size (absolute loss)
TOGETHER = 4  # samples whose slopes are gathered at once
WORDS = 5  # of a bound kernel, as ``drive.bind`` lays them out

# where the first copy of the model, its ``decode``, ``begin`` and the loss are bound; 0: there is none
FIRST, DECODE, BEGIN, LOSS, HANDLES = range(5)


class Free(NamedTuple):
    """A number that the search may change."""

    where: int  #: its place in p, or beyond that in s
    low: float = -math.inf
    high: float = math.inf
    unit: float = 1.0  #: how large a change matters; 0: as large as the series' own


class Problem(NamedTuple):
    """What is sought: a kernel with its parameters and start state, and which of their numbers are free.

    ``trials`` are starting points, a row each in the order of ``free``; NaN in one stands for what ``begin`` puts
    there; parameters come before states. ``decode(p, s, theta)`` may turn what the free numbers wrote into p and s
    into what the kernel wants, and ``begin(p, s, y)`` fills the start state from the series, knowing the parameters;
    both are written as an
    ``ahead_kernel``. Errors of the first ``skip`` samples do not count.

    Each of the last ``delayed`` free numbers changes a forecast as the one before it changes the forecast before, and
    the first forecast not at all. So it is with the phases of an additive season: to start one of them higher is to
    take a pulse a season off the series, and where no sample is missing the errors are a filter of the series that
    does not change with time. ``skip`` is 0 then.
    """

    kernel: Function
    p: Array
    s: Array
    free: tuple[Free, ...]
    trials: Array
    begin: Function | None = None
    decode: Function | None = None
    skip: int = 0
    relative: bool = False
    vector: bool = False
    rounds: int = 60
    enough: float = 1e-8
    descents: int = 1
    delayed: int = 0


class Found(NamedTuple):
    """What the search came to."""

    p: Array
    s: Array  #: the state before the first sample
    theta: Array  #: the free numbers
    value: float  #: the mean loss (with ``relative``, of the scaled errors)
    number: int  #: over so many errors
    rounds: int
    squares: float  #: sum of squared errors, relative ones where ``relative``
    logs: float  #: sum of the logarithms of the forecasts' sizes


@cache
def scoring(value: Function, score: Function) -> Function:
    """A loss as a kernel: p holds its parameters, s gets the score of the error x, the output is its value."""

    def scored(p: Any, s: Any, x: float, d: float) -> Any:
        s[0] = score(x, p[0], p[1])
        return value(x, p[0], p[1])

    return kernel(scored)


@rare
def _place(base_p: Any, base_s: Any, where: Any, theta: Any, P: Any, S: Any, j: int, decode: int) -> None:
    """Copy j of the parameters and the start state, with the free numbers in their places."""
    n = base_p.size
    for i in range(n):
        P[j, i] = base_p[i]
    for i in range(base_s.size):
        S[j, i] = base_s[i]
    for i in range(where.size):
        if where[i] < n:
            P[j, where[i]] = theta[i]
        else:
            S[j, where[i] - n] = theta[i]
    if decode != 0:
        call_ahead(decode, theta)


@rare
def _factor(A: Any, M: Any, g: Any, unit: Any, k: int, damping: float, held: Any, step: Any) -> bool:
    """step = -(A + damping diag A)^-1 g for the numbers that are not held; False where that has no solution."""
    top = 0.0
    for i in range(k):
        if held[i] == 0.0:
            top = max(top, A[i, i] * unit[i] * unit[i])
    if not (0.0 < top < math.inf):
        return False
    for i in range(k):
        for j in range(i):
            M[i, j] = 0.0 if held[i] != 0.0 or held[j] != 0.0 else A[i, j]
        M[i, i] = 1.0 if held[i] != 0.0 else A[i, i] * (1.0 + damping) + 1e-12 * top / (unit[i] * unit[i])
        step[i] = 0.0 if held[i] != 0.0 else -g[i]
    for j in range(k):
        pivot = M[j, j]
        for i in range(j):
            pivot -= M[j, i] * M[j, i]
        if not pivot > 0.0:
            return False
        root = math.sqrt(pivot)
        M[j, j] = root
        for i in range(j + 1, k):
            total = M[i, j]
            for h in range(j):
                total -= M[i, h] * M[j, h]
            M[i, j] = total / root
    for i in range(k):
        total = step[i]
        for h in range(i):
            total -= M[i, h] * step[h]
        step[i] = total / M[i, i]
    for i in range(k - 1, -1, -1):
        total = step[i]
        for h in range(i + 1, k):
            total -= M[h, i] * step[h]
        step[i] = total / M[i, i]
    return True


@rare
def _gauge(y: Any) -> float:
    """The scale of a series: its standard deviation, else its mean size, else 1."""
    n, mean, m2 = 0.0, 0.0, 0.0
    for value in y:
        if math.isfinite(value):
            n += 1.0
            delta = value - mean
            mean += delta / n
            m2 += delta * (value - mean)
    spread = math.sqrt(m2 / n) if n > 0.0 else 0.0
    if 0.0 < spread < math.inf:
        return spread
    return abs(mean) if 0.0 < abs(mean) < math.inf else 1.0


@rare
def _copy(a: Any, b: Any) -> None:
    for i in range(b.size):
        b[i] = a[i]


@rare
def _gather(A: Any, rows: Any, weighed: Any, n: int, k: int) -> None:
    """A += weighed' rows over four samples, for its first n rows: one look at A for four of them."""
    for i in range(n):
        a, b, c, d = weighed[0, i], weighed[1, i], weighed[2, i], weighed[3, i]
        for j in range(i, k):
            A[i, j] += (a * rows[0, j] + b * rows[1, j]) + (c * rows[2, j] + d * rows[3, j])


@helper
def _weight(e: float, score: float, least: float) -> float:
    """Of an error whose loss has this score: the square that has the same slope there."""
    return abs(score) / max(abs(e), least)


@cache
def _search(vector: bool) -> Function:
    call = call_vector_step if vector else call_step
    inputs = "f8[:,::1]" if vector else "f8[::1]"

    @rare
    def measure(bound: int, x: Any, y: Any, tell: Any, loss: int, out: Any) -> float:
        """The mean loss of one copy."""
        skip, relative = int(tell[SKIP]), tell[RELATIVE] != 0.0
        total, squares, logs, n, begun = 0.0, 0.0, 0.0, 0, False
        for t in range(y.size):
            m = call(bound, x[t], y[t])
            if not math.isfinite(m):
                if begun:
                    return math.inf
                continue
            begun = True
            if t < skip or not math.isfinite(y[t]):
                continue
            e = y[t] - m
            n += 1
            if relative:
                if m == 0.0:
                    return math.inf
                e /= m
                logs += math.log(abs(m))
            squares += e * e
            if loss != 0:
                total += call_step(loss, e, 0.0)
        out[COUNT], out[SQUARES], out[LOGS] = n, squares, logs
        if n == 0:
            return math.inf
        if loss == 0:
            total = squares * math.exp(2.0 * logs / n) if relative else squares
        return total / n if math.isfinite(total) else math.inf

    @rare
    def slopes(
        first: int,
        x: Any,
        y: Any,
        tell: Any,
        loss: int,
        score: Any,
        least: float,
        k: int,
        lead: int,
        h: Any,
        g: Any,
        A: Any,
        lean: Any,
        line: Any,
        rows: Any,
        weighed: Any,
    ) -> bool:
        """Gradient g and curvature A of the mean loss; False where a forecast is not finite.

        The first ``lead`` numbers have copies of their own.
        """
        filled = 0
        skip, relative = int(tell[SKIP]), tell[RELATIVE] != 0.0
        for i in range(k):
            g[i] = lean[i] = line[i] = 0.0
            for j in range(k):
                A[i, j] = 0.0
        n, begun, squares, logs = 0, False, 0.0, 0.0
        direct = lead if loss == 0 and not relative else k  # with equal weights sums of later rows follow
        for t in range(y.size):
            m = call(first, x[t], y[t])
            counts = math.isfinite(m) and t >= skip and math.isfinite(y[t])
            for j in range(k - 1, lead - 1, -1):
                line[j] = line[j - 1]  # what the number before did to the forecast before
            for j in range(lead):
                line[j] = (call(first + 8 * WORDS * (j + 1), x[t], y[t]) - m) * h[j]
            for j in range(k):
                rows[filled, j] = line[j]
            if not counts:
                if begun and not math.isfinite(m):
                    return False
                begun = begun or math.isfinite(m)
                continue
            begun = True
            e = y[t] - m
            n += 1
            w, pull = 2.0, 2.0 * e
            if relative:
                e /= m
                logs += math.log(abs(m))
                squares += e * e
                pull = 2.0 * e * y[t] / (m * m)
                lever = y[t] / (m * m)
                w = 2.0 * (lever * lever)
                for j in range(k):
                    lean[j] += rows[filled, j] / m
            elif loss != 0:
                call_step(loss, e, 0.0)
                pull = score[0]
                w = _weight(e, pull, least)
            for i in range(k):
                g[i] -= pull * rows[filled, i]
                weighed[filled, i] = w * rows[filled, i]
            filled += 1
            if filled == TOGETHER:
                _gather(A, rows, weighed, direct, k)
                filled = 0
        for b in range(filled, TOGETHER):
            for i in range(k):
                rows[b, i] = weighed[b, i] = 0.0
        _gather(A, rows, weighed, direct, k)
        if n == 0:
            return False
        for i in range(direct, k):  # the sum of the same products, but for the last one
            for j in range(i, k):
                A[i, j] = A[i - 1, j - 1] - 2.0 * line[i - 1] * line[j - 1]
        factor = 1.0 / n
        if relative:
            size = math.exp(2.0 * logs / n)
            for i in range(k):
                lean[i] /= n
            for i in range(k):
                for j in range(i, k):
                    A[i, j] += lean[i] * g[j] + lean[j] * g[i] + 2.0 * squares * lean[i] * lean[j]
            for i in range(k):
                g[i] += 2.0 * squares * lean[i]
            factor *= size
        for i in range(k):
            g[i] *= factor
            if not math.isfinite(g[i]):
                return False
            for j in range(i, k):
                A[i, j] *= factor
                A[j, i] = A[i, j]
        return True

    @loop(
        f"void(i8[::1],f8[::1],f8[::1],{inputs},f8[::1],i8[::1],f8[::1],f8[:,::1],f8[::1],f8[::1],f8[::1],"
        "f8[:,::1],f8[:,::1],f8[:,::1],f8[:,::1],f8[:,::1],f8[:,::1],f8[::1])"
    )
    def search(
        handles: Any,
        base_p: Any,
        base_s: Any,
        x: Any,
        y: Any,
        where: Any,
        limits: Any,
        trials: Any,
        tell: Any,
        best: Any,
        out: Any,
        P: Any,  # the copies: their parameters and states
        S: Any,
        A: Any,  # room to work in, which the compiler need not ask for, count and give back
        M: Any,
        rows: Any,
        weighed: Any,
        room: Any,
    ) -> None:
        """From the starting points to the least mean loss: ``best``, ``base_s`` and ``out`` tell of it."""
        k, np_, ns = where.size, base_p.size, base_s.size
        low, high, unit = part(limits, 0, k), part(limits, k, k), part(limits, 2 * k, k)
        first, decode, begin, loss = handles[FIRST], handles[DECODE], handles[BEGIN], handles[LOSS]
        each = 8 * WORDS if decode != 0 else 0

        g, h, lean, theta = part(room, 0, k), part(room, k, k), part(room, 2 * k, k), part(room, 3 * k, k)
        near, step, held, line = part(room, 4 * k, k), part(room, 5 * k, k), part(room, 6 * k, k), part(room, 7 * k, k)
        start_s, least_s = part(room, 8 * k, ns), part(room, 8 * k + ns, ns)
        at = 8 * k + 2 * ns
        tried, told = part(room, at, trials.shape[0]), part(room, at + trials.shape[0], RESULTS)
        score = part(room, room.size - 1, 1)
        _copy(base_s, start_s)
        gauge = _gauge(y)
        least = math.inf
        for i in range(k):
            if unit[i] <= 0.0:
                unit[i] = gauge

        for descent in range(-trials.shape[0], int(tell[DESCENTS])):
            # a look at every starting point, then a descent from the best of them
            which = descent + trials.shape[0]
            if descent >= 0:
                which = 0
                for i in range(tried.size):
                    if tried[i] < tried[which]:
                        which = i
                if not tried[which] < math.inf:
                    break
            open_ = True  # whether the start is still to be found: with no state among the free numbers it always is
            for i in range(k):
                open_ = open_ and where[i] < np_
            for i in range(k):
                theta[i] = trials[which, i]
                if theta[i] != theta[i]:
                    open_ = True
            _copy(start_s, base_s)
            if open_ and begin != 0:
                for i in range(k):
                    if theta[i] != theta[i]:
                        theta[i] = base_p[where[i]] if where[i] < np_ else base_s[where[i] - np_]
                _place(base_p, base_s, where, theta, P, S, 0, decode)
                call_ahead(begin, y)
                for i in range(ns):
                    base_s[i] = S[0, i]
            for i in range(k):
                if trials[which, i] != trials[which, i]:
                    theta[i] = base_p[where[i]] if where[i] < np_ else base_s[where[i] - np_]
                theta[i] = min(max(theta[i], low[i]), high[i])
            _place(base_p, base_s, where, theta, P, S, 0, decode)
            value = measure(first, x, y, tell, loss, told)
            if descent < 0:
                tried[which] = value
                continue
            tried[which] = math.inf  # once is enough

            # first the parameters alone, which costs little, then the start states with them
            active = 0
            for i in range(k):
                if where[i] < np_:
                    active += 1
            if active == 0:
                active = k
            damping, turns, small = 1e-3, 0, 0
            while turns < int(tell[ROUNDS]) and value > 0.0:
                turns += 1
                lead = min(active, k - int(tell[DELAYED]))
                for j in range(lead):
                    change = STEP * max(abs(theta[j]), unit[j])
                    if theta[j] + change > high[j]:
                        change = -change
                    _copy(theta, near)
                    near[j] = theta[j] + change
                    h[j] = 1.0 / (near[j] - theta[j])
                    _place(base_p, base_s, where, near, P, S, j + 1, decode + each * (j + 1))
                _place(base_p, base_s, where, theta, P, S, 0, decode)
                if not slopes(
                    first, x, y, tell, loss, score, SMALL * gauge, active, lead, h, g, A, lean, line, rows, weighed
                ):
                    break
                _copy(theta, near)
                for i in range(active):
                    fast = (theta[i] <= low[i] and g[i] > 0.0) or (theta[i] >= high[i] and g[i] < 0.0)
                    held[i] = 1.0 if fast else 0.0
                came = value
                for _ in range(12):
                    if _factor(A, M, g, unit, active, damping, held, step):
                        for i in range(active):
                            near[i] = min(max(theta[i] + step[i], low[i]), high[i])
                        _place(base_p, base_s, where, near, P, S, 0, decode)
                        came = measure(first, x, y, tell, loss, told)
                        if came < value:
                            break
                    damping = max(4.0 * damping, 1e-4)
                gain = value - came
                if gain > 0.0:
                    expected = 0.0
                    for i in range(active):
                        change = near[i] - theta[i]
                        expected -= g[i] * change
                        for j in range(active):
                            expected -= 0.5 * change * A[i, j] * (near[j] - theta[j])
                    if gain > 0.75 * expected:
                        damping *= 0.1
                    elif gain < 0.25 * expected:
                        damping *= 3.0
                    damping = max(damping, 1e-9)
                    _copy(near, theta)
                    value = came
                if active < k:
                    if not gain > COARSE * value:
                        active, damping = k, 1e-3
                    continue
                small = small + 1 if gain <= tell[ENOUGH] * value else 0
                if not gain > 0.0 or small >= 2:
                    break
            if value < least:
                least = value
                _copy(theta, best)
                _copy(base_s, least_s)
                out[ROUND] = turns
        _copy(least_s, base_s)
        out[VALUE] = least
        if least < math.inf:
            _place(base_p, base_s, where, best, P, S, 0, decode)
            for i in range(np_):
                base_p[i] = P[0, i]
            for i in range(ns):
                base_s[i] = S[0, i]
            measure(first, x, y, tell, loss, out)

    return search


def minimise(problem: Problem, x: Array, y: Array, loss: Loss | None = None) -> Found | None:
    """The free numbers with the least mean loss over the series; None where no starting point gives a finite one.

    ``x`` is what ``run`` feeds the kernel: the series itself, or (T, m) for a vector kernel. Neither the problem nor
    the series is written to.
    """
    chosen = None if loss is None else as_loss("loss", loss)
    squared = chosen is None or (chosen.name == "squared" and chosen.given is None)
    scored = 0 if squared else scoring(chosen.value, chosen.score).address  # type: ignore[union-attr]
    tuning = np.array([0.0, 0.0] if chosen is None else [chosen.a, chosen.b])
    places = np.array([(one.where, one.low, one.high, one.unit) for one in problem.free]).reshape(-1, 4)
    relative = problem.relative and chosen is None
    limits = problem.rounds, problem.enough, problem.descents
    tell = np.array([problem.skip, relative, *limits, problem.delayed], dtype=float)
    p, s, theta = problem.p.copy(), problem.s.copy(), np.zeros(len(problem.free))
    trials = np.ascontiguousarray(problem.trials, dtype=float).reshape(-1, len(problem.free))
    out = np.zeros(RESULTS)
    k = theta.size
    P, S = np.empty((k + 1, p.size)), np.zeros((k + 1, s.size + 7))
    square, gathered = np.empty((2, k, k)), np.empty((2, TOGETHER, k))
    room = np.zeros(8 * k + 2 * s.size + len(trials) + RESULTS + 1)
    # a row for each copy, then one for each copy's ``decode``, then ``begin`` and the loss
    words = np.zeros((2 * k + 4, WORDS), dtype=np.int64)
    for rows_ in (words[: k + 1], words[k + 1 : 2 * k + 2]):
        rows_[:, 1], rows_[:, 2] = P.ctypes.data + P.strides[0] * np.arange(k + 1), p.size
        rows_[:, 3], rows_[:, 4] = S.ctypes.data + S.strides[0] * np.arange(k + 1), s.size
    words[2 * k + 2] = words[0]
    words[2 * k + 3] = scored, tuning.ctypes.data, tuning.size, room[-1:].ctypes.data, 1
    handles = words.ctypes.data + words.strides[0] * np.array([0, k + 1, 2 * k + 2, 2 * k + 3])
    words[: k + 1, 0] = problem.kernel.address
    for name, part_, function in (
        (DECODE, words[k + 1 : 2 * k + 2], problem.decode),
        (BEGIN, words[2 * k + 2 : 2 * k + 3], problem.begin),
    ):
        if function is None:
            handles[name] = 0
        else:
            part_[:, 0] = function.address
    if scored == 0:
        handles[LOSS] = 0
    _search(problem.vector).compiled(
        handles,
        p,
        s,
        x,
        y,
        places[:, 0].astype(np.int64),
        places[:, 1:].T.ravel(),
        trials,
        tell,
        theta,
        out,
        P,
        S,
        *square,
        *gathered,
        room,
    )
    if not math.isfinite(out[VALUE]):
        return None
    return Found(p, s, theta, out[VALUE], int(out[COUNT]), int(out[ROUND]), out[SQUARES], out[LOGS])


def in_threads(work: Callable[[Any], T], items: Iterable[Any], threads: int | None = None) -> list[T]:
    """``work`` of every item, in order, by as many threads as there are cores; the search lets them run abreast."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = cores if threads is None else threads
    if workers == 1:
        return [work(one) for one in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, items))


def rows(node: Any, series: Iterable[Any], *, loss: Loss | None = None, threads: int | None = None) -> list[Any]:
    """A fitted clone of a forecaster for each of many series, whatever their lengths.

    Parameters
    ----------
    node : Forecaster
        Its parameters are taken; the node itself stays as it is.
    series : iterable of arrays
    loss : Loss, optional
        As in ``fit``.
    threads : int, optional
        As many as there are cores, where it is None.

    Returns
    -------
    nodes : list of forecasters, one for each series, at its end

    Examples
    --------
    >>> import streammse as sm
    >>> from streammse import fit
    >>> [one.forecast(1).tolist() for one in fit.rows(sm.Drift(), [[1.0, 2.0, 3.0], [2.0, 4.0]])]
    [[4.0], [6.0]]
    """
    node._kernel().compiled  # noqa: B018  compiled once, before the threads ask for it
    return in_threads(
        lambda y: node.clone().fit(y) if loss is None else node.clone().fit(y, loss=loss), series, threads
    )
