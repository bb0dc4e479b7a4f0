"""``python -m benchmarks.run``: the table of ratios on this machine, against the rivals that are installed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from pathlib import Path

if not __package__:  # run as a file: then the folder that holds this package is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    __package__ = Path(__file__).resolve().parent.name
    import_module(__package__)

from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table

from . import pages
from .table import Against, Bound, Entry, Race, seconds, table
from .timing import Contestant, Times, Unavailable, take_turns

if TYPE_CHECKING:
    from collections.abc import Sequence

RIVALS = ("padasip", "cmsisdsp", "river", "bottleneck", "numbagg", "pandas", "polars", "statsmodels", "statsforecast")
RIVALS += ("pydaptivefiltering", "adafilt", "rocket-fft")
BESIDE = ("streammse", "numpy", "numba", "llvmlite", "pyarrow")
METHOD = (
    "Contestants of a row take turns within this run and the minimum of each counts; the garbage collector is off and "
    "everybody has warmed up. Processes are counted in CPU seconds (user and system), the CSV row in wall clock."
)


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    what: str
    against: str
    ours: float
    theirs: float | None
    figure: float
    shown: str
    must_be: str
    met: bool
    rounds: int
    spread: float
    note: str


class Trouble(NamedTuple):
    """Why a row is not in the table."""

    reason: str
    row: str
    ours: bool


def admit(entry: Entry, row: str, *, ours: bool) -> dict[str, Contestant] | Trouble:
    """The variants that a contestant enters, warmed up; one that breaks must not take the table with it."""
    try:
        variants = entry()
        for one in variants.values():
            one.measure()
    except Exception as error:  # noqa: BLE001
        if isinstance(error, Unavailable) or (isinstance(error, ImportError) and not ours):
            return Trouble(f"skipped: {error}", row, ours=False)
        return Trouble(f"failed: {type(error).__name__}: {error}", row, ours=ours)
    return variants


def measure(
    race: Race, against: Sequence[Against], *, rounds: int, budget: float
) -> tuple[list[Result], list[Trouble]]:
    """Run one race against these rivals; who cannot take part is named and left out."""
    entered = {"": admit(race.enter, race.what, ours=True)}
    if not isinstance(entered[""], Trouble):
        entered |= {one.name: admit(one.enter, f"{race.what} | {one.name}", ours=False) for one in against if one.enter}
    trouble = [one for one in entered.values() if isinstance(one, Trouble)]
    field = {name: one for name, one in entered.items() if not isinstance(one, Trouble)}
    present = [one for one in against if one.enter is None or one.name in field] if "" in field else []
    if not present:
        return [], trouble
    turns = {(name, variant): one for name, variants in field.items() for variant, one in variants.items()}
    times = take_turns(turns, rounds=rounds, seconds=budget)

    def best(name: str) -> tuple[Times, str]:
        variant = min(field[name], key=lambda one: times[name, one].best)
        return times[name, variant], variant

    ours, _ = best("")
    results = []
    for one in present:
        theirs, variant = best(one.name) if one.enter is not None else (None, "")
        results += [_result(race.what, one.name, bound, ours, theirs, variant) for bound in one.bounds]
    return results, trouble


def _result(what: str, against: str, bound: Bound, ours: Times, theirs: Times | None, note: str) -> Result:
    figure = bound.figure(ours, theirs)
    spread = max(ours.spread, theirs.spread if theirs is not None else 0.0)
    return Result(
        what,
        against,
        ours.best,
        theirs.best if theirs is not None else None,
        figure,
        bound.show(figure),
        bound.text,
        bound.holds(figure),
        len(ours.rounds),
        spread,
        note,
    )


def machine() -> dict[str, object]:
    """What the figures were measured on and with."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    versions = {"python": platform.python_version()}
    for name in (*BESIDE, *RIVALS):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if "streammse" not in versions:
        import streammse

        versions["streammse"] = streammse.__version__
    return {"system": platform.platform(), "cpu": _cpu(), "cores": cores, "versions": versions, "compiler": _compiler()}


def _load() -> float:
    """How many cores others kept busy in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def _cpu() -> str:
    from llvmlite import binding

    name = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open() as lines:
            name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name} ({binding.get_host_cpu_name()})"


def _compiler() -> str:
    import shutil
    import subprocess

    from .rival_c import FLAGS

    gcc = shutil.which("gcc")
    if gcc is None:
        return "no gcc"
    done = subprocess.run([gcc, "--version"], capture_output=True, text=True, check=False)
    return f"{(done.stdout.splitlines() or [gcc])[0]} {' '.join(FLAGS)}"


def draw(results: Sequence[Result]) -> Table:
    """The table as rich draws it."""
    drawn = Table(title="StreamMSE: ratios measured side by side in one run", title_justify="left")
    for heading, justify in (("what", "left"), ("against", "left"), ("ours", "right"), ("theirs", "right")):
        drawn.add_column(heading, justify=justify)  # type: ignore[arg-type]
    drawn.add_column("figure", justify="right", style="bold")
    for heading in ("must be", "", "spread", "note"):
        drawn.add_column(heading)
    before = ""
    for one in results:
        if before and one.what != before:
            drawn.add_section()
        verdict = "[green]met" if one.met else "[red]missed"
        if one.must_be.startswith("aim"):
            verdict = "[dim]aim"
        theirs = seconds(one.theirs) if one.theirs is not None else ""
        what = "" if one.what == before else one.what
        figures = (seconds(one.ours), theirs, one.shown, one.must_be, verdict, f"{one.spread:.0%}", one.note)
        drawn.add_row(what, one.against, *figures)
        before = one.what
    return drawn


def _latency(say: Console, part: float, plot: Path | None, json_file: Path | None) -> int:
    from . import latency, stalls

    here = {**machine(), "load before": _load()}
    rows = latency.main(say.print, int(latency.CALLS * part), plot)
    waits = stalls.figures(max(1, round(stalls.TRIES * part)))
    say.print(stalls.draw(waits))
    say.print(
        f"{here['system']}; {here['cpu']}, {here['cores']} cores, load {here['load before']:.1f}", highlight=False
    )
    if json_file is not None:
        json_file.write_text(json.dumps({"machine": here, "rows": rows, "waits": waits}, indent=1))
    return 0


def main(argv: Sequence[str] | None = None, *, part: float | None = None) -> int:
    """Measure, print, and write what was measured; ``part`` of the samples is for tests."""
    parser = argparse.ArgumentParser(prog="streammse bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the samples and few rounds: a first look")
    parser.add_argument("--only", metavar="PATTERN", default="", help="rows whose text matches this regular expression")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures here too")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table here too, as a page of docs")
    parser.add_argument(
        "--latency", action="store_true", help="instead: the single calls of update, with their median and their tail"
    )
    parser.add_argument("--plot", metavar="P.png", type=Path, help="--latency: the histogram as a picture")
    given = parser.parse_args(argv)
    if given.plot is not None and not given.latency:
        parser.error("--plot draws the histogram of --latency: give that as well")
    if given.plot is not None and given.plot.suffix not in (".png", ".svg", ".pdf"):
        parser.error(f"--plot must end in .png, .svg or .pdf, got {given.plot}")
    try:
        wanted = re.compile(given.only, re.IGNORECASE)
    except re.error as error:
        parser.error(f"--only must be a regular expression, got {given.only!r}: {error}")
    if part is None:
        part = 0.1 if given.quick else 1.0

    say = Console(width=None if sys.stdout.isatty() else 170)
    if given.latency:
        return _latency(say, part, given.plot, given.json)
    start, busy = time.perf_counter(), _load()
    results: list[Result] = []
    trouble: list[Trouble] = []
    for race in table(part):
        against = [one for one in race.against if wanted.search(f"{race.what} | {one.name}")]
        if not against:
            continue
        rounds, budget = (3, 0.0) if given.quick or part < 0.1 else (5, 1.0) if race.heavy else (11, 3.0)
        with say.status(race.what):
            more, problems = measure(race, against, rounds=rounds, budget=budget)
        results += more
        trouble += problems
    reasons: dict[str, list[str]] = {}
    for one in trouble:
        reasons.setdefault(one.reason, []).append(one.row)
    for reason, rows in reasons.items():
        say.print(f"{reason} ({'; '.join(rows)})", style="yellow", highlight=False, markup=False)
    here = {**machine(), "load before": busy}
    if not results:
        say.print(f"nothing was measured: no row matches {given.only!r}, or what it needs is not installed")
        return 2
    say.print(draw(results))
    versions = here["versions"]
    assert isinstance(versions, dict)
    say.print(f"{here['system']}; {here['cpu']}, {here['cores']} cores; {here['compiler']}", highlight=False)
    say.print(", ".join(f"{name} {version}" for name, version in versions.items()), highlight=False)
    if busy > 0.5:
        say.print(
            f"Others kept {busy:.1f} cores busy at the start: rows of threads and processes look worse than they are.",
            style="yellow",
            highlight=False,
        )
    say.print(f"{METHOD} Took {time.perf_counter() - start:.0f} s.", highlight=False)
    missed = sum(not one.met for one in results)
    say.print(
        f"{len(results) - missed} of {len(results)} met" + (", --quick: not for the record" if given.quick else "")
    )
    if given.json is not None:
        given.json.write_text(
            json.dumps({"machine": here, "method": METHOD, "rows": [asdict(r) for r in results]}, indent=1)
        )
    if given.markdown is not None:
        given.markdown.write_text(_page(results, here, given.only))
    return 1 if any(one.ours for one in trouble) else 0


def _page(results: Sequence[Result], here: dict[str, object], only: str) -> str:
    """The table as Markdown."""
    rows = []
    for one in results:
        verdict = "" if one.must_be.startswith("aim") else "met" if one.met else "missed"
        theirs = seconds(one.theirs) if one.theirs is not None else ""
        rows.append([one.what, one.against, seconds(one.ours), theirs, one.shown, one.must_be, verdict, one.note])
    command = "python -m benchmarks.run" + (f" --only '{only}'" if only else "")
    return pages.page(
        "Measured side by side",
        [f"Written by `{command} --markdown`. {METHOD}"],
        pages.told(here),
        pages.table(("what", "against", "ours", "theirs", "figure", "must be", "", "note"), rows),
    )


if __name__ == "__main__":
    raise SystemExit(main())
