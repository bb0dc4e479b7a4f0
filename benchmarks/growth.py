"""``python -m benchmarks.growth``: what a sample costs against the number of taps, for every filter, as a picture.

All filters of the catalogue that have taps take turns on the same signals, for each number of taps in turn, and the
minimum counts. Theory says how a time grows: with the taps, with their square, or, for those that work in blocks by
Fourier transforms, with their logarithm. The slope is that of the last two octaves on logarithmic axes, where the part
of a sample that does not grow has become small.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from streammse import catalog
from streammse.colours import line
from streammse.node import Predictor
from streammse.param import REQUIRED

from . import pages
from .run import machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure

    from streammse.node import Node

TAPS = (8, 16, 32, 64, 128, 256, 512)
SECONDS = 0.02  # of a single measurement
ROUNDS = 5
#: the panels of the picture, by the files in which the filters are
FAMILIES = {
    "The gradient family": ("lms", "fourth", "quantile", "sign", "robust"),
    "Steps that vary": ("variable_step", "gradient_step"),
    "Sparse plants, affine projection": ("proportionate", "zero_attracting", "affine_projection"),
    "Least squares": ("rls", "robust_rls", "variable_forgetting", "qr_rls", "window_rls", "lattice", "random_walk"),
    "Transforms, active control": ("cosine", "frequency", "filtered_x", "secondary_path"),
    "Recursive": ("recursive",),
}


def filters() -> dict[str, type[Node]]:
    """Every adaptive filter that has taps, by name."""
    found = {name: catalog.get(name) for name in catalog.names() if (catalog.where(name) or "").startswith("filters.")}
    return {name: cls for name, cls in found.items() if issubclass(cls, Predictor) and "taps" in cls._params}


def built(cls: type[Node], taps: int) -> Any:
    """With so many taps, and else its defaults; None where there is no such filter."""
    given = {name: value for name, value in cls._needs.items() if cls._params[name].default is REQUIRED}
    try:
        return cls(**(given | {"taps": taps}))
    except ValueError:
        return None


def measured(names: Sequence[str], taps: Sequence[int] = TAPS, rounds: int = ROUNDS) -> dict[str, dict[int, float]]:
    """Nanoseconds a sample, by filter and taps."""
    rng = np.random.default_rng(0)
    classes = filters()
    found: dict[str, dict[int, float]] = {name: {} for name in names}
    for n in taps:
        ready = []
        for name in names:
            one = built(classes[name], n)
            if one is None:
                continue
            samples = 4 * n
            x = rng.standard_normal((samples, one._inputs())) if one._inputs() > 1 else rng.standard_normal(samples)
            one.run(x, rng.standard_normal(samples))  # compiled, and its memory touched
            begun = time.perf_counter()
            one.run(x, rng.standard_normal(samples))
            each = (time.perf_counter() - begun) / samples
            samples = int(np.clip(SECONDS / each, 4 * n, 200_000))
            x = rng.standard_normal((samples, one._inputs())) if one._inputs() > 1 else rng.standard_normal(samples)
            ready.append((name, one, x, rng.standard_normal(samples)))
        for _ in range(rounds):
            for name, one, x, d in ready:
                begun = time.perf_counter()
                one.run(x, d)
                now = (time.perf_counter() - begun) / len(d) * 1e9
                found[name][n] = min(found[name].get(n, np.inf), now)
    return found


def slope(times: dict[int, float]) -> float:
    """Of the last two octaves on logarithmic axes."""
    taps = sorted(times)[-3:]
    return float(np.polyfit(np.log(taps), np.log([times[n] for n in taps]), 1)[0])


def theory(cls: type[Node]) -> str:
    """How the work of a sample grows, by what the class says of its worst one."""
    return f"O({cls._worst})"


def page(found: dict[str, dict[int, float]]) -> str:
    """The table as Markdown, with the day, the machine and the versions."""
    classes = filters()
    taps = sorted({n for times in found.values() for n in times})
    rows = [
        [
            f"`{name}`",
            *(f"{times[n]:,.0f}" if n in times else "" for n in taps),
            f"{slope(times):.2f}",
            theory(classes[name]),
        ]
        for name, times in found.items()
    ]
    return pages.page(
        "What a sample costs",
        [
            "Written by `python -m benchmarks.growth`: nanoseconds a sample of `run` on one thread, with defaults but",
            "for the taps. The slope is that of the last two octaves on logarithmic axes.",
        ],
        pages.told(machine()),
        pages.table(["filter", *(f"{n} taps" for n in taps), "slope", "theory: the worst update"], rows),
        ["![time per sample against taps](filter-costs.png)"],
    )


def families(names: Iterable[str]) -> dict[str, list[str]]:
    """The filters of each panel, by the file that they are in; what no panel names is at the end."""
    left, found = list(names), {}
    for title, rooms in FAMILIES.items():
        mine = [name for name in left if (catalog.where(name) or "").removeprefix("filters.") in rooms]
        found[title] = mine
        left = [name for name in left if name not in mine]
    found["Others"] = left
    return {title: mine for title, mine in found.items() if mine}


def picture(found: dict[str, dict[int, float]]) -> Figure:
    """Time against taps on logarithmic axes, a panel for each family, and the slopes one and two."""
    from matplotlib.figure import Figure

    panels = families(found)
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(12.0, 4.2 * rows), layout="constrained")
    grid = figure.subplots(rows, 2, squeeze=False, sharex=True)
    ends = np.array([TAPS[2], TAPS[-1]], dtype=float)
    for axes, (title, names) in zip(grid.flat, panels.items(), strict=False):
        every = [one for name in names for one in found[name].values()]
        for power, height in ((1, 0.3), (2, 0.5)):  # of the panel, where it begins
            start = min(every) * (max(every) / min(every)) ** height
            axes.plot(ends, start * (ends / ends[0]) ** power, color="k", lw=0.8, alpha=0.5, ls=":")
            axes.annotate(f"slope {power}", (ends[0], start), fontsize=8, va="center", ha="right", alpha=0.7)
        for k, name in enumerate(sorted(names, key=lambda name: -found[name][max(found[name])])):
            taps = sorted(found[name])
            axes.plot(taps, [found[name][n] for n in taps], marker="o", ms=3, lw=1.3, label=name, **line(k))
        axes.set(xscale="log", yscale="log", ylim=(0.8 * min(every), max(every) * (max(every) / min(every)) ** 0.6))
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xticks(TAPS, [str(n) for n in TAPS])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", ncols=2, fontsize=8, framealpha=1.0)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    figure.supxlabel("taps", fontsize=11)
    figure.supylabel("ns a sample", fontsize=11)
    return figure


def read(text: str) -> dict[str, dict[int, float]]:
    """What a page of before says, to draw it anew."""
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines() if row.startswith("|")]
    taps = [int(head.split()[0]) for head in rows[0] if head.endswith("taps")]
    return {
        row[0].strip("`"): {n: float(cell.replace(",", "")) for n, cell in zip(taps, row[1:], strict=False) if cell}
        for row in rows[2:]
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write ``filter-costs.md`` and ``filter-costs.png``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=inspect.getdoc(main))
    parser.add_argument("-o", "--output", type=Path, default=Path("docs"), metavar="DIR", help="by default docs/")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some filters alone")
    parser.add_argument("--taps", nargs="+", type=int, default=TAPS, metavar="N")
    parser.add_argument("--redraw", action="store_true", help="measure nothing: draw what filter-costs.md says")
    asked = parser.parse_args(argv)
    if asked.redraw:
        picture(read((asked.output / "filter-costs.md").read_text())).savefig(
            asked.output / "filter-costs.png", dpi=110
        )
        return 0
    known = filters()
    names = asked.only or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no filter with taps is called {unknown[0]}: there are {', '.join(known)}")
    with warnings.catch_warnings():  # a default step may be too long for so many taps: then it is the reset that costs
        warnings.simplefilter("ignore", RuntimeWarning)
        found = measured(names, sorted(asked.taps))
    asked.output.mkdir(parents=True, exist_ok=True)
    (asked.output / "filter-costs.md").write_text(page(found))
    picture(found).savefig(asked.output / "filter-costs.png", dpi=110)
    print(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
