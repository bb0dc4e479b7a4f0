"""A slow temperature sensor with noise, spikes and gaps, smoothed live by Smoother without telling it anything.

The temperature is real: the sea surface off Peru in 1950 to 2010 that ``statsmodels`` ships (the El Nino series, one
mean a month, in degrees Celsius), read at 24 instants a month through a cubic spline. The sensor is simulated, so that
the truth is known: its noise grows from 0.2 to 1.5 K as it ages, one reading in a hundred is a spike, and one in ten is
missing, mostly in gaps of up to ten days.

Beside it stand the causal filters that people use, each with the parameters that serve this record best, chosen in
hindsight: rolling mean and median, exponential smoothing, Holt's level and trend, and exponential smoothing behind a
rolling median, which takes the spikes away first. Savitzky-Golay, too, but it looks ahead, so it is no rival.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import interpolate, signal

import streammse as sm

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

A_MONTH = 24  # readings
NOISE = (0.2, 1.5)  # K, at the beginning and at the end
BLOCK = 64
WINDOW = 12 * A_MONTH  # readings of the rolling MSE: a year
FIRST = (5, 9, 13, 17)  # widths of the median that takes the spikes away before another filter
AHEAD = 1.0  # dB that must lie between Smoother and the best causal rival in hindsight

RAW, OURS, LOOKS_AHEAD = "noisy input", "Smoother", "Savitzky-Golay (looks ahead)"


@dataclass(frozen=True)
class Output:
    """One signal against the truth."""

    samples: Array
    rmse: float  #: K
    worst: float  #: K, the largest error
    rolling: Array  #: MSE over the last year
    speed: float  #: samples a second


@dataclass(frozen=True)
class Story:
    """The record, and what came out."""

    year: Array
    truth: Array
    noisy: Array
    outputs: dict[str, Output]

    @property
    def rival(self) -> str:
        """The best causal one of the others."""
        others = {name: one.rmse for name, one in self.outputs.items() if name not in (RAW, OURS, LOOKS_AHEAD)}
        return min(others, key=others.__getitem__)

    def ahead(self, other: str) -> float:
        """By how many dB the MSE of Smoother is smaller."""
        return float(20.0 * np.log10(self.outputs[other].rmse / self.outputs[OURS].rmse))

    @property
    def reached(self) -> bool:
        """Whether Smoother is as good as it must be."""
        return self.ahead(self.rival) >= AHEAD


def sea() -> tuple[Array, Array]:
    """Year and temperature."""
    from statsmodels.datasets import elnino

    table = elnino.load_pandas().data
    monthly = table.iloc[:, 1:].to_numpy(dtype=np.float64).ravel()
    year = table.iloc[0, 0] + (np.arange(monthly.size) + 0.5) / 12.0
    fine = np.linspace(year[0], year[-1], (monthly.size - 1) * A_MONTH + 1)
    return fine, interpolate.CubicSpline(year, monthly)(fine)


def sensor(truth: Array, rng: np.random.Generator) -> Array:
    """What an ageing sensor makes of it: noise, spikes, gaps."""
    size = truth.size
    noisy = truth + np.linspace(*NOISE, size) * rng.standard_normal(size)
    spikes = rng.random(size) < 0.01
    noisy[spikes] += rng.choice([-1.0, 1.0], spikes.sum()) * rng.uniform(5.0, 60.0, spikes.sum())
    noisy[rng.random(size) < 0.02] = np.nan
    for start in rng.integers(A_MONTH, size, size // 55):
        noisy[start : start + rng.integers(2, 9)] = np.nan
    return noisy


def carried(x: Array) -> Array:
    """Missing readings replaced by the last one."""
    at = np.where(np.isfinite(x), np.arange(x.size), 0)
    return x[np.maximum.accumulate(at)]


def rolling(x: Array, width: int, middle: bool) -> Array:
    """Mean or median of the readings there are among the last ``width``."""
    windows = np.lib.stride_tricks.sliding_window_view(np.r_[np.full(width - 1, np.nan), x], width)
    found = np.nanmedian(windows, axis=1) if middle else np.nanmean(windows, axis=1)
    return carried(found)


def exponential(x: Array, alpha: float) -> Array:
    """Exponential smoothing."""
    y, _ = signal.lfilter([alpha], [1.0, alpha - 1.0], x, zi=[(1.0 - alpha) * x[0]])
    return np.asarray(y)


def holt(x: Array, alpha: float, beta: float) -> Array:
    """Holt's level and trend, as the recursive filter that it is."""
    y, _ = signal.lfilter(
        [alpha, alpha * (beta - 1.0)], [1.0, alpha + alpha * beta - 2.0, 1.0 - alpha], x - x[0], zi=[0, 0]
    )
    return np.asarray(y + x[0])


def best(truth: Array, tried: Iterable[tuple[str, Array]]) -> tuple[str, Array]:
    """The one with the least squared error."""
    return min(tried, key=lambda one: np.mean((one[1] - truth) ** 2))


def in_hindsight(truth: Array, noisy: Array) -> dict[str, Array]:
    """The rivals, each with the parameters that are best for this record."""
    import warnings

    alphas = np.geomspace(0.02, 0.9, 40)
    held = carried(noisy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a window with no reading in it
        medians = {width: rolling(noisy, width, middle=True) for width in range(3, 40, 2)}
        means = {width: rolling(noisy, width, middle=False) for width in range(2, 40)}
    found = (
        best(truth, ((f"rolling mean {k}", y) for k, y in means.items())),
        best(truth, ((f"rolling median {k}", y) for k, y in medians.items())),
        best(truth, ((f"exponential {a:.2f}", exponential(held, a)) for a in alphas)),
        best(truth, ((f"Holt {a:.2f}, {b:.2f}", holt(held, a, b)) for a in alphas for b in alphas[::3])),
        best(
            truth,
            ((f"median {k}, exponential {a:.2f}", exponential(medians[k], a)) for k in FIRST for a in alphas),
        ),
        best(
            truth,
            (
                (f"median {k}, Holt {a:.2f}, {b:.2f}", holt(medians[k], a, b))
                for k in FIRST
                for a in alphas
                for b in alphas[::3]
            ),
        ),
    )
    _, savgol = best(
        truth, ((str(k), signal.savgol_filter(medians[first], k, 2)) for first in FIRST for k in range(5, 61, 2))
    )
    return {**dict(found), LOOKS_AHEAD: savgol}


def measured(truth: Array, y: Array, seconds: float = np.nan) -> Output:
    """An output against the truth, from the first month on."""
    curve = sm.MSE(window=WINDOW).run(truth, y)
    error = (y - truth)[A_MONTH:]
    return Output(y, float(np.sqrt(np.nanmean(error**2))), float(np.nanmax(np.abs(error))), curve, len(y) / seconds)


def story(seed: int = 0) -> Story:
    """Run everything on one sensor."""
    year, truth = sea()
    noisy = sensor(truth, np.random.default_rng(seed))

    smoother = sm.Smoother()
    smoother.clone().run(noisy[:BLOCK])  # compiled, or read from the cache, before the clock runs
    clean = np.empty_like(noisy)
    begun = time.perf_counter()
    for at in range(0, len(noisy), BLOCK):
        clean[at : at + BLOCK] = smoother.run(noisy[at : at + BLOCK])
    spent = time.perf_counter() - begun

    outputs = {RAW: measured(truth, carried(noisy))}
    outputs |= {name: measured(truth, y) for name, y in in_hindsight(truth, noisy).items()}
    outputs[OURS] = measured(truth, clean, spent)
    return Story(year, truth, noisy, outputs)


def main(out: Path) -> None:
    """Tell the story: a table, clean.csv and temperature-smooth.png in the folder out; status 1 on a miss."""
    from rich.console import Console

    result = story()
    out.mkdir(parents=True, exist_ok=True)
    write(result, out / "clean.csv")
    picture(result, out / "temperature-smooth.png")

    console = Console()
    console.print(table(result))
    console.print(
        f"clean signal: {out / 'clean.csv'}   picture: {out / 'temperature-smooth.png'}",
        highlight=False,
        soft_wrap=True,
    )
    verdict = (
        f"RMSE {result.outputs[OURS].rmse:.2f} K, {result.ahead(result.rival):.1f} dB better than the best causal "
        f"rival in hindsight, {result.rival} (at least {AHEAD:g})"
    )
    console.print(f"{'reached' if result.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not result.reached:
        raise SystemExit(1)


def table(result: Story):  # rich is imported only where it prints
    """One row for each signal."""
    from rich.table import Table

    made = Table(
        title=f"Sea temperature, ageing sensor: {len(result.truth):,} readings, "
        f"{100 * np.isnan(result.noisy).mean():.0f} % missing",
        caption="errors in K after the first month, last MSE over a year; rivals tuned for this record in hindsight",
    )
    made.add_column("", no_wrap=True)
    for column in ("RMSE", "worst", "last MSE", "samples/s"):
        made.add_column(column, justify="right", no_wrap=True)
    for name, one in result.outputs.items():
        made.add_row(
            name,
            f"{one.rmse:.3f}",
            f"{one.worst:.1f}",
            f"{one.rolling[-1]:.3f}",
            "" if np.isnan(one.speed) else f"{one.speed / 1e6:.1f} M",
            style="bold" if name == OURS else "",
        )
    return made


def write(result: Story, path: Path) -> None:
    """Year, measured and clean temperature as columns; an empty cell is a missing reading."""
    import pyarrow as pa
    from pyarrow import csv

    columns = {
        "year": pa.array(np.round(result.year, 6)),
        "measured": pa.array(result.noisy, from_pandas=True),
        "clean": pa.array(result.outputs[OURS].samples),
    }
    csv.write_csv(pa.table(columns), path)


BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#8C8C8C", "#000000"  # told apart by every eye


def picture(result: Story, path: Path) -> None:
    """Before, after and truth, early and late; the rolling MSE."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 1, height_ratios=(1.0, 1.0, 1.0))
    ours = result.outputs[OURS]

    for place, years, title in (
        (0, (1955.0, 1957.0), "The young sensor: little noise, so little is smoothed"),
        (1, (2007.0, 2009.0), "The old sensor: much noise, so much is smoothed; spikes do not pass, gaps are bridged"),
    ):
        axes = figure.add_subplot(grid[place])
        shown = slice(*np.searchsorted(result.year, years))
        year, noisy, truth = result.year[shown], result.noisy[shown], result.truth[shown]
        low, high = truth.min() - 4.0, truth.max() + 4.0
        missing = np.isnan(noisy)
        axes.fill_between(year, low, high, where=missing, color=GREY, alpha=0.25, lw=0.8, step="mid", label="missing")
        axes.plot(year, noisy, ".", color=ORANGE, ms=3.5, label="before: the sensor")
        for beyond, edge, marker in ((noisy > high, high - 0.4, "^"), (noisy < low, low + 0.4, "v")):
            label = "spike beyond the axis" if marker == "^" else None
            axes.plot(year[beyond], np.full(beyond.sum(), edge), marker, color=ORANGE, ms=8, label=label)
        axes.plot(year, ours.samples[shown], color=BLUE, lw=2.2, label="after: Smoother")
        axes.plot(year, truth, color=BLACK, lw=1.1, ls="--", label="truth")
        axes.set(ylabel="temperature / °C", xlim=years, ylim=(low, high))
        axes.set_xticks(np.arange(years[0], years[1] + 0.1, 0.5))
        axes.set_title(title, loc="left")
        if place == 0:
            axes.set_ylim(top=high + 3.0)
            axes.legend(loc="upper right", ncols=5, framealpha=1.0, columnspacing=1.2)

    axes = figure.add_subplot(grid[2])
    mean = next(name for name in result.outputs if name.startswith("rolling mean"))
    for name, colour, width in (
        (RAW, GREY, 1.2),
        (mean, "#E69F00", 1.4),
        (result.rival, ORANGE, 1.4),
        (OURS, BLUE, 2.4),
    ):
        one = result.outputs[name]
        axes.semilogy(
            result.year[A_MONTH:], one.rolling[A_MONTH:], color=colour, lw=width, label=f"{name}: RMSE {one.rmse:.2f} K"
        )
    axes.set(xlabel="year", ylabel="MSE / K²", xlim=(result.year[0], result.year[-1]))
    axes.set_title("Rolling MSE against the truth, last year; the noise grows all the time", loc="left")
    axes.set_ylim(top=axes.get_ylim()[1] * 15.0)
    axes.legend(loc="upper right", ncols=2, framealpha=1.0)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
