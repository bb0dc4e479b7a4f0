"""QPSK and 16-QAM through a dispersive channel: CMA opens the eye unaided, a decision-directed equaliser goes on.

Nobody tells the receiver what was sent. The channel smears each symbol over its neighbours, its phase wanders by half a
radian, and there is noise. CMA evens out the modulus, block by block; once the decisions are near enough to their
points, a decision-directed equaliser takes over its weights, turned back by the phase that the modulus does not tell.
Beside it stand CMA alone, and an NLMS that is told every symbol: what there is to be had at this step size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import streammse as sm

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.table import Table

    Array = NDArray[np.float64]
    Signal = NDArray[np.complex128]

SYMBOLS = 40_000
CHANNEL = np.array([0.05 - 0.04j, 0.18 + 0.10j, 1.0, 0.28 - 0.20j, -0.10 + 0.08j])
WANDER = 0.4  # radians, of the phase
NOISE = {"QPSK": 20.0, "16-QAM": 30.0}  # dB below the signal
TAPS, BLOCK = 21, 500
BLIND_STEP, STEP = 0.03, 0.05
OPEN = 0.25  # mean square distance to the nearest point, in squares of half a cell, at which decisions are believed
WINDOW = 500  # symbols, of the errors over time
SHORT_OF, WRONG = 0.5, 1e-4  # what must be reached: dB behind the NLMS that is told, share of wrong symbols

RAW, BLIND, OURS, TOLD = "received", "CMA alone", "CMA, then decisions", "NLMS, told the symbols"


@dataclass(frozen=True)
class Output:
    """One signal against what was sent, without delay and quarter turns that nobody can know."""

    samples: Signal
    sent: Signal  #: late and turned as the samples are
    error: float  #: dB, mean square over the last quarter
    rolling: Array  #: mean square error over the last WINDOW symbols
    wrong: float  #: share of wrong decisions in the last half


@dataclass(frozen=True)
class Story:
    """A transmission, and what came out."""

    name: str
    taken_over: int  #: the symbol at which decisions began to count
    outputs: dict[str, Output]

    @property
    def reached(self) -> bool:
        """Whether the equaliser is as good as it must be."""
        ours, told = self.outputs[OURS], self.outputs[TOLD]
        return bool(ours.error <= told.error + SHORT_OF and ours.wrong <= WRONG)


def transmitted(name: str, seed: int) -> tuple[Signal, Signal]:
    """The symbols and what is heard of them."""
    rng = np.random.default_rng(seed)
    sent = rng.choice(sm.constellation(name).points, SYMBOLS)
    turned = np.exp(1j * (1.0 + WANDER * np.sin(2.0 * np.pi * np.arange(SYMBOLS) / SYMBOLS)))
    heard = np.convolve(sent, CHANNEL)[:SYMBOLS] * turned
    noise = rng.standard_normal(SYMBOLS) + 1j * rng.standard_normal(SYMBOLS)
    level = np.sqrt(0.5 * np.mean(np.abs(heard) ** 2) * 10.0 ** (-NOISE[name] / 10.0))
    return sent, np.asarray(heard + level * noise)


def equalised(name: str, heard: Signal) -> tuple[Signal, int]:
    """What the receiver makes of it, block by block as it comes in, and from where on it believed its decisions."""
    points = sm.constellation(name)
    quarter = 2.0 * np.pi / points.symmetry
    cma = sm.CMA(TAPS, BLIND_STEP, name)
    directed = sm.DecisionDirected(TAPS, STEP, name)
    clean, begun, phase = np.empty_like(heard), 0, 0.0
    for at in range(0, heard.size, BLOCK):
        block = heard[at : at + BLOCK]
        if begun:
            clean[at : at + BLOCK] = directed.run(block)
            continue
        y = cma.run(block)
        found = points.phase(y)
        phase = found + quarter * np.round((phase - found) / quarter)  # no leap by a symmetry
        y *= np.exp(-1j * phase)
        clean[at : at + BLOCK] = y
        if np.mean(np.abs(y - points.nearest(y)) ** 2) < OPEN * points.half**2:
            begun = at + BLOCK
            directed.weights = cma.weights * np.exp(1j * phase)
            directed.run(heard[begun - TAPS + 1 : begun])  # fills its line
    return clean, begun or heard.size


def turned_back(name: str, y: Signal) -> Signal:
    """The phase of each block taken out, and the level: for what does not do so itself."""
    points = sm.constellation(name)
    quarter = 2.0 * np.pi / points.symmetry
    made, phase = y / np.sqrt(np.mean(np.abs(y) ** 2)), 0.0
    for at in range(0, y.size, BLOCK):
        found = points.phase(made[at : at + BLOCK])
        phase = found + quarter * np.round((phase - found) / quarter)
        made[at : at + BLOCK] *= np.exp(-1j * phase)
    return made


def measured(name: str, sent: Signal, y: Signal) -> Output:
    """An output against the symbols, at the delay and the turn that fit best."""
    points, last = sm.constellation(name), slice(3 * SYMBOLS // 4, None)
    likeness = [np.vdot(np.roll(sent, delay)[last], y[last]) for delay in range(2 * TAPS)]
    delay = int(np.argmax(np.abs(likeness)))
    quarter = 2.0 * np.pi / points.symmetry
    aimed = np.roll(sent, delay) * np.exp(1j * quarter * np.round(np.angle(likeness[delay]) / quarter))
    squares, half = np.abs(y - aimed) ** 2, slice(SYMBOLS // 2, None)
    return Output(
        samples=y,
        sent=aimed,
        error=float(10.0 * np.log10(squares[last].mean())),
        rolling=sm.MSE(window=WINDOW).run(np.sqrt(squares), np.zeros(SYMBOLS)),
        wrong=float(np.mean(np.abs(points.nearest(y[half]) - aimed[half]) > points.half)),
    )


def story(name: str = "16-QAM", seed: int = 0) -> Story:
    """Send, and receive in every way."""
    sent, heard = transmitted(name, seed)
    clean, begun = equalised(name, heard)
    ours = measured(name, sent, clean)
    blind = turned_back(name, sm.CMA(TAPS, BLIND_STEP, name).run(heard))
    told = sm.NLMS(TAPS, STEP, complex=True).run(heard, ours.sent)
    outputs = {
        RAW: measured(name, sent, turned_back(name, heard)),
        BLIND: measured(name, sent, blind),
        OURS: ours,
        TOLD: measured(name, ours.sent, told),
    }
    return Story(name, begun, outputs)


def main(out: Path) -> None:
    """Tell both stories: tables, equalised.csv and channel-equaliser.png in the folder out; exit status 1 on a miss."""
    from rich.console import Console

    stories = [story(name) for name in NOISE]
    out.mkdir(parents=True, exist_ok=True)
    write(stories[-1], out / "equalised.csv")
    picture(stories[-1], out / "channel-equaliser.png")

    console = Console()
    for one in stories:
        console.print(table(one))
    console.print(
        f"symbols: {out / 'equalised.csv'}   picture: {out / 'channel-equaliser.png'}", highlight=False, soft_wrap=True
    )
    for one in stories:
        ours, told = one.outputs[OURS], one.outputs[TOLD]
        verdict = (
            f"{one.name} {ours.error:.1f} dB, {ours.error - told.error:+.2f} dB against the NLMS that is told (at most "
            f"{SHORT_OF:+g}); {ours.wrong:.1e} of the symbols of the last half wrong (at most {WRONG:g})"
        )
        console.print(f"{'reached' if one.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not all(one.reached for one in stories):
        raise SystemExit(1)


def table(result: Story) -> Table:
    """One row for each signal."""
    from rich.table import Table

    made = Table(
        title=f"{result.name}, noise {NOISE[result.name]:g} dB down; decisions from {result.taken_over:,} on",
        caption="error: mean square over the last quarter, symbols of power 1; wrong: of the last half",
    )
    made.add_column("", no_wrap=True)
    for column in ("error", "wrong symbols"):
        made.add_column(column, justify="right", no_wrap=True)
    for name, one in result.outputs.items():
        made.add_row(name, f"{one.error:.1f} dB", f"{100 * one.wrong:.2f} %", style="bold" if name == OURS else "")
    return made


def write(result: Story, path: Path) -> None:
    """The symbols that were received and those that came out, real and imaginary parts as columns."""
    import pyarrow as pa
    from pyarrow import csv

    signals = {"received": result.outputs[RAW].samples, "equalised": result.outputs[OURS].samples}
    columns = {
        f"{name}_{part}": np.round(getattr(one, part), 6) for name, one in signals.items() for part in ("real", "imag")
    }
    csv.write_csv(pa.table(columns), path)


BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#8C8C8C", "#000000"  # told apart by every eye


def picture(result: Story, path: Path) -> None:
    """The constellation before, half way and after; the error over time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 8.0), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3, height_ratios=(1.0, 1.05))
    left = " and ".join(one for one in NOISE if one != result.name)
    figure.suptitle(f"{result.name} through the channel, before and after ({left}: in the table)")
    points, begun = sm.constellation(result.name).points, result.taken_over
    late = slice(-3000, None)
    shown = (
        (RAW, late, ORANGE, "before: as received"),
        (OURS, slice(max(0, begun - 3000), begun), GREY, f"CMA, before symbol {begun:,}"),
        (OURS, late, BLUE, "after: decision-directed"),
    )
    for k, (name, part, colour, title) in enumerate(shown):
        axes = figure.add_subplot(grid[0, k])
        y = result.outputs[name].samples[part]
        axes.plot(y.real, y.imag, ".", ms=2.0, color=colour, alpha=0.5)
        axes.plot(points.real, points.imag, "+", ms=8.0, color=BLACK)
        axes.set(xlim=(-1.8, 1.8), ylim=(-1.8, 1.8), aspect="equal", xlabel="real part", title=title)
        if k == 0:
            axes.set_ylabel("imaginary part")

    axes = figure.add_subplot(grid[1, :])
    n = np.arange(SYMBOLS) / 1000.0
    for name, colour, width, style in (
        (RAW, ORANGE, 1.4, "-"),
        (BLIND, GREY, 1.4, "-"),
        (OURS, BLUE, 2.4, "-"),
        (TOLD, BLACK, 1.0, "--"),
    ):
        one = result.outputs[name]
        axes.plot(
            n[WINDOW::20],
            10.0 * np.log10(one.rolling[WINDOW::20]),
            color=colour,
            lw=width,
            ls=style,
            label=f"{name}: {one.error:.1f} dB, {100 * one.wrong:.2f} % wrong",
        )
    axes.axvline(begun / 1000.0, color=BLACK, lw=0.8, ls=":")
    axes.annotate("decisions take over", (begun / 1000.0, -4.5), xytext=(6, 0), textcoords="offset points", va="center")
    axes.set(xlabel="symbols / 1000", ylabel="mean square error / dB", xlim=(0.0, SYMBOLS / 1000.0))
    axes.set_title(f"{result.name}: error against what was sent, last {WINDOW} symbols", loc="left")
    axes.set_ylim(top=axes.get_ylim()[1] + 5.0)
    axes.legend(loc="upper right", ncols=2, framealpha=1.0)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
