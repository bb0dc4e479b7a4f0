"""A loudspeaker's echo taken out of a microphone while both ends talk and the path moves, live by EchoCanceller.

No package that this one depends on ships speech, so this is a simulation, from a seed: two voices of pulses and hiss
through formants, in syllables and pauses, at 16 kHz. The far one is played into a room of 5 x 4 x 3 m (image sources,
a reverberation time of about 0.2 s, which the 4096 taps of the filter do not quite hold); the near one talks as loudly
as the echo, on top of it, from 10 to 18 s; at 22 s somebody moves the microphone by half a metre. Noise of the room
lies 45 dB below the echo, that of the line 45 dB below the far voice.

The canceller gets blocks of 160 samples, ten milliseconds, as a telephone would give them. The measure is that of ITU-T
G.168: levels by a meter of 35 ms, the echo return loss enhancement being how far the echo lies below where it was.
Beside it stand filters with a fixed step, in the frequency and in the time domain, and the bound: the same filter
stopped by hand for as long as somebody talks, which no device can know.
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

RATE, SECONDS = 16_000, 30
TAPS, BLOCK = 4096, 256
CHUNK = 160  # ten milliseconds at a time
TALK, MOVE = (10, 18), 22  # s
ROOM, SOURCE = (5.0, 4.0, 3.0), (1.2, 1.0, 1.1)  # m
BEFORE, AFTER = (2.1, 1.6, 1.2), (2.5, 1.9, 1.2)  # where the microphone is
REFLECTION, SOUND = 0.72, 343.0
NOISE = 45.0  # dB
METER = 0.035  # s, of the level meter of G.168
#: what is measured, in s; each must reach so many dB
PHASES = {"alone": (6, 10), "both talk": TALK, "after": (18, 22), "moved": (24, 26), "at the end": (27, 30)}
MUST = {"alone": 30.0, "both talk": 24.0, "after": 30.0, "moved": 12.0, "at the end": 22.0}
AHEAD = 15.0  # dB better than the best of the others, while both talk

OURS, RAW, BOUND = "EchoCanceller", "microphone", "PBFDAF, by hand"
TIME = "NLMS, mu = 0.5"
FIXED = {f"PBFDAF, mu = {mu:g}": mu for mu in (0.5, 0.1)}


@dataclass(frozen=True)
class Output:
    """What one canceller leaves."""

    clean: Array
    erle: Array  #: dB, by the meter
    phases: dict[str, float]  #: dB
    speed: float  #: samples a second


@dataclass(frozen=True)
class Story:
    """The room, and what came out."""

    far: Array
    near: Array
    echo: Array
    microphone: Array
    outputs: dict[str, Output]
    delay: int  #: samples, as it is
    told_delay: int  #: and as the canceller has it

    @property
    def rival(self) -> str:
        """The best of the others that could run live, while both talk."""
        others = {name: one.phases["both talk"] for name, one in self.outputs.items() if name not in (OURS, RAW, BOUND)}
        return max(others, key=others.__getitem__)

    @property
    def ahead(self) -> float:
        """By how many dB the canceller is better than that."""
        return self.outputs[OURS].phases["both talk"] - self.outputs[self.rival].phases["both talk"]

    @property
    def reached(self) -> bool:
        """Whether the canceller is as good as it must be."""
        ours = self.outputs[OURS].phases
        return all(ours[name] >= least for name, least in MUST.items()) and self.ahead >= AHEAD


def _voiced(samples: int, pitch: float, rng: np.random.Generator) -> Array:
    """A vowel: pulses with a little breath, through four formants."""
    bend = 1.0 + 0.15 * rng.uniform(-1.0, 1.0) * np.linspace(-1.0, 1.0, samples) + 0.01 * rng.standard_normal(samples)
    turns = np.cumsum(pitch * (1.0 + 0.25 * rng.uniform(-1.0, 1.0)) * bend / RATE)
    pulses = np.diff(np.floor(turns), prepend=0.0)
    source = signal.lfilter([1.0], [1.0, -0.94], pulses) + 0.03 * rng.standard_normal(samples)
    formants = (rng.uniform(300, 800), rng.uniform(900, 2300), rng.uniform(2300, 3000), 3600.0)
    return _through(source, [(f, rng.uniform(60.0, 140.0)) for f in formants])


def _unvoiced(samples: int, rng: np.random.Generator) -> Array:
    """A hiss."""
    bands = (rng.uniform(2500.0, 3500.0), rng.uniform(4000.0, 6500.0))
    return _through(rng.standard_normal(samples), [(f, rng.uniform(400.0, 900.0)) for f in bands])


def _through(x: Array, resonances: list[tuple[float, float]]) -> Array:
    for frequency, width in resonances:
        r = np.exp(-np.pi * width / RATE)
        x = np.asarray(signal.lfilter([1.0], [1.0, -2.0 * r * np.cos(2.0 * np.pi * frequency / RATE), r * r], x))
    return x


def voice(samples: int, pitch: float, rng: np.random.Generator) -> Array:
    """Syllables and pauses, of unit power."""
    made, at = np.zeros(samples), 0
    while at < samples:
        if rng.random() < 0.18:
            at += int(RATE * rng.uniform(0.1, 0.5))
            continue
        size = int(RATE * rng.uniform(0.08, 0.28))
        hiss = rng.random() < 0.25
        sound = _unvoiced(size, rng) if hiss else _voiced(size, pitch, rng)
        sound *= np.sin(np.pi * np.arange(1, size + 1) / (size + 1)) ** 0.6
        sound *= 10.0 ** (rng.uniform(-12.0, 0.0) / 20.0) * (0.35 if hiss else 1.0) / np.sqrt(np.mean(sound**2))
        made[at : at + size] += sound[: samples - at]
        at += int(size * rng.uniform(0.7, 1.0))
    made = signal.lfilter(*signal.butter(2, [100.0, 7000.0], "bandpass", fs=RATE), made)
    return np.asarray(made / made.std())


def response(microphone: tuple[float, float, float]) -> Array:
    """From the loudspeaker to the microphone: every image of it in the six walls, as far as 0.3 s reach.

    J. B. Allen and D. A. Berkley, "Image method for efficiently simulating small-room acoustics", J. Acoust. Soc. Am.
    65, 1979, pp. 943-950, eq. (10); delays are rounded to a sample.
    """
    samples = int(0.3 * RATE)
    reach = SOUND * samples / RATE
    axes = []
    for size, source, here in zip(ROOM, SOURCE, microphone, strict=True):
        n = np.arange(-int(reach / (2 * size)) - 1, int(reach / (2 * size)) + 2)
        way = np.concatenate([2 * n * size + source - here, 2 * n * size - source - here])
        axes.append((way**2, np.concatenate([np.abs(2 * n), np.abs(n - 1) + np.abs(n)])))
    square = axes[0][0][:, None, None] + axes[1][0][:, None] + axes[2][0]
    bounces = axes[0][1][:, None, None] + axes[1][1][:, None] + axes[2][1]
    way = np.sqrt(square)
    heard = way < reach
    at = np.round(way[heard] / SOUND * RATE).astype(int)
    h = np.bincount(at, REFLECTION ** bounces[heard] / (4.0 * np.pi * way[heard]), samples + 1)[:samples]
    h = np.asarray(signal.lfilter(*signal.butter(1, 60.0, "highpass", fs=RATE), h))  # images add up to a pressure
    return h / np.linalg.norm(h)


def level(x: Array) -> Array:
    """The power by a meter of 35 ms."""
    fade = np.exp(-1.0 / (METER * RATE))
    return np.asarray(signal.lfilter([1.0 - fade], [1.0, -fade], x**2))


def measured(clean: Array, echo: Array, beside: Array, seconds: float = np.nan) -> Output:
    """How far the echo lies below where it was."""
    left = clean - beside
    erle = 10.0 * np.log10((level(echo) + 1e-9) / (level(left) + 1e-9))
    phases = {}
    for name, (a, b) in PHASES.items():
        at = slice(a * RATE, b * RATE)
        phases[name] = float(10.0 * np.log10(np.mean(echo[at] ** 2) / np.mean(left[at] ** 2)))
    return Output(clean, erle, phases, len(clean) / seconds)


def story(seed: int = 0) -> Story:
    """Run everything in one room."""
    rng = np.random.default_rng(seed)
    samples = RATE * SECONDS
    quiet = 10.0 ** (-NOISE / 20.0)
    far = voice(samples, 120.0, rng) + quiet * rng.standard_normal(samples)
    paths = response(BEFORE), response(AFTER)
    heard = [signal.fftconvolve(far, h)[:samples] for h in paths]
    echo = np.where(np.arange(samples) < MOVE * RATE, *heard)
    near = voice(samples, 200.0, rng)
    talking = np.zeros(samples, bool)
    talking[TALK[0] * RATE : TALK[1] * RATE] = True
    near = np.where(talking, near * echo.std() / near[talking].std(), 0.0)
    beside = near + quiet * echo.std() * rng.standard_normal(samples)
    microphone = echo + beside

    canceller = sm.EchoCanceller(taps=TAPS, block=BLOCK)
    canceller.clone().run(far[:BLOCK], microphone[:BLOCK])  # compiled, or read from the cache, before the clock runs
    clean = np.empty(samples)
    begun = time.perf_counter()
    for at in range(0, samples, CHUNK):
        clean[at : at + CHUNK] = canceller.run(far[at : at + CHUNK], microphone[at : at + CHUNK])
    spent = time.perf_counter() - begun

    outputs = {RAW: measured(microphone, echo, beside)}
    rivals = {name: sm.PBFDAF(taps=TAPS, block=BLOCK, mu=mu) for name, mu in FIXED.items()}
    for name, one in ({TIME: sm.NLMS(taps=TAPS, mu=0.5)} | rivals).items():
        one.clone().run(far[:BLOCK], microphone[:BLOCK])
        begun = time.perf_counter()
        y = one.run(far, microphone)
        outputs[name] = measured(microphone - y, echo, beside, time.perf_counter() - begun)
    outputs[OURS] = measured(clean, echo, beside, spent)
    stopped = sm.PBFDAF(taps=TAPS, block=BLOCK).run(far, np.where(talking, np.nan, microphone))
    outputs[BOUND] = measured(microphone - stopped, echo, beside)
    return Story(far, near, echo, microphone, outputs, int(np.argmax(np.abs(paths[1]))), canceller.delay)


def main(out: Path) -> None:
    """Tell the story: a table, two recordings and echo-cancel.png in the folder out; status 1 on a miss."""
    from rich.console import Console

    result = story()
    out.mkdir(parents=True, exist_ok=True)
    for name, x in (("microphone.wav", result.microphone), ("clean.wav", result.outputs[OURS].clean)):
        write(x / np.abs(result.microphone).max(), out / name)
    picture(result, out / "echo-cancel.png")

    console = Console()
    console.print(table(result))
    console.print(
        f"before: {out / 'microphone.wav'}   after: {out / 'clean.wav'}   picture: {out / 'echo-cancel.png'}",
        highlight=False,
        soft_wrap=True,
    )
    ours = result.outputs[OURS].phases
    said = ", ".join(f"{name} {ours[name]:.1f} dB (at least {least:g})" for name, least in MUST.items())
    verdict = f"{said}; {result.ahead:.1f} dB better than the best rival while both talk (at least {AHEAD:g})"
    console.print(f"{'reached' if result.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not result.reached:
        raise SystemExit(1)


def table(result: Story):  # rich is imported only where it prints
    """One row for each canceller."""
    from rich.table import Table

    made = Table(
        title=f"Echo return loss enhancement / dB; the microphone moves at {MOVE} s",
        caption=f"simulated, {RATE:,} Hz; by hand: stopped while both talk; strongest path after {result.delay} "
        f"samples, found at {result.told_delay}; speed in times real time",
    )
    made.add_column("", no_wrap=True)
    for name, (a, b) in PHASES.items():
        made.add_column(f"{name.replace(' ', chr(10))}\n{a}-{b} s", justify="right", no_wrap=True)
    made.add_column("speed", justify="right", no_wrap=True)
    for name, one in result.outputs.items():
        if name != RAW:
            figures = [f"{value:.1f}" for value in one.phases.values()]
            speed = "" if np.isnan(one.speed) else f"{one.speed / RATE:.0f}x"
            made.add_row(name, *figures, speed, style="bold" if name == OURS else "")
    return made


def write(x: Array, path: Path) -> None:
    """A recording of 16 bits."""
    from scipy.io import wavfile

    wavfile.write(path, RATE, np.round(32_000.0 * np.clip(x, -1.0, 1.0)).astype(np.int16))


BLUE, ORANGE, GREEN, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#8C8C8C", "#000000"
PINK = "#CC79A7"  # told apart by every eye


def picture(result: Story, path: Path) -> None:
    """Before, after and truth; the enhancement over time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 9.0), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 1, height_ratios=(1.0, 1.15))
    ours = result.outputs[OURS]
    t = np.arange(len(result.far))[::8] / RATE

    axes = figure.add_subplot(grid[0])
    unit = float(result.echo.std())
    up = 7.0 * unit
    for k, (x, colour, label) in enumerate(
        (
            (result.microphone, GREY, "before: the microphone"),
            (ours.clean, BLUE, "after: EchoCanceller"),
            (result.near, BLACK, "truth: the near voice"),
        )
    ):
        axes.plot(t, x[::8] - 2 * k * up, color=colour, lw=0.4, label=label)
    ticks = [(at * unit - 2 * k * up, f"{at:g}") for k in range(3) for at in (-5.0, 0.0, 5.0)]
    axes.set_yticks([at for at, _ in ticks], [said for _, said in ticks])
    axes.set(xlim=(0.0, SECONDS), ylabel="amplitude / rms of the echo")
    axes.grid(axis="y", alpha=0.3)
    axes.set_title("What the far end would hear", loc="left")
    legend = axes.legend(loc="upper right", ncols=3, framealpha=1.0)
    for line in legend.get_lines():
        line.set_linewidth(2.5)
    axes.set_ylim(-5.0 * up, 2.4 * up)

    below = figure.add_subplot(grid[1], sharex=axes)
    active = 10.0 * np.log10(level(result.echo) + 1e-12) > -25.0  # where there is an echo to speak of
    fade = np.exp(-1.0 / (0.5 * RATE))
    for name, colour, width, style in (
        (TIME, PINK, 1.2, "-"),
        (next(iter(FIXED)), "#E69F00", 1.4, "-"),
        (list(FIXED)[1], ORANGE, 1.4, "-"),
        (BOUND, BLACK, 1.0, "--"),
        (OURS, BLUE, 2.4, "-"),
    ):
        one = result.outputs[name]
        known = signal.lfilter([1.0 - fade], [1.0, -fade], np.where(active, 1.0, 0.0))
        shown = signal.lfilter([1.0 - fade], [1.0, -fade], np.where(active, one.erle, 0.0)) / np.maximum(known, 1e-6)
        label = f"{name}: {round(one.phases['both talk'])} dB while both talk"
        below.plot(t, shown[::8], color=colour, lw=width, ls=style, label=label)
    below.axvspan(*TALK, color=GREEN, alpha=0.12, lw=0)
    below.text(np.mean(TALK), -13.2, "both talk", ha="center", color=GREEN)
    below.axvline(MOVE, color=BLACK, lw=0.8)
    below.text(MOVE + 0.15, -13.2, "the microphone moves")
    below.set(xlabel="time / s", ylabel="ERLE / dB", xlim=(0.0, SECONDS), ylim=(-15.0, 66.0))
    below.set_title(
        "Echo return loss enhancement where there is an echo, meter of 35 ms, over half a second", loc="left"
    )
    below.legend(loc="upper left", ncols=2, framealpha=1.0)
    below.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
