"""Several adaptive filters on the same signals: how fast each learns, where it ends, what a sample costs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .backtesting.table import Table
from .banks import bank
from .colours import line, turn
from .filters.observer import Observer
from .metrics.errors import MSE
from .node import Denoiser, Node, Predictor, adaptive_filter
from .scalar import whole
from .theory import LearningCurve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

LOOKS = 200  # at the weights, over the whole record
REPEATS = 7  # of which the fastest counts
TIMED = 20_000  # samples that are timed
SETTLED = 2.0  # times the steady state: 3 dB
BLOCKS = 16  # into which the last half of a curve is cut, to see whether it still moves
CERTAIN = 3.0  # standard deviations of Kendall's count, were there no trend
SLIGHT = 0.2  # dB over the last half: less is no trend that matters
FEW = 10.0  # times the median: then a few samples hold the mean of the squares (Gaussian errors have 2.2)
#: the median of |e|^2 over its mean, for Gaussian errors, real and complex
MEDIAN = {False: 0.454936423119572, True: 0.693147180559945}


@dataclass(frozen=True)
class Comparison:
    """What `compare` found; printed it is a table.

    Attributes
    ----------
    names : list of str
    table : Table
        A row for each filter: ``steady_state`` (mean squared error over the last quarter), ``settled`` (samples before
        ``window`` on end are within 3 dB of it; NaN where the curve still moves), ``trend`` (dB by which the curve
        moves over the last half, where that is no chance, else 0), ``nanoseconds`` a sample, and with a plant
        ``misalignment`` (dB, at the end).
    curves : ndarray, shape (filters, T)
        The squared error, averaged over the realisations and the last ``window`` samples.
    misalignment : ndarray, shape (filters, looks), or None
        ||w - plant||^2 / ||plant||^2 at the samples ``looks``; NaN for a filter without weights.
    looks : ndarray
    window : int
    floor : float or None
        The mean squared error of the plant itself.
    robust : bool
        Whether means are medians.
    outliers : bool
        Whether a few samples hold most of the squared error.
    """

    names: list[str]
    table: Table
    curves: Array
    misalignment: Array | None
    looks: NDArray[np.int64]
    window: int
    floor: float | None
    robust: bool = False
    outliers: bool = False

    def __repr__(self) -> str:
        lines = [repr(self.table)]
        for name, trend in zip(self.names, self.table["trend"], strict=True):
            if trend:
                verb = "falls" if trend < 0.0 else "rises"
                lines.append(
                    f"{name} has not settled: its curve still {verb}, by {abs(trend):.1f} dB over the last half"
                )
        if self.outliers and not self.robust:
            lines.append("a few samples hold most of the squared error: robust=True compares by medians")
        return "\n".join(lines)

    def plot(
        self,
        path: str | PathLike[str] | None = None,
        *,
        expected: LearningCurve | Iterable[LearningCurve] = (),
    ) -> Figure:
        """A picture: learning curves, steady state against the cost of a sample, and the misalignment.

        A filter whose curve still moves has a hollow mark.

        Parameters
        ----------
        path : path, optional
            Where to save it (.png, .svg, .pdf).
        expected : LearningCurve, or several, optional
            What `predict_mse` says of some of the filters: dashed, in the colour of the filter of that kind.

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        figure = _picture(self, [expected] if isinstance(expected, LearningCurve) else list(expected))
        if path is not None:
            figure.savefig(fspath(path), dpi=120)
        return figure


def compare(
    filters: Iterable[Predictor | Denoiser] | Mapping[str, Predictor | Denoiser],
    x: ArrayLike,
    d: ArrayLike,
    *,
    plant: ArrayLike | None = None,
    window: int | None = None,
    robust: bool = False,
) -> Comparison:
    """Run several adaptive filters on the same signals.

    Each starts afresh, and learns nothing itself. The output of a block filter is held against the sample that it is
    for.

    Parameters
    ----------
    filters : list of filters, or a mapping of names to filters
        Denoisers with a reference (`NoiseCanceller`, `EchoCanceller`) too: their output is the error, x the reference.
    x : array, shape (T,), or (k, T) for k realisations; with m references (T, m) or (k, T, m)
        The input; complex where the filters are.
    d : array, shape (T,) or (k, T)
        The desired samples.
    plant : array, shape (n,) or (m, n), optional
        The response that the filters should find, newest tap first, where it is known: then the misalignment is told as
        well.
    window : int, optional
        Over so many samples the squared error is averaged; by default a hundredth of the record.
    robust : bool
        Medians of the squared errors in the place of all means, in such a unit that Gaussian errors give their mean: so
        outliers in d, which every filter has in its error alike, do not hide the rest.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError, ValueError
        For what is no adaptive filter, for two filters of one name, and as ``run`` does for the signals.

    Notes
    -----
    The cost is that of ``run`` on a block, the fastest of seven; `streammse bench` has that of single samples.

    Whether a curve still moves is told by Kendall's count over the medians of sixteen parts of its last half, beyond
    three standard deviations: about one settled curve in a thousand is marked by chance. A signal that fades out makes
    all curves fall.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(4000)
    >>> d = np.convolve(x, [1.0, -0.5])[:4000] + 0.1 * rng.standard_normal(4000)
    >>> found = sm.compare([sm.NLMS(4, mu=1.0), sm.NLMS(4, mu=0.1)], x, d, plant=[1.0, -0.5])
    >>> found.table["steady_state"].round(3).tolist()
    [0.027, 0.012]
    """
    field = _named(filters)
    if not field:
        raise ValueError("filters must hold at least one filter")
    xs, ds = _signal(x, "x"), _signal(d, "d")
    samples = ds.shape[-1] if ds.ndim in (1, 2) else 0
    if samples == 0:
        raise ValueError(f"d must have shape (T,) or (k, T), got {ds.shape}")
    size = whole("window", window, low=1) if window is not None else max(1, samples // 100)
    response = None if plant is None else np.atleast_2d(np.asarray(plant))
    looks = np.unique(np.linspace(0, samples, LOOKS + 1).astype(int)[1:])
    curves, steady, settled, trends, apart = np.empty((len(field), samples)), [], [], [], []
    outliers = False
    for k, one in enumerate(field.values()):
        squares, distances = _run(one, xs, ds, response, looks)
        tail = squares[:, : samples - _late(one)]
        tail = tail[:, -max(1, tail.shape[1] // 4) :]
        unit = MEDIAN[one._is_complex()]
        curves[k] = _medians(squares, size) / unit if robust else _averaged(_mean(squares), size)
        middle = float(np.nanmedian(tail)) / unit
        end = middle if robust else float(np.nanmean(_mean(tail)))
        trend = _trend(_mean(squares)[: samples - _late(one)])
        outliers |= end * unit > FEW * middle * unit > 0.0
        steady.append(end)
        trends.append(trend)
        settled.append(float(_settled(curves[k], size, end)) if trend == 0.0 else np.nan)
        apart.append(distances)
    costs = _costs(list(field.values()), xs, ds)
    columns: dict[str, Any] = {
        "filter": np.array(list(field), dtype=object),
        "steady_state": np.array(steady),
        "settled": np.array(settled),
        "trend": np.array(trends),
        "nanoseconds": costs,
    }
    misalignment = None
    if response is not None:
        misalignment = np.array(apart)
        with np.errstate(divide="ignore"):
            columns["misalignment"] = 10.0 * np.log10(misalignment[:, -1])
    floor = None if response is None else _floor(response, xs, ds)
    return Comparison(list(field), Table(columns), curves, misalignment, looks, size, floor, robust, outliers)


def _named(
    filters: Iterable[Predictor | Denoiser] | Mapping[str, Predictor | Denoiser],
) -> dict[str, Predictor | Denoiser]:
    """The filters by names that differ."""
    if isinstance(filters, (Node, type, str, bytes)) or not isinstance(filters, Iterable):
        raise TypeError(f"filters must be a list of filters, or a mapping of names to filters, got {filters!r}")
    if isinstance(filters, Mapping):
        found = {str(name): one for name, one in filters.items()}
    else:
        given = list(filters)
        found = {}
        for one in given:
            if repr(one) in map(repr, found.values()):
                raise ValueError(f"{one!r} is there twice")
            found[_label(one, given)] = one
    for one in found.values():
        if not isinstance(one, Denoiser):
            adaptive_filter(one, "expected")
        elif one._references() == 0 or isinstance(one, Observer):
            raise TypeError(
                f"{type(one).__name__} takes no reference, and its output is no error: compare what it makes of d with "
                "the truth, sm.MSE(window=1000).run(truth, f.run(d))"
            )
    return found


def _label(one: Any, others: list[Any]) -> str:
    """How many taps, the parameters that are no defaults, and those in which filters of its kind differ."""
    alike = [other for other in others if type(other) is type(one)]
    if not isinstance(one, Node):
        return repr(one)
    told = [
        f"{name}={value!r}"
        for name, value in one.params.items()
        if name == "taps" or value != one._params[name].default or any(other.params[name] != value for other in alike)
    ]
    return f"{type(one).__name__}({', '.join(told)})"


def _late(one: Predictor | Denoiser) -> int:
    """How many samples after its own sample an output comes."""
    return int(getattr(one, "latency", 0))


def _output(made: Any, one: Predictor | Denoiser, x: NDArray[Any], d: NDArray[Any]) -> NDArray[Any]:
    """That of a node, or of a bank of it, whichever signal it takes first."""
    found: NDArray[Any] = type(one)._from(made, d, x) if isinstance(one, Denoiser) else made.run(x, d)
    return found


def _signal(values: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "fiubc":
        raise TypeError(f"{name} must be an array of numbers, got {array.dtype}")
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _run(
    one: Predictor | Denoiser, x: NDArray[Any], d: NDArray[Any], plant: NDArray[Any] | None, looks: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Squared errors, a realisation a row, and the distances of the weights."""
    many = d.ndim == 2
    made: Any = bank(one, len(d)) if many else one.clone()
    late, samples = _late(one), d.shape[-1]
    y = np.empty(d.shape, dtype=np.complex128 if one._is_complex() else np.float64)
    distances = np.full(looks.size, np.nan)
    across = many and x.shape[: d.ndim] == d.shape  # else one signal for all
    first = 0
    for k, last in enumerate(looks.tolist()):
        part = x[:, first:last] if across else x[first:last]
        y[..., first:last] = _output(made, one, part, d[..., first:last])
        if plant is not None:
            distances[k] = _distance(made, plant)
        first = last
    clean = isinstance(one, Denoiser)
    error = y[..., late:] if clean else d[..., : samples - late] - y[..., late:]
    squares = np.full(d.shape, np.nan)
    squares[..., : samples - late] = error.real**2 + error.imag**2
    return np.atleast_2d(squares), distances


def _distance(made: Any, plant: NDArray[Any]) -> float:
    """||w - plant||^2 / ||plant||^2; what one of the two has not counts as zero."""
    try:
        weights = np.asarray(made.weights)
    except AttributeError:
        return np.nan
    rows = weights.reshape(-1, *plant.shape[:-1], weights.shape[-1]) if weights.size % len(plant) == 0 else None
    if rows is None:
        return np.nan
    length = max(rows.shape[-1], plant.shape[-1])

    def padded(one: NDArray[Any]) -> NDArray[Any]:
        return np.pad(one, [(0, 0)] * (one.ndim - 1) + [(0, length - one.shape[-1])])

    apart = np.abs(padded(rows) - padded(plant)) ** 2
    return float(apart.sum(axis=(-1, -2)).mean() / np.sum(np.abs(plant) ** 2))


def _averaged(squares: Array, size: int) -> Array:
    """Over the last ``size`` samples, or as many as there are."""
    curve = MSE(window=size).run(np.sqrt(squares), np.zeros_like(squares))
    return np.where(np.isfinite(squares), curve, np.nan)


def _mean(squares: Array) -> Array:
    """Over the realisations."""
    return np.asarray(squares.mean(axis=0) if len(squares) > 1 else squares[0])


def _medians(squares: Array, size: int) -> Array:
    """Over the last ``size`` samples, or as many as there are, eight times in a window."""
    samples = squares.shape[1]
    curve, step = np.full(samples, np.nan), max(1, size // 8)
    for last in range(step, samples + step, step):
        part = squares[:, max(0, min(last, samples) - size) : last]
        part = part[np.isfinite(part)]
        curve[last - step : last] = np.median(part) if part.size else np.nan
    return curve


def _trend(squares: Array) -> float:
    """By how many dB they fall (below 0) or rise over the last half, if that is no chance."""
    half = squares[squares.size // 2 :]
    half = half[np.isfinite(half)]
    if half.size < 8 * BLOCKS:
        return 0.0
    parts = np.array([np.median(part) for part in np.array_split(half, BLOCKS)])
    if not (parts > 0.0).all():
        return 0.0
    levels = 10.0 * np.log10(parts)
    i, j = np.triu_indices(BLOCKS, 1)
    count = float(np.sign(levels[j] - levels[i]).sum())
    chance = np.sqrt(BLOCKS * (BLOCKS - 1) * (2 * BLOCKS + 5) / 18.0)
    fall = float(np.median((levels[j] - levels[i]) / (j - i))) * BLOCKS
    return fall if abs(count) > CERTAIN * chance and abs(fall) > SLIGHT else 0.0


def _settled(curve: Array, size: int, steady: float) -> int:
    """Where the first ``size`` samples on end begin that are on average as good as where the curve ends."""
    within = np.flatnonzero(curve[size - 1 :] <= SETTLED * steady)
    return int(within[0]) if within.size else curve.size


def _costs(filters: list[Predictor | Denoiser], x: NDArray[Any], d: NDArray[Any]) -> Array:
    """Nanoseconds a sample, taken in turns."""
    one_d = d[0] if d.ndim == 2 else d
    one_x = x[0] if d.ndim == 2 and x.shape[: d.ndim] == d.shape else x
    part = slice(0, min(one_d.size, TIMED))
    found = np.full(len(filters), np.inf)
    for _ in range(REPEATS):
        for k, one in enumerate(filters):
            fresh = one.clone()
            begun = time.perf_counter()
            _output(fresh, one, one_x[part], one_d[part])
            found[k] = min(found[k], (time.perf_counter() - begun) / one_d[part].size * 1e9)
    return found


def _floor(plant: NDArray[Any], x: NDArray[Any], d: NDArray[Any]) -> float:
    """The mean squared error of the plant itself; w^H x where it is complex."""
    rows = x.reshape(-1, d.shape[-1], len(plant))
    made = np.zeros((len(rows), d.shape[-1]), dtype=np.result_type(x, plant))
    for k, one in enumerate(rows):
        for column, response in zip(one.T, plant, strict=True):
            made[k] += np.convolve(column, response.conj())[: d.shape[-1]]
    return float(np.nanmean(np.abs(d - made) ** 2))


def _dashed(found: Comparison, expected: list[LearningCurve]) -> list[tuple[LearningCurve, str]]:
    """What theory says, each in the colour of the first filter of its kind that has none yet."""
    left = list(range(len(found.names)))
    drawn = []
    for one in expected:
        kind = one.name.split()[-1]
        mine = next((k for k in left if found.names[k].split("(")[0] == kind), None)
        if mine is not None:
            left.remove(mine)
        drawn.append((one, "k" if mine is None else line(mine)["color"]))
    return drawn


def _decibels(values: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10.0 * np.log10(values)


def _picture(found: Comparison, expected: list[LearningCurve]) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    more = found.misalignment is not None
    rows = -(-len(found.names) // 3)
    figure = Figure(figsize=(11.0, 8.2 + 0.2 * rows), layout="constrained")
    grid = figure.add_gridspec(2, 2 if more else 1, height_ratios=(1.25, 1.0))
    lines = [line(k) | {"lw": 1.4, "alpha": 0.8} for k in range(len(found.names))]
    trends = found.table["trend"]

    axes = figure.add_subplot(grid[0, :])
    samples = found.curves.shape[1]
    step = max(1, samples // 4000)
    n = np.arange(samples)[::step]
    for name, curve, drawn, trend in zip(found.names, found.curves, lines, trends, strict=True):
        label = name if not trend else f"{name}, still {'falling' if trend < 0.0 else 'rising'}"
        axes.plot(n, _decibels(curve[::step]), label=label, **drawn)
    for one, color in _dashed(found, expected):
        axes.plot(_decibels(one.curve[:samples]), color=color, ls=(0, (4, 2)), lw=1.8, zorder=3, label=one.name)
    if found.floor is not None and found.floor > 0.0:
        axes.axhline(_decibels(found.floor), color="k", ls=":", lw=1.0, label="the plant itself")
    axes.set(xlabel="sample n", ylabel="MSE / dB", xlim=(0, samples))
    seen = _decibels(found.curves[:, min(found.window, samples) - 1 :])  # the first ones are means of few
    seen = seen[np.isfinite(seen)]
    if seen.size:
        low = min(float(seen.min()), *([float(_decibels(found.floor))] if found.floor else []), float(seen.max()))
        room = 0.06 * (float(seen.max()) - low) + 0.5
        axes.set_ylim(low - room, float(seen.max()) + room)
    kind = "median" if found.robust else "mean"
    axes.set_title(f"Learning curves, {kind} of the last {found.window} samples", loc="left")
    axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)

    axes = figure.add_subplot(grid[1, 0])
    steady, cost = _decibels(found.table["steady_state"]), found.table["nanoseconds"]
    for k, drawn in enumerate(lines):
        color, filled = drawn["color"], trends[k] == 0.0
        axes.plot(cost[k], steady[k], "osD^v"[turn(k) % 5], color=color, mfc=color if filled else "none", ms=8)
    if found.floor is not None and found.floor > 0.0:
        axes.axhline(_decibels(found.floor), color="k", ls=":", lw=1.0)
    if cost.max() > 5.0 * cost.min():
        axes.set(xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="cost / ns a sample", ylabel="steady state / dB")
    hollow = " (hollow: not settled)" if trends.any() else ""
    axes.set_title(f"What a sample costs, and where it ends{hollow}", loc="left")
    axes.grid(alpha=0.3, which="both")

    if more:
        axes = figure.add_subplot(grid[1, 1])
        for curve, drawn in zip(found.misalignment, lines, strict=True):  # type: ignore[arg-type]
            axes.plot(found.looks, _decibels(curve), **drawn)
        axes.set(xlabel="sample n", ylabel="misalignment / dB", xlim=(0, samples))
        axes.set_title("Distance of the weights from the plant", loc="left")
        axes.grid(alpha=0.3)
    return figure
