"""The cancellers and the smoother: against slow twins, closed forms, and the filters that are told the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import linalg, signal

import streammse as sm
from streammse.denoise import smoother as bank

T = 30_000


def db(error: np.ndarray, against: np.ndarray | float = 1.0) -> float:
    return float(10.0 * np.log10(np.mean(np.square(error)) / np.mean(np.square(against))))


def unit(x: np.ndarray) -> np.ndarray:
    return x / x.std()


def path(rng: np.random.Generator, length: int = 20) -> np.ndarray:
    return unit(rng.standard_normal(length) * np.exp(-np.arange(length) / 5.0))


# NoiseCanceller


def recording(kind: str, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reference, noise (of unit power) and wanted signal."""
    rng = np.random.default_rng(seed)
    t = np.arange(T)
    x, h = rng.standard_normal(T), path(rng)
    coloured = unit(signal.lfilter([1.0], [1.0, -0.9], rng.standard_normal(T)))
    wanted = {
        "as strong": rng.standard_normal(T),
        "weak": 0.1 * rng.standard_normal(T),
        "strong and slow": 10.0 * unit(signal.lfilter([1.0], [1.0, -0.95], rng.standard_normal(T))),
        "sine": np.sin(t / 9.3),
        "bursts": 10.0 * np.convolve(t % 300 == 0, np.hanning(20))[:T] + 0.05 * rng.standard_normal(T),
    }
    if kind == "moving path":
        a, b = path(rng), path(rng)
        turn = 2.0 * math.pi * t / 20_000.0
        noise = np.cos(turn) * signal.lfilter(a, 1.0, x) + np.sin(turn) * signal.lfilter(b, 1.0, x)
        return x, unit(noise), 0.2 * coloured
    if kind == "new path":
        noise = np.r_[signal.lfilter(h, 1.0, x)[: T // 2], signal.lfilter(path(rng), 1.0, x)[T // 2 :]]
        return x, unit(noise), 0.5 * coloured
    if kind == "sine":
        x = coloured
    return x, unit(signal.lfilter(h, 1.0, x)), wanted[kind]


KINDS = ["as strong", "weak", "strong and slow", "sine", "bursts", "moving path", "new path"]


@pytest.mark.parametrize("kind", KINDS)
def test_canceller_needs_no_tuning(kind: str) -> None:
    """The default is about as good as the best fixed step, whichever that is for the recording at hand."""
    x, noise, wanted = recording(kind)
    late = slice(T // 2, None)
    left = db((sm.NoiseCanceller().run(wanted + noise, x) - wanted)[late])
    fixed = {}
    for mu in (0.5, 0.1, 0.02, 0.005):
        y = sm.NLMS(taps=32, mu=mu).run(x, wanted + noise)
        fixed[mu] = db((noise - y)[late])
    assert left < min(fixed.values()) + 1.5, fixed
    assert left < -5.0
    assert left < sorted(fixed.values())[1] + 0.5, fixed  # and better than what nearly everybody would have chosen


def test_canceller_leaks_as_theory_says() -> None:
    """A wanted signal of unit power, and the smallest step: mu / (2 - mu) of it, and a little from the middle one."""
    x, noise, wanted = recording("as strong")
    left = np.mean((sm.NoiseCanceller(mu=0.5).run(wanted + noise, x) - wanted)[T // 2 :] ** 2)
    theory = 0.005 / (2.0 - 0.005)
    assert 0.8 * theory < left < 1.5 * theory


def test_bursts_do_not_disturb_the_canceller() -> None:
    x, noise, wanted = recording("bursts")
    robust, square = (
        db((sm.NoiseCanceller(huber=huber).run(wanted + noise, x) - wanted)[T // 2 :]) for huber in (2.5, 1e6)
    )
    assert robust < square - 6.0
    peaks = (np.convolve(np.arange(T) % 300 == 0, np.hanning(20))[:T] > 0.99) & (np.arange(T) > T // 2)
    height = sm.NoiseCanceller().run(wanted + noise, x)[peaks] / wanted[peaks]
    assert np.abs(height - 1.0).max() < 0.03


@pytest.mark.parametrize(("of_signal", "of_reference"), [(1e-6, 1.0), (1e6, 1e-6), (1.0, 1e6), (1e6, 1e6)])
def test_canceller_has_no_scale(of_signal: float, of_reference: float) -> None:
    x, noise, wanted = (one[:4000] for one in recording("bursts"))
    clean = sm.NoiseCanceller().run(wanted + noise, x)
    scaled = sm.NoiseCanceller().run(of_signal * (wanted + noise), of_reference * x) / of_signal
    np.testing.assert_allclose(scaled, clean, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("of_signal", [1e-320, 1e-160, 1.0, 1e99, 1e160])
@pytest.mark.parametrize("of_reference", [1e-320, 1e-160, 1.0, 1e99, 1e160])
def test_canceller_stays_finite_at_the_ends_of_the_range(of_signal: float, of_reference: float) -> None:
    """Below 1e-100 there is silence, above 1e100 nothing is known."""
    x, noise, wanted = (one[:1500] for one in recording("sine"))
    canceller = sm.NoiseCanceller()
    clean = canceller.run(of_signal * (wanted + noise), of_reference * x)
    assert (np.isfinite(clean) if of_signal < 1e100 else np.isnan(clean)).all()
    assert np.isfinite(canceller.weights).all()
    again = canceller.run(wanted + noise, x)
    assert np.isfinite(again).all()
    if of_reference == 1e-160 and of_signal < 1e100:  # a reference that is silent explains nothing
        np.testing.assert_allclose(clean, of_signal * (wanted + noise), rtol=1e-9, atol=1e-100)
    for keep in ("signal", "noise"):
        enhanced = sm.LineEnhancer(keep=keep).run(of_signal * (wanted + noise))
        assert (np.isfinite(enhanced) if of_signal < 1e100 else np.isnan(enhanced)).all()


def _warming_up(x: np.ndarray, how: str) -> np.ndarray:
    x = x.copy()
    if how == "zeros":
        x[:30] = 0.0
    elif how == "one zero":
        x[0] = 0.0
    elif how == "runs up":
        x *= 1.0 - np.exp(-np.arange(len(x)) / 5.0)
    elif how == "jumps":
        x[1500:] += 1e4
    return x


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
@pytest.mark.parametrize("how", ["at once", "zeros", "one zero", "runs up", "jumps"])
def test_a_sensor_with_an_offset_that_warms_up(how: str, offset: float) -> None:
    rng = np.random.default_rng(0)
    t = np.arange(6000)
    wanted, x, noise = np.sin(t / 30.0), rng.standard_normal(6000), 0.2 * rng.standard_normal(6000)
    heard = wanted + np.convolve(x, [0.6, 0.3, -0.2])[:6000]
    clean = sm.NoiseCanceller(taps=16).run(heard, _warming_up(x + offset, how))
    assert np.mean((clean - wanted)[3000:] ** 2) < 0.01 * np.mean((heard - wanted) ** 2)
    if how in ("at once", "zeros", "one zero"):
        clean = sm.LineEnhancer().run(_warming_up(wanted + noise + offset, how))
        assert np.mean((clean - wanted - offset)[3000:] ** 2) < 0.25 * np.mean(noise**2)
        hum = 0.5 * np.sin(2.0 * np.pi * 50.0 * t / 1000.0)
        clean = sm.HumCanceller(1000, 50).run(_warming_up(wanted + hum + offset, how))
        assert np.mean((clean - wanted - offset)[2000:] ** 2) < 1e-3 * np.mean(hum**2)


@pytest.mark.parametrize(
    "make", [lambda: sm.NoiseCanceller(8), sm.LineEnhancer, lambda: sm.HumCanceller(1000, 50), sm.Smoother]
)
def test_before_the_first_sample_nothing_is_believed(make) -> None:
    node = make()
    x = np.r_[[np.nan] * 3, 25.0, 25.1, np.nan, 25.2]
    clean = node.run(x, np.arange(7.0)) if isinstance(node, sm.NoiseCanceller) else node.run(x)
    assert np.isnan(clean[:3]).all()
    assert np.isfinite(clean[3:]).all()


def test_hum_takes_what_is_beyond_1e100_as_missing() -> None:
    x = np.sin(np.arange(1000.0))
    x[[500, 700]] = 1e100, -1e101
    assert np.abs(sm.HumCanceller(1000, 50).run(x)).max() < 10.0


def test_a_reference_that_falls_silent_for_good() -> None:
    """Its power decays to nothing; the step relative to it must not grow without bound."""
    x, noise, wanted = (one[:1000] for one in recording("sine"))
    canceller = sm.NoiseCanceller(taps=2)
    canceller.run(wanted + noise, x)
    left = canceller.run(np.tile(wanted, 1600), np.zeros(1_600_000))
    assert np.isfinite(left).all()
    assert np.isfinite(canceller.run(wanted + noise, x)).all()


@pytest.mark.parametrize("kind", ["bursts", "weak", "new path"])
def test_offsets_of_the_sensors_do_no_harm(kind: str) -> None:
    x, noise, wanted = recording(kind)
    late = slice(T // 2, None)
    without = sm.NoiseCanceller().run(wanted + noise, x) - wanted
    offset = sm.NoiseCanceller().run(wanted + noise + 1000.0, x - 300.0) - wanted - 1000.0
    assert db(offset[late]) < max(db(without[late]) + 2.0, -35.0)  # the mean itself is known to -40 dB or so
    line, v = lines(1.0, 0.5)
    clean = sm.LineEnhancer().run(line + v + 50.0) - line - 50.0
    assert db(clean[late], line) < -13.0


def test_a_quiet_passage_of_the_reference_does_no_harm() -> None:
    x, noise, wanted = (one[:9000].copy() for one in recording("as strong"))
    canceller = sm.NoiseCanceller()
    canceller.run((wanted + noise)[:6000], x[:6000])
    before = canceller.weights
    canceller.run(wanted[6000:], 1e-6 * x[6000:])  # the motor is off; what the sensor hears has nothing to do with it
    assert np.linalg.norm(canceller.weights - before) < 0.2 * np.linalg.norm(before)


def test_canceller_with_several_references() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((T, 3)) * [1.0, 5.0, 0.2]
    paths = np.stack([path(rng, 8) / scale for scale in (1.0, 5.0, 0.2)])
    wanted = 0.3 * np.sin(np.arange(T) / 9.0)
    noise = sum(signal.lfilter(paths[r], 1.0, x[:, r]) for r in range(3))
    canceller = sm.NoiseCanceller(taps=8, references=3)
    left = canceller.run(wanted + noise, x) - wanted
    assert canceller.weights.shape == (3, 8)
    np.testing.assert_allclose(canceller.weights[:2] * [[1.0], [5.0]], paths[:2] * [[1.0], [5.0]], atol=0.1)
    assert db(left[T // 2 :], noise) < -20.0
    with pytest.raises(ValueError, match=r"reference must have shape \(T, 3\)"):
        canceller.run(wanted, x[:, :2])
    with pytest.raises(TypeError, match="needs the reference"):
        canceller.run(wanted)


def naive_canceller(d: np.ndarray, x: np.ndarray, taps: int, mu: float = 0.5, memory: float = 1000.0) -> np.ndarray:
    """The equations of ``kernels/cancelling.py``, with loops over nothing but time."""
    w, gain = np.zeros((3, taps)), np.zeros(3)
    line = np.zeros(taps)
    share, square = np.full(3, 1.0 / 3.0), np.zeros(3)
    past, out = np.zeros((8, 4)), np.zeros(len(d))  # the last eight of the three errors and of the output, cut
    r, a, power, scale, learnt, since, looks = np.zeros(9), np.zeros(8), 0.0, 0.0, 0, 0, 0
    mean = variance = centre = 0.0
    for n in range(len(d)):
        w = w + gain[:, None] * line
        off = x[n] - mean  # no spikes in this recording: nothing is cut
        if n < 2:  # the first sample, and the first that differs
            mean, line = x[n], np.r_[0.0, line[:-1]]
        else:
            young = 4.0 / (n + 3.0)
            solid = max(n / 4.0, n - 400.0)
            mean += off * min(young, 1.0 / solid)
            variance += (off**2 * (1.0 - young) - variance) * max(young, 1.0 / 2000.0)
            out_stands = max(0.0, 1.0 - variance * (0.01 + 400.0 / solid) / mean**2)
            line = np.r_[x[n] - mean * out_stands, line[:-1]]
            power += (min(line[0] ** 2, 100.0 * variance) - power) * max(young, 1.0 / 2000.0)
        if not np.isfinite(d[n]):
            foretold = a @ past[:, 3]
            out[n] = centre + foretold
            past = np.vstack((np.full(4, foretold), past[:-1]))
            gain = np.zeros(3)
            continue
        learnt += 1
        out[n] = d[n] - share @ w @ line
        off = out[n] - centre
        near = max(-0.25 * scale, min(off, 0.25 * scale)) if learnt > 16 else off
        centre += off if learnt < 3 else near / max(min(learnt, 16), max(learnt / 4, learnt - 400) / 4)
        errors = d[n] - centre - w @ line
        e = share @ errors
        size = min(abs(e), 10.0 * scale) if scale > 0.0 else abs(e)
        limit = 2.5 * math.sqrt(math.pi / 2.0) * scale if scale > 0.0 else np.inf
        scale += (size - scale) * max(4.0 / (learnt + 3.0), 1.0 / 2000.0)
        cut = np.clip(np.r_[errors, e], -limit, limit)
        r += (cut[3] * np.r_[cut[3], past[:, 3]] - r) / min(learnt, memory)
        white = cut - a @ past
        square += (white[:3] ** 2 - square) / min(learnt, memory)
        past = np.vstack((cut, past[:-1]))
        below = line @ line + 1e-3 * taps * power
        gain = mu * np.array([1.0, 0.1, 0.01]) * cut[:3] / below if below > 0.0 else np.zeros(3)
        since += 1
        if since < 16 and learnt > 256:
            continue
        since, looks = 0, looks + 1
        if r[0] > 0.0:
            a = linalg.solve_toeplitz(r[:8] + 1e-6 * np.r_[r[0], np.zeros(7)], r[1:])
        share = np.where(square > 0.0, square.min() / np.where(square > 0.0, square, 1.0), 1.0) ** 128
        share /= share.sum()
        best = int(square.argmin())
        if looks == 16:
            looks = 0
            for j in range(best + 1, 3):
                if share[j] < 0.3 * share[best]:
                    w[j], gain[j], square[j], past[:, j] = w[best], gain[best], square[best], past[:, best]
    return out


def test_canceller_is_its_equations() -> None:
    x, noise, wanted = (one[:1500] for one in recording("sine"))
    d = wanted + noise
    d[700:720] = np.nan
    np.testing.assert_allclose(sm.NoiseCanceller(taps=12).run(d, x), naive_canceller(d, x, 12), rtol=1e-6, atol=1e-8)


def test_canceller_in_a_gap() -> None:
    x, noise, wanted = recording("sine")
    d = wanted + noise
    d[20_000:20_100] = np.nan
    canceller = sm.NoiseCanceller()
    before = canceller.run(d[:20_000], x[:20_000])
    weights = canceller.weights
    inside = canceller.run(d[20_000:20_100], x[20_000:20_100])
    np.testing.assert_allclose(canceller.weights, weights, rtol=1e-9, atol=1e-12)  # nothing is learnt
    after = canceller.run(d[20_100:], x[20_100:])
    assert np.abs(inside[:10] - wanted[20_000:20_010]).max() < 0.2  # a sine is believed to go on
    assert np.abs(inside).max() < 2.0
    first = after[:200] - wanted[20_100:20_300]  # the delay line went on, so the first sample is as clean as any
    assert db(first) < db((before - wanted[:20_000])[10_000:]) + 3.0


# LineEnhancer


def lines(amplitude: float, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return amplitude * np.sin(np.arange(T) / 7.0), noise * rng.standard_normal(T)


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_enhancer_comes_near_the_wiener_solution(noise: float) -> None:
    """Zeidler: the best predictor of n taps makes a line n / 2 times cleaner, its bias included."""
    line, v = lines(1.0, noise)
    clean = sm.LineEnhancer().run(line + v)
    lags = 0.5 * np.cos(np.arange(65) / 7.0)
    w = linalg.solve_toeplitz(lags[:64] + np.r_[noise**2, np.zeros(63)], lags[1:])
    best = np.convolve(line + v, np.r_[0.0, w])[:T] - line
    assert abs(db(best[T // 2 :], line) + 10.0 * math.log10(0.5 / noise**2 * 32.0)) < 2.0  # the closed form
    assert db((clean - line)[T // 2 :]) < db(best[T // 2 :]) + 2.5


def test_enhancer_halves_add_up() -> None:
    line, v = lines(1.0, 0.7)
    signal_kept = sm.LineEnhancer().run(line + v)
    noise_kept = sm.LineEnhancer(keep="noise").run(line + v)
    np.testing.assert_allclose(signal_kept + noise_kept, line + v, atol=1e-12)
    assert db((noise_kept - v)[T // 2 :], line) < -14.0


def test_enhancer_follows_a_line_that_drifts() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(T)
    line = np.sin(t / 7.0 + 20.0 * np.sin(t / 5000.0))
    clean = sm.LineEnhancer().run(line + 0.5 * rng.standard_normal(T))
    assert db((clean - line)[2000:], line) < -15.0


def test_delay_keeps_noise_with_a_memory_out() -> None:
    line, v = lines(1.0, 1.0)
    v = signal.lfilter([0.5, 0.5, 0.5, 0.5], 1.0, v)
    short, long = (db((sm.LineEnhancer(delay=delay).run(line + v) - line)[T // 2 :]) for delay in (1, 4))
    assert long < short - 5.0


def test_enhancer_bridges_a_gap() -> None:
    line, v = lines(3.0, 0.3)
    d = line + v
    d[20_000:20_200] = np.nan
    enhancer = sm.LineEnhancer()
    clean = enhancer.run(d)
    assert db((clean - line)[20_000:20_200], line) < -20.0
    assert db((clean - line)[20_200:20_400], line) < -20.0
    assert not sm.LineEnhancer(keep="noise").run(d)[20_000:20_200].any()
    endless = enhancer.run(np.full(20_000, np.nan))
    assert np.abs(endless).max() <= np.nanmax(np.abs(d))


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_enhancer_has_no_scale(scale: float) -> None:
    line, v = (one[:5000] for one in lines(1.0, 0.5))
    np.testing.assert_allclose(
        sm.LineEnhancer().run(scale * (line + v)) / scale, sm.LineEnhancer().run(line + v), atol=1e-6
    )


def test_enhancer_weights_are_those_of_its_output() -> None:
    line, v = (one[:3000] for one in lines(1.0, 0.5))
    enhancer = sm.LineEnhancer(taps=10, delay=3)
    enhancer.run((line + v)[:-1])
    predicted = enhancer.weights @ (line + v)[-4:-14:-1]
    assert enhancer.update((line + v)[-1]) == pytest.approx(predicted, abs=0.1)


# Smoother


def structural(level: float, trend: float, seed: int, size: int = 2500) -> tuple[np.ndarray, np.ndarray]:
    """Truth and observation (noise of unit variance) of a local level with trend."""
    rng = np.random.default_rng(seed)
    slope = np.cumsum(math.sqrt(trend) * rng.standard_normal(size))
    truth = np.cumsum(slope + math.sqrt(level) * rng.standard_normal(size))
    return truth, truth + rng.standard_normal(size)


def forecasts(smoother: sm.Smoother, y: np.ndarray) -> np.ndarray:
    """What was foretold of each sample."""
    found = np.empty_like(y)
    for t, one in enumerate(y):
        found[t] = smoother.level + smoother.trend
        smoother.update(one)
    return found


@pytest.mark.parametrize(
    ("level", "trend"),
    [(1e-3, 0.0), (0.03, 0.0), (0.3, 0.0), (3.0, 0.0), (0.0, 1e-4), (0.01, 1e-4), (0.3, 0.01), (1.0, 0.1)],
)
def test_smoother_is_as_good_as_the_filter_that_is_told(level: float, trend: float) -> None:
    """One-step squared error within 3 % of the Kalman filter with the true variances (statsmodels)."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    ours = told = 0.0
    for seed in range(2):
        _, y = structural(level, trend, seed)
        model = UnobservedComponents(y, "lltrend" if trend else "llevel")
        oracle = model.filter([1.0, level, trend] if trend else [1.0, level]).filter_results.forecasts[0]
        ours += np.mean((y - forecasts(sm.Smoother(), y))[300:] ** 2)
        told += np.mean((y - oracle)[300:] ** 2)
    assert ours < 1.03 * told


def test_gains_of_the_bank_are_those_of_riccati() -> None:
    node = sm.Smoother()
    node.run(np.random.default_rng(0).standard_normal(3000))
    for k in range(bank.K):
        q, r = bank.Q_LEVEL[k], bank.Q_TREND[k]
        alpha, beta = node._s[bank.ALPHA + k], node._s[bank.BETA + k]
        if r == 0.0:
            assert (alpha, beta) == (pytest.approx((math.sqrt(q * q + 4 * q) - q) / 2.0, rel=1e-3), 0.0)
            continue
        f, h = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0], [0.0]])
        p = linalg.solve_discrete_are(f.T, h, np.diag([q, r]), np.eye(1))
        np.testing.assert_allclose([alpha, beta], p[:, 0] / (p[0, 0] + 1.0), rtol=1e-3)


@pytest.mark.parametrize("ratio", [1e-3, 0.1, 3.0])
def test_ratio_is_found(ratio: float) -> None:
    found = []
    for seed in range(5):
        node = sm.Smoother()
        node.run(structural(ratio, 0.0, seed)[1])
        found.append(node.ratio)
    assert ratio / 2.0 < np.median(found) < 2.0 * ratio


def test_spikes_do_not_pass() -> None:
    truth, y = structural(0.01, 0.0, 3)
    rng = np.random.default_rng(0)
    spiked = y.copy()
    at = rng.choice(np.arange(20, len(y)), 50, replace=False)
    spiked[at] += rng.choice([-1.0, 1.0], 50) * rng.uniform(10.0, 1e4, 50)
    clean, disturbed = sm.Smoother().run(y), sm.Smoother().run(spiked)
    assert np.abs(disturbed - truth)[20:].max() < np.abs(clean - truth)[20:].max() + 1.0
    assert np.mean((disturbed - truth) ** 2) < 1.3 * np.mean((clean - truth) ** 2)
    assert np.mean((sm.Smoother(huber=1e9).run(spiked) - truth) ** 2) > 100.0 * np.mean((disturbed - truth) ** 2)


FIRST_READINGS = [(at,) for at in range(8)] + [(0, 1), (0, 4), (1, 3)]


@pytest.mark.parametrize("size", [-200.0, 20.0, 3000.0, 1e9])
def test_bad_first_readings_are_forgotten(size: float) -> None:
    """As good as without them: from the ninth sample on, and from the thirtieth on in every single recording."""
    for at in FIRST_READINGS:
        soon, settled = np.zeros(2), np.zeros(2)
        for seed in range(10):
            y = np.random.default_rng(seed).standard_normal(400)
            bad = y.copy()
            bad[list(at)] += size * np.array([1.0, 1.5])[: len(at)]
            errors = [sm.Smoother().run(0.1 * one + 20.0) - 20.0 for one in (y, bad)]
            soon += [np.mean(error[8:30] ** 2) for error in errors]
            settled += [np.mean(error[30:] ** 2) for error in errors]
        assert soon[1] < 1.3 * soon[0], at
        assert settled[1] < 1.15 * settled[0], at


def test_a_bad_first_reading_of_a_coarse_sensor() -> None:
    """Most of the readings are equal, so the least step away from them is no outlier, but 85 is."""
    truth = 20.1 + 0.02 * np.sin(np.arange(500) / 80.0)
    y = np.round((truth + 0.03 * np.random.default_rng(0).standard_normal(500)) * 16.0) / 16.0
    clean = sm.Smoother().run(y)
    wrong = sm.Smoother().run(np.r_[85.0, y])[1:]
    np.testing.assert_allclose(wrong[20:], clean[20:], atol=0.03)
    frozen = sm.Smoother().run(np.r_[85.0, np.full(20, 20.0)])
    assert (frozen[4:] == 20.0).all()


def test_a_gap_in_the_beginning() -> None:
    y = 20.0 + 0.1 * np.random.default_rng(1).standard_normal(60)
    y[[1, 2, 4]] = np.nan
    bad = y.copy()
    bad[0] = -40.0
    clean, wrong = sm.Smoother().run(y), sm.Smoother().run(bad)
    assert np.isfinite(clean).all()
    assert np.abs(clean - 20.0).max() < 0.3
    assert np.abs(wrong[8:] - 20.0).max() < 0.3


def test_a_jump_is_a_new_level() -> None:
    truth, y = structural(1e-3, 0.0, 4)
    y[1000:] += 500.0
    clean = sm.Smoother().run(y) - truth
    assert np.abs(clean[1000:1004]).max() < 10.0  # might be spikes
    assert np.abs(clean[1004:1200] - 500.0).max() < 3.0  # the fifth says that they are not
    patient = sm.Smoother(patience=9).run(y) - truth
    assert np.abs(patient[1000:1008]).max() < 20.0
    assert np.abs(patient[1008:1200] - 500.0).max() < 3.0


def test_gaps_are_predicted_through() -> None:
    t = np.arange(1200.0)
    truth = 0.05 * t
    y = truth + 0.2 * np.random.default_rng(0).standard_normal(t.size)
    y[600:605] = y[900:1100] = np.nan
    node = sm.Smoother()
    clean = node.run(y[:610])
    assert np.abs(clean - truth[:610])[595:610].max() < 0.3
    clean = np.r_[clean, node.run(y[610:])]
    gap = clean[900:1100]
    assert (np.diff(gap) >= 0.0).all()
    assert 0.0 <= gap[-1] - gap[150] < 0.01  # in a long gap the trend has faded
    assert gap[-1] <= truth[1099]
    assert np.abs(clean - truth)[1110:].max() < 0.5
    forever = node.run(np.full(100_000, np.nan))
    assert np.ptp(forever[50_000:]) == 0.0
    assert abs(node.update(40.0) - 40.0) < 1.0  # after so long little else is known


def test_leading_gap_and_first_sample() -> None:
    node = sm.Smoother()
    assert math.isnan(node.level)
    assert np.isnan(node.run([np.nan, np.inf])).all()
    assert node.update(21.5) == 21.5
    assert (node.level, node.trend) == (21.5, 0.0)


def test_a_frozen_sensor_wakes_up() -> None:
    rng = np.random.default_rng(2)
    y = np.r_[np.full(500, 20.5), 20.5 + rng.standard_normal(2000)]
    clean = sm.Smoother().run(y)
    assert (clean[:500] == 20.5).all()
    assert np.mean((clean - 20.5)[700:] ** 2) < 0.05


def test_noise_that_grows_is_smoothed_more() -> None:
    rng = np.random.default_rng(2)
    truth = np.cumsum(0.05 * rng.standard_normal(4000))
    y = truth + np.where(np.arange(4000) < 2000, 0.05, 1.0) * rng.standard_normal(4000)
    node = sm.Smoother()
    quiet = node.run(y[:2000])
    before = node.ratio
    loud = node.run(y[2000:])
    assert before > 20.0 * node.ratio
    assert np.mean((quiet - truth[:2000])[100:] ** 2) < 0.8 * 0.05**2
    assert np.mean((loud - truth[2000:])[300:] ** 2) < 0.1


@pytest.mark.parametrize(("scale", "offset"), [(1e-6, 0.0), (1e6, 0.0), (2.0**-30, 0.0), (1.0, 1e6)])
def test_smoother_has_no_scale(scale: float, offset: float) -> None:
    _, y = structural(0.03, 1e-4, 5, 1500)
    y[700:720] = np.nan
    y[900] = 1e4
    np.testing.assert_allclose(
        (sm.Smoother().run(scale * y + offset) - offset) / scale, sm.Smoother().run(y), rtol=1e-6, atol=1e-6
    )
