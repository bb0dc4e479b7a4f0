"""``python -m benchmarks.cold [NAME...]``: the first result of every algorithm, with an empty and with a warm cache.

A process of its own each time, from its start to its first outputs: import, build, ``run`` of a block, ``update`` of a
sample, for a forecaster ``forecast``. Then what the command line takes: its help, a denoising by each method, and a
backtest of each model, which fits it and scores it.

Python rows are CPU seconds (user and system: one thread works, so on a quiet machine they are those of the clock); the
command line's are seconds of the clock, because a second process helps it. Minutes for all; ``--python`` leaves the
command line out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from streammse import catalog, named

from .processes import _process, _sales, scratch
from .table import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .timing import Process

FIRST = """
import sys
from streammse import catalog, warm
cls = catalog.get(sys.argv[1])
node = cls(**cls._needs)
args, named = warm.example(node, 200)
node.run(*args, **named)
node.update(*(float(one[-1]) if one.ndim == 1 else one[-1] for one in args), **{k: 1e6 for k in named})
if hasattr(node, "forecast"):
    node.forecast(3)
"""
EMPTY, WARM, HELP = 5.0, 1.0, 0.25


def _pair(*arguments: str, clock: str) -> list[Process]:
    """The same process with an empty cache, and with what that one left."""
    (empty,) = _process(*arguments, kernels="first", clock=clock, before=("first",)).values()
    (warm,) = _process(*arguments, kernels="first", clock=clock).values()
    return [empty, warm]


def _noisy() -> Path:
    path = scratch() / "noisy.csv"
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("v,reference\n")
        file.writelines(f"{float(a)!r},{float(b)!r}\n" for a, b in rng.standard_normal((2000, 2)))
    return path


def rows(wanted: Sequence[str], *, command_line: bool) -> list[tuple[str, list[Process], tuple[float, ...]]]:
    """What is measured: its name, its processes and their limits."""
    names = [name for name in catalog.names() if not wanted or name.lower() in [one.lower() for one in wanted]]
    found = [(f"{name} in Python", _pair("-c", FIRST, name, clock="cpu"), (EMPTY, WARM)) for name in names]
    if not command_line:
        return found
    cli = ("-m", "streammse")
    if not wanted:
        found.append(("streammse --help", 2 * list(_process(*cli, "--help", clock="wall").values()), (HELP, HELP)))
        for method, more in (
            ("cancel", "--reference=reference"),
            ("hum", "--rate=360"),
            ("enhance", ""),
            ("smooth", ""),
        ):
            given = ("denoise", str(_noisy()), "--column=v", f"--method={method}", *filter(None, [more]))
            found.append(
                (f"denoise --method {method}", _pair(*cli, *given, "-o", "clean.csv", clock="wall"), (EMPTY, WARM))
            )
    for name in names:
        if named._is_model(name) and not catalog.get(name)._needs and name not in ("StateSpace", "StatsmodelsETS"):
            given = ("backtest", str(_sales()), f"--models={named.kebab(name)}", "--horizon=12")
            found.append((f"backtest --models {named.kebab(name)}", _pair(*cli, *given, clock="wall"), (EMPTY, WARM)))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--python", action="store_true", help="leave the command line out")
    given = parser.parse_args(argv)
    say = Console(width=None if sys.stdout.isatty() else 110)
    drawn = Table(title="First result of a process", title_justify="left")
    for heading in ("what", "empty cache", "must be", "warm", "must be", ""):
        drawn.add_column(heading, justify="left" if heading == "what" else "right")
    missed = 0
    for what, processes, limits in rows(given.names, command_line=not given.python):
        with say.status(what):
            took = [min(one.measure() for _ in range(3 if k else 1)) for k, one in enumerate(processes)]
        met = all(one < limit for one, limit in zip(took, limits, strict=True))
        missed += not met
        shown = [text for one, limit in zip(took, limits, strict=True) for text in (seconds(one), f"< {limit:g} s")]
        drawn.add_row(what, *shown, "[green]met" if met else "[red]missed")
    say.print(drawn)
    say.print(f"{missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
