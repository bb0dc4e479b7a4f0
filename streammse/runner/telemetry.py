"""What a run tells while it goes on: structured logs, and figures for Prometheus.

An observer sees the start, every block that has been written, every checkpoint and the end; ``Log`` writes events,
``Metrics`` answers scrapes. Neither costs anything where nobody asks for it.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal as signals
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from ..io.block import Block, DataError

PACE = 1.0  # seconds: the same thing is logged at most so often
SPAN = 5.0  # seconds over which the rate is averaged
WINDOW = 10_000  # samples of the rolling figures

Counts = Callable[[], dict[str, int]]


class Run(Protocol):
    """What an observer may ask a run."""

    node: Any
    source: Any

    @property
    def counts(self) -> dict[str, int]:
        """The rows by their fate."""
        ...

    @property
    def depth(self) -> int:
        """How many samples wait now."""
        ...


class Observer(Protocol):
    """Sees a run."""

    def start(self, run: Run) -> None:
        """Before the first block."""
        ...

    def block(self, block: Block) -> None:
        """A block has been written."""
        ...

    def checkpoint(self, offset: int) -> None:
        """State and offsets are on the disk."""
        ...

    def end(self, error: BaseException | None, signal: str | None) -> None:
        """After the last block, after what went wrong, or after a signal."""
        ...


class Telemetry:
    """Several observers as one."""

    def __init__(self, observers: list[Observer]) -> None:
        self._observers = observers

    def block(self, block: Block) -> None:
        """A block has been written."""
        for one in self._observers:
            one.block(block)

    def checkpoint(self, offset: int) -> None:
        """State and offsets are on the disk."""
        for one in self._observers:
            one.checkpoint(offset)

    @contextlib.contextmanager
    def over(self, run: Run, signal: Callable[[], int | None]) -> Iterator[Telemetry]:
        """From the start of a run to its end, whatever that is; ``signal`` tells which one came."""
        begun: list[Observer] = []
        error: BaseException | None = None
        try:
            for one in self._observers:
                one.start(run)
                begun.append(one)
            yield self
        except BaseException as raised:
            error = raised
            raise
        finally:
            number = signal()
            name = None if number is None else signals.Signals(number).name
            for one in reversed(begun):
                one.end(error, name)


def telemetry(log: Any = None, metrics: Any = None) -> Telemetry:
    """The observers for what somebody gave: a path or a logger; a port, an address or ``Metrics``."""
    observers: list[Observer] = []
    if log is not None:
        observers.append(log if isinstance(log, Log) else Log(log))
    if metrics is not None:
        observers.append(metrics if isinstance(metrics, Metrics) else Metrics(metrics))
    return Telemetry(observers)


class Log:
    """Events of a run, one JSON object a line, with the time in UTC and the level.

    start, checkpoint, dropped, dead, late, duplicates (each at most once a second, with how many and how many in all),
    warning (a filter that diverged), end (the totals), failed or stopped (the reason, and the totals).

    Parameters
    ----------
    target : path, "-" or a logger
        A file that is appended to, standard error, or anything with ``info``, ``warning`` and ``error`` as structlog's
        loggers have them.
    """

    WATCHED = ("dropped", "dead", "late", "duplicates")

    def __init__(self, target: Any) -> None:
        self._target = target
        self._file: Any = None
        self._undo = contextlib.ExitStack()

    def _opened(self, target: Any) -> Any:
        if hasattr(target, "warning"):
            return target
        try:
            import structlog
        except ImportError:
            raise DataError("logs need the package structlog: pip install structlog") from None
        if os.fspath(target) == "-":
            file: Any = sys.stderr
        else:
            try:
                file = self._file = open(target, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed by end
            except OSError as error:
                raise DataError(f"cannot write {os.fspath(target)}: {error.strerror}") from None
        steps: list[Any] = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(default=str),
        ]
        return structlog.wrap_logger(structlog.WriteLogger(file), processors=steps, wrapper_class=structlog.BoundLogger)

    def start(self, run: Run) -> None:
        """Say what runs, and listen to warnings."""
        self._log = self._opened(self._target)
        self._run, self._since = run, time.monotonic()
        params = getattr(run.node, "params", {})
        self._told = dict.fromkeys(self.WATCHED, 0)
        self._when = dict.fromkeys(self.WATCHED, -math.inf)
        self._log.info(
            "start",
            source=getattr(run.source, "name", None),
            column=getattr(run.source, "column", None),
            node=type(run.node).__name__,
            parameters=dict(params),
        )
        self._undo.enter_context(warnings.catch_warnings())
        before = warnings.showwarning

        def show(message: Warning | str, *more: Any, **others: Any) -> None:
            self._log.warning("warning", message=str(message))
            before(message, *more, **others)

        warnings.showwarning = show

    def block(self, block: Block) -> None:  # noqa: ARG002 - the log tells totals
        """Say what was refused since, where it is not too soon."""
        now, counts = time.monotonic(), self._run.counts
        for name in self.WATCHED:
            new = counts[name] - self._told[name]
            if new and now - self._when[name] >= PACE:
                self._log.warning(name, count=new, total=counts[name], queue=self._run.depth)
                self._told[name], self._when[name] = counts[name], now

    def checkpoint(self, offset: int) -> None:
        """Say where it is."""
        self._log.info("checkpoint", offset=offset, samples=self._run.counts["samples"])

    def end(self, error: BaseException | None, signal: str | None) -> None:
        """Say what came of it."""
        self._undo.close()
        totals = {"seconds": round(time.monotonic() - self._since, 3), **self._run.counts}
        if isinstance(error, Exception):
            self._log.error("failed", reason=f"{type(error).__name__}: {error}", **totals)
        elif error is None and signal is None:
            self._log.info("end", **totals)
        else:
            self._log.warning("stopped", reason=signal or type(error).__name__, **totals)
        if self._file is not None:
            self._file.close()
            self._file = None


class Metrics:
    """Figures of a run for Prometheus, over HTTP while it runs (``pip install 'streammse[metrics]'``).

    Parameters
    ----------
    address : int or str
        A port of this machine alone, or ``HOST:PORT``; port 0 takes one that is free, see ``url``.
    tell : callable, optional
        Is given the URL when it answers.
    """

    def __init__(self, address: int | str, tell: Callable[[str], Any] | None = None) -> None:
        host, _, port = str(address).rpartition(":")
        if not port.isdigit() or int(port) > 65535:
            raise DataError(f"metrics need PORT or HOST:PORT, 0 <= PORT < 65536, got {address!r}")
        self._host, self._port, self._tell = host or "127.0.0.1", int(port), tell
        #: where the figures are, while it runs
        self.url: str | None = None
        self._rate, self._when = 0.0, time.monotonic()
        self._last_checkpoint: float | None = None
        self._name, self._value = "", math.nan

    def start(self, run: Run) -> None:
        """Answer scrapes from now on."""
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError:
            raise DataError("metrics need the package prometheus-client: pip install 'streammse[metrics]'") from None
        from ..metrics.errors import MSE

        self._run = run
        self._rolling = MSE(window=WINDOW)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(self._port, self._host, registry)
        except OSError as error:
            raise DataError(f"no metrics at {self._host}:{self._port}: {error.strerror}") from None
        self.url = f"http://{self._host}:{self._server.server_port}/metrics"
        if self._tell is not None:
            self._tell(self.url)

    def block(self, block: Block) -> None:
        """Keep the rate and the rolling figure."""
        now = time.monotonic()
        self._rate = self._rate * math.exp((self._when - now) / SPAN) + len(block.signal) / SPAN
        self._when = now
        if block.clean is not None and len(block.clean):
            against = block.signal if block.truth is None else block.truth
            self._name = "removed_power" if block.truth is None else "rolling_mse"
            self._value = float(self._rolling.run(against, np.ascontiguousarray(block.clean))[-1])

    def checkpoint(self, offset: int) -> None:  # noqa: ARG002
        """Keep when it was."""
        self._last_checkpoint = time.time()

    def end(self, error: BaseException | None, signal: str | None) -> None:  # noqa: ARG002
        """Answer no more."""
        self.url = None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    COUNTERS = {
        "read": "Rows that came from the source",
        "samples": "Samples that were written",
        "dropped": "Samples that made room in the queue",
        "dead": "Records that could not be taken for what they should be",
        "late": "Rows that came too late",
        "duplicates": "Rows whose stamp had been kept already",
    }

    def collect(self) -> Iterator[Any]:
        """The figures of now, for the registry."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        counts = self._run.counts
        for name, what in self.COUNTERS.items():
            yield CounterMetricFamily(f"streammse_{name}", what, value=counts[name])
        rate = self._rate * math.exp((self._when - time.monotonic()) / SPAN)
        yield GaugeMetricFamily("streammse_rate", f"Samples a second, over some {SPAN:g} s", value=rate)
        yield GaugeMetricFamily("streammse_queue_depth", "Samples that wait for the node", value=self._run.depth)
        if self._name:
            what = {
                "rolling_mse": f"Mean squared error against the truth over {WINDOW} samples",
                "removed_power": f"Mean square of what was removed over {WINDOW} samples",
            }[self._name]
            yield GaugeMetricFamily(f"streammse_{self._name}", what, value=self._value)
        if self._last_checkpoint is not None:
            what = "When the last checkpoint was on the disk"
            yield GaugeMetricFamily("streammse_last_checkpoint_timestamp_seconds", what, value=self._last_checkpoint)
