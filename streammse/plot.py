"""The picture of a cleaned signal: the whole record, its end from near, and the error falling."""

from __future__ import annotations

import math
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .io.block import Block, DataError
from .io.output import output
from .io.resume import packed, unpacked
from .kernels.constants import LARGEST

Array = NDArray[np.float64]

BINS = 2048
NEAR = 4000  # samples kept for the view from near
FORMATS = ("png", "svg", "pdf")
FENCE, PAYS = 3.0, 2.0  # what counts as a spike, and how much it must press the rest to be left out of a view
ROOM = 0.05  # of the axis, above and below
FEW = 30  # so few samples are drawn as dots: a line or a surface of one sample cannot be seen

_BEFORE, _AFTER, _TRUTH, _BEYOND = "#b9bec6", "#0b62a4", "#d1495b", "#7d8590"


class Envelope:
    """Lowest, highest and sums of a signal over equal stretches, in constant memory.

    There are at most ``BINS`` stretches; when they are full, neighbours are merged and each is twice as long. So the
    envelope of an hour costs what that of a second costs, and no peak is ever lost.
    """

    _MERGE = (np.fmin, np.fmax, np.add, np.add, np.add)  # lowest, highest, count, sum, sum of squares

    def __init__(self) -> None:
        self.width, self.samples = 1, 0
        self._bins: list[Array] = [
            np.full(BINS, np.nan),
            np.full(BINS, np.nan),
            np.zeros(BINS),
            np.zeros(BINS),
            np.zeros(BINS),
        ]

    def add(self, x: Array) -> None:
        """Some more samples; NaN is a gap."""
        if not len(x):
            return
        while self.samples + len(x) > BINS * self.width:
            for bins, merge in zip(self._bins, self._MERGE, strict=True):
                bins[: BINS // 2] = merge(bins[::2], bins[1::2])
                bins[BINS // 2 :] = 0.0 if merge is np.add else np.nan
            self.width *= 2
        first, begun = divmod(self.samples, self.width)
        starts = np.r_[0, np.arange(self.width - begun, len(x), self.width)]
        known = np.abs(x) < LARGEST
        zeroed = np.where(known, x, 0.0)
        gaps = np.where(known, x, np.nan)
        for bins, merge, values in zip(
            self._bins, self._MERGE, (gaps, gaps, known.astype(np.float64), zeroed, zeroed**2), strict=True
        ):
            place = slice(first, first + len(starts))
            bins[place] = merge(bins[place], merge.reduceat(values, starts))
        self.samples += len(x)

    def _used(self, k: int) -> Array:
        return self._bins[k][: -(-self.samples // self.width)]

    def state(self) -> list[Any]:
        """All of it, in what JSON can hold."""
        return [self.width, self.samples, *(packed(bins) for bins in self._bins)]

    def again(self, state: list[Any]) -> None:
        """Go on from there."""
        self.width, self.samples, *bins = state
        self._bins = [unpacked(one) for one in bins]

    @property
    def middles(self) -> Array:
        """The middle of each stretch, in samples."""
        return (np.arange(len(self._used(0)), dtype=np.float64) + 0.5) * self.width - 0.5

    @property
    def low(self) -> Array:
        """The lowest sample of each stretch."""
        return self._used(0)

    @property
    def high(self) -> Array:
        """The highest sample of each stretch."""
        return self._used(1)

    def rolling(self, window: int, central: bool = False) -> Array:
        """The mean square over the last ``window`` stretches; ``central``: about the mean there."""
        box = np.ones(window)
        size = len(self._used(0))
        count, total, squares = (np.convolve(self._used(k), box)[:size] for k in (2, 3, 4))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_square: Array = np.asarray(squares / count, dtype=np.float64)
            return np.maximum(mean_square - (total / count) ** 2, 0.0) if central else mean_square


class Picture:
    """A sink that draws what it sees, in memory that does not grow with it.

    Parameters
    ----------
    path : path
        Ends in .png, .svg or .pdf. The file appears when it is complete.
    rate : float, optional
        Samples a second: then the axis is in seconds.
    title : str
    """

    def __init__(self, path: str | PathLike[str], rate: float | None = None, title: str = "") -> None:
        self._format = Path(path).suffix.lower().removeprefix(".")
        if self._format not in FORMATS:
            raise DataError(f"a picture must end in .png, .svg or .pdf, got {fspath(path)}")
        self._output = output(fspath(path), whole="a picture")
        self.identity = {"picture": self._output.target}
        self._rate, self._title = rate, title
        self._signals = [Envelope() for _ in range(3)]
        self._errors = [Envelope() for _ in range(2)]
        self._near = np.empty((0, 3))
        self._has_truth = False

    def add(self, signal: ArrayLike, clean: ArrayLike, truth: ArrayLike | None = None) -> None:
        """Some more samples of the noisy and the clean signal, and of the truth where it is known."""
        before, after = np.asarray(signal, dtype=np.float64), np.asarray(clean, dtype=np.float64)
        self._has_truth |= truth is not None
        true = np.full(len(before), np.nan) if truth is None else np.asarray(truth, dtype=np.float64)
        for envelope, part in zip(self._signals, (before, after, true), strict=True):
            envelope.add(part)
        with np.errstate(over="ignore", invalid="ignore"):
            for envelope, part in zip(self._errors, (before, after), strict=True):
                envelope.add(part - true)
        fresh = np.column_stack((before, after, true))[-NEAR:]
        fresh[~(np.abs(fresh) < LARGEST)] = np.nan
        self._near = np.concatenate((self._near[max(0, len(self._near) + len(fresh) - NEAR) :], fresh))

    def write(self, block: Block) -> None:
        """Add a block."""
        assert block.clean is not None
        self.add(block.signal, block.clean, block.truth)

    def offset(self) -> list[Any]:
        """What it has seen, for a checkpoint."""
        return [self._has_truth, packed(self._near), *(one.state() for one in (*self._signals, *self._errors))]

    def truncate(self, offset: list[Any] | None) -> None:
        """Go on with what it had seen."""
        if offset is not None:
            self._has_truth, near, *envelopes = offset
            self._near = unpacked(near)
            for envelope, state in zip((*self._signals, *self._errors), envelopes, strict=True):
                envelope.again(state)

    def commit(self) -> None:
        """Draw, and let the file appear."""
        try:
            self._figure().savefig(self._output.path, format=self._format, dpi=120)
        except OSError as error:
            raise DataError(f"cannot write the picture: {error.strerror or error}") from None
        self._output.commit()

    def abort(self) -> None:
        """No picture."""
        self._output.abort()

    def _figure(self) -> Any:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 8.5), layout="constrained")
        whole, near, error = figure.subplots(3, 1, height_ratios=(1.0, 1.15, 1.0))
        unit = 1.0 / self._rate if self._rate else 1.0
        before, after, _ = self._signals
        figure.suptitle(self._title or "before and after", fontweight="bold")

        for envelope, color, label in ((before, _BEFORE, "before"), (after, _AFTER, "after")):
            low, high = envelope.low, envelope.high
            whole.fill_between(envelope.middles * unit, low, high, color=color, linewidth=0.6, label=label)
            if envelope.samples <= FEW:
                whole.plot(envelope.middles * unit, high, ".", color=color)
        whole.set_title("the whole record (lowest to highest)", loc="left", fontsize=10)

        shown = self._near
        shown = shown[-max(50, min(NEAR, round(2.0 * self._rate))) :] if self._rate else shown[-600:]
        at = np.arange(before.samples - len(shown), before.samples) * unit
        dot = "." if len(shown) <= FEW else ""
        bottom, top = _fences(shown)
        near.plot(at, shown[:, 0], color=_BEFORE, linewidth=1.0, marker=dot, label="before")
        near.plot(at, shown[:, 1], color=_AFTER, linewidth=1.5, marker=dot, label="after")
        if self._has_truth:
            near.plot(at, shown[:, 2], color=_TRUTH, linewidth=1.0, linestyle=(0, (4, 2)), marker=dot, label="truth")
        for beyond, edge, marker in ((shown[:, 0] > top, top, "^"), (shown[:, 0] < bottom, bottom, "v")):
            near.plot(at[beyond], np.full(beyond.sum(), edge), marker, color=_BEYOND, markersize=5)
        if math.isfinite(top):  # so that a spike is seen, and does not press the rest flat
            near.set_ylim(bottom - ROOM * (top - bottom), top + ROOM * (top - bottom))
        more = " (triangles: spikes beyond the axis)" if math.isfinite(top) else ""
        near.set_title(f"the end of it{more}", loc="left", fontsize=10)

        bins = len(before.middles)
        window = max(1, min(bins, round(bins / 40)))
        wide = window * before.width
        span = f"last {wide * unit:.3g} s" if self._rate else "last sample" if wide == 1 else f"last {wide:,} samples"
        lines = self._errors if self._has_truth else (before, after)
        for envelope, color, label in zip(lines, (_BEFORE, _AFTER), ("before", "after"), strict=True):
            curve = envelope.rolling(window, central=not self._has_truth)
            curve = np.where(curve > 0.0, curve, np.nan)
            error.plot(envelope.middles * unit, curve, color=color, linewidth=1.6, marker=dot, label=label)
        if any(np.isfinite(line.get_ydata()).any() for line in error.lines):
            error.set_yscale("log")
        what = "rolling MSE against the truth" if self._has_truth else "rolling variance"
        error.set_title(f"{what} (the {span})", loc="left", fontsize=10)
        error.set_xlabel("time in s" if self._rate else "sample")
        drawn = (
            any(np.isfinite(envelope.low).any() for envelope in (before, after)),
            bool(np.isfinite(shown).any()),
            any(np.isfinite(line.get_ydata()).any() for line in error.lines),
        )
        for axes, something in zip((whole, near, error), drawn, strict=True):
            if not something:
                axes.text(0.5, 0.5, "nothing to draw", transform=axes.transAxes, ha="center", va="center")
            axes.grid(alpha=0.25)
            axes.legend(
                loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=9, frameon=False, borderaxespad=0.1
            )
            axes.margins(x=0.005)
            axes.ticklabel_format(axis="x", useOffset=False, style="plain")
            axes.spines[["top", "right"]].set_visible(False)
        error.set_xlim(whole.get_xlim())
        return figure


def _fences(shown: Array) -> tuple[float, float]:
    """From where to where the axis goes: all of the clean signal and the truth, and the noisy one without its spikes.

    Spikes lie three times what is between the quartiles outside of them (Tukey's outer fences). They are left out only
    where they would take more than half of the axis.
    """
    noisy, other = (part[np.isfinite(part)] for part in (shown[:, 0], shown[:, 1:]))
    if not len(noisy):
        return -math.inf, math.inf
    first, third = np.percentile(noisy, (25.0, 75.0))
    fence = FENCE * (third - first)
    near = np.concatenate((noisy[(noisy >= first - fence) & (noisy <= third + fence)], other))
    low, high = float(near.min()), float(near.max())
    if not 0.0 < PAYS * (high - low) < max(noisy.max(), high) - min(noisy.min(), low):
        return -math.inf, math.inf
    return low, high


def picture(
    path: str | PathLike[str],
    signal: ArrayLike,
    clean: ArrayLike,
    truth: ArrayLike | None = None,
    *,
    rate: float | None = None,
    title: str = "",
) -> None:
    """Draw arrays at once: before, after, the truth where it is known, and the rolling MSE.

    Parameters
    ----------
    path : path
        Ends in .png, .svg or .pdf.
    signal, clean, truth : array, shape (T,)
    rate : float, optional
        Samples a second.
    title : str
    """
    made = Picture(path, rate, title)
    try:
        made.add(signal, clean, truth)
        made.commit()
    except BaseException:
        made.abort()
        raise
