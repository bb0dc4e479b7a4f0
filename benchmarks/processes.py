"""Whole processes: what an import, a first and a second start, and a file cost."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

import streammse

from .timing import Process, Unavailable
from .workloads import identification, seasonal

FIRST = """
import numpy as np, streammse as sm
x = np.linspace(-1.0, 1.0, 1000)
f = sm.NLMS(taps=32)
f.run(x, x)
f.update(1.0, 2.0)
"""


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="streammse-bench-")  # private, and gone at exit


def scratch() -> Path:
    return Path(_scratch().name)


def _process(
    *arguments: str, kernels: str = "warm", clock: str = "cpu", before: tuple[str, ...] = ()
) -> dict[str, Process]:
    """This Python in a process of its own, with the very streammse measured here and a kernel cache of its own."""
    if not hasattr(os, "wait4"):
        raise Unavailable("this system does not tell the CPU seconds of a child process")
    paths = [str(Path(streammse.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    folder = scratch() / kernels
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "STREAMMSE_CACHE": str(folder)}

    def clear() -> None:
        for name in before:
            shutil.rmtree(scratch() / name, ignore_errors=True)

    return {"": Process((sys.executable, *arguments), env, scratch(), clock, clear)}


def python(code: str) -> dict[str, Process]:
    return _process("-c", code)


def first_nlms() -> dict[str, Process]:
    """With an empty cache, each time."""
    return _process("-c", FIRST, kernels="cold", before=("cold",))


def second_nlms() -> dict[str, Process]:
    """With the cache that the warm-up filled."""
    return _process("-c", FIRST)


@cache
def _csv(rows: int) -> Path:
    """A sensor, a reference and a column that passes through."""
    import pyarrow as pa
    from pyarrow import csv

    data = identification(32, rows)
    path = scratch() / "sensor.csv"
    columns = {"time": np.arange(rows) / 1000.0, "v": data.d, "reference": data.x}
    csv.write_csv(pa.table(columns), path)
    return path


def csv_denoise(rows: int) -> dict[str, Process]:
    given = ("-m", "streammse", "denoise", str(_csv(rows)), "--column", "v", "--reference", "reference")
    return _process(*given, "--taps", "32", "-o", str(scratch() / "ours.csv"), clock="wall")


def csv_copy(rows: int) -> dict[str, Process]:
    code = "import sys; from pyarrow import csv; csv.write_csv(csv.read_csv(sys.argv[1]), sys.argv[2])"
    return _process("-c", code, str(_csv(rows)), str(scratch() / "theirs.csv"), clock="wall")


@cache
def _sales() -> Path:
    """Ten series of twelve years of months."""
    path = scratch() / "sales.csv"
    y = seasonal(10, 144, 12)
    with path.open("w") as file:
        file.write("unique_id,ds,y\n")
        for row in range(10):
            for t in range(144):
                file.write(f"s{row},{2010 + t // 12}-{t % 12 + 1:02}-01,{float(y[row, t])!r}\n")
    return path


def csv_backtest(cold: bool) -> dict[str, Process]:
    """The command of the README, from an empty kernel cache each time or with what the warm-up left there."""
    models = "naive,seasonal-naive:12,ets:12,theta:12,ar-rls:24"
    given = ("-m", "streammse", "backtest", str(_sales()), "--models", models, "--horizon", "12")
    given += ("-o", str(scratch() / "scores.csv"))
    if cold:
        return _process(*given, kernels="cold-backtest", clock="wall", before=("cold-backtest",))
    return _process(*given, clock="wall")
