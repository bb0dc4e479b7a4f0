"""What a denoiser gained, in figures: signal-to-noise ratio and mean squared error before and after."""

from __future__ import annotations

import math
import time
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .io.block import Block
from .kernels.constants import LARGEST
from .scalar import counted

Array = NDArray[np.float64]


_SUMS = ("rows", "missing", "beyond", "compared", "_power", "_before", "_after", "_truth", "_both", "_centre")


class Report:
    """A sink that measures: it sees every block and keeps a handful of sums.

    With ``e`` the signal minus the truth (before) or the clean signal minus the truth (after), over the samples at
    which all three are known:

        MSE = mean(e^2),    SNR = 10 log10(sum(truth^2) / sum(e^2)) dB

    The speed is that between the end of the first block and the end of the last one: the first one compiles. The
    seconds are those that all samples take at this speed, so that neither compiling nor drawing counts; where there was
    but one block, they are those from the start to its end.
    """

    def __init__(self) -> None:
        self.rows = self.missing = self.compared = 0
        #: samples of the signal or of a reference that are too large to be taken for one
        self.beyond = 0
        self._power = self._before = self._after = 0.0
        self._truth = False
        self._start = self._last = time.perf_counter()
        self._first: tuple[int, float] | None = None
        self._earlier = 0, 0.0  # rows and seconds of earlier runs
        # over the samples at which signal and result are known: count, and sums of both less the first signal
        self._both, self._centre = 0, math.nan
        self._sums = np.zeros(4)

    def write(self, block: Block) -> None:
        """Add the pairs of a block: all of it, or nothing where Ctrl-C comes between."""
        after = copy(self)
        after._add(block)
        self.__dict__ = after.__dict__

    def _add(self, block: Block) -> None:
        assert block.clean is not None
        self.rows += len(block.signal)
        known = np.abs(block.signal) < LARGEST
        self.missing += len(block.signal) - int(known.sum())
        self.beyond += int(np.count_nonzero(np.abs(block.signal) >= LARGEST))
        if block.reference is not None:
            self.beyond += int(np.count_nonzero(np.abs(block.reference) >= LARGEST))
        known &= np.isfinite(block.clean)
        with np.errstate(over="ignore", invalid="ignore"):  # a figure that overflows is not told
            self._change(block.signal[known], block.clean[known])
            if block.truth is not None:
                self._truth = True
                known &= np.abs(block.truth) < LARGEST
                self._compare(block.signal[known], block.clean[known], block.truth[known])
        self._last = time.perf_counter()
        if self._first is None:
            self._first = self.rows, self._last

    def _change(self, signal: Array, clean: Array) -> None:
        if not len(signal):
            return
        if not self._both:
            self._centre = float(signal[0])
        self._both += len(signal)
        x, y = signal - self._centre, clean - self._centre
        self._sums = np.add(self._sums, [x.sum(), y.sum(), (x * x).sum(), (y * y).sum()])

    def _compare(self, signal: Array, clean: Array, truth: Array) -> None:
        self.compared += len(truth)
        self._power += float(np.sum(truth**2))
        self._before += float(np.sum((signal - truth) ** 2))
        self._after += float(np.sum((clean - truth) ** 2))

    @property
    def power_ratio(self) -> float | None:
        """The variance of the result over that of the signal; None where there is none to compare with."""
        if not self._both:
            return None
        x, y, xx, yy = (float(one) / self._both for one in self._sums)
        before, after = xx - x * x, yy - y * y
        return after / before if 0.0 < before < math.inf and math.isfinite(after) else None

    def commit(self) -> None:
        """Nothing is left to do."""

    def _flow(self) -> tuple[int, float]:
        """Samples and seconds from the end of the first block to that of the last one."""
        rows, since = self._first or (self.rows, self._last)
        return self.rows - rows, self._last - since

    @property
    def seconds(self) -> float:
        """What all samples took, those of earlier runs included."""
        rows, seconds = self._flow()
        before, earlier = self._earlier
        return earlier + (seconds * ((self.rows - before) / rows) if rows else self._last - self._start)

    @property
    def _speed(self) -> int | None:
        """Samples a second once it runs; None where it did not run for a second."""
        rows, seconds = self._flow()
        return round(rows / seconds) if seconds >= 1.0 else None

    def abort(self) -> None:
        """Nothing to undo."""

    #: it is the same wherever it is told
    identity = "report"

    def offset(self) -> dict[str, Any]:
        """The sums so far, for a checkpoint."""
        sums = {name: getattr(self, name) for name in _SUMS}
        return sums | {"_sums": self._sums.tolist(), "seconds": self.seconds}

    def truncate(self, offset: dict[str, Any] | None) -> None:
        """Go on with these sums and seconds."""
        if offset is not None:
            for name in _SUMS:
                setattr(self, name, offset[name])
            self._sums = np.array(offset["_sums"])
            self._earlier = self.rows, offset["seconds"]

    @property
    def figures(self) -> dict[str, Any]:
        """The figures by name; those against the truth only where there is one."""
        told: dict[str, Any] = {
            "samples": self.rows,
            "missing": self.missing,
            "seconds": round(self.seconds, 6),
            "samples_per_second": self._speed,
        }
        if self._truth:
            n = self.compared
            snr_before, snr_after = _decibel(self._power, self._before), _decibel(self._power, self._after)
            told |= {
                "compared": n,
                "mse_before": _finite(self._before / n) if n else None,
                "mse_after": _finite(self._after / n) if n else None,
                "snr_before_db": snr_before,
                "snr_after_db": snr_after,
                "gain_db": _decibel(self._before, self._after),
            }
        return told

    def text(self) -> str:
        """The figures in two or three lines for people."""
        told = self.figures
        rate = told["samples_per_second"] or 0
        speed = f": {rate:,} samples/s" if rate > 1 else ""
        lines = [f"{counted(self.rows, 'sample')} ({self.missing:,} missing) in {self.seconds:.2f} s{speed}"]
        if self._truth:
            if not self.compared:
                return "\n".join([*lines, "no sample has signal, result and truth: nothing to compare"])

            def shown(value: float | None, unit: str = "") -> str:
                return "-" if value is None else f"{value:.4g}{unit}"

            before, after, gain = (shown(told[key], " dB") for key in ("snr_before_db", "snr_after_db", "gain_db"))
            lines += [
                f"SNR {before} -> {after} (gain {gain})",
                f"MSE {shown(told['mse_before'])} -> {shown(told['mse_after'])}",
            ]
        return "\n".join(lines)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _decibel(above: float, below: float) -> float | None:
    """The ratio of two powers in dB; None where one of them is zero, or none at all."""
    if not (0.0 < above < math.inf and 0.0 < below < math.inf):
        return None
    return 10.0 * (math.log10(above) - math.log10(below))
