"""Divergence is noticed before the error dwarfs the signal, and nothing that a sound filter meets is taken for it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm
from streammse.kernels import fir

LENGTH = 20_000
PATH = [0.5, -0.3, 0.1]


def signals(seed: int = 0, pole: float = 0.0, samples: int = LENGTH):
    """An input of unit power and what a short path makes of it, with a little noise."""
    rng = np.random.default_rng(seed)
    x = lfilter([np.sqrt(1.0 - pole * pole)], [1.0, -pole], rng.standard_normal(samples))
    return x, lfilter(PATH, [1.0], x) + 0.05 * rng.standard_normal(samples)


@pytest.mark.parametrize("taps", [4, 32])
@pytest.mark.parametrize("pole", [0.0, 0.9])
def test_a_step_beyond_the_bound_is_noticed(taps: int, pole: float) -> None:
    bound = sm.max_step(sm.LMS(taps), signals(0, pole)[0])
    for seed in range(5):
        x, d = signals(seed, pole)
        with pytest.raises(FloatingPointError, match="its error outgrew the signal; lower mu"):
            sm.LMS(taps, 1.35 * bound, on_divergence="raise").run(x, d)


@pytest.mark.parametrize(
    "f",
    [
        sm.HuberLMS(4, 5.0),
        sm.HuberLMS(4, 100.0),
        sm.HuberLMS(128, 100.0),
        sm.LogCoshLMS(4, 100.0),
        sm.MCCLMS(4, 100.0),
        sm.SignErrorLMS(4, 1.0),
        sm.SignErrorLMS(4, 1000.0),
        sm.SignErrorLMS(4, 1e6),
        sm.SignSignLMS(4, 1000.0),
        sm.SignDataLMS(4, 1.0),
        sm.PinballLMS(4, 1000.0),
        sm.PinballLMS(4, 1000.0, 0.99),
        sm.LMF(4, 1.0),
    ],
    ids=repr,
)
def test_an_error_beyond_the_signal_is_noticed_within_a_few_watches(f) -> None:
    x, d = signals(samples=8 * (fir.WATCH + f.taps))
    f.on_divergence = "raise"
    with pytest.raises(FloatingPointError, match="its error outgrew the signal"):
        f.run(x, d)
    f.on_divergence = "hold"
    with pytest.warns(RuntimeWarning, match="learning stopped"):
        f.run(x, d)
    assert f.diverged == 1


def test_one_reference_of_two_is_enough() -> None:
    x, d = signals(samples=5000)
    f = sm.HuberLMS(4, 10.0, references=2)
    with pytest.warns(RuntimeWarning, match="weights set to zero"):
        f.run(np.column_stack([x, np.zeros(5000)]), d)


def test_noticing_needs_no_scale() -> None:
    """Not even when x and d differ by twelve orders of magnitude."""
    x, d = signals(samples=10_000)
    for by_x, by_d in ((1.0, 1.0), (1e6, 1.0), (1.0, 1e6), (1e-6, 1.0), (1.0, 1e-6)):
        f = sm.LMS(16, 0.4 / by_x**2, on_divergence="raise")
        with pytest.raises(FloatingPointError):
            f.run(by_x * x, by_d * d)


SOUND = [
    sm.NLMS(16, 0.5),
    sm.NLMS(16, 1.0),
    sm.NLMS(8, 1.6),
    sm.NLMS(200, 0.5),
    sm.LMS(16, 0.003),
    sm.LeakyLMS(16, 0.003, 0.01),
    sm.HuberLMS(16, 0.01),
    sm.LogCoshLMS(16, 0.01),
    sm.MCCLMS(16, 0.01),
    sm.SignErrorLMS(16, 0.0005),
    sm.SignDataLMS(16, 0.01),
    sm.SignSignLMS(16, 0.0005),
    sm.PinballLMS(16, 0.0005, 0.9),
    sm.NLMF(16, 0.5),
]
HALF = 4000
TRIALS = {
    "convergence": lambda x, d: None,
    "a spike in d": lambda x, d: d.__setitem__(HALF, 1e3),
    "spikes in d": lambda x, d: d.__setitem__(slice(HALF, None, 333), 300.0),
    "a spike in x": lambda x, d: x.__setitem__(HALF, 10.0),
    "a burst in d": lambda x, d: d.__imul__(np.where(abs(np.arange(8000) - HALF) < 50, 100.0, 1.0)),
    "a burst in both": lambda x, d: [
        one.__imul__(np.where(abs(np.arange(8000) - HALF) < 50, 2.0, 1.0)) for one in (x, d)
    ],
    "a quiet passage": lambda x, d: [one[HALF:6000].__imul__(1e-6) for one in (x, d)],
    "quiet in x": lambda x, d: x[HALF:6000].__imul__(1e-6),
    "the path turns over": lambda x, d: d[HALF:].__imul__(-1.0),
    "the path is louder": lambda x, d: d[HALF:].__imul__(30.0),
    "the path is gone": lambda x, d: d.__setitem__(slice(HALF, None), lfilter([0.1], 1, d[HALF:])),
    "gaps in d": lambda x, d: d.__setitem__(np.random.default_rng(5).random(8000) < 0.8, np.nan),
    "noise alone": lambda x, d: d.__setitem__(slice(None), np.random.default_rng(6).standard_normal(8000)),
}


@pytest.mark.parametrize("trial", TRIALS)
@pytest.mark.parametrize("pole", [0.0, 0.9])
def test_a_sound_filter_is_left_alone(trial: str, pole: float) -> None:
    """Warnings are errors here, so nothing was reset either."""
    x, d = signals(3, pole, 8000)
    TRIALS[trial](x, d)
    for one in SOUND:
        f = one.clone()
        f.run(x, d)
        assert f.diverged == 0, f


@pytest.mark.parametrize("f", [sm.NLMS(16, 0.5), sm.NLMS(200, 1.0), sm.NLMF(16, 1.0), sm.NLMS(32, 0.05)], ids=repr)
def test_a_normalised_filter_takes_any_change_of_level(f) -> None:
    """Spikes in x of a thousand times, levels of x and d that leap by 120 dB: the weights fall back, so it is sound."""
    for seed in range(2):
        for change in ("spike", "spikes", "x up", "x down", "d up", "d down", "both down"):
            x, d = signals(seed, 0.5, 8000)
            if change == "spike":
                x[HALF] = 1e3
            elif change == "spikes":
                x[HALF::1500] = 30.0
            if change.startswith(("x", "both")):
                x[HALF:] *= 1e6 if change.endswith("up") else 1e-6
            if change.startswith(("d", "both")):
                d[HALF:] *= 1e6 if change.endswith("up") else 1e-6
            g = f.clone()
            g.run(x, d)
            assert g.diverged == 0, change


@pytest.mark.parametrize("f", [*SOUND, sm.LMS(16, 0.0), sm.LMS(16, 1e-6), sm.HuberLMS(16, 1e-6)], ids=repr)
def test_wrong_weights_are_not_held_against_a_filter(f) -> None:
    x, d = signals(7, samples=8000)
    f = f.clone()
    f.run(x[:1000], d[:1000])
    f.weights = 100.0 * np.random.default_rng(8).standard_normal(f.weights.shape)
    f.run(x[1000:], d[1000:])
    assert f.diverged == 0


@pytest.mark.parametrize("q", [0.001, 0.9, 0.999])
def test_a_quantile_may_lie_far_from_the_mean(q: float) -> None:
    rng = np.random.default_rng(9)
    for d in (rng.standard_normal(LENGTH), (rng.random(LENGTH) < 0.01) * 1.0, rng.exponential(1.0, LENGTH)):
        f = sm.PinballLMS(1, 0.01, q)
        f.run(np.ones(LENGTH), d)
        assert f.diverged == 0


def bold(policy: str, references: int = 1):
    f = sm.HuberLMS(5, 3.0, on_divergence=policy, references=references)
    x, d = signals(10, samples=4000)
    d[::7] = np.nan  # a watch counts the samples that taught
    return f, (x if references == 1 else np.column_stack([x, x[::-1]])), d


@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize("policy", ["reset", "hold"])
@pytest.mark.filterwarnings("ignore:the adaptive filter diverged")
def test_stream_and_chunks_and_the_interpreter_notice_the_same(policy: str, references: int) -> None:
    whole, x, d = bold(policy, references)
    y = whole.run(x, d)
    assert whole.diverged >= 1
    parts, *_ = bold(policy, references)
    np.testing.assert_array_equal(
        np.concatenate([parts.run(x[a : a + 97], d[a : a + 97]) for a in range(0, 4000, 97)]), y
    )
    one, *_ = bold(policy, references)
    np.testing.assert_array_equal([one.update(x[t], d[t]) for t in range(4000)], y)
    np.testing.assert_array_equal(parts._s, whole._s)
    np.testing.assert_array_equal(one._s, whole._s)
    plain, *_ = bold(policy, references)
    step = plain._kernel()
    for t in range(4000):  # rounding is amplified by a divergence: the samples are others, the verdict is the same
        step(plain._p, plain._s, x[t], d[t])
    assert plain.diverged >= 1


def test_raise_at_the_end_of_a_watch_leaves_a_sound_filter() -> None:
    f, x, d = bold("raise")
    with pytest.raises(FloatingPointError):
        f.run(x, d)
    np.testing.assert_array_equal(f._s, f.clone()._s)
    caught = 0
    for t in range(4000):
        try:
            f.update(x[t], d[t])
        except FloatingPointError:
            caught += 1
            break
    assert caught == f.diverged == 1
    assert f._s[fir.GAIN] == 0.0
    before = f.weights
    f.update(0.0)
    np.testing.assert_allclose(f.weights, before, rtol=1e-14)


def test_reset_begins_a_new_watch() -> None:
    f, x, d = bold("reset")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f.run(x, d)
    f.mu = 0.01
    f.weights = np.zeros(5)
    assert f._s[fir.ERRORS] == f._s[fir.LENGTH] == 0.0
    count = f.diverged
    f.run(x, d)
    assert f.diverged == count
