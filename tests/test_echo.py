"""The echo canceller: against its definition, through talk and a path that moves, and what breaks others."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.signal import fftconvolve, lfilter
from typer.testing import CliRunner

import streammse as sm
from streammse.cli import app

from . import naive
from .cases import stream

RATE = 4000  # of the scenes below, in samples a second, whatever that is
TAPS, BLOCK = 512, 64


class Scene(NamedTuple):
    """What is played, and what of it and beside it is heard."""

    far: np.ndarray
    echo: np.ndarray
    beside: np.ndarray  # talk and noise
    paths: tuple[np.ndarray, np.ndarray]

    @property
    def microphone(self) -> np.ndarray:
        return self.echo + self.beside

    def erle(self, clean: np.ndarray, begin: float, end: float) -> float:
        """How much weaker the echo is, in dB, from one second to another."""
        at = slice(int(begin * RATE), int(end * RATE))
        return float(10.0 * np.log10(np.mean(self.echo[at] ** 2) / np.mean((clean - self.beside)[at] ** 2)))


def scene(seed: int = 0, seconds: int = 24, talk: float = 1.0) -> Scene:
    """A coloured far end that comes and goes; talk from 8 to 14 s; the path moves at 18 s."""
    rng = np.random.default_rng(seed)
    samples = seconds * RATE
    loud = np.repeat(10.0 ** rng.uniform(-1.0, 0.0, samples // 400), 400)
    far, near = (loud * lfilter([1.0], [1.0, -0.9], rng.standard_normal(samples)) for _ in range(2))
    paths = []
    for delay in (30, 55):
        h = np.zeros(TAPS)
        h[delay:] = rng.standard_normal(TAPS - delay) * np.exp(-np.arange(TAPS - delay) / 60.0)
        h[delay] = 4.0
        paths.append(h / np.linalg.norm(h))
    first, second = (fftconvolve(far, h)[:samples] for h in paths)
    echo = np.where(np.arange(samples) < 18 * RATE, first, second)
    seconds_ = np.arange(samples) / RATE
    talking = talk * ((seconds_ >= 8.0) & (seconds_ < 14.0))
    beside = talking * near * echo.std() / near.std() + 1e-3 * echo.std() * rng.standard_normal(samples)
    return Scene(far, echo, beside, (paths[0], paths[1]))


@pytest.mark.parametrize(("taps", "block", "blocks"), [(16, 4, 700), (150, 32, 240)])
def test_it_is_its_definition(taps: int, block: int, blocks: int) -> None:
    rng = np.random.default_rng(taps)
    far = lfilter([1.0], [1.0, -0.7], rng.standard_normal(blocks * block))
    path = rng.standard_normal(taps) * np.exp(-4.0 * np.arange(taps) / taps)
    mic = fftconvolve(far, path)[: far.size] + 0.1 * rng.standard_normal(far.size)
    mic[blocks * block // 3 :] *= -1.0  # another path
    mic[2 * blocks * block // 3 :][: 15 * block] += 20.0 * rng.standard_normal(15 * block)  # talk
    e = sm.EchoCanceller(taps, block)
    clean, weights, taken = naive.echo(far, mic, taps, block, 0.5, 2e-4, 1e-2)
    np.testing.assert_allclose(e.run(far, mic), clean, atol=1e-8 * np.abs(mic).max())
    np.testing.assert_allclose(e.weights, weights, atol=1e-8)
    assert e.taken == taken > 1


@pytest.mark.parametrize("seed", [0, 1])
def test_through_talk_and_after_a_move(seed: int) -> None:
    s = scene(seed)
    e = sm.EchoCanceller(TAPS, BLOCK)
    clean = e.run(s.far, s.microphone)
    assert s.erle(clean, 1.0, 2.0) > 25.0
    assert s.erle(clean, 6.0, 8.0) > 45.0
    assert min(s.erle(clean, at, at + 1.0) for at in range(8, 14)) > 18.0  # while somebody talks
    assert s.erle(clean, 14.0, 15.0) > 30.0  # and at once afterwards
    assert s.erle(clean, 19.0, 20.0) > 20.0  # a second after the path moved
    assert s.erle(clean, 22.0, 24.0) > 40.0
    for mu in (0.5, 0.1):  # a fixed step is thrown off
        y = sm.PBFDAF(TAPS, BLOCK, mu=mu).run(s.far, s.microphone)
        assert s.erle(s.microphone - y, 9.0, 14.0) < 13.0
    assert e.delay == 55


def test_its_measures() -> None:
    s = scene(talk=0.0, seconds=16)
    e = sm.EchoCanceller(TAPS, BLOCK)
    assert (e.erle, e.residual, e.taken, e.delay) == (0.0, 0.0, 0, 0)
    clean = e.run(s.far, s.microphone)
    weight = np.exp((np.arange(clean.size) - clean.size) / 2560.0)
    energies = np.sum(weight * s.microphone**2), np.sum(weight * clean**2)
    assert e.erle == pytest.approx(10.0 * np.log10(energies[0] / energies[1]), abs=0.3)
    left = np.mean((clean - s.beside)[-RATE:] ** 2)
    assert 0.5 * left < e.residual < 30.0 * left
    assert e.delay == 30
    np.testing.assert_allclose(e.weights, s.paths[0], atol=0.01)


@pytest.mark.parametrize("gain", [2.0**-20, 2.0**20])
def test_the_scale_of_either_signal_changes_nothing(gain: float) -> None:
    s = scene(seconds=4)
    clean = sm.EchoCanceller(TAPS, BLOCK).run(s.far, s.microphone)
    np.testing.assert_array_equal(sm.EchoCanceller(TAPS, BLOCK).run(s.far, gain * s.microphone), gain * clean)
    np.testing.assert_allclose(
        sm.EchoCanceller(TAPS, BLOCK).run(gain * s.far, s.microphone), clean, atol=1e-12 * np.abs(clean).max()
    )


@pytest.mark.parametrize("level", [0.0, 10.0])
def test_under_noise_louder_than_the_echo_it_still_learns(level: float) -> None:
    s = scene(talk=0.0, seconds=16)
    noise = 10.0 ** (level / 20.0) * s.echo.std() * np.random.default_rng(1).standard_normal(s.far.size)
    s = s._replace(beside=noise)
    clean = sm.EchoCanceller(TAPS, BLOCK).run(s.far, s.microphone)
    assert s.erle(clean, 12.0, 16.0) > 14.0 - level


HARD = {
    "sine": lambda t: np.sin(0.3 * t),
    "a sine in a little noise": lambda t: np.sin(0.05 * t) + 1e-3 * np.random.default_rng(0).standard_normal(t.size),
    "constant": np.ones_like,
    "silence": np.zeros_like,
}


@pytest.mark.parametrize("name", HARD)
def test_hard_far_ends(name: str) -> None:
    far = HARD[name](np.arange(24_000.0))
    echo = np.convolve(far, scene(seconds=1).paths[0])[: far.size]
    clean = sm.EchoCanceller(TAPS, BLOCK).run(far, echo)
    assert np.abs(clean).max() <= 1.01 * np.abs(echo).max()
    assert np.mean(clean[-4000:] ** 2) <= 1e-4 * np.mean(echo**2)


def test_what_breaks_others() -> None:
    s = scene(talk=0.0, seconds=16)

    def run(far: np.ndarray, microphone: np.ndarray) -> np.ndarray:
        e = sm.EchoCanceller(TAPS, BLOCK)
        clean = e.run(far, microphone)
        assert np.isfinite(clean).all()
        assert np.isfinite(e.s).all()
        return clean

    spike = s.microphone.copy()
    spike[8 * RATE] = 1e7 * s.echo.std()
    assert s.erle(run(s.far, spike), 9.0, 10.0) > 30.0
    spike = s.far.copy()
    spike[8 * RATE] = 1e7
    echo = fftconvolve(spike, s.paths[0])[: s.far.size]
    assert s.erle(s.echo + run(spike, echo + s.beside) - echo, 9.0, 10.0) > 40.0
    gone = s.microphone.copy()
    gone[8 * RATE : 10 * RATE] = np.nan
    clean = run(s.far, gone)
    assert not clean[8 * RATE : 10 * RATE].any()
    assert s.erle(clean, 10.0, 10.5) > 35.0  # nothing is forgotten meanwhile
    quiet = np.where(np.arange(s.far.size) // RATE % 16 < 8, 1.0, 1e-6)
    echo = fftconvolve(quiet * s.far, s.paths[0])[: s.far.size]
    e = sm.EchoCanceller(TAPS, BLOCK)
    e.run(quiet * s.far, echo + s.beside)  # noise 60 dB above what is left of the echo
    assert np.linalg.norm(e.weights - s.paths[0]) < 0.01


def test_it_never_stays_louder_than_the_microphone() -> None:
    """A far end that is heard and then is not: what was learnt must not sound on."""
    rng = np.random.default_rng(0)
    far = rng.standard_normal(40_000)
    mic = np.convolve(far, [0.0, 3.0, -2.0])[: far.size]
    mic[20_000:] = 1e-3 * rng.standard_normal(20_000)
    clean = sm.EchoCanceller(64, 16).run(far, mic)
    assert np.mean(clean[-10_000:] ** 2) < 2.0 * np.mean(mic[-10_000:] ** 2)


def test_the_far_end_comes_first_everywhere(tmp_path: Path) -> None:
    s = scene(seconds=2)
    whole, live = sm.EchoCanceller(TAPS, BLOCK), sm.EchoCanceller(TAPS, BLOCK)
    clean = whole.run(s.far, s.microphone)
    np.testing.assert_array_equal(stream(live, (s.far, s.microphone)), clean)
    rows = sm.bank(sm.EchoCanceller(TAPS, BLOCK), 2).run(np.stack([s.far] * 2), np.stack([s.microphone] * 2))
    np.testing.assert_array_equal(rows, [clean, clean])
    assert live.update(1.0) == 0.0  # no microphone
    table = np.column_stack([s.far, s.microphone])
    np.savetxt(tmp_path / "in.csv", table, delimiter=",", header="far,mic", comments="", fmt="%.17g")
    options = ["-c", "mic", "-r", "far", "-m", "echo", "--set", f"taps={TAPS}", "--set", f"block={BLOCK}"]
    done = CliRunner().invoke(app, ["denoise", str(tmp_path / "in.csv"), *options, "-o", str(tmp_path / "out.csv")])
    assert done.exit_code == 0, done.stderr
    np.testing.assert_allclose(np.loadtxt(tmp_path / "out.csv", delimiter=",", skiprows=1)[:, -1], clean, rtol=1e-12)


def test_what_it_does_not_take(tmp_path: Path) -> None:
    e = sm.EchoCanceller(64, 16)
    with pytest.raises(TypeError, match="microphone"):
        e.run(np.ones(3))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="far_end and microphone must have the same length, got 3 and 4"):
        e.run(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="far_end must have shape"):
        e.run(np.ones((3, 2)), np.ones(3))
    with pytest.raises(ValueError, match="block must be a power of two, got 12"):
        sm.EchoCanceller(64, 12)
    for options, told in (
        (["-m", "echo"], "method echo subtracts what the microphone hears"),
        (["-m", "echo", "-r", "far", "-r", "more"], "method echo takes one reference, got 2"),
    ):
        (tmp_path / "in.csv").write_text("mic,far,more\n1,2,3\n2,3,4\n")
        done = CliRunner().invoke(app, ["denoise", str(tmp_path / "in.csv"), "-c", "mic", *options, "-o", "out.csv"])
        assert done.exit_code == 2
        assert told in done.stderr
