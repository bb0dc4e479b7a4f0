"""What the books derive, held against the filters; and the predictions of ``theory`` against the measured curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

import streammse as sm
from streammse.kernels import losses

N = 10
NOISE = 0.09  # power
TRUTH = np.random.default_rng(5).standard_normal(N) / math.sqrt(N)


def runs(samples: int, k: int = 100, seed: int = 0, noise: str = "gauss", pole: float = 0.0):
    """Realisations (k, T) of unit power: white, or coloured by one pole; and the path's output with noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((k, samples + 100))
    x = lfilter([math.sqrt(1.0 - pole**2)], [1.0, -pole], x, axis=1)[:, 100:]
    v = {
        "gauss": lambda: rng.standard_normal((k, samples)),
        "uniform": lambda: rng.uniform(-math.sqrt(3.0), math.sqrt(3.0), (k, samples)),
    }[noise]()
    return x, lfilter(TRUTH, [1.0], x, axis=1) + math.sqrt(NOISE) * v


def excess(f, x: np.ndarray, d: np.ndarray, last: int) -> float:
    """The measured excess mean squared error: of the output against the path without noise."""
    y = sm.bank(f, len(x)).run(x, d)
    return float(np.mean((y - lfilter(TRUTH, [1.0], x, axis=1))[:, -last:] ** 2))


# Closed forms


@pytest.mark.parametrize("mu", [0.01, 0.03, 0.06])
def test_lms_misadjustment(mu: float) -> None:
    """mu tr(R) / (2 - mu tr(R)) for small steps (Haykin); with n + 2 below for white Gaussian input (Sayed)."""
    x, d = runs(3000)
    measured = excess(sm.LMS(N, mu), x, d, 2000) / NOISE
    assert measured == pytest.approx(mu * N / (2.0 - mu * (N + 2)), rel=0.08)
    if mu <= 0.03:
        assert measured == pytest.approx(mu * N / (2.0 - mu * N), rel=0.08)


def test_lms_time_constants() -> None:
    """Mode i of the weights decays as exp(-mu lambda_i n), so that of the curve as exp(-2 mu lambda_i n)."""
    mu, n = 0.01, 4
    x, _ = runs(400, k=400, pole=0.6)
    covariance = 0.6 ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    eigenvalues, basis = np.linalg.eigh(covariance)
    filters = sm.bank(sm.LMS(n, mu), len(x))
    zero = np.zeros_like(x)
    for row in range(len(x)):
        filters[row].run(x[row, :n])  # a full line
        filters[row].weights = basis.sum(axis=1)
    for upto in (100, 250):
        first = n if upto == 100 else 100
        filters.run(x[:, first:upto], zero[:, first:upto])
        modes = np.mean([filters[row].weights for row in range(len(x))], axis=0) @ basis
        np.testing.assert_allclose(-np.log(modes[:3]), mu * eigenvalues[:3] * (upto - n), rtol=0.12)


@pytest.mark.parametrize("mu", [0.2, 0.5, 1.0])
def test_nlms_steady_state(mu: float) -> None:
    """mu sigma^2 / (2 - mu) tr(R) E[1 / |x|^2] (Sayed, ch. 17); E[1 / |x|^2] = 1 / (n - 2) for white Gaussian input."""
    x, d = runs(3000, seed=1)
    measured = excess(sm.NLMS(N, mu, regulariser=0.0), x, d, 2000)
    assert measured == pytest.approx(mu * NOISE / (2.0 - mu) * N / (N - 2), rel=0.08)


@pytest.mark.parametrize("mu", [0.3, 1.0, 1.7])
def test_nlms_energy_of_the_a_priori_error(mu: float) -> None:
    """E[e_a^2 / |x|^2] = mu / (2 - mu) sigma^2 E[1 / |x|^2]: exact for any input when the noise is independent."""
    x, d = runs(2000, seed=2, pole=0.8)
    y = sm.bank(sm.NLMS(N, mu, regulariser=0.0), len(x)).run(x, d)
    lines = np.lib.stride_tricks.sliding_window_view(x, N, axis=1)
    energy = np.sum(lines**2, axis=2)[:, -1000:]
    a_priori = (y - lfilter(TRUTH, [1.0], x, axis=1))[:, -1000:]
    assert np.mean(a_priori**2 / energy) == pytest.approx(mu / (2.0 - mu) * NOISE * np.mean(1.0 / energy), rel=0.05)


@pytest.mark.parametrize(
    "f",
    [
        sm.NLMS(N, 0.7),
        sm.LMS(N, 0.02),
        sm.SignErrorLMS(N, 0.02),
        sm.LMF(N, 0.002),
        sm.HuberLMS(N, 0.05, 0.2),
        sm.NLMF(N, 1.0),
    ],
    ids=lambda f: type(f).__name__,
)
def test_energy_conservation(f) -> None:
    """|z(n+1)|^2 + e_a^2 / |x|^2 = |z(n)|^2 + e_p^2 / |x|^2, for every update along x (Sayed, ch. 15)."""
    x, d = runs(300, k=1)
    line = np.zeros(N)
    for t in range(300):
        line = np.concatenate([x[0, t : t + 1], line[:-1]])
        before = TRUTH - f.weights
        f.update(x[0, t], d[0, t])
        after = TRUTH - f.weights
        left = after @ after + (before @ line) ** 2 / (line @ line)
        assert left == pytest.approx(before @ before + (after @ line) ** 2 / (line @ line), rel=1e-12)


def test_lms_is_h_infinity_optimal() -> None:
    """Sum of e_a^2 never exceeds |w_o - w(0)|^2 / mu + sum of v^2 when mu |x|^2 <= 1 (Hassibi, Sayed, Kailath 1996)."""
    rng = np.random.default_rng(6)
    x = rng.uniform(-1.0, 1.0, 3000)
    clean = lfilter(TRUTH, [1.0], x)
    mu = 1.0 / N  # |x|^2 is at most n
    for kind in ("gauss", "adverse"):
        f, line, worst = sm.LMS(N, mu), np.zeros(N), 0.0
        spent, got = TRUTH @ TRUTH / mu, 0.0
        for t in range(x.size):
            line = np.concatenate([x[t : t + 1], line[:-1]])
            a_priori = (TRUTH - f.weights) @ line
            v = rng.standard_normal() if kind == "gauss" else -0.9 * a_priori  # noise that hides the error
            f.update(x[t], clean[t] + v)
            got, spent = got + a_priori**2, spent + v * v
            worst = max(worst, got / spent)
        assert worst <= 1.0 + 1e-12
        assert worst > (0.9 if kind == "adverse" else 0.05)


@pytest.mark.parametrize("leak", [0.1, 0.5])
def test_leaky_lms_settles_beside_wiener(leak: float) -> None:
    """(R + gamma I)^-1 p instead of R^-1 p."""
    x, d = runs(4000, k=40, pole=0.5)
    filters = sm.bank(sm.LeakyLMS(N, 0.004, leak), 40)
    filters.run(x, d)
    r = 0.5 ** np.arange(N)
    p = np.array([np.mean(d[:, k:] * x[:, : x.shape[1] - k]) for k in range(N)])
    r[0] += leak
    settled = np.mean([filters[k].weights for k in range(40)], axis=0)
    np.testing.assert_allclose(settled, solve_toeplitz(r, p), atol=0.02)
    assert np.abs(settled - TRUTH).max() > 0.04
    prediction = sm.predict_mse(sm.LeakyLMS(N, 0.004, leak), x, d)
    np.testing.assert_allclose(prediction.weights, settled, atol=0.02)


@pytest.mark.parametrize("mu", [0.002, 0.01])
def test_sign_error_steady_state(mu: float) -> None:
    """a / 2 (a + sqrt(a^2 + 4 sigma^2)), a = sqrt(pi / 8) mu tr(R) (Sayed, ch. 18, by Price's theorem)."""
    x, d = runs(6000, k=60, seed=3)
    a = math.sqrt(math.pi / 8.0) * mu * N
    expected = a / 2.0 * (a + math.sqrt(a * a + 4.0 * NOISE))
    assert excess(sm.SignErrorLMS(N, mu), x, d, 2000) == pytest.approx(expected, rel=0.08)
    assert sm.predict_mse(sm.SignErrorLMS(N, mu), x, d).excess == pytest.approx(expected, rel=0.05)


def test_sign_data_steady_state() -> None:
    """mu n sigma^2 / (2 c - mu n), c = sqrt(2 / pi) for unit power."""
    mu = 0.02
    x, d = runs(3000, seed=4)
    expected = mu * N * NOISE / (2.0 * math.sqrt(2.0 / math.pi) - mu * N)
    assert excess(sm.SignDataLMS(N, mu), x, d, 2000) == pytest.approx(expected, rel=0.08)
    assert sm.predict_mse(sm.SignDataLMS(N, mu), x, d).excess == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(("noise", "sixth"), [("gauss", 15.0), ("uniform", 27.0 / 7.0)])
def test_lmf_steady_state(noise: str, sixth: float) -> None:
    """mu tr(R) E[v^6] / (6 E[v^2]) for small steps (Walach and Widrow; Sayed, ch. 18)."""
    mu = 0.01
    x, d = runs(8000, k=60, seed=5, noise=noise)
    expected = mu * N * sixth * NOISE**2 / 6.0
    assert excess(sm.LMF(N, mu), x, d, 4000) == pytest.approx(expected, rel=0.12)
    assert sm.predict_mse(sm.LMF(N, mu), x, d).excess == pytest.approx(expected, rel=0.12)


def test_lmf_beats_lms_where_noise_is_light_tailed() -> None:
    """At the same speed (LMS with 3 E[v^2] times the step) uniform noise gives E[v^6] / (9 E[v^2]^3) = 3 / 7."""
    x, d = runs(8000, k=60, seed=6, noise="uniform")
    mu = 0.01
    ratio = excess(sm.LMF(N, mu), x, d, 4000) / excess(sm.LMS(N, 3.0 * NOISE * mu), x, d, 4000)
    assert ratio == pytest.approx(3.0 / 7.0, rel=0.15)


# Predictions


def decibels(a: np.ndarray, b: np.ndarray, width: int) -> np.ndarray:
    """The ratio of two curves, each averaged over pieces."""
    size = a.size // width * width
    return 10.0 * np.log10(a[:size].reshape(-1, width).mean(axis=1) / b[:size].reshape(-1, width).mean(axis=1))


@pytest.mark.parametrize(
    ("f", "tolerance", "within"),
    [
        (sm.LMS(N, 0.03), 0.1, 0.6),
        (sm.NLMS(N, 0.6), 0.12, 0.6),
        (sm.LeakyLMS(N, 0.03, 0.1), 0.1, 0.6),
        (sm.SignErrorLMS(N, 0.01), 0.12, 0.6),
        (sm.SignDataLMS(N, 0.03), 0.12, 0.6),
        (sm.SignSignLMS(N, 0.01), 0.15, 0.6),
        (sm.LMF(N, 0.004), 0.2, 0.6),
        (sm.NLMF(N, 1.0), 0.3, 0.6),
        (sm.HuberLMS(N, 0.03, 0.3), 0.12, 0.6),
        (sm.LogCoshLMS(N, 0.03, 0.3), 0.12, 0.6),
        (sm.MCCLMS(N, 0.03, 1.5), 0.12, 0.6),
        (sm.GMCCLMS(N, 0.03, 4.0, 0.5), 0.12, 0.6),
        (sm.PinballLMS(N, 0.01, 0.7), 0.15, 0.6),
        (sm.LMS(N, 0.03, loss=losses.tukey(2.0)), 0.12, 0.6),
        (sm.NLMS(N, 0.5, loss=losses.huber(0.3)), 0.12, 0.6),
    ],
    ids=lambda f: repr(f) if not isinstance(f, float) else "",
)
def test_predicted_next_to_measured(f, tolerance: float, within: float) -> None:
    """The learning curve within some dB from first to last, the excess at its end within the tolerance."""
    x, d = runs(2500, k=60, seed=7)
    predicted, measured = sm.predict_mse(f, x, d), sm.simulate_mse(f, x, d)
    assert np.abs(decibels(measured.curve[50:], predicted.curve[50:], 50)).max() < within
    tail = slice(-1000, None)
    end = float(np.mean(predicted.curve[tail])) - predicted.minimum
    got = excess(f, x, d, 1000)
    assert got == pytest.approx(end, rel=tolerance)
    assert predicted.minimum == pytest.approx(NOISE, rel=0.02)
    assert measured.minimum == predicted.minimum
    assert predicted.curve.shape == measured.curve.shape == (2500,)


def test_the_prediction_starts_from_the_present_weights() -> None:
    x, d = runs(2000, seed=8, pole=0.5)
    f = sm.LMS(N, 0.01)
    f.weights = TRUTH
    predicted, measured = sm.predict_mse(f, x, d), sm.simulate_mse(f, x, d)
    assert predicted.curve[0] == pytest.approx(NOISE, rel=0.05)
    assert np.abs(decibels(measured.curve[50:], predicted.curve[50:], 50)).max() < 0.6
    np.testing.assert_array_equal(f.weights, TRUTH)


def test_several_references() -> None:
    rng = np.random.default_rng(9)
    x = rng.standard_normal((100, 1500, 2)) * np.array([1.0, 0.5])
    d = 0.8 * x[..., 0] - 1.2 * x[..., 1] + 0.3 * rng.standard_normal((100, 1500))
    f = sm.LMS(4, 0.03, references=2)
    predicted, measured = sm.predict_mse(f, x, d), sm.simulate_mse(f, x, d)
    assert np.abs(decibels(measured.curve[50:], predicted.curve[50:], 50)).max() < 0.6
    np.testing.assert_allclose(predicted.weights[:, 0], [0.8, -1.2], atol=0.02)
    np.testing.assert_allclose(measured.weights[:, 0], [0.8, -1.2], atol=0.05)
    one = sm.simulate_mse(f, x.reshape(-1, 2), d.ravel(), runs=100)
    np.testing.assert_allclose(one.curve, measured.curve)


def test_a_step_too_long_has_no_steady_state() -> None:
    x, d = runs(500, k=20)
    curve = sm.predict_mse(sm.LMS(N, 0.5), x, d)
    assert math.isinf(curve.steady_state)
    assert math.isinf(curve.curve[-1]) or curve.curve[-1] > 1e6


# The largest step


@pytest.mark.parametrize("pole", [0.0, 0.8])
@pytest.mark.filterwarnings("ignore:the adaptive filter diverged")
def test_lms_is_stable_below_the_bound_and_not_above(pole: float) -> None:
    x, d = runs(4000, seed=10, pole=pole)
    bound = sm.max_step(sm.LMS(N), x)
    below = sm.simulate_mse(sm.LMS(N, 0.8 * bound), x, d)
    above = sm.simulate_mse(sm.LMS(N, 1.3 * bound), x, d)
    assert below.misadjustment < 10.0
    assert above.misadjustment > 100.0
    in_mean = 2.0 / np.linalg.eigvalsh(pole ** np.abs(np.subtract.outer(np.arange(N), np.arange(N)))).max()
    assert sm.max_step(sm.LMS(N), x, in_mean=True) == pytest.approx(in_mean, rel=0.05)
    assert bound < 2.0 / (N + 2) + 0.01


def test_the_bound_of_independent_regressors() -> None:
    """With one tap successive regressors are independent: 2 E[x^2] / E[x^4], which is 2 / 3 for Gaussian input."""
    rng = np.random.default_rng(11)
    x = rng.standard_normal(200_000)
    assert sm.max_step(sm.LMS(1), x) == pytest.approx(2.0 / 3.0, rel=0.06)
    assert sm.max_step(sm.LMS(1), 10.0 * x) == pytest.approx(0.02 / 3.0, rel=0.06)
    assert sm.max_step(sm.LMS(1), np.sign(x)) == pytest.approx(2.0, rel=0.01)


def test_nlms_is_stable_below_two() -> None:
    for pole in (0.0, 0.9):
        x, _ = runs(1000, k=10, seed=12, pole=pole)
        assert sm.max_step(sm.NLMS(N, regulariser=0.0), x) == pytest.approx(2.0, abs=1e-9)
        assert 2.0 <= sm.max_step(sm.NLMF(N), x) < 2.1
    assert 2.0 <= sm.max_step(sm.NLMF(100), x, 0.1 * x) < 2.1  # where errors are small beside the energy
    z = np.full(N, 1.0)  # without noise the deviation shrinks with any step below 2, and with 2 it stays
    for mu, still in ((1.9, False), (2.0, True)):
        f = sm.NLMS(N, mu, regulariser=0.0)
        f.run(x[0, :N])
        f.weights = z
        f.run(x.ravel()[N:], np.zeros(x.size - N))
        assert (np.linalg.norm(f.weights) > 0.999 * np.linalg.norm(z)) == still


@pytest.mark.filterwarnings("ignore:the adaptive filter diverged")
def test_lmf_is_stable_below_its_bound() -> None:
    x, d = runs(2000, seed=13)
    with pytest.raises(TypeError, match="needs d"):
        sm.max_step(sm.LMF(N), x)
    bound = sm.max_step(sm.LMF(N), x, d)
    assert 0.005 < bound < 0.1
    assert sm.simulate_mse(sm.LMF(N, 0.5 * bound), x, d).misadjustment < 1.0
    assert sm.simulate_mse(sm.LMF(N, 3.0 * bound), x, d).misadjustment > 10.0
    assert sm.max_step(sm.LMF(N), x, 10.0 * d) == pytest.approx(
        0.01 * bound, rel=0.02
    )  # it goes with the error's power


def test_bounds_of_scores() -> None:
    x, d = runs(2000, k=50, seed=14)
    lms = sm.max_step(sm.LMS(N), x)
    for f in (sm.HuberLMS(N), sm.LogCoshLMS(N), sm.MCCLMS(N)):
        assert sm.max_step(f, x, d) == pytest.approx(lms, rel=0.02)
    for f in (sm.SignErrorLMS(N), sm.SignSignLMS(N), sm.PinballLMS(N)):
        assert math.isinf(sm.max_step(f, x))
    assert math.isinf(sm.max_step(sm.GMCCLMS(N, alpha=1.0), x))
    assert sm.max_step(sm.LeakyLMS(N, leak=0.5), x) > lms


@pytest.mark.parametrize("scale", [1e-10, 1e10])
def test_bounds_of_scores_whatever_the_scale_of_the_data(scale: float) -> None:
    """A score has a width of its own: where the signals are far beyond it, a bound is still that of small errors."""
    x = scale * np.random.default_rng(15).standard_normal(2000)
    d = lfilter([0.5, 0.2], [1.0], x)
    lms = sm.max_step(sm.LMS(4), x)
    assert lms == pytest.approx(0.28 / scale**2, rel=0.3)
    for f in (sm.MCCLMS(4), sm.GMCCLMS(4), sm.HuberLMS(4), sm.LogCoshLMS(4), sm.LMS(4, loss=losses.tukey)):
        assert sm.max_step(f, x, d) == pytest.approx(lms, rel=0.01), f
        assert sm.max_step(f, x) == pytest.approx(lms, rel=0.01), f
    for f in (sm.GMCCLMS(4, alpha=4.0), sm.LMS(4, loss=losses.epsilon_insensitive)):
        assert sm.max_step(f, x, d) == pytest.approx(sm.max_step(f, x), rel=0.01)
        assert 0.1 * lms < sm.max_step(f, x) < lms
    for f in (sm.SignErrorLMS(4), sm.PinballLMS(4), sm.GMCCLMS(4, alpha=1.0)):
        assert math.isinf(sm.max_step(f, x, d))


def test_errors_far_beyond_a_score_teach_nothing_and_the_prediction_says_so() -> None:
    rng = np.random.default_rng(16)
    x = 1e6 * rng.standard_normal(2000)
    d = lfilter([0.5, 0.2], [1.0], x) + 1e5 * rng.standard_normal(2000)
    for f in (sm.MCCLMS(4, 1e-14), sm.GMCCLMS(4, 1e-14, 4.0), sm.LMS(4, 1e-14, loss=losses.tukey)):
        predicted, measured = sm.predict_mse(f, x, d), sm.simulate_mse(f, x, d)
        assert predicted.steady_state == pytest.approx(np.mean(d * d), rel=0.1)
        assert measured.steady_state == pytest.approx(predicted.steady_state, rel=0.15)
        assert predicted.curve[-1] == pytest.approx(predicted.steady_state, rel=1e-6)
    small = sm.predict_mse(sm.LMS(4, 0.1, loss=losses.epsilon_insensitive), 1e-3 * x / 1e6, 1e-3 * d / 1e6)
    assert small.steady_state == pytest.approx(np.mean(d * d) * 1e-18, rel=0.1)


# What comes out


def test_plot_and_words(tmp_path) -> None:
    x, d = runs(600, k=20)
    predicted, measured = sm.predict_mse(sm.LMS(N, 0.03), x, d), sm.simulate_mse(sm.LMS(N, 0.03), x, d)
    figure = predicted.plot(measured)
    lines = figure.axes[0].get_lines()
    assert {one.get_label().split(" (")[0] for one in lines if not one.get_label().startswith("_")} == {
        "predicted LMS",
        "measured LMS",
        "Wiener filter",
    }
    predicted.plot(tmp_path / "curve.png")
    with pytest.raises(TypeError, match="expected learning curves, or a path to save the picture, got 3"):
        predicted.plot(3)
    assert (tmp_path / "curve.png").stat().st_size > 10_000
    assert repr(predicted).startswith("<predicted LMS: steady state 0.1")
    assert predicted.excess == pytest.approx(predicted.misadjustment * predicted.minimum)


def test_errors_are_clear() -> None:
    x, d = runs(50, k=2)
    with pytest.raises(TypeError, match=r"expected a gradient filter \(LMS, NLMS, ...\), got MSE"):
        sm.predict_mse(sm.MSE(), x, d)
    with pytest.raises(ValueError, match=r"x must have shape \(T\) or \(k, T\)"):
        sm.predict_mse(sm.LMS(4), x, d[:, :-1])
    with pytest.raises(ValueError, match=r"x must have shape \(T, 2\) or \(k, T, 2\)"):
        sm.simulate_mse(sm.LMS(4, references=2), x[..., None], d)
    with pytest.raises(ValueError, match="every sample must be finite"):
        sm.max_step(sm.LMS(4), np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="silent"):
        sm.max_step(sm.LMS(4), np.zeros(100))
    with pytest.raises(ValueError, match="runs must be a positive integer"):
        sm.simulate_mse(sm.LMS(4), x[0], d[0], runs=0)
    for few in (np.array([1.0]), np.array([]), x[0, :38]):
        with pytest.raises(ValueError, match=f"expected at least 95 samples for 32 weights, got {few.size}"):
            sm.max_step(sm.NLMS(), few)
    with pytest.raises(ValueError, match="expected at least 11 samples for 4 weights, got 3"):
        sm.predict_mse(sm.NLMS(4), x[0, :3], d[0, :3])
    with pytest.raises(ValueError, match="expected at least 11 samples for 4 weights, got 10"):
        sm.simulate_mse(sm.NLMS(4), x[0, :10], d[0, :10])
    with pytest.raises(TypeError, match="runs must be a positive integer, got 'a'"):
        sm.simulate_mse(sm.LMS(4), x[0], d[0], runs="a")
    with pytest.raises(TypeError, match="weights must be an array of real numbers"):
        sm.LMS(1).weights = ["a"]
    with pytest.raises(ValueError, match="is zero for errors of every size"):
        sm.max_step(sm.LMS(4, loss=sm.make_loss(lambda e: 0.0 * e, lambda e: 0.0 * e)), x)
    with pytest.raises(ValueError, match="expected at least 60 samples"):
        sm.simulate_mse(sm.LMS(4), x[0], d[0], runs=60)
