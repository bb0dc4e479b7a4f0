"""Airline passengers, 1949 to 1960: five models tried on the past, a year ahead from every month.

The series is the one on which half of the textbooks try their models: passengers of international airlines in
thousands a month, as Box and Jenkins print it. ``statsmodels`` ships it with the reference results of its own tests.

Every model knows the first five years, forecasts the next twelve months, then learns the next month and forecasts
again, 84 times. What is to be estimated is estimated from what is known, again each year. The yardstick is the
seasonal naive forecast: next March will be as last March.
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

YEAR = 12
START = 5 * YEAR  # months that are known before the first forecast
LEVEL = 0.8  # of the intervals
NAIVE, HOLT_WINTERS, ARLS = "seasonal naive", "Holt-Winters (mul)", "ARLS (1, 12, 13)"
RATIOS = {HOLT_WINTERS: 0.35, ARLS: 0.30}  # MSE over that of the seasonal naive forecast: at most this
SURE = 0.01  # p-value of Diebold and Mariano at the whole year ahead: at most this


@dataclass(frozen=True)
class Story:
    """The series, and what came out."""

    months: NDArray[np.datetime64]
    passengers: NDArray[np.float64]
    result: Result

    def mse(self, name: str) -> float:
        """Over all horizons."""
        ranking = self.result.ranking
        return float(ranking["MSE"][list(ranking["model"]).index(name)])

    def ratio(self, name: str) -> float:
        """The MSE over that of the seasonal naive forecast."""
        return self.mse(name) / self.mse(NAIVE)

    @property
    def chance(self) -> float:
        """How likely a lead as large as that of ARLS a year ahead would be by chance."""
        return self.result.diebold_mariano(ARLS, NAIVE, YEAR).pvalue

    @property
    def reached(self) -> bool:
        """Whether the models are as good as they must be."""
        return all(self.ratio(name) <= most for name, most in RATIOS.items()) and self.chance <= SURE


def airline() -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Months and passengers."""
    from statsmodels.tsa.statespace.tests.results.results_sarimax import air2_data

    passengers = np.array(air2_data, dtype=np.float64)
    return np.datetime64("1949-01", "M") + np.arange(passengers.size), passengers


def story() -> Story:
    """Run the backtest."""
    import pyarrow as pa

    months, passengers = airline()
    frame = pa.table({"ds": pa.array(months.astype("datetime64[D]")), "y": passengers})
    models = {
        "naive": sm.Naive(),
        NAIVE: sm.SeasonalNaive(YEAR),
        "Theta": sm.Theta(YEAR),
        HOLT_WINTERS: sm.HoltWinters(YEAR, "mul"),
        ARLS: sm.ARLS((1, YEAR, YEAR + 1)),
    }
    result = sm.backtest(frame, models, horizon=YEAR, start=START, refit=YEAR, level=LEVEL, keep_errors=True)
    return Story(months, passengers, result)


def main(out: Path) -> None:
    """Tell the story: a table, scores.csv, forecasts.csv and airline-backtest.png in out; status 1 on a miss."""
    from rich.console import Console

    told = story()
    out.mkdir(parents=True, exist_ok=True)
    told.result.to_csv(out / "scores.csv")
    told.result.forecasts.to_csv(out / "forecasts.csv")
    told.result.plot(out / "airline-backtest.png")

    console = Console()
    console.print(table(told))
    console.print(
        f"scores: {out / 'scores.csv'}   forecasts: {out / 'forecasts.csv'}   picture: {out / 'airline-backtest.png'}",
        highlight=False,
        soft_wrap=True,
    )
    ratios = ", ".join(f"{name} {told.ratio(name):.2f} (at most {most:g})" for name, most in RATIOS.items())
    verdict = (
        f"MSE over that of the seasonal naive forecast: {ratios}; p-value of the lead of ARLS a year ahead "
        f"{told.chance:.1g} (at most {SURE:g})"
    )
    console.print(f"{'reached' if told.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not told.reached:
        raise SystemExit(1)


def table(told: Story):  # rich is imported only where it prints
    """One row for each model, best first."""
    from rich.table import Table

    result = told.result
    scores = result.scores
    made = Table(
        title=f"Airline passengers in thousands a month: {len(result.origins)} origins, {YEAR} months ahead",
        caption=f"over all horizons; MASE against the seasonal naive forecast of the first {START} months; "
        f"inside intervals for {LEVEL:.0%}; horizons won",
    )
    made.add_column("", no_wrap=True)
    for column in ("RMSE", "MASE", "MSE h=1", f"h={YEAR}", "inside", "won"):
        made.add_column(column, justify="right", no_wrap=True)
    for row in result.ranking.rows():
        mine = scores["model"] == row["model"]
        mse = scores["MSE"][mine]
        made.add_row(
            row["model"],
            f"{row['RMSE']:.1f}",
            f"{row['MASE']:.2f}",
            f"{mse[0]:.0f}",
            f"{mse[-1]:.0f}",
            f"{scores['coverage'][mine].mean():.0%}",
            str(row["horizons won"]),
            style="bold" if row["rank"] == 1 else "",
        )
    return made
