"""Contestants take turns, many times; the minimum of each counts, because noise only ever adds.

Ratios of minima taken in turn within one process survive a busy machine, a changing clock and a cold cache far better
than figures measured one after another. The collector is off, everybody warms up first, and who begins changes.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class Unavailable(Exception):  # noqa: N818 - it is a fact about this machine, not an error
    """A rival or a tool is missing here; the text says which."""


@dataclass(frozen=True)
class Call:
    """A contestant that is called: seconds of wall clock for each of its ``samples``."""

    call: Callable[[], Any]
    samples: int = 1

    def measure(self) -> float:
        start = time.perf_counter()
        self.call()
        return (time.perf_counter() - start) / self.samples


@dataclass(frozen=True)
class Process:
    """A contestant that is a whole process: seconds of CPU (user and system, all threads), or of wall clock."""

    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    clock: str = "cpu"
    before: Callable[[], None] = lambda: None

    def measure(self) -> float:
        """By its clock."""
        cpu, wall = self.both()
        return wall if self.clock == "wall" else cpu

    def both(self) -> tuple[float, float]:
        """Seconds of CPU, and of the clock on the wall."""
        self.before()
        start = time.perf_counter()
        with subprocess.Popen(
            self.command, env=self.env, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None
            said = process.stderr.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        if process.returncode:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"a process of its own ended with {process.returncode}: {' '.join(last)}")
        return used.ru_utime + used.ru_stime, wall


Contestant = Call | Process


@dataclass(frozen=True)
class Times:
    """What one contestant took, round by round, in seconds a sample (or a process)."""

    rounds: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(self.rounds)

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """How far the median lies above the minimum: 0.05 is a quiet machine, 0.5 is not."""
        return self.median / self.best - 1.0


def take_turns(contestants: Mapping[Any, Contestant], *, rounds: int, seconds: float) -> dict[Any, Times]:
    """Measure all in turn: at least ``rounds`` rounds, and more of them until ``seconds`` have gone by.

    They have warmed up before.
    """
    names = list(contestants)
    found: dict[Any, list[float]] = {name: [] for name in names}
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        start, turn = time.perf_counter(), 0
        while turn < rounds or (time.perf_counter() - start < seconds and turn < 50 * rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                found[name].append(contestants[name].measure())
            turn += 1
    finally:
        if collecting:
            gc.enable()
    return {name: Times(tuple(rounds_)) for name, rounds_ in found.items()}
