"""A bar for long work, drawn only once the work is long."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

PATIENCE = 1.0  # seconds before there is a bar


class Bar:
    """How many samples are done, on standard error."""

    def __init__(self, total: int, wanted: bool | None) -> None:
        self._total, self._done = total, 0
        self._wanted = sys.stderr.isatty() if wanted is None else wanted
        self._begun, self._lock = time.perf_counter(), threading.Lock()
        self._bar: Any = None
        self._task: Any = None

    @property
    def patience(self) -> float | None:
        """How long to wait before looking again; None: for ever."""
        return 0.2 if self._wanted else None

    def count(self, samples: int) -> None:
        """So many more are done: any thread may say so."""
        with self._lock:
            self._done += samples

    def add(self, samples: int) -> None:
        """The same from the thread that draws."""
        self.count(samples)
        self.look()

    def look(self) -> None:
        """Draw, where it is time to."""
        if not self._wanted:
            return
        if self._bar is None:
            if time.perf_counter() - self._begun < PATIENCE:
                return
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[samples]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("backtest", total=self._total, samples="")
            self._bar.start()
        self._bar.update(self._task, completed=self._done, samples=f"{self._done:,} of {self._total:,} samples")

    def close(self) -> None:
        """It is over."""
        if self._bar is not None:
            self._bar.stop()
