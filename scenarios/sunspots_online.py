"""Sunspots, 1700 to 2008, one year after another: an autoregression that learns online, against naive forecasts.

The yearly numbers come with ``statsmodels``. The cycle of about 11 years is famous for never being quite that long, so
that the seasonal naive forecast loses its step. The autoregression starts with nothing, learns each year by recursive
least squares, and says the next 11 years; its scores are up to date after every year, in memory that does not grow.
The same backtest as one block must give the same numbers, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import streammse as sm

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from streammse.backtesting import Result

    Array = NDArray[np.float64]

CYCLE = 11
START = 60  # years that are known before the first forecast
WINDOW = 44  # years of the rolling MSE: four cycles
OURS, SEASONAL, NAIVE = "ARLS (1, 2, 9)", f"seasonal naive ({CYCLE})", "naive"
RATIOS = {SEASONAL: 0.80, NAIVE: 0.35}  # our MSE over theirs: at most this


@dataclass(frozen=True)
class Story:
    """The series, and what came out."""

    years: NDArray[np.int64]
    spots: Array
    result: Result
    live: dict[str, Array]  #: the MSE by horizon that each live backtest ended with
    stood: Array  #: what had been said about each year, one year ahead

    def ratio(self, other: str) -> float:
        """Our MSE over all horizons over that of another."""
        ranking = self.result.ranking
        mse = dict(zip(ranking["model"], ranking["MSE"], strict=True))
        return float(mse[OURS] / mse[other])

    @property
    def same(self) -> bool:
        """Whether year by year and as one block give the same scores, bit for bit."""
        block = dict(zip(self.result.models, self.result.mse, strict=True))
        return all(mse.tobytes() == block[name].tobytes() for name, mse in self.live.items())

    @property
    def reached(self) -> bool:
        """Whether the autoregression is as good as it must be."""
        return self.same and all(self.ratio(name) <= most for name, most in RATIOS.items())


def sunspots() -> tuple[NDArray[np.int64], Array]:
    """Years and sunspot numbers."""
    from statsmodels.datasets import sunspots as data

    table = data.load_pandas().data
    return table["YEAR"].to_numpy().astype(np.int64), table["SUNACTIVITY"].to_numpy(dtype=np.float64)


def story() -> Story:
    """Year after year, then the same as one block."""
    years, spots = sunspots()
    models = {OURS: sm.ARLS((1, 2, 9)), SEASONAL: sm.SeasonalNaive(CYCLE), NAIVE: sm.Naive()}
    live, stood = {}, np.empty(0)
    for name, model in models.items():
        beside = sm.LiveBacktest(model, horizon=CYCLE, start=START, season=CYCLE)
        said = np.array([beside.update(value) for value in spots.tolist()])
        live[name] = beside.mse
        stood = said if name == OURS else stood
    result = sm.backtest(spots, models, horizon=CYCLE, start=START, season=CYCLE, keep_errors=True)
    return Story(years, spots, result, live, stood)


def main(out: Path) -> None:
    """Tell the story: a table, scores.csv and sunspots-online.png in the folder out; status 1 on a miss."""
    from rich.console import Console

    told = story()
    out.mkdir(parents=True, exist_ok=True)
    told.result.to_csv(out / "scores.csv")
    picture(told, out / "sunspots-online.png")

    console = Console()
    console.print(table(told))
    console.print(
        f"scores: {out / 'scores.csv'}   picture: {out / 'sunspots-online.png'}", highlight=False, soft_wrap=True
    )
    ratios = ", ".join(f"{told.ratio(name):.2f} of {name} (at most {most:g})" for name, most in RATIOS.items())
    same = "the same numbers year by year and as one block" if told.same else "year by year and one block DIFFER"
    verdict = f"MSE of ARLS over all horizons: {ratios}; {same}"
    console.print(f"{'reached' if told.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not told.reached:
        raise SystemExit(1)


def table(told: Story):  # rich is imported only where it prints
    """One row for each model, best first."""
    from rich.table import Table

    result = told.result
    rolling = result.rolling(WINDOW)
    made = Table(
        title=f"Sunspots: {len(told.years)} years, {len(result.origins)} origins, {CYCLE} years ahead",
        caption=f"then, now: rolling MSE one year ahead over the first and the last {WINDOW} years",
    )
    made.add_column("", no_wrap=True)
    for column in ("RMSE", "MSE h=1", "h=5", f"h={CYCLE}", "then", "now"):
        made.add_column(column, justify="right", no_wrap=True)
    for row in result.ranking.rows():
        m = result.models.index(row["model"])
        mse = result.mse[m]
        curve = rolling[m, 0, :, 0]
        made.add_row(
            row["model"],
            f"{row['RMSE']:.1f}",
            *(f"{value:.0f}" for value in (mse[0], mse[4], mse[-1], curve[WINDOW - 1], curve[-1])),
            style="bold" if row["model"] == OURS else "",
        )
    return made


COLORS = {OURS: "#0072B2", SEASONAL: "#D55E00", NAIVE: "#8C8C8C"}  # told apart by every eye


def picture(told: Story, path: Path) -> None:
    """The forecasts one year ahead, the MSE by horizon, and how the rolling MSE went."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    series, horizons, rolling = figure.subplots(3, 1, height_ratios=(1.2, 0.9, 1.1))
    result = told.result

    series.plot(told.years, told.spots, color="black", lw=1.4, label="truth")
    series.plot(told.years, told.stood, color=COLORS[OURS], lw=1.4, label=f"one year ahead: {OURS}")
    series.axvline(told.years[START], color="#b9bec6", ls="--", lw=1.0)
    series.set(xlabel="year", ylabel="sunspots", xlim=(told.years[0], told.years[-1]))
    series.set_ylim(top=1.25 * told.spots.max())
    series.set_title(f"Each year forecast before it is learnt, from {told.years[START]} on", loc="left")
    series.legend(loc="upper left", ncols=2, framealpha=1.0)

    for name, mse in zip(result.models, result.mse, strict=True):
        horizons.plot(np.arange(1, CYCLE + 1), mse, "o-", ms=4, lw=1.6, color=COLORS[name], label=name)
    horizons.set(xlabel="years ahead", ylabel="MSE", ylim=(0.0, None), xticks=range(1, CYCLE + 1))
    horizons.set_title("MSE by horizon, all origins", loc="left")
    horizons.legend(loc="upper left", ncols=3, framealpha=1.0)
    horizons.set_ylim(top=1.3 * result.mse.max())

    curves = result.rolling(WINDOW)[:, 0, :, 0]
    known = told.years[np.minimum(result.origins, len(told.years) - 1)]
    for name, curve in zip(result.models, curves, strict=True):
        rolling.plot(known[WINDOW - 1 :], curve[WINDOW - 1 :], color=COLORS[name], lw=1.8, label=name)
    rolling.set(xlabel="year", ylabel="MSE", ylim=(0.0, None))
    rolling.set_title(f"Rolling MSE one year ahead, the last {WINDOW} years", loc="left")
    for axes in (series, horizons, rolling):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
