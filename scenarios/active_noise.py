"""A fan in a duct made quiet by FilteredXNLMS, and again after the path has turned round, by the online form.

A simulation, built as the duct would be, at 4 kHz: a fan whose blades pass 142 times a second (three harmonics, the
speed wanders by 1 %) in broadband noise of its flow; a reference microphone near the fan; from there to the error
microphone 14 ms of duct with the echoes of its ends; a loudspeaker closer by, whose path to the error microphone has
its own delay, resonances and echoes. Both microphones have noise of their own. After half of the time the path of the
loudspeaker changes: a flap is opened, and the loudspeaker is connected the wrong way round.

Beforehand, with the fan off, the path was measured as it is done: white noise from the loudspeaker, and NLMS between
that and the microphone. Three controllers then work in the closed loop: NLMS that takes the path for a bare delay,
FilteredXNLMS on the measured model, and OnlineFilteredXNLMS, which begins with that model and keeps learning it from a
probe of its own: after the turn it runs into its limit a few times, gives up, and learns a little more of the path each
time in the quiet that follows, until the model is right. The bound is the best filter of the same length, by least
squares on the true path, afterwards, for each half.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, signal

import streammse as sm

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RATE, SECONDS = 4_000, 60
HALF = RATE * SECONDS // 2
BLADES, WANDER = 142.0, 0.01  # Hz, and the fraction by which the speed wanders
PATH, TAPS = 96, 192
WINDOW, LAST = 0.5, 5.0  # seconds of the rolling power, and at the end of each half, where attenuation is measured
LIMIT = 6.0  # of what the loudspeaker stands
QUIET, BEHIND, AGAIN = 20.0, 6.0, 15.0  # dB: by the measured model, at most behind the bound, and online after the turn

SILENT, IGNORED, FIXED, ONLINE, BOUND = (
    "no control",
    "NLMS, path ignored",
    "FilteredXNLMS",
    "OnlineFilteredXNLMS",
    "found afterwards",
)


@dataclass(frozen=True)
class Output:
    """What the error microphone hears."""

    heard: Array
    attenuation: tuple[float, float]  #: dB, over the last seconds of each half
    rolling: Array  #: power over the last WINDOW seconds, in dB against no control
    loudest: float  #: the largest output
    speed: float  #: samples a second


@dataclass(frozen=True)
class Story:
    """The duct, and what was heard in it."""

    reference: Array
    noise: Array  #: at the error microphone, without control
    paths: tuple[Array, Array]  #: of the loudspeaker, in each half
    measured: Array  #: the model
    learnt: tuple[Array, Array]  #: that of the online form, at the end of each half
    retreats: int  #: how often that gave up after the turn
    outputs: dict[str, Output]

    @property
    def reached(self) -> bool:
        """Whether it is as quiet as it must be, in both halves."""
        first, bound = self.outputs[FIXED].attenuation[0], self.outputs[BOUND].attenuation[0]
        return first >= QUIET and bound - first <= BEHIND and self.outputs[ONLINE].attenuation[1] >= AGAIN


def fan(samples: int, rng: np.random.Generator) -> Array:
    """Blade passing with its harmonics, and the flow, of unit power."""
    t = np.arange(samples) / RATE
    speed = BLADES * (1.0 + WANDER * np.sin(2 * np.pi * t / 17.0 + rng.uniform(0.0, 2 * np.pi)))
    turn = 2 * np.pi * np.cumsum(speed) / RATE
    tones = sum(np.sin(k * turn + rng.uniform(0.0, 2 * np.pi)) / k for k in (1, 2, 3))
    flow = signal.lfilter(*signal.butter(2, [60.0, 900.0], "bandpass", fs=RATE), rng.standard_normal(samples))
    made = tones + 0.8 * flow / flow.std()
    return np.asarray(made / made.std())


def duct(delay: int, length: int, rng: np.random.Generator) -> Array:
    """An impulse response: the direct sound after its delay, resonances, and echoes of the ends, all decaying."""
    t = np.arange(length - delay)
    made = np.zeros(length)
    direct = np.exp(-t / 3.0) * np.cos(0.9 * t)
    modes = sum(
        np.exp(-t / rng.uniform(6.0, 14.0)) * np.cos(w * t + rng.uniform(0.0, 2 * np.pi))
        for w in rng.uniform(0.15, 1.3, 3)
    )
    made[delay:] = direct + 0.15 * modes
    for echo in rng.integers(12, 24, 2):
        made[delay + echo :] += 0.25 * rng.choice([-1.0, 1.0]) * direct[: length - delay - echo]
    return made * np.r_[np.ones(length - length // 4), np.hanning(2 * (length // 4))[length // 4 :]]


def measured_path(path: Array, rng: np.random.Generator) -> Array:
    """As it is done with the fan off: 5 seconds of white noise, and NLMS from it to the microphone."""
    white = rng.standard_normal(5 * RATE)
    heard = signal.lfilter(path, 1.0, white) + 0.02 * rng.standard_normal(white.size)
    f = sm.NLMS(taps=PATH, mu=0.2)
    f.run(white, heard)
    return np.asarray(f.weights)


def controllers(model: Array) -> dict[str, sm.FilteredXNLMS]:
    """Who takes part: all with the same taps and limit."""
    common = {"taps": TAPS, "limit": LIMIT}
    return {
        IGNORED: sm.FilteredXNLMS(mu=0.02, secondary=[0.0, 1.0], **common),
        FIXED: sm.FilteredXNLMS(mu=0.2, secondary=model, **common),
        ONLINE: sm.OnlineFilteredXNLMS(mu=0.05, secondary=model, probe=0.05, nu=0.02, settle=6000, **common),
    }


def best(x: Array, d: Array, path: Array) -> Array:
    """What the best fixed filter of the same length leaves, with the true path."""
    as_heard = signal.lfilter(path, 1.0, x)
    own, cross = (signal.correlate(one, as_heard, method="fft")[len(x) - 1 :][:TAPS] for one in (as_heard, d))
    own[0] *= 1.0 + 1e-9
    return np.asarray(d - signal.lfilter(linalg.solve_toeplitz(own, cross), 1.0, as_heard))


def listened(noise: Array, heard: Array, loudest: float = 0.0, seconds: float = np.nan) -> Output:
    """How quiet it is."""
    window, last = int(WINDOW * RATE), int(LAST * RATE)
    before, after = (sm.MSE(window=window).run(np.zeros(len(one)), one) for one in (noise, heard))
    ends = [slice(end - last, end) for end in (HALF, 2 * HALF)]
    first, second = (float(10.0 * np.log10(np.mean(noise[end] ** 2) / np.mean(heard[end] ** 2))) for end in ends)
    return Output(heard, (first, second), 10.0 * np.log10(after / before.mean()), loudest, len(noise) / seconds)


def story(seed: int = 0) -> Story:
    """Run everything in one duct."""
    rng = np.random.default_rng(seed)
    source = fan(2 * HALF, rng)
    primary = duct(56, 160, rng)
    path = duct(8, PATH, rng)
    turned = -np.convolve(path, [1.0, 0.35, -0.2])[:PATH]
    noise = signal.lfilter(primary, 1.0, source)
    scale = 1.0 / noise.std()
    noise = noise * scale + 0.01 * rng.standard_normal(2 * HALF)
    reference = source + 0.01 * rng.standard_normal(2 * HALF)
    model = measured_path(path, rng)

    outputs = {SILENT: listened(noise, noise)}
    learnt: list[Array] = []
    retreats = 0
    for name, controller in controllers(model).items():
        sm.active_control(controller.clone(), reference[:64], noise[:64], path)  # compiled before the clock runs
        begun = time.perf_counter()
        first, played = sm.active_control(controller, reference[:HALF], noise[:HALF], path)
        if name == ONLINE:
            learnt.append(controller.model)
        second, after = sm.active_control(controller, reference[HALF:], noise[HALF:], turned, played=played)
        spent = time.perf_counter() - begun
        if isinstance(controller, sm.OnlineFilteredXNLMS):
            learnt.append(controller.model)
            retreats = controller.retreats
        loudest = max(np.abs(played).max(), np.abs(after).max())
        outputs[name] = listened(noise, np.r_[first, second], float(loudest), spent)
    bound = [best(reference[part], noise[part], one) for part, one in zip(halves(), (path, turned), strict=True)]
    outputs[BOUND] = listened(noise, np.concatenate(bound))
    return Story(reference, noise, (path, turned), model, (learnt[0], learnt[1]), retreats, outputs)


def halves() -> tuple[slice, slice]:
    """Before and after the turn."""
    return slice(0, HALF), slice(HALF, 2 * HALF)


def main(out: Path) -> None:
    """Tell the story: a table, heard.csv and active-noise.png in the folder out; status 1 on a miss."""
    from rich.console import Console

    result = story()
    out.mkdir(parents=True, exist_ok=True)
    write(result, out / "heard.csv")
    picture(result, out / "active-noise.png")
    console = Console()
    console.print(table(result))
    console.print(
        f"what was heard: {out / 'heard.csv'}   picture: {out / 'active-noise.png'}", highlight=False, soft_wrap=True
    )
    fixed, bound, online = (result.outputs[name].attenuation for name in (FIXED, BOUND, ONLINE))
    verdict = (
        f"{fixed[0]:.1f} dB quieter with the measured model (at least {QUIET:g}), {bound[0] - fixed[0]:.1f} dB behind "
        f"the best filter found afterwards (at most {BEHIND:g}); {online[1]:.1f} dB after the path has turned round "
        f"(at least {AGAIN:g})"
    )
    console.print(f"{'reached' if result.reached else 'MISSED'}: {verdict}", highlight=False, soft_wrap=True)
    if not result.reached:
        raise SystemExit(1)


def table(result: Story):  # rich is imported only where it prints
    """One row for each controller."""
    from rich.table import Table

    made = Table(
        title=f"A fan in a duct (simulated): {len(result.noise):,} samples at {RATE:,} Hz",
        caption=f"attenuation at the error microphone over the last {LAST:g} s before and after the path turns round",
    )
    made.add_column("", no_wrap=True)
    for column in ("before", "after", "loudest", "samples/s"):
        made.add_column(column, justify="right", no_wrap=True)
    for name, one in result.outputs.items():
        made.add_row(
            name,
            f"{one.attenuation[0]:.1f} dB",
            f"{one.attenuation[1]:.1f} dB",
            f"{one.loudest:.2f}" if one.loudest else "",
            "" if np.isnan(one.speed) else f"{one.speed / 1e6:.1f} M",
            style="bold" if name in (FIXED, ONLINE) else "",
        )
    return made


def write(result: Story, path: Path) -> None:
    """Time, reference, noise without control, and what was heard with each, as columns."""
    import pyarrow as pa
    from pyarrow import csv

    columns = {
        "time": np.round(np.arange(len(result.noise)) / RATE, 6),
        "reference": result.reference,
        "noise": result.noise,
        "fixed": result.outputs[FIXED].heard,
        "online": result.outputs[ONLINE].heard,
    }
    csv.write_csv(pa.table(columns), path)


BLUE, ORANGE, GREEN, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#8C8C8C", "#000000"  # told apart by every eye


def picture(result: Story, path: Path) -> None:
    """The power over time; the spectrum before and after; the path and its models."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 2, height_ratios=(1.3, 1.1, 0.9))
    seconds = np.arange(len(result.noise)) / RATE

    axes = figure.add_subplot(grid[0, :])
    shown = slice(int(WINDOW * RATE), None, 40)
    for name, colour, width in (
        (SILENT, GREY, 1.2),
        (IGNORED, ORANGE, 1.0),
        (FIXED, GREEN, 1.6),
        (ONLINE, BLUE, 2.2),
        (BOUND, BLACK, 1.0),
    ):
        one = result.outputs[name]
        label = f"{name}: {one.attenuation[0]:.0f}, {one.attenuation[1]:.0f} dB"
        style = "--" if name == BOUND else "-"
        attenuation = -one.rolling
        if name == BOUND:  # two filters, one for each half: the second begins with an empty line
            attenuation[HALF : HALF + int(WINDOW * RATE) + 2 * TAPS] = np.nan
        axes.plot(seconds[shown], attenuation[shown], color=colour, lw=width, ls=style, label=label)
    axes.axvline(SECONDS / 2, color=BLACK, lw=0.8, ls=":")
    axes.text(SECONDS / 2 - 0.4, 5.0, "the path turns round", ha="right", fontsize=9)
    told = f"the online form meets its limit,\ngives up and learns the path: {result.retreats} times"
    axes.annotate(told, (SECONDS / 2 + 5.0, 1.0), (SECONDS / 2 + 1.0, 23.0), fontsize=9, color=BLUE, arrowprops={
        "arrowstyle": "-", "color": BLUE, "lw": 0.8
    })  # fmt: skip
    axes.set(xlabel="time / s", ylabel="attenuation / dB", xlim=(0, SECONDS), ylim=(-30, 62))
    axes.set_title(
        f"Attenuation at the error microphone, over {WINDOW:g} s; below 0 it is louder than without", loc="left"
    )
    axes.legend(loc="upper left", ncols=3, framealpha=1.0)
    axes.grid(alpha=0.3)

    last = int(LAST * RATE)
    for column, (half, name) in enumerate(zip(halves(), ("before", "after the turn"), strict=True)):
        axes = figure.add_subplot(grid[1, column])
        for which, colour, width in ((SILENT, GREY, 1.4), (FIXED, GREEN, 1.4), (ONLINE, BLUE, 2.0)):
            if column and which == FIXED:
                continue  # it is far above
            f, power = signal.welch(result.outputs[which].heard[half][-last:], RATE, nperseg=2048)
            axes.plot(f, 10.0 * np.log10(power), color=colour, lw=width, label=which)
        axes.set(xlabel="frequency / Hz", ylabel="power density / dB", xlim=(0.0, 1200.0), ylim=(-75, 0))
        axes.set_title(f"Spectrum, last {LAST:g} s {name}", loc="left")
        axes.legend(loc="upper right", framealpha=1.0)
        axes.grid(alpha=0.3)

        axes = figure.add_subplot(grid[2, column])
        axes.plot(result.paths[column], color=BLACK, lw=3.0, alpha=0.3, label="true path")
        axes.plot(result.measured, color=GREEN, lw=1.0, label="measured beforehand")
        axes.plot(result.learnt[column], color=BLUE, lw=1.2, ls="--", label="learnt while it works")
        axes.set(xlabel="sample", ylabel="secondary path", xlim=(0, PATH))
        axes.set_title(f"The path of the loudspeaker, {name}", loc="left")
        axes.legend(loc="upper right", framealpha=1.0)
    figure.savefig(path, dpi=110)
