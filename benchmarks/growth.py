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
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from streammse.node import Node

TAPS = (8, 16, 32, 64, 128, 256, 512)
SECONDS = 0.02  # of a single measurement
ROUNDS = 5


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


def picture(found: dict[str, dict[int, float]]) -> Figure:
    """Time against taps on logarithmic axes, and the slopes one and two."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 8.0), layout="constrained")
    axes = figure.add_subplot()
    order = sorted(found, key=lambda name: -found[name][max(found[name])])
    for k, name in enumerate(order):
        taps = sorted(found[name])
        axes.plot(taps, [found[name][n] for n in taps], marker="o", ms=3, lw=1.3, label=name, **line(k))
    ends = np.array([TAPS[2], TAPS[-1]], dtype=float)
    for power, start in ((1, 8.0), (2, 60.0)):
        axes.plot(ends, start * (ends / ends[0]) ** power, color="k", lw=0.8, alpha=0.6)
        axes.annotate(f"slope {power}", (ends[1], start * (ends[1] / ends[0]) ** power), fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="taps", ylabel="ns a sample", title="Time per sample against taps")
    axes.set_xticks(TAPS, [str(n) for n in TAPS])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8, frameon=False)
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write ``filter-costs.md`` and ``filter-costs.png``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=inspect.getdoc(main))
    parser.add_argument("-o", "--output", type=Path, default=Path("docs"), metavar="DIR", help="by default docs/")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some filters alone")
    parser.add_argument("--taps", nargs="+", type=int, default=TAPS, metavar="N")
    asked = parser.parse_args(argv)
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
