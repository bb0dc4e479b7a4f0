"""Every adaptive filter identifies one plant: the learning curves of the textbooks, and what theory says beside them.

The plant is a response of 16 taps, or a sparse one of 128. White or coloured Gaussian noise drives it, and what comes
out is measured with noise 30 dB below the input. Each curve is the mean over independent realisations, as textbooks
draw it, and dashed over it is theory where there is one: for gradient filters the whole curve as ``sm.predict_mse``
computes it (Feuer and Weinstein 1985; Al-Naffouri and Sayed 2003), for least squares the steady state by closed forms
(Haykin, Adaptive Filter Theory, ch. 10).

The figures to be reached, over the last quarter: where there is a theory, the error is within 0.5 dB of it; no other
filter ends more than 6 dB above the noise. A curve that still moves at the end is marked: it
has no steady state yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import signal

import streammse as sm
from streammse.colours import COLOURS
from streammse.filters.gradient import GradientFilter
from streammse.kernels import fir

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

TAPS = 16
RUNS, SAMPLES = 40, 4000
NOISE = 10 ** (-30 / 20)  # standard deviation; the input has 1
NEAR, ABOVE = 0.5, 6.0  # dB from theory, and above the noise
ENOUGH = 10  # realisations for the moments of the theory
DRAWN = 20  # samples over which a curve is averaged
MARK = "* "  # of what has not settled
CLOSE = "Coloured input: least squares, enlarged (RLS, QR and lattice are one)"

PLANT = np.zeros(TAPS)
PLANT[[1, 2, 6, 11]] = 0.8, -0.5, 0.3, 0.15
SPARSE = np.zeros(128)
SPARSE[[10, 11, 50, 90]] = 0.8, -0.5, 0.3, 0.15
COLOUR = 0.9  # of the coloured input: x(n) = 0.9 x(n-1) + noise


@dataclass(frozen=True)
class Panel:
    """What is drawn together: filters by name, the plant that they look for, and what drives it."""

    plant: Array
    coloured: bool
    filters: dict[str, Any]


def panels() -> dict[str, Panel]:
    """All of them."""
    long = SPARSE.size
    return {
        "The square, descended; white input": Panel(
            PLANT,
            False,
            {
                "LMS": sm.LMS(TAPS, mu=0.02),
                "NLMS, mu = 1": sm.NLMS(TAPS, mu=1.0),
                "leaky LMS": sm.LeakyLMS(TAPS, mu=0.02, leak=1e-4),
            },
        ),
        "Other errors than the square; white input": Panel(
            PLANT,
            False,
            {
                "sign-error LMS": sm.SignErrorLMS(TAPS, mu=1e-3),
                "sign-data LMS": sm.SignDataLMS(TAPS, mu=0.02),
                "sign-sign LMS": sm.SignSignLMS(TAPS, mu=1e-3),
                "LMF": sm.LMF(TAPS, mu=0.005),
                "Huber LMS": sm.HuberLMS(TAPS, mu=0.02),
                "log-cosh LMS": sm.LogCoshLMS(TAPS, mu=0.02),
                "MCC LMS": sm.MCCLMS(TAPS, mu=0.02),
            },
        ),
        "Steps that vary; white input": Panel(
            PLANT,
            False,
            {
                "NLMS, 0.2": sm.NLMS(TAPS, mu=0.2),
                "Kwong-Johnston": sm.KwongJohnstonLMS(TAPS),
                "Mathews-Xie": sm.MathewsXieLMS(TAPS),
                "Benveniste": sm.BenvenisteLMS(TAPS),
                "Ang-Farhang": sm.AngFarhangLMS(TAPS),
                "GNGD": sm.GNGD(TAPS),
                "SM-NLMS": sm.SMNLMS(TAPS),
            },
        ),
        f"A sparse plant, {long} taps; white input": Panel(
            SPARSE,
            False,
            {
                "NLMS, long": sm.NLMS(long),
                "PNLMS": sm.PNLMS(long),
                "IPNLMS": sm.IPNLMS(long),
                "ZA-LMS": sm.ZALMS(long),
                "RZA-LMS": sm.RZALMS(long),
            },
        ),
        "Coloured input: from the gradient to least squares": Panel(
            PLANT,
            True,
            {
                "NLMS, mu = 0.3": sm.NLMS(TAPS, mu=0.3),
                "AP, order 2": sm.AffineProjection(TAPS, order=2, mu=0.5),
                "AP, order 8": sm.AffineProjection(TAPS, order=8, mu=0.5),
                "SM-AP, order 4": sm.SMAffineProjection(TAPS, order=4),
                "DCT-LMS": sm.DCTLMS(TAPS),
                "FDAF, blocks of 16": sm.FDAF(TAPS, block=16),
                "PBFDAF, blocks of 4": sm.PBFDAF(TAPS, block=4),
                "RLS, 0.99": sm.RLS(TAPS, forgetting=0.99),
            },
        ),
        CLOSE: Panel(
            PLANT,
            True,
            {
                "RLS, 0.999": sm.RLS(TAPS),
                "QR-RLS": sm.QRRLS(TAPS),
                "lattice RLS": sm.LatticeRLS(TAPS),
                "robust RLS": sm.RobustRLS(TAPS),
                "forgetting varies": sm.VariableForgettingRLS(TAPS),
                "last 256 samples": sm.SlidingWindowRLS(TAPS),
            },
        ),
    }


@dataclass(frozen=True)
class Outcome:
    """One filter: measured, and as theory has it."""

    panel: str
    curve: Array  #: MSE by sample, the mean over the realisations
    steady: float  #: MSE over the last quarter
    trend: float  #: dB by which the curve still moves over the last half, 0 where it has settled
    misalignment: float  #: dB, at the end
    cost: float  #: nanoseconds a sample
    predicted: Array | None  #: the curve, where theory has one
    theory: float | None  #: MSE over the last quarter, where theory has it

    @property
    def off(self) -> float:
        """dB of the steady state above theory; NaN without one."""
        return float(10.0 * np.log10(self.steady / self.theory)) if self.theory else np.nan

    @property
    def above(self) -> float:
        """dB of the steady state above the noise."""
        return float(10.0 * np.log10(self.steady / NOISE**2))

    @property
    def reached(self) -> bool:
        """Whether it is as good as theory says, or else near the noise."""
        return abs(self.off) <= NEAR if self.theory else self.above <= ABOVE


def theory(one: Any, x: Array, d: Array) -> tuple[Array | None, float | None]:
    """The curve and the steady state that theory predicts, where it does."""
    if isinstance(one, GradientFilter) and one._rule is fir.steady and one.taps == TAPS:
        predicted = sm.predict_mse(one, x, d)
        return predicted.curve, float(predicted.curve[-x.shape[1] // 4 :].mean())
    if type(one) in (sm.RLS, sm.QRRLS, sm.LatticeRLS):
        return None, NOISE**2 * (1.0 + one.taps * (1.0 - one.forgetting) / (1.0 + one.forgetting))
    if type(one) is sm.SlidingWindowRLS:
        return None, NOISE**2 * (1.0 + one.taps / (one.window - one.taps - 1.0))
    return None, None


def story(seed: int = 0, runs: int = RUNS, samples: int = SAMPLES) -> dict[str, Outcome]:
    """Run all filters on the same realisations."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((runs, samples + 200))
    coloured = signal.lfilter([np.sqrt(1.0 - COLOUR**2)], [1.0, -COLOUR], white)[:, 200:]
    white = white[:, 200:]
    noise = NOISE * rng.standard_normal((runs, samples))
    found = {}
    for title, panel in panels().items():
        x = np.ascontiguousarray(coloured if panel.coloured else white)
        d = signal.lfilter(panel.plant, 1.0, x) + noise
        result = sm.compare(panel.filters, x, d, plant=panel.plant, window=DRAWN)
        for k, (name, one) in enumerate(panel.filters.items()):
            row = {column: result.table[column][k] for column in result.table.columns}
            predicted, limit = theory(one, x[:ENOUGH], d[:ENOUGH])
            found[name] = Outcome(
                panel=title,
                curve=result.curves[k],
                steady=float(row["steady_state"]),
                trend=float(row["trend"]),
                misalignment=float(row["misalignment"]),
                cost=float(row["nanoseconds"]),
                predicted=predicted,
                theory=limit,
            )
    return found


def main(out: Path) -> str | None:
    """Run it, and say whether it reached its figures."""
    from rich.console import Console

    found = story()
    picture(found, out / "system-identification.png")
    Console().print(table(found))
    print(f"picture: {out / 'system-identification.png'}")
    missed = [name for name, one in found.items() if not one.reached]
    return f"missed: {', '.join(missed)}" if missed else None


def table(found: dict[str, Outcome]) -> Any:
    """The filters as rows, a table for each family."""
    from rich.console import Group
    from rich.table import Table

    made: dict[str, Table] = {}
    for name, one in found.items():
        if one.panel not in made:
            made[one.panel] = Table(title=one.panel, title_justify="left")
            made[one.panel].add_column("filter", no_wrap=True, min_width=20)
            for column, width in (("above noise", 11), ("off theory", 10), ("misalignment", 12), ("ns/sample", 9)):
                made[one.panel].add_column(column, justify="right", no_wrap=True, min_width=width)
        off = "" if np.isnan(one.off) else f"{one.off:+.2f} dB"
        mark = MARK if one.trend else ""
        cells = (f"{mark}{one.above:.2f} dB", off, f"{one.misalignment:.1f} dB", f"{one.cost:.0f}")
        made[one.panel].add_row(name, *cells, style="" if one.reached else "red")
    marked = any(one.trend for one in found.values())
    return Group(*made.values(), *([f"{MARK}has not settled: the curve still moves at the end"] if marked else []))


def picture(found: dict[str, Outcome], path: Path) -> None:
    """A panel for each family: measured, theory dashed, and the noise dotted."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    titles = list(dict.fromkeys(one.panel for one in found.values()))
    rows = -(-len(titles) // 2)
    figure = Figure(figsize=(13.0, 3.9 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, 2, squeeze=False)
    floor = 20.0 * np.log10(NOISE)
    theory_line: dict[str, Any] = {"color": "k", "lw": 1.0, "ls": (0, (4, 2)), "zorder": 5}
    for axes, title in zip(grid.flat, titles, strict=False):
        members = {name: one for name, one in found.items() if one.panel == title}
        for color, (name, one) in zip(COLOURS, members.items(), strict=False):
            n = np.arange(1, one.curve.size + 1)
            label = f"{name}: {one.above:+.2f} dB{', still moving' if one.trend else ''}"
            axes.plot(n, 10.0 * np.log10(one.curve), color=color, lw=2.0, alpha=0.7, label=label)
            if one.predicted is not None:
                axes.plot(n, 10.0 * np.log10(one.predicted), **theory_line)
            elif one.theory is not None:
                limit = 10.0 * np.log10(one.theory)
                axes.plot([0.25 * n[-1], n[-1]], [limit, limit], **theory_line)
        axes.axhline(floor, color="k", lw=0.9, ls=":")
        top = floor + 6.0 if title == CLOSE else 12.0
        axes.set(xlabel="sample n", ylabel="MSE / dB", xlim=(DRAWN, n[-1]), ylim=(floor - 0.07 * (top - floor), top))
        axes.set_xscale("log")
        axes.set_title(title, loc="left", fontsize=11)
        axes.legend(loc="upper right", ncols=2, fontsize=8, framealpha=1.0)
        axes.grid(alpha=0.3, which="both")
    for axes in grid.flat[len(titles) :]:
        axes.set_axis_off()
    figure.suptitle(
        "System identification: measured, dashed in black: theory, dotted: the noise (in the legend: dB above it)"
    )
    figure.savefig(path, dpi=110)
