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
from .metrics.errors import MSE
from .node import Node, Predictor
from .scalar import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

LOOKS = 200  # at the weights, over the whole record
REPEATS = 7  # of which the fastest counts
TIMED = 20_000  # samples that are timed
SETTLED = 2.0  # times the steady state: 3 dB


@dataclass(frozen=True)
class Comparison:
    """What `compare` found; printed it is a table.

    Attributes
    ----------
    names : list of str
    table : Table
        A row for each filter: ``steady_state`` (mean squared error over the last quarter), ``settled`` (samples before
        ``window`` on end are within 3 dB of it), ``nanoseconds`` a sample, and with a plant ``misalignment`` (dB, at
        the end).
    curves : ndarray, shape (filters, T)
        The squared error, averaged over the realisations and the last ``window`` samples.
    misalignment : ndarray, shape (filters, looks), or None
        ||w - plant||^2 / ||plant||^2 at the samples ``looks``; NaN for a filter without weights.
    looks : ndarray
    window : int
    floor : float or None
        The mean squared error of the plant itself.
    """

    names: list[str]
    table: Table
    curves: Array
    misalignment: Array | None
    looks: NDArray[np.int64]
    window: int
    floor: float | None

    def __repr__(self) -> str:
        return repr(self.table)

    def plot(self, path: str | PathLike[str] | None = None) -> Figure:
        """A picture: learning curves, steady state against the cost of a sample, and the misalignment.

        Parameters
        ----------
        path : path, optional
            Where to save it (.png, .svg, .pdf).

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        figure = _picture(self)
        if path is not None:
            figure.savefig(fspath(path), dpi=120)
        return figure


def compare(
    filters: Iterable[Predictor] | Mapping[str, Predictor],
    x: ArrayLike,
    d: ArrayLike,
    *,
    plant: ArrayLike | None = None,
    window: int | None = None,
) -> Comparison:
    """Run several adaptive filters on the same signals.

    Each starts afresh, and learns nothing itself. The output of a block filter is held against the sample that it is
    for.

    Parameters
    ----------
    filters : list of filters, or a mapping of names to filters
    x : array, shape (T,), or (k, T) for k realisations; with m references (T, m) or (k, T, m)
        The input; complex where the filters are.
    d : array, shape (T,) or (k, T)
        The desired samples.
    plant : array, shape (n,) or (m, n), optional
        The response that the filters should find, newest tap first, where it is known: then the misalignment is told as
        well.
    window : int, optional
        Over so many samples the squared error is averaged; by default a hundredth of the record.

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
    runs = [_run(one, xs, ds, response, looks) for one in field.values()]
    curves = np.array([_averaged(squares, size) for squares, _ in runs])
    costs = _costs(list(field.values()), xs, ds)
    tails = [squares[: squares.size - one.latency] for (squares, _), one in zip(runs, field.values(), strict=True)]
    steady = np.array([np.nanmean(one[-max(1, one.size // 4) :]) for one in tails])
    columns: dict[str, Any] = {
        "filter": np.array(list(field), dtype=object),
        "steady_state": steady,
        "settled": np.array([_settled(curve, size, end) for curve, end in zip(curves, steady, strict=True)]),
        "nanoseconds": costs,
    }
    misalignment = None
    if response is not None:
        misalignment = np.array([distances for _, distances in runs])
        with np.errstate(divide="ignore"):
            columns["misalignment"] = 10.0 * np.log10(misalignment[:, -1])
    floor = None if response is None else _floor(response, xs, ds)
    return Comparison(list(field), Table(columns), curves, misalignment, looks, size, floor)


def _named(filters: Iterable[Predictor] | Mapping[str, Predictor]) -> dict[str, Predictor]:
    """The filters by names that differ."""
    if isinstance(filters, (Node, type, str, bytes)) or not isinstance(filters, Iterable):
        raise TypeError(f"filters must be a list of filters, or a mapping of names to filters, got {filters!r}")
    if isinstance(filters, Mapping):
        found = {str(name): one for name, one in filters.items()}
    else:
        found = {}
        for one in filters:
            if repr(one) in found:
                raise ValueError(f"{one!r} is there twice")
            found[repr(one)] = one
    for one in found.values():
        if isinstance(one, type) and issubclass(one, Node):
            raise TypeError(f"expected a filter such as {one.__name__}(), got the class")
        if not isinstance(one, Predictor) or hasattr(one, "forecast"):
            raise TypeError(f"expected an adaptive filter such as NLMS(taps=32), got {one!r}")
    return found


def _signal(values: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "fiubc":
        raise TypeError(f"{name} must be an array of numbers, got {array.dtype}")
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _run(
    one: Predictor, x: NDArray[Any], d: NDArray[Any], plant: NDArray[Any] | None, looks: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Squared errors, averaged over realisations, and the distances of the weights."""
    many = d.ndim == 2
    made: Any = bank(one, len(d)) if many else one.clone()
    late, samples = one.latency, d.shape[-1]
    y = np.empty(d.shape, dtype=np.complex128 if one._is_complex() else np.float64)
    distances = np.full(looks.size, np.nan)
    across = many and x.shape[: d.ndim] == d.shape  # else one signal for all
    first = 0
    for k, last in enumerate(looks.tolist()):
        part = x[:, first:last] if across else x[first:last]
        y[..., first:last] = made.run(part, d[..., first:last])
        if plant is not None:
            distances[k] = _distance(made, plant)
        first = last
    error = d[..., : samples - late] - y[..., late:]
    squares = np.full(d.shape, np.nan)
    squares[..., : samples - late] = error.real**2 + error.imag**2
    return np.asarray(squares.mean(axis=0) if many else squares), distances


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


def _settled(curve: Array, size: int, steady: float) -> int:
    """Where the first ``size`` samples on end begin that are on average as good as where the curve ends."""
    within = np.flatnonzero(curve[size - 1 :] <= SETTLED * steady)
    return int(within[0]) if within.size else curve.size


def _costs(filters: list[Predictor], x: NDArray[Any], d: NDArray[Any]) -> Array:
    """Nanoseconds a sample, taken in turns."""
    one_d = d[0] if d.ndim == 2 else d
    one_x = x[0] if d.ndim == 2 and x.shape[: d.ndim] == d.shape else x
    part = slice(0, min(one_d.size, TIMED))
    found = np.full(len(filters), np.inf)
    for _ in range(REPEATS):
        for k, one in enumerate(filters):
            fresh = one.clone()
            begun = time.perf_counter()
            fresh.run(one_x[part], one_d[part])
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


def _picture(found: Comparison) -> Figure:
    from matplotlib.figure import Figure

    more = found.misalignment is not None
    rows = -(-len(found.names) // 3)
    figure = Figure(figsize=(11.0, 8.2 + 0.2 * rows), layout="constrained")
    grid = figure.add_gridspec(2, 2 if more else 1, height_ratios=(1.25, 1.0))
    lines = [line(k) | {"lw": 1.5} for k in range(len(found.names))]

    axes = figure.add_subplot(grid[0, :])
    step = max(1, found.curves.shape[1] // 4000)
    n = np.arange(found.curves.shape[1])[::step]
    with np.errstate(divide="ignore"):
        for name, curve, drawn in zip(found.names, found.curves, lines, strict=True):
            axes.plot(n, 10.0 * np.log10(curve[::step]), label=name, **drawn)
        if found.floor is not None and found.floor > 0.0:
            axes.axhline(10.0 * np.log10(found.floor), color="k", ls=":", lw=1.0, label="the plant itself")
    axes.set(xlabel="sample n", ylabel="MSE / dB", xlim=(0, found.curves.shape[1]))
    axes.set_title(f"Learning curves, mean of the last {found.window} samples", loc="left")
    axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)

    axes = figure.add_subplot(grid[1, 0])
    steady, cost = found.table["steady_state"], found.table["nanoseconds"]
    with np.errstate(divide="ignore"):
        for k, drawn in enumerate(lines):
            marker = "osD^v"[turn(k) % 5]
            axes.plot(cost[k], 10.0 * np.log10(steady[k]), marker, color=drawn["color"], ms=8)
        if found.floor is not None and found.floor > 0.0:
            axes.axhline(10.0 * np.log10(found.floor), color="k", ls=":", lw=1.0)
    axes.set(xscale="log" if cost.max() > 5.0 * cost.min() else "linear")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="cost / ns a sample", ylabel="steady state / dB")
    axes.set_title("What a sample costs, and where it ends", loc="left")
    axes.grid(alpha=0.3, which="both")

    if more:
        axes = figure.add_subplot(grid[1, 1])
        with np.errstate(divide="ignore"):
            for curve, drawn in zip(found.misalignment, lines, strict=True):  # type: ignore[arg-type]
                axes.plot(found.looks, 10.0 * np.log10(curve), **drawn)
        axes.set(xlabel="sample n", ylabel="misalignment / dB", xlim=(0, found.curves.shape[1]))
        axes.set_title("Distance of the weights from the plant", loc="left")
        axes.grid(alpha=0.3)
    return figure
