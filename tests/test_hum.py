"""The hum canceller on simulated hum, where everything is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

import streammse as sm

RATE = 360.0
SECONDS = 20.0


def coloured(samples: int, seed: int) -> np.ndarray:
    """Noise of unit power, strongest at low frequencies, as most sensors have it."""
    noise = signal.lfilter([1.0], [1.0, -0.95], np.random.default_rng(seed).standard_normal(samples + 500))[500:]
    return noise / noise.std()


def hum(
    rate: float, mains: float = 50.0, amplitudes: tuple[float, ...] = (1.0, 0.35, 0.2), wander: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """Hum whose frequency swings by `wander` Hz in 15 s and whose amplitude by a quarter in 25 s; its frequency."""
    t = np.arange(int(SECONDS * rate)) / rate
    frequency = mains + wander * np.sin(2 * np.pi * t / 15.0)
    phase = 2 * np.pi * np.cumsum(frequency) / rate
    drift = 1.0 + 0.25 * np.sin(2 * np.pi * t / 25.0)
    return drift * sum(a * np.sin(k * phase + k) for k, a in enumerate(amplitudes, 1)), frequency


def snr(truth: np.ndarray, y: np.ndarray) -> float:
    return float(10 * np.log10(truth.var() / np.mean((y - truth) ** 2)))


@pytest.mark.parametrize(
    ("rate", "mains", "lines"),
    [(180.0, 60.0, 1), (200.0, 50.0, 1), (250.0, 50.0, 2), (360.0, 50.0, 3), (1000.0, 60.0, 3), (44100.0, 50.0, 3)],
)
def test_hum_goes_at_any_rate(rate: float, mains: float, lines: int) -> None:
    noise, frequency = hum(rate, mains, (1.0, 0.35, 0.2)[:lines])
    truth = coloured(len(noise), seed=1)
    canceller = sm.HumCanceller(rate, mains)
    y = canceller.run(truth + noise)
    settled = slice(int(rate), None)
    assert len(canceller.amplitudes) == lines
    assert snr(truth[settled], (truth + noise)[settled]) < 3.5
    assert snr(truth[settled], y[settled]) > 18.0
    assert abs(canceller.frequency - frequency[-1]) < 0.1
    expected = (1.0 + 0.25 * np.sin(2 * np.pi * SECONDS / 25.0)) * np.array((1.0, 0.35, 0.2))[:lines]
    np.testing.assert_allclose(canceller.amplitudes, expected, atol=0.1)


def test_the_frequency_is_followed() -> None:
    noise, frequency = hum(RATE)
    canceller = sm.HumCanceller(RATE)
    x = coloured(len(noise), seed=2) + noise
    tracked = []
    for sample in x.tolist():
        canceller.update(sample)
        tracked.append(canceller.frequency)
    error = np.array(tracked)[360:] - frequency[360:]
    assert np.sqrt(np.mean(error**2)) < 0.03
    assert abs(error.mean()) < 0.01


@pytest.mark.parametrize("scale", [1e-6, 1e6, 1e-30, 1e30])
def test_the_scale_does_not_matter(scale: float) -> None:
    noise, _ = hum(RATE)
    x = coloured(len(noise), seed=3) + noise
    y = sm.HumCanceller(RATE).run(x)
    np.testing.assert_allclose(sm.HumCanceller(RATE).run(scale * x) / scale, y, rtol=1e-9, atol=1e-9)


def test_an_offset_does_not_matter() -> None:
    noise, _ = hum(RATE)
    x = coloured(len(noise), seed=3) + noise
    np.testing.assert_allclose(sm.HumCanceller(RATE).run(x + 1e3) - 1e3, sm.HumCanceller(RATE).run(x), atol=1e-8)


def test_hum_that_is_not_there_is_not_added() -> None:
    truth = coloured(int(SECONDS * RATE), seed=4)
    y = sm.HumCanceller(RATE).run(truth)
    assert snr(truth[360:], y[360:]) > 28.0
    noise, _ = hum(RATE)
    assert snr(truth[360:], sm.HumCanceller(RATE).run(truth + 0.01 * noise)[360:]) > 28.0


def test_pure_hum_vanishes() -> None:
    t = np.arange(int(SECONDS * RATE)) / RATE
    noise = 3.0 * np.sin(2 * np.pi * 50.1 * t) + 0.5 * np.sin(2 * np.pi * 100.2 * t + 1.0)
    canceller = sm.HumCanceller(RATE)
    y = canceller.run(noise)
    assert np.abs(y[1800:]).max() < 1e-5
    assert canceller.frequency == pytest.approx(50.1, abs=1e-5)
    np.testing.assert_allclose(canceller.amplitudes, [3.0, 0.5, 0.0], atol=1e-5)


def test_it_learns_fast() -> None:
    noise, _ = hum(RATE)
    truth = 0.1 * coloured(len(noise), seed=5)
    y = sm.HumCanceller(RATE).run(truth + noise)
    before, after = np.mean(noise[:72] ** 2), np.mean((y - truth)[72:144] ** 2)
    assert after < 1e-2 * before  # 20 dB within the first 0.2 s


@pytest.mark.parametrize(("first", "then"), [(0.0, 1.0), (0.3, 1.0), (1.0, 0.3), (1.0, 0.0), (1.0, -1.0)])
def test_a_jump_of_the_hum_is_caught(first: float, then: float) -> None:
    noise, _ = hum(RATE)
    truth = 0.1 * coloured(len(noise), seed=6)
    half = len(noise) // 2
    level = np.where(np.arange(len(noise)) < half, first, then)
    error = sm.HumCanceller(RATE).run(truth + level * noise) - truth
    assert np.mean(error[half + 360 : half + 1080] ** 2) < 2e-3 * np.mean(noise**2)


def test_a_jump_of_the_frequency_is_caught() -> None:
    t = np.arange(int(SECONDS * RATE))
    half = len(t) // 2
    frequency = np.where(t < half, 49.85, 50.2)
    noise = np.sin(2 * np.pi * np.cumsum(frequency) / RATE)
    truth = 0.1 * coloured(len(t), seed=7)
    canceller = sm.HumCanceller(RATE)
    error = canceller.run(truth + noise) - truth
    assert np.mean(error[half + 360 :] ** 2) < 1e-3
    assert canceller.frequency == pytest.approx(50.2, abs=0.02)


def test_the_frequency_stays_within_the_tolerance() -> None:
    t = np.arange(int(SECONDS * RATE)) / RATE
    x = np.sin(2 * np.pi * 51.5 * t) + 0.1 * coloured(len(t), seed=8)
    narrow, wide = sm.HumCanceller(RATE, tolerance=0.5), sm.HumCanceller(RATE, tolerance=2.0)
    narrow.run(x)
    wide.run(x)
    assert 49.5 <= narrow.frequency <= 50.5
    assert wide.frequency == pytest.approx(51.5, abs=0.02)


def test_a_beat_moves_nothing() -> None:
    """Bursts as strong as the hum and a seventh of the time, which carry the very frequencies of the hum."""
    t = np.arange(int(SECONDS * RATE)) / RATE
    rng = np.random.default_rng(9)
    beats = np.zeros(len(t))
    for start in np.arange(0.5, SECONDS - 0.5, 0.7) + rng.uniform(0.0, 0.1, len(np.arange(0.5, SECONDS - 0.5, 0.7))):
        beats += 3.0 * np.exp(-(((t - start) / 0.012) ** 2)) - 1.0 * np.exp(-(((t - start - 0.03) / 0.012) ** 2))
    noise, _ = hum(RATE)
    y = sm.HumCanceller(RATE).run(beats + 0.01 * rng.standard_normal(len(t)) + noise)
    peaks, _ = signal.find_peaks(beats, height=2.0)
    assert len(peaks) > 20
    assert np.abs(y[peaks[1:]] - beats[peaks[1:]]).max() < 0.03 * 3.0
    assert snr(beats[360:], y[360:]) > 30.0


def test_gaps_teach_nothing_and_hold_the_last_clean_sample() -> None:
    noise, _ = hum(RATE)
    truth = 0.1 * coloured(len(noise), seed=10)
    x = truth + noise
    gap = slice(3600, 4000)
    x[gap] = np.nan
    canceller = sm.HumCanceller(RATE)
    y = canceller.run(x)
    assert np.isfinite(y).all()
    assert np.ptp(y[gap]) == 0.0
    assert y[3600] == pytest.approx(y[3599], abs=0.05)
    assert np.mean((y - truth)[4072:] ** 2) < 2e-3 * np.mean(noise**2)
    scattered = truth + noise
    missing = np.random.default_rng(11).random(len(x)) < 0.1
    scattered[missing] = np.nan
    y = sm.HumCanceller(RATE).run(scattered)
    assert np.mean((y - truth)[~missing][360:] ** 2) < 2e-3 * np.mean(noise**2)


def test_dirt_passes() -> None:
    noise, _ = hum(RATE)
    truth = 0.1 * coloured(len(noise), seed=12)
    x = truth + noise
    rng = np.random.default_rng(13)
    at = rng.choice(np.arange(360, len(x)), 40, replace=False)
    x[at] = rng.choice([np.inf, -np.inf, np.nan, 1e6, -1e9, 1e300], 40)
    y = sm.HumCanceller(RATE).run(x)
    kept = np.ones(len(x), dtype=bool)
    kept[at] = False
    kept[:360] = False
    assert np.isfinite(y).all()
    assert np.mean((y - truth)[kept] ** 2) < 1e-2 * np.mean(noise**2)


def test_silence_first_and_between() -> None:
    noise, _ = hum(RATE)
    truth = 0.1 * coloured(len(noise), seed=14)
    silence = np.zeros(int(60 * RATE))
    y = sm.HumCanceller(RATE).run(np.concatenate([silence, truth + noise, silence, truth + noise]))
    n = len(silence)
    np.testing.assert_array_equal(y[:n], silence)
    assert np.abs(y[n + len(noise) + 720 :][: n - 720]).max() < 1e-2
    assert np.mean((y[-len(noise) :] - truth)[1080:] ** 2) < 2e-3 * np.mean(noise**2)


def test_a_million_samples() -> None:
    noise, _ = hum(RATE)
    x = np.tile(coloured(len(noise), seed=15) + noise, 140)
    canceller = sm.HumCanceller(RATE)
    y = canceller.run(x)
    assert len(x) > 1_000_000
    assert np.isfinite(canceller._s).all()
    truth = coloured(len(noise), seed=15)
    assert snr(truth[1080:], y[-len(noise) :][1080:]) > 18.0


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ({}, TypeError, "rate"),
        ({"rate": 100.0}, ValueError, "rate must be at least 3 \\* mains = 150 Hz, got 100"),
        ({"rate": 360.0, "tolerance": 13.0}, ValueError, "tolerance must be at most mains / 4 = 12.5 Hz, got 13"),
        ({"rate": 360.0, "harmonics": 0}, ValueError, "harmonics must be 1 <= harmonics, got 0"),
    ],
)
def test_errors(params: dict[str, float], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        sm.HumCanceller(**params)
