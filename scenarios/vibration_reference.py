"""A bearing's fault under a motor's noise, brought out live by NoiseCanceller with a reference sensor on the motor.

No package that this one depends on ships such a recording, so this is a simulation, built as the measurement would be:
an accelerometer at 12 kHz hears a bearing whose outer race is damaged (short rings of its 3.1 kHz resonance, about
107 a second, with a slip of 1 %) under a motor that is 15 times as strong (shaft harmonics, gear mesh with sidebands
and broadband noise; its speed wanders by 2 %). A second sensor hears the motor alone. Between the two lies a path of
24 samples that nobody knows and that drifts as the machine warms up; both sensors have noise of their own.

The canceller gets blocks of 64 samples, as a live device would give them. Beside it stands what people use: the best
fixed filter of the same length by least squares on the first second, ``scipy.signal.wiener``, NLMS at fixed steps. And
the bound: the Wiener solution, computed afterwards for each half second from the whole of that half second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import signal

import streammse as sm

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RATE, SECONDS = 12_000, 20
SHAFT, FAULT, RESONANCE = 29.2, 107.3, 3_100.0  # Hz
PATH, TAPS = 24, 32
BLOCK = 64
WINDOW = 0.5  # seconds of the rolling MSE and of each Wiener solution
STEPS = (0.5, 0.1, 0.02)  # of NLMS
GAIN, AHEAD, BEHIND = 25.0, 3.0, 3.0  # dB to be won, ahead of the best rival, and at most behind the bound

RAW, OURS, WIENER = "noisy input", "NoiseCanceller", "Wiener, found afterwards"
FIXED, LOCAL = "fixed FIR, first second", "scipy.signal.wiener"


@dataclass(frozen=True)
class Output:
    """One signal against the truth."""

    samples: Array
    snr: float  #: dB
    mse: float
    rolling: Array  #: MSE over the last WINDOW seconds
    speed: float  #: samples a second


@dataclass(frozen=True)
class Story:
    """The machine, and what came out."""

    truth: Array
    noisy: Array
    motor: Array  #: what the reference sensor gives
    outputs: dict[str, Output]

    @property
    def rival(self) -> str:
        """The best of the others that could run live."""
        others = {name: one.snr for name, one in self.outputs.items() if name not in (OURS, WIENER)}
        return max(others, key=others.__getitem__)

    def ahead(self, other: str) -> float:
        """By how many dB the canceller is better."""
        return self.outputs[OURS].snr - self.outputs[other].snr

    @property
    def reached(self) -> bool:
        """Whether the canceller is as good as it must be."""
        return self.ahead(RAW) >= GAIN and self.ahead(self.rival) >= AHEAD and self.ahead(WIENER) >= -BEHIND


def nlms_name(mu: float) -> str:
    """How a fixed step is called in the table."""
    return f"NLMS, mu = {mu:g}"


def bearing(samples: int, rng: np.random.Generator) -> Array:
    """The wanted signal: an outer-race fault, of unit power."""
    period = RATE / FAULT
    at = np.cumsum(period * (1.0 + 0.01 * rng.standard_normal(int(1.1 * samples / period))))
    at = at[at < samples].astype(int)
    strikes = np.zeros(samples)
    strikes[at] = 1.0 + 0.2 * rng.standard_normal(at.size)
    t = np.arange(120) / RATE
    ring = np.exp(-t * 900.0) * np.sin(2 * np.pi * RESONANCE * t)
    made = np.convolve(strikes, ring)[:samples]
    return np.asarray(made / made.std())


def motor_noise(samples: int, rng: np.random.Generator) -> Array:
    """Shaft harmonics, gear mesh with sidebands, and broadband noise, of unit power."""
    t = np.arange(samples) / RATE
    speed = SHAFT * (1.0 + 0.02 * np.sin(2 * np.pi * t / 13.0 + rng.uniform(0.0, 2 * np.pi)))
    turn = 2 * np.pi * np.cumsum(speed) / RATE
    tones = sum(np.sin(k * turn + rng.uniform(0.0, 2 * np.pi)) / k for k in range(1, 9))
    mesh = (1.0 + 0.5 * np.sin(turn)) * np.sin(41 * turn + rng.uniform(0.0, 2 * np.pi))
    broadband = signal.lfilter(*signal.butter(2, [200.0, 4500.0], "bandpass", fs=RATE), rng.standard_normal(samples))
    made = tones + 0.8 * mesh + 1.5 * broadband / broadband.std()
    return np.asarray(made / made.std())


def through_the_machine(motor: Array, rng: np.random.Generator) -> Array:
    """The motor as the accelerometer hears it, of unit power: a path that turns from one response into another."""
    decay = np.exp(-np.arange(PATH) / 6.0)
    cold, warm = (decay * rng.standard_normal(PATH) for _ in range(2))
    warmth = 0.5 - 0.5 * np.cos(np.linspace(0.0, 0.4 * np.pi, motor.size))
    heard = (1.0 - warmth) * signal.lfilter(cold, 1.0, motor) + warmth * signal.lfilter(warm, 1.0, motor)
    return np.asarray(heard / heard.std())


def least_squares(reference: Array, noisy: Array) -> Array:
    """The weights that leave least of the noisy signal."""
    lines = np.lib.stride_tricks.sliding_window_view(np.r_[np.zeros(TAPS - 1), reference], TAPS)[:, ::-1]
    return np.asarray(np.linalg.solve(lines.T @ lines, lines.T @ noisy))


def solved_afterwards(reference: Array, noisy: Array) -> Array:
    """The Wiener solution of each stretch, from the whole stretch."""
    size = int(WINDOW * RATE)
    clean = np.empty_like(noisy)
    for a in range(0, len(noisy), size):
        begin, end = max(0, a - TAPS + 1), min(a + size, len(noisy))
        w = least_squares(reference[begin:end], noisy[begin:end])
        clean[a:end] = (noisy[begin:end] - signal.lfilter(w, 1.0, reference[begin:end]))[a - begin :]
    return clean


def measured(truth: Array, y: Array, seconds: float = np.nan) -> Output:
    """An output against the truth, the start of the stream included."""
    mse = sm.MSE().run(truth, y)[-1]
    return Output(
        samples=y,
        snr=float(10.0 * np.log10(np.mean(truth**2) / mse)),
        mse=float(mse),
        rolling=sm.MSE(window=int(WINDOW * RATE)).run(truth, y),
        speed=len(y) / seconds,
    )


def story(seed: int = 0) -> Story:
    """Run everything on one machine."""
    rng = np.random.default_rng(seed)
    samples = RATE * SECONDS
    truth = bearing(samples, rng)
    motor = motor_noise(samples, rng)
    noisy = truth + 15.0**0.5 * through_the_machine(motor, rng) + 0.05 * rng.standard_normal(samples)
    motor = motor + 0.01 * rng.standard_normal(samples)

    canceller = sm.NoiseCanceller(taps=TAPS)
    canceller.clone().run(noisy[:BLOCK], motor[:BLOCK])  # compiled, or read from the cache, before the clock runs
    clean = np.empty_like(noisy)
    begun = time.perf_counter()
    for at in range(0, samples, BLOCK):
        clean[at : at + BLOCK] = canceller.run(noisy[at : at + BLOCK], motor[at : at + BLOCK])
    spent = time.perf_counter() - begun

    outputs = {RAW: measured(truth, noisy)}
    outputs[LOCAL] = measured(truth, signal.wiener(noisy, 31))
    w = least_squares(motor[:RATE], noisy[:RATE])
    outputs[FIXED] = measured(truth, noisy - signal.lfilter(w, 1.0, motor))
    for mu in STEPS:
        nlms = sm.NLMS(taps=TAPS, mu=mu)
        nlms.clone().run(motor[:BLOCK], noisy[:BLOCK])
        begun = time.perf_counter()
        y = noisy - nlms.run(motor, noisy)
        outputs[nlms_name(mu)] = measured(truth, y, time.perf_counter() - begun)
    outputs[OURS] = measured(truth, clean, spent)
    outputs[WIENER] = measured(truth, solved_afterwards(motor, noisy))
    return Story(truth, noisy, motor, outputs)


def main(out: Path) -> None:
    """Tell the story: a table, clean.csv and vibration-reference.png in the folder out; status 1 on a miss."""
    from rich.console import Console

    result = story()
    out.mkdir(parents=True, exist_ok=True)
    write(result, out / "clean.csv")
    picture(result, out / "vibration-reference.png")

    console = Console()
    console.print(table(result))
    console.print(
        f"clean signal: {out / 'clean.csv'}   picture: {out / 'vibration-reference.png'}",
        highlight=False,
        soft_wrap=True,
    )
    verdict = (
        f"{result.ahead(RAW):.1f} dB won (at least {GAIN:g}), {result.ahead(result.rival):.1f} dB better than the best "
        f"rival, {result.rival} (at least {AHEAD:g}), {-result.ahead(WIENER):.1f} dB behind the Wiener solution found "
        f"afterwards (at most {BEHIND:g})"
    )
    console.print(f"{'reached' if result.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not result.reached:
        raise SystemExit(1)


def table(result: Story):  # rich is imported only where it prints
    """One row for each signal."""
    from rich.table import Table

    made = Table(
        title=f"Bearing fault under motor noise (simulated): {len(result.truth):,} samples at {RATE:,} Hz, "
        f"SNR in {result.outputs[RAW].snr:.1f} dB",
        caption=f"MSE relative to the power of the fault, rolling over the last {WINDOW:g} s",
    )
    made.add_column("", no_wrap=True)
    for column in ("SNR out", "MSE", "rolling MSE", "samples/s"):
        made.add_column(column, justify="right", no_wrap=True)
    for name, one in result.outputs.items():
        made.add_row(
            name,
            f"{one.snr:.1f} dB",
            f"{one.mse:.2e}",
            f"{one.rolling[-1]:.2e}",
            "" if np.isnan(one.speed) else f"{one.speed / 1e6:.1f} M",
            style="bold" if name == OURS else "",
        )
    return made


def write(result: Story, path: Path) -> None:
    """Time, noisy signal, reference and clean signal as columns."""
    import pyarrow as pa
    from pyarrow import csv

    columns = {
        "time": np.round(np.arange(len(result.noisy)) / RATE, 6),
        "accel": result.noisy,
        "motor": result.motor,
        "clean": result.outputs[OURS].samples,
    }
    csv.write_csv(pa.table(columns), path)


BLUE, ORANGE, GREEN, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#8C8C8C", "#000000"  # told apart by every eye


def envelope_spectrum(x: Array) -> tuple[Array, Array]:
    """How strongly the high frequencies come and go, by rate: where an analyst looks for a bearing's fault."""
    high = signal.sosfiltfilt(signal.butter(4, [2_000.0, 4_500.0], "bandpass", fs=RATE, output="sos"), x)
    envelope = np.abs(signal.hilbert(high))
    f, power = signal.welch(envelope - envelope.mean(), RATE, nperseg=4 * RATE)
    return f, np.sqrt(power / power.sum())


def picture(result: Story, path: Path) -> None:
    """Before, after and truth; the fault in the envelope spectrum; the rolling MSE."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 1, height_ratios=(1.25, 1.0, 1.1))
    ours, rival = result.outputs[OURS], result.rival
    seconds = np.arange(len(result.truth)) / RATE

    axes = figure.add_subplot(grid[0])
    shown = slice(15 * RATE, 15 * RATE + RATE // 20)
    t = 1000.0 * (seconds[shown] - seconds[shown.start])
    up = 22.0
    axes.plot(t, result.noisy[shown] + up, color=ORANGE, lw=0.9, label="before: the accelerometer")
    axes.plot(t, ours.samples[shown], color=BLUE, lw=2.2, label="after: NoiseCanceller")
    axes.plot(t, result.truth[shown], color=BLACK, lw=0.8, ls="--", label="truth: the bearing alone")
    axes.set(xlabel="time from 15 s / ms", ylabel=f"vibration (before: {up:g} up)", xlim=(t[0], t[-1]))
    axes.set_title(f"SNR {result.outputs[RAW].snr:.1f} dB in, {ours.snr:.1f} dB out, no delay", loc="left")
    axes.set_ylim(top=axes.get_ylim()[1] + 7.0)
    axes.legend(loc="upper right", ncols=3, framealpha=1.0)

    axes = figure.add_subplot(grid[1])
    for x, colour, width, style, label in (
        (result.noisy, ORANGE, 1.2, "-", "before"),
        (ours.samples, BLUE, 2.4, "-", "after"),
        (result.truth, BLACK, 0.9, "--", "truth"),
    ):
        f, amplitude = envelope_spectrum(x[2 * RATE :])
        axes.plot(f, amplitude, color=colour, lw=width, ls=style, label=label)
    axes.set(xlabel="rate / Hz", ylabel="share of the envelope", xlim=(0.0, 480.0), ylim=(0.0, None))
    axes.set_title(f"Envelope spectrum, 2 to 4.5 kHz: the fault shows at {FAULT:g} Hz and its multiples", loc="left")
    axes.legend(loc="upper right", ncols=3, framealpha=1.0)

    axes = figure.add_subplot(grid[2])
    for name, colour, width, style in (
        (RAW, GREY, 1.2, "-"),
        (FIXED, "#E69F00", 1.4, "-"),
        (rival, ORANGE, 1.4, "-"),
        (OURS, BLUE, 2.4, "-"),
        (WIENER, BLACK, 1.0, "--"),
    ):
        one = result.outputs[name]
        axes.semilogy(
            seconds[20::20], one.rolling[20::20], color=colour, lw=width, ls=style, label=f"{name}: {one.snr:.1f} dB"
        )
    axes.set(xlabel="time / s", ylabel="MSE / power of the fault", xlim=(0.0, SECONDS))
    axes.set_title(f"Rolling MSE against the truth, last {WINDOW:g} s", loc="left")
    axes.set_ylim(top=2e3)
    axes.legend(loc="upper right", ncols=3, framealpha=1.0)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
