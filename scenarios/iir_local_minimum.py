"""A local minimum of the output error, and the escape: OutputError from several starts.

The example of Johnson and Larimore (Proc. IEEE 65, 1977, p. 1399): a filter with one pole and one gain, b / (1 - a
z^-1), is to be like the plant (0.05 - 0.4 z^-1) / (1 - 1.1314 z^-1 + 0.25 z^-2) on white noise. The mean squared error
has two minima in the plane of a and b: one that leaves 98 % of the power, by a pole at -0.52, and one that leaves 28 %,
by a pole at 0.91. A descent ends in the one whose slope it begins on, and one that begins at zero in the wrong one.

Five filters begin at five poles; then one node with ``starts=6`` lets six learn side by side and gives out the one with
the least running error. Beside them stand those that have no such surface: equation error, and Steiglitz and McBride.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, signal

import streammse as sm

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

B, A = [0.05, -0.4], [1.0, -1.1314, 0.25]
SAMPLES, STEP, LOOK = 40_000, 0.005, 50  # samples, mu, and samples from one look at the weights to the next
WINDOW = 2_000  # samples of the running error
POLES = (-0.8, -0.4, 0.0, 0.5, 0.8)  # where the single descents begin, with b = 0
STARTS = 6
STUCK, FREE, BESIDE = 0.9, 0.30, 1.05  # at least, at most, of the power of d; at most, of the least error there is
MULTI = f"OutputError, starts={STARTS}"


@dataclass(frozen=True)
class Descent:
    """One filter on its way."""

    path: Array  #: (looks, 2): the pole a and the gain b
    rolling: Array  #: mean squared error over the last WINDOW samples, relative to the power of d
    left: float  #: what it leaves of the power of d, on its last quarter


@dataclass(frozen=True)
class Story:
    """The surface, and all who went down on it."""

    a: Array
    b: Array
    surface: Array  #: (b, a): what is left of the power of d
    least: float  #: what b / (1 - a z^-1) leaves at least on the very samples by which the descents are judged
    lowest: tuple[float, float]  #: a and b of the lowest point of the surface
    expected: float  #: what is left there, on white noise without end
    descents: dict[str, Descent]

    @property
    def single(self) -> list[Descent]:
        """The descents from one start."""
        return [self.descents[name(pole)] for pole in POLES]

    @property
    def reached(self) -> bool:
        """Whether some are stuck and the one of several starts is not."""
        free = self.descents[MULTI].left
        stuck = max(one.left for one in self.single)
        return stuck >= STUCK and free <= FREE and free <= BESIDE * self.least


def name(pole: float) -> str:
    """How a single descent is called."""
    return f"OutputError from {pole:g}"


def left_over(a: Array, b: Array) -> Array:
    """The mean squared error of b / (1 - a z^-1) on white noise, relative to the power of d: in closed form.

    With h the plant's impulse response, sum (h_k - b a^k)^2 = sum h_k^2 - 2 b H(a) + b^2 / (1 - a^2), z^-1 = a in H.
    """
    power = np.sum(signal.lfilter(B, A, np.r_[1.0, np.zeros(999)]) ** 2)
    at = np.polyval(B[::-1], a) / np.polyval(A[::-1], a)
    return np.asarray(1.0 - (2.0 * b * at - b**2 / (1.0 - a**2)) / power)


def followed(f: sm.OutputError, x: Array, d: Array) -> Descent:
    """A filter, with a look at its weights now and then."""
    path, outputs = [f.weights[::-1]], []
    for at in range(0, len(x), LOOK):
        outputs.append(f.run(x[at : at + LOOK], d[at : at + LOOK]))
        path.append(f.weights[::-1])
    y = np.concatenate(outputs)
    power = np.mean(d**2)
    return Descent(np.array(path), sm.MSE(window=WINDOW).run(d, y) / power, measured(d, y))


def measured(d: Array, y: Array) -> float:
    """What an output leaves of the power of d on the last quarter."""
    last = slice(3 * len(d) // 4, None)
    return float(np.mean((d - y)[last] ** 2) / np.mean(d[last] ** 2))


def story(seed: int = 0) -> Story:
    """Run all on the same noise."""
    x = np.random.default_rng(seed).standard_normal(SAMPLES)
    d = signal.lfilter(B, A, x)
    descents = {}
    for pole in POLES:
        f = sm.OutputError(taps=1, poles=1, mu=STEP)
        f.weights = [0.0, pole]
        descents[name(pole)] = followed(f, x, d)
    descents[MULTI] = followed(sm.OutputError(taps=1, poles=1, mu=STEP, starts=STARTS), x, d)
    for cls in (sm.EquationError, sm.SteiglitzMcBride):
        descents[cls.__name__] = followed(cls(taps=1, poles=1), x, d)
    a, b = np.linspace(-0.98, 0.98, 197), np.linspace(-1.0, 1.0, 161)
    surface = left_over(a[None], b[:, None])
    row, column = np.unravel_index(surface.argmin(), surface.shape)
    start = [a[column], b[row]]
    best = optimize.minimize(lambda v: float(left_over(v[:1], v[1:])[0]), start)
    judged = optimize.minimize(lambda v: measured(d, signal.lfilter(v[1:], [1.0, -v[0]], x)), start)
    lowest = float(best.x[0]), float(best.x[1])
    return Story(a, b, surface, float(judged.fun), lowest, float(best.fun), descents)


def main(out: Path) -> None:
    """Tell the story: a table, descents.csv and iir-local-minimum.png in the folder out; status 1 on a miss."""
    from rich.console import Console

    result = story()
    out.mkdir(parents=True, exist_ok=True)
    write(result, out / "descents.csv")
    picture(result, out / "iir-local-minimum.png")
    console = Console()
    console.print(table(result))
    console.print(
        f"the descents: {out / 'descents.csv'}   picture: {out / 'iir-local-minimum.png'}",
        highlight=False,
        soft_wrap=True,
    )
    free, stuck = result.descents[MULTI].left, max(one.left for one in result.single)
    verdict = (
        f"a single descent leaves up to {100 * stuck:.0f} % of the power (at least {100 * STUCK:g}: stuck), several "
        f"starts {100 * free:.1f} % (at most {100 * FREE:g}), {free / result.least:.2f} of the least there is (at most "
        f"{BESIDE:g})"
    )
    console.print(f"{'reached' if result.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not result.reached:
        raise SystemExit(1)


def table(result: Story):  # rich is imported only where it prints
    """One row for each filter."""
    from rich.table import Table

    made = Table(
        title=f"One pole for a plant of two: {SAMPLES:,} samples of white noise",
        caption=f"error left: on the last quarter, of the power of d there, of which {100 * result.least:.1f} % is the "
        f"least; on noise without end {100 * result.expected:.1f} %, at a = {result.lowest[0]:.3f}, "
        f"b = {result.lowest[1]:.3f}",
    )
    made.add_column("", no_wrap=True)
    for column in ("pole a", "gain b", "error left"):
        made.add_column(column, justify="right", no_wrap=True)
    for who, one in result.descents.items():
        a, b = one.path[-1]
        made.add_row(who, f"{a:.3f}", f"{b:.3f}", f"{100 * one.left:.1f} %", style="bold" if who == MULTI else "")
    return made


def write(result: Story, path: Path) -> None:
    """Sample, and a and b of each, as columns."""
    import pyarrow as pa
    from pyarrow import csv

    columns = {"sample": np.arange(len(result.descents[MULTI].path)) * LOOK}
    for who, one in result.descents.items():
        columns |= {f"{who}: a": one.path[:, 0], f"{who}: b": one.path[:, 1]}
    csv.write_csv(pa.table(columns), path)


BLUE, GREY, BLACK = "#0072B2", "#8C8C8C", "#000000"  # told apart by every eye, as are those of the single descents
SINGLE = dict(zip(map(name, POLES), ("#D55E00", "#E69F00", "#CC79A7", "#009E73", "#56B4E9"), strict=True))
DASHES = dict(zip(SINGLE, ("-", (0, (6, 2)), (0, (2, 1.5)), "-", (0, (4, 2))), strict=True))


def picture(result: Story, path: Path) -> None:
    """The surface with all descents; the running error."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 10.0), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 1, height_ratios=(1.7, 1.0))
    axes = figure.add_subplot(grid[0])
    levels = np.r_[0.3, 0.4, 0.55, 0.7, 0.85, 0.95, 0.985, 1.0, 1.05, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0]
    lines = axes.contour(result.a, result.b, result.surface, levels=levels, colors=GREY, linewidths=0.7)
    axes.clabel(lines, levels=[0.4, 0.7, 0.985, 1.05, 2.0, 5.0], fontsize=8, fmt="%g")
    multi = result.descents[MULTI].path
    leaps = np.flatnonzero(np.abs(np.diff(multi[:, 0])) > 0.2) + 1
    for part in np.split(multi, leaps):
        axes.plot(*part.T, color=BLUE, lw=5.0, alpha=0.45)
        axes.plot(*part[0], "o", color=BLUE, ms=10, mfc="none", mew=1.5)
    for leap in leaps:
        axes.plot(*multi[leap - 1 : leap + 1].T, color=BLUE, lw=1.0, ls=":")
    handles = axes.plot([], [], color=BLUE, lw=5.0, alpha=0.45, label=f"{MULTI}: the one that is heard")
    handles += axes.plot([], [], color=BLUE, lw=1.0, ls=":", marker="o", mfc="none", label="another start takes over")
    for who, colour in SINGLE.items():
        one = result.descents[who]
        axes.plot(*one.path[0], "o", color=colour, ms=6)
        stuck = "stuck" if one.left >= STUCK else "free"
        handles += axes.plot(*one.path.T, color=colour, lw=1.5, ls=DASHES[who], label=f"{who}: {stuck}")
    handles += axes.plot(*result.lowest, "*", color=BLACK, ms=9, ls="", label="the least error")
    for who, marker, size in (("EquationError", "s", 9), ("SteiglitzMcBride", "^", 19)):
        handles += axes.plot(
            *result.descents[who].path[-1], marker, color=BLACK, ms=size, mfc="none", mew=1.5, ls="", label=who
        )
    axes.set(xlabel="pole a", ylabel="gain b", xlim=(-0.98, 0.98), ylim=(-0.8, 0.8))
    axes.set_title("What is left of the power of d: two minima, and who ends in which", loc="left")
    axes.legend(handles=handles, loc="upper right", framealpha=1.0, fontsize=9, markerscale=0.6)

    axes = figure.add_subplot(grid[1])
    samples = np.arange(SAMPLES)[LOOK::LOOK]
    others = {MULTI: (BLUE, 5.0, "-"), "EquationError": (BLACK, 1.0, ":"), "SteiglitzMcBride": (BLACK, 1.2, "--")}
    for who in (MULTI, *SINGLE, "EquationError", "SteiglitzMcBride"):
        one = result.descents[who]
        colour, width, dashes = others[who] if who in others else (SINGLE[who], 1.5, DASHES[who])
        axes.plot(samples, one.rolling[LOOK::LOOK], color=colour, lw=width, ls=dashes,
                  label=f"{who}: {100 * one.left:.0f} %", alpha=0.45 if who == MULTI else 1.0)  # fmt: skip
    axes.set(xlabel="sample", ylabel="error / power of d", xlim=(0, SAMPLES), ylim=(0.0, 2.3))
    axes.set_title(f"Rolling MSE, last {WINDOW:,} samples", loc="left")
    axes.legend(loc="upper right", ncols=3, framealpha=1.0)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
