"""Filtered-x filters against a twin, against LMS, and in their closed loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm

from . import naive

MODELS = [[0.0, 0.8, 0.4, 0.1, -0.2], [0.0, 0.0, 0.5, -0.3, 0.1]]


def noise(samples: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((samples, columns))


def attenuation(d: np.ndarray, e: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(d**2) / np.mean(e**2)))


@pytest.mark.parametrize(("references", "microphones"), [(1, 1), (2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("normalised", [False, True])
def test_it_is_the_slow_twin(references: int, microphones: int, normalised: bool) -> None:
    x, e = noise(300, references), noise(300, microphones, 1)
    models = MODELS[:microphones]
    known = {"secondary": models if microphones > 1 else models[0], "leak": 0.1, "references": references}
    if normalised:
        f = sm.FilteredXNLMS(taps=6, mu=0.3, regulariser=0.01, **known)
        y, w = naive.filtered_x(x, e, 6, 0.3, models, 0.1, 0.01)
    else:
        f = sm.FilteredXLMS(taps=6, mu=0.02, **known)
        y, w = naive.filtered_x(x, e, 6, 0.02, models, 0.1)
    row = np.column_stack([x, e[:, 1:]])
    np.testing.assert_allclose(f.run(row, e[:, 0]), y, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.atleast_2d(f.weights), w[-1], rtol=1e-10, atol=1e-12)


def test_with_a_bare_path_it_is_lms_on_the_negated_error() -> None:
    x = noise(2000, 1)[:, 0]
    d = np.convolve(x, [0.5, -0.3, 0.1])[:2000] + 0.1 * noise(2000, 1, 1)[:, 0]
    lms = sm.LMS(taps=5, mu=0.01)
    y = lms.run(x, d)
    f = sm.FilteredXLMS(taps=5, mu=0.01, secondary=[1.0])
    np.testing.assert_allclose(f.run(x, y - d), y, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(f.weights, lms.weights, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("taps", "delay"), [(16, 1), (16, 8), (32, 16)])
def test_the_largest_step_is_that_of_elliott_and_nelson(taps: int, delay: int) -> None:
    """1 / (P (taps + delay)) is safe on white noise, twice that is not."""
    rng = np.random.default_rng(taps)
    x = rng.standard_normal(20_000)
    path = np.r_[np.zeros(delay), 2.0]  # the power of the filtered reference is 4
    d = np.convolve(x, np.r_[np.zeros(delay), rng.standard_normal(taps)])[: x.size]
    largest = 1.0 / (4.0 * (taps + delay))
    safe = sm.FilteredXLMS(taps=taps, mu=largest, secondary=path)
    error, _ = sm.active_control(safe, x, d, path)
    assert attenuation(d, error[-2000:]) > 100.0
    beyond = sm.FilteredXLMS(taps=taps, mu=2.0 * largest, secondary=path)
    with pytest.warns(RuntimeWarning, match="the adaptive filter diverged"):
        error, _ = sm.active_control(beyond, x, d, path)
    assert np.abs(error).max() > 10.0 * np.abs(d).max()
    assert np.isfinite(error).all()


def test_the_loop_is_update_after_update() -> None:
    """Two references, two microphones, two loudspeakers, in Python; and a loop that is cut goes on."""
    x, d = noise(500, 2), noise(500, 2, 1)
    path = 0.3 * noise(12, 4, 2).T.reshape(2, 2, 12)
    path[..., 0] = 0.0

    def controllers() -> list[sm.FilteredXNLMS]:
        return [sm.FilteredXNLMS(taps=8, mu=0.05, secondary=path[k], references=2) for k in range(2)]

    error, output = sm.active_control(controllers(), x, d, path)
    live, y = controllers(), np.zeros((500, 2))
    for t in range(500):
        e = d[t].copy()
        for j in range(1, min(12, t + 1)):
            e += y[t - j] @ path[:, :, j]
        np.testing.assert_allclose(error[t], e, rtol=1e-9, atol=1e-12)
        y[t] = [one.update(np.r_[x[t], error[t, 1]], error[t, 0]) for one in live]
        np.testing.assert_array_equal(output[t], y[t])
    again = controllers()
    first, played = sm.active_control(again, x[:200], d[:200], path)
    second, _ = sm.active_control(again, x[200:], d[200:], path, played=played)
    np.testing.assert_array_equal(np.vstack([first, second]), error)


def test_two_loudspeakers_quieten_two_microphones() -> None:
    rng = np.random.default_rng(3)
    path = rng.standard_normal((2, 2, 6)) * 0.5 ** np.arange(6)
    path[..., 0] = 0.0
    x = rng.standard_normal(30_000)
    primary = np.r_[np.zeros(6), [0.8, -0.3, 0.2]]
    d = np.column_stack([np.convolve(x, primary)[: x.size], np.convolve(x, -0.5 * primary[::-1])[: x.size]])
    one = sm.FilteredXNLMS(taps=48, mu=0.2, secondary=path[0])
    alone, _ = sm.active_control(one, x, d, path[0])
    both = [sm.FilteredXNLMS(taps=48, mu=0.2, secondary=path[k]) for k in range(2)]
    together, _ = sm.active_control(both, x, d, path)
    assert attenuation(d, together[-3000:]) > attenuation(d, alone[-3000:]) + 6.0


def test_a_model_wrong_by_more_than_90_degrees_stays_within_the_limit() -> None:
    t = np.arange(20_000)
    x = np.sin(0.3 * t)
    f = sm.FilteredXNLMS(taps=8, mu=0.05, secondary=[0.0, -1.0], limit=3.0)
    error, output = sm.active_control(f, x, 2.0 * x, [0.0, 1.0])
    assert np.abs(output).max() <= 3.0
    assert np.abs(output[-1000:]).max() > 2.9
    assert np.isfinite(f.weights).all()
    unlimited = sm.FilteredXNLMS(taps=8, mu=0.05, secondary=[0.0, -1.0])
    with pytest.warns(RuntimeWarning, match="the adaptive filter diverged"):
        error, output = sm.active_control(unlimited, x, 2.0 * x, [0.0, 1.0])
    assert np.abs(error).max() < 1e8  # without it: 1e99
    assert np.isfinite(output).all()
    right = sm.FilteredXNLMS(taps=8, mu=0.05, secondary=[0.0, 1.0], limit=1.0)  # within reach of half of the noise
    error, output = sm.active_control(right, x, 2.0 * x, [0.0, 1.0])
    assert np.abs(output).max() <= 1.0
    assert attenuation(2.0 * x, error[-1000:]) > 4.0


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_dirt_is_survived_and_forgotten(scale: float) -> None:
    """Zeros first, a quiet passage, a bang of 1e7 times the signal at the microphone, gaps: then as quiet as before."""
    rng = np.random.default_rng(1)
    x = scale * rng.standard_normal(30_000)
    x[:500] = 0.0
    x[8000:12_000] *= 1e-6
    d = np.convolve(x, [0, 0, 0, 0.9, -0.4, 0.2])[: x.size] + 1e-3 * scale * rng.standard_normal(x.size)
    path = [0.0, 0.0, 0.6, 0.2]
    f = sm.FilteredXNLMS(taps=16, mu=0.2, secondary=path)
    error, _ = sm.active_control(f, x[:16_000], d[:16_000], path)
    assert attenuation(d[14_000:16_000], error[-2000:]) > 50.0
    for at, dirt in ((0, 1e7 * scale), (20, np.nan), (25, np.inf), (30, -1e300)):
        f.update(x[16_000 + at], dirt)
    x[17_000:17_003] = np.nan, np.inf, 1e7 * scale
    error, output = sm.active_control(f, x[17_000:], d[17_000:], path)
    assert np.isfinite(output).all()
    assert attenuation(d[-2000:], error[-2000:]) > 50.0
    assert np.abs(output[20:]).max() < 1e2 * scale  # a bang at the microphone is no bang from the loudspeaker


def test_references_that_are_the_same_share_the_weight() -> None:
    x = noise(20_000, 1)[:, 0]
    d = np.convolve(x, [0, 0, 0.9, -0.4])[: x.size]
    f = sm.FilteredXNLMS(taps=8, mu=0.3, secondary=[0.0, 1.0], references=2)
    error, _ = sm.active_control(f, np.column_stack([x, x]), d, [0.0, 1.0])
    assert attenuation(d, error[-1000:]) > 60.0
    np.testing.assert_allclose(f.weights[0], f.weights[1], rtol=1e-6, atol=1e-9)


def test_what_cannot_be_is_refused() -> None:
    f = sm.FilteredXLMS(taps=4, secondary=[0.0, 1.0])
    with pytest.raises(TypeError, match="missing a required argument: 'secondary'"):
        sm.FilteredXLMS(taps=4)
    for wrong in ([], [[[1.0]]]):
        with pytest.raises(ValueError, match="secondary must have shape"):
            sm.FilteredXLMS(secondary=wrong)
    with pytest.raises(ValueError, match="secondary must hold finite numbers"):
        sm.FilteredXLMS(secondary=[0.0, np.nan])
    with pytest.raises(ValueError, match="must begin with 0"):
        sm.active_control(f, [1.0], [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"path must have shape \(2, L\)"):
        sm.active_control(sm.FilteredXLMS(secondary=MODELS), [1.0], [[1.0, 2.0]], [0.0, 2.0])
    with pytest.raises(TypeError, match="must be a filtered-x filter"):
        sm.active_control(sm.NLMS(), [1.0], [1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="got one of them twice"):
        sm.active_control([f, f], [1.0], [1.0], np.zeros((2, 1, 2)))
    with pytest.raises(ValueError, match="must agree"):
        sm.active_control([f, sm.FilteredXLMS(secondary=MODELS)], [1.0], [1.0], [0.0])


def test_the_online_one_is_the_slow_twin() -> None:
    x, e = noise(95, 2).T  # so few that no error can be an outlier
    f = sm.OnlineFilteredXNLMS(
        taps=6, mu=0.2, secondary=MODELS[0], probe=0.3, nu=0.05, settle=30, seed=77, regulariser=0.0
    )
    y, model = naive.cross_updated(x, e, 6, 0.2, MODELS[0], 0.3, 0.05, 30, 77)
    np.testing.assert_allclose(f.run(x, e), y, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(f.model, model, rtol=1e-9, atol=1e-11)
    assert np.abs(f.weights).max() > 1e-3


def test_a_path_that_turns_round_is_learnt_anew() -> None:
    """The polarity of the path changes: a fixed model diverges, the online one is quiet again."""
    x = noise(60_000, 1)[:, 0]
    d = np.convolve(x, [0, 0, 0, 0.9, -0.4, 0.2])[: x.size]
    path = np.array([0.0, 0.0, 0.6, 0.2])
    online = sm.OnlineFilteredXNLMS(taps=16, mu=0.01, secondary=np.zeros(4), nu=0.02, settle=5000, limit=12.0)
    error, played = sm.active_control(online, x, d, path)
    np.testing.assert_allclose(online.model, path, atol=0.01)
    heard = 0.05**2 * np.sum(path**2)  # the probe through the path is all that remains
    assert np.mean(error[-5000:] ** 2) == pytest.approx(heard, rel=0.1)
    error, played = sm.active_control(online, x, d, -path, played=played)
    np.testing.assert_allclose(online.model, -path, atol=0.01)
    assert np.mean(error[-5000:] ** 2) == pytest.approx(heard, rel=0.1)
    assert np.abs(played).max() < 12.0 + 1.74 * 0.05
    fixed = sm.FilteredXNLMS(taps=16, mu=0.01, secondary=path, limit=12.0)
    sm.active_control(fixed, x, d, path)
    error, _ = sm.active_control(fixed, x, d, -path)
    assert attenuation(d, error[-5000:]) < -10.0


def test_an_output_that_stays_at_its_limit_is_given_up() -> None:
    t = np.arange(8000)
    x, path = np.sin(0.3 * t), np.array([0.0, 0.0, 0.8])
    f = sm.OnlineFilteredXNLMS(taps=8, mu=0.05, secondary=-path, nu=0.001, settle=2000, limit=4.0)
    assert sm.active_control(f, x[:2000], x[:2000], path).output.std() == pytest.approx(0.05, rel=0.1)  # the probe
    _, output = sm.active_control(f, x[2000:4000], x[2000:4000], path)
    assert np.abs(output).max() > 3.9
    assert f.retreats == 1


def test_the_online_one_has_one_microphone_and_survives_silence() -> None:
    with pytest.raises(ValueError, match="one error microphone, got 2 rows"):
        sm.OnlineFilteredXNLMS(secondary=MODELS)
    f = sm.OnlineFilteredXNLMS(taps=4, secondary=[0.0, 0.5], nu=0.1)
    _, output = sm.active_control(f, np.zeros(3000), np.zeros(3000), [0.0, 0.8])  # the probe alone
    np.testing.assert_allclose(f.model, [0.0, 0.8], atol=1e-3)
    assert np.std(output) == pytest.approx(0.05, rel=0.05)
    assert not f.weights.any()


def test_a_constant_reference_controls_a_constant() -> None:
    f = sm.FilteredXNLMS(taps=8, mu=0.1, secondary=[0.0, 0.5, 0.5])
    error, output = sm.active_control(f, np.ones(5000), np.full(5000, 3.0), [0.0, 0.5, 0.5])
    assert np.abs(error[-100:]).max() < 1e-9
    np.testing.assert_allclose(output[-100:], -3.0, atol=1e-9)


WRONG = {
    "the sign": {"mu": 0.1, "secondary": [0.0, 0.0, -0.6, -0.2]},
    "the sign, slowly": {"mu": 0.005, "secondary": [0.0, 0.0, -0.6, -0.2]},
    "the delay": {"mu": 0.1, "secondary": [0.0, 0.0, 0.0, 0.0, 0.0, 0.6, 0.2]},
    "the step": {"mu": 1.9, "secondary": [0.0, 0.0, 0.6, 0.2]},
}


def plant(samples: int = 16_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A reference, what arrives of it, and noise that it knows nothing of."""
    x, v = noise(samples, 2, seed).T
    return x, np.convolve(x, [0, 0, 0, 0.9, -0.4, 0.2])[:samples], v


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("references", [1, 2])
def test_a_control_that_diverges_is_noticed(wrong: str, references: int) -> None:
    x, d, v = plant()
    row = x if references == 1 else np.column_stack([x, 0.3 * v])
    f = sm.FilteredXNLMS(taps=16, references=references, **WRONG[wrong])
    with pytest.warns(RuntimeWarning, match="adaptive filter diverged: .* weights set to zero; check secondary, lower"):
        error, _ = sm.active_control(f, row, d, [0.0, 0.0, 0.6, 0.2])
    assert f.diverged >= 1
    assert np.abs(error).max() < 1e8  # without it: 1e99
    g = sm.FilteredXNLMS(taps=16, references=references, on_divergence="hold", **WRONG[wrong])
    with pytest.warns(RuntimeWarning, match="weights set to zero and learning stopped until reset"):
        error, output = sm.active_control(g, row, d, [0.0, 0.0, 0.6, 0.2])
    assert g.diverged == 1
    assert not g.weights.any()
    assert not output[-100:].any()
    np.testing.assert_array_equal(error[-100:], d[-100:])
    h = sm.FilteredXNLMS(taps=16, references=references, on_divergence="raise", **WRONG[wrong])
    with pytest.raises(FloatingPointError, match="error and its weights grew together; check secondary"):
        sm.active_control(h, row, d, [0.0, 0.0, 0.6, 0.2])


HALF = 8000
SOUND = {
    "convergence": lambda x, d, v: (x, d),
    "the path is louder": lambda x, d, v: (x, np.where(np.arange(x.size) < HALF, d, 30.0 * d)),
    "noise sets in": lambda x, d, v: (x, d + np.where(np.arange(x.size) < HALF + 100, 0.0, 1e6 * v)),
    "some noise sets in": lambda x, d, v: (x, d + np.where(np.arange(x.size) < HALF + 100, 0.0, 30.0 * v)),
    "both fade in": lambda x, d, v: [a * np.geomspace(1e-6, 1.0, x.size) for a in (x, d)],
    "both fade out under noise": lambda x, d, v: (
        x * np.geomspace(1.0, 1e-6, x.size),
        d * np.geomspace(1.0, 1e-6, x.size) + 0.01 * v,
    ),
    "a quiet passage": lambda x, d, v: (
        np.where(abs(np.arange(x.size) - HALF) < 2000, 1e-6 * x, x),
        np.where(abs(np.arange(x.size) - HALF) < 2000, 1e-6 * d, d) + 0.1 * v,
    ),
    "noise grows": lambda x, d, v: (x, d + v * np.geomspace(1e-2, 1.0, x.size)),
    "noise alone": lambda x, d, v: (x, v),
    "spikes": lambda x, d, v: (x, d + 300.0 * (np.arange(x.size) % 333 == 0)),
    "bursts": lambda x, d, v: (x, d * np.where(np.arange(x.size) % 4000 < 50, 100.0, 1.0)),
}


@pytest.mark.parametrize("trial", SOUND)
@pytest.mark.parametrize("pole", [0.0, 0.9])
def test_a_sound_control_is_left_alone(trial: str, pole: float) -> None:
    """Warnings are errors here."""
    path = [0.0, 0.0, 0.6, 0.2]
    for seed in range(3):
        x, _, v = plant(seed=seed)
        x = lfilter([np.sqrt(1.0 - pole * pole)], [1.0, -pole], x)
        d = np.convolve(x, [0, 0, 0, 0.9, -0.4, 0.2])[: x.size]
        x, d = SOUND[trial](x, d, v)
        for taps, mu in ((16, 0.1), (16, 0.01), (64, 0.3)):
            f = sm.FilteredXNLMS(taps, mu, secondary=path)
            sm.active_control(f, x, d, path)
            assert f.diverged == 0, f


def test_a_diverging_control_that_learns_its_path_finds_it_again() -> None:
    x, d, _ = plant(40_000)
    path = np.array([0.0, 0.0, 0.6, 0.2])
    f = sm.OnlineFilteredXNLMS(taps=16, mu=0.05, secondary=-path, nu=1e-7, settle=0)
    with pytest.warns(RuntimeWarning, match="adaptive filter diverged"):
        sm.active_control(f, x[:20_000], d[:20_000], path)
    assert f.diverged >= 1
    assert np.abs(f.weights).max() < 100.0
