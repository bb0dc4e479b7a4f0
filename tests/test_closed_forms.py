"""What the books derive for each error nonlinearity, written as the books have it, held against the filters.

White Gaussian input of unit power, Gaussian noise v of power s^2, n taps, small steps (Al-Naffouri and Sayed 2003;
Sayed 2008, ch. 15-18; Haykin 2014; Diniz 2013; Mathews and Cho 1987 for the signs; Chen et al. 2014, 2016 for
correntropy). For the update mu f(e) x

    excess mean squared error  zeta = mu / 2 tr(R) E[f(v)^2] / E[f'(v)]
    mode i of the weights      E[z_i(n)] = exp(-mu lambda_i E[f'(v)] n) E[z_i(0)]
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm
from streammse.filters.gradient import GradientFilter
from streammse.kernels import fir

N = 10
S = 0.3
V = S * np.polynomial.hermite_e.hermegauss(80)[0]
P = np.polynomial.hermite_e.hermegauss(80)[1] / math.sqrt(2.0 * math.pi)


def over_noise(of: np.ndarray) -> float:
    """An average over Gaussian noise, by Gauss and Hermite's rule."""
    return float(P @ of)


def phi(c: float) -> float:
    return math.exp(-0.5 * c * c) / math.sqrt(2.0 * math.pi)


def within(c: float) -> float:
    """The share of a Gaussian within c standard deviations."""
    return math.erf(c / math.sqrt(2.0))


DELTA, A, SIGMA, LAM, Q = 0.3, 0.3, 0.6, 20.0, 0.7
AT_ZERO = 1.0 / (S * math.sqrt(2.0 * math.pi))  # the density of the noise there
C = DELTA / S
TANH = np.tanh(V / A)
BELL = np.exp(-LAM * V**4)
#: each filter at a step of 1, E[f(v)^2], and E[f'(v)]
NONLINEARITIES: dict[str, tuple[GradientFilter, float, float]] = {
    "LMS": (sm.LMS(N), S**2, 1.0),
    "LMF": (sm.LMF(N), 15.0 * S**6, 3.0 * S**2),
    "SignErrorLMS": (sm.SignErrorLMS(N), 1.0, 2.0 * AT_ZERO),
    "PinballLMS": (sm.PinballLMS(N, q=Q), 0.5 * (Q**2 + (1.0 - Q) ** 2), AT_ZERO),
    "HuberLMS": (
        sm.HuberLMS(N, delta=DELTA),
        S**2 * (within(C) - 2.0 * C * phi(C)) + DELTA**2 * (1.0 - within(C)),
        within(C),
    ),
    "LogCoshLMS": (sm.LogCoshLMS(N, a=A), A**2 * over_noise(TANH**2), over_noise(1.0 - TANH**2)),
    "MCCLMS": (
        sm.MCCLMS(N, sigma=SIGMA),
        S**2 * (1.0 + 2.0 * S**2 / SIGMA**2) ** -1.5,
        (1.0 + S**2 / SIGMA**2) ** -1.5,
    ),
    "GMCCLMS": (
        sm.GMCCLMS(N, alpha=4.0, lam=LAM),
        over_noise((4.0 * LAM * BELL * V**3) ** 2),
        over_noise(4.0 * LAM * BELL * (3.0 * V**2 - 4.0 * LAM * V**6)),
    ),
}


def stepped(f: GradientFilter, mu: float) -> GradientFilter:
    f = f.clone()
    f.mu = mu
    return f


def learn(
    f: GradientFilter, start: np.ndarray, samples: int, k: int, seed: int, s: float = S
) -> tuple[np.ndarray, np.ndarray]:
    """k runs that learn noise alone, from given weights: the outputs, which are all excess error, and the weights."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((k, samples + N))
    filters = sm.bank(f, k)
    filters.run(x[:, :N])  # a full line
    for row in range(k):
        filters[row].weights = start
    y = filters.run(x[:, N:], s * rng.standard_normal((k, samples)))
    return y, filters.weights


def excess(f: GradientFilter, rate: float, s: float = S) -> float:
    """The measured steady state, six time constants of the curve after a start at its bottom."""
    wait = math.ceil(3.0 / rate)
    y, _ = learn(f, np.zeros(N), wait + 2000, 60, 0, s)
    return float(np.mean(y[:, wait:] ** 2))


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_excess_mean_squared_error(name: str) -> None:
    f, square, slope = NONLINEARITIES[name]
    for goal in (0.02, 0.05):  # misadjustment
        mu = 2.0 * goal * S**2 * slope / (N * square)
        assert excess(stepped(f, mu), mu * slope) == pytest.approx(goal * S**2, rel=0.12 if goal < 0.03 else 0.25)


def measured_rate(f: GradientFilter, rate: float) -> float:
    """How fast the mean weights decay from a small deviation, measured over one time constant."""
    start = 0.3 * S / math.sqrt(N) * np.array([1.0, -1.0] * (N // 2))
    samples = math.ceil(1.0 / rate)
    _, weights = learn(f, start, samples, 400, 1)
    return -math.log(float(np.mean(weights @ start)) / float(start @ start)) / samples


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_time_constants(name: str) -> None:
    f, square, slope = NONLINEARITIES[name]
    mu = min(2.0 * 0.03 * S**2 * slope / (N * square), 0.003 / slope)
    assert measured_rate(stepped(f, mu), mu * slope) == pytest.approx(mu * slope, rel=0.1)


@pytest.mark.parametrize(
    ("f", "rate"),
    [
        (sm.NLMS(N, 0.05, regulariser=0.0), 0.05 / N),  # mu E[x_i^2 / |x|^2]
        (sm.NLMF(N, 1.0, regulariser=0.0), 1.0 * 3.0 * S**2 / (N * (N - 2))),  # 3 s^2 mu E[x_i^2 / |x|^4]
        (sm.LeakyLMS(N, 0.004, 0.5), 0.004 * 1.5),  # mu (lambda + gamma)
        (sm.SignDataLMS(N, 0.005), 0.005 * math.sqrt(2.0 / math.pi)),  # mu E|x|
        (sm.SignSignLMS(N, 0.001), 0.001 * 2.0 / (math.pi * S)),  # arcsine law, small deviations
    ],
    ids=lambda one: repr(one) if isinstance(one, GradientFilter) else "",
)
def test_time_constants_of_other_regressors(f: GradientFilter, rate: float) -> None:
    assert measured_rate(f, rate) == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize("mu", [0.0005, 0.002])
def test_sign_sign_excess(mu: float) -> None:
    """a / 2 (a + sqrt(a^2 + 4 s^2)), a = pi mu n / 4: E[sgn e sgn x_i] = (2 / pi) asin(rho)."""
    a = math.pi * mu * N / 4.0
    expected = a / 2.0 * (a + math.sqrt(a * a + 4.0 * S * S))
    rate = mu * 2.0 / (math.pi * S)
    assert excess(sm.SignSignLMS(N, mu), rate) == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize("mu", [0.5, 1.0])
def test_nlmf_excess(mu: float) -> None:
    """mu E[v^6] / (6 E[v^2]) n E[|x|^-6] / E[|x|^-2] for small errors, with the moments of chi squared of n."""
    s = 0.05
    expected = mu * 15.0 * s**4 / 6.0 * N / ((N - 4) * (N - 6))
    rate = mu * 3.0 * s**2 / (N * (N - 2))
    assert excess(sm.NLMF(N, mu, regulariser=0.0), rate, s) == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("leak", [0.1, 0.5])
def test_leaky_excess(leak: float) -> None:
    """Bias b = gamma / (1 + gamma) w_o, and what the noise adds: |b|^2 + mu (n J + |b|^2) / (2 (1 + gamma))."""
    rng = np.random.default_rng(2)
    truth, mu = rng.standard_normal(N) / math.sqrt(N), 0.004
    x = rng.standard_normal((100, 5000))
    clean = lfilter(truth, [1.0], x, axis=1)
    y = sm.bank(sm.LeakyLMS(N, mu, leak), 100).run(x, clean + S * rng.standard_normal(x.shape))
    bias = (leak / (1.0 + leak)) ** 2 * float(truth @ truth)
    expected = bias + mu * (N * (S**2 + bias) + bias) / (2.0 * (1.0 + leak))
    assert np.mean((y - clean)[:, 2000:] ** 2) == pytest.approx(expected, rel=0.05)


# Stability


def grows(f: GradientFilter, error: float, samples: int = 60) -> bool:
    """With one tap and an input of signs, nothing is random: whether an error of some size grows or shrinks."""
    x = np.sign(np.random.default_rng(3).standard_normal(samples))
    f = f.clone()
    f.run(x[:1])
    f.weights = np.array([error])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        f._p[fir.POLICY] = fir.TRIAL
        y = np.abs(f.run(x, np.zeros(samples)))
    return bool(y[-1] > error)


STEEPEST = (
    4.0 * math.sqrt(LAM / 2.0) * math.exp(-0.5)
)  # of f(e) / e for the kernel exp(-lam e^4), at e^2 = 1 / sqrt(2 lam)


@pytest.mark.parametrize(
    ("f", "bound", "error"),
    [
        (sm.LMS(1), 2.0, 1.0),
        (sm.LeakyLMS(1, leak=0.5), 2.0 / 1.5, 1.0),  # 2 / (lambda + gamma)
        (sm.NLMS(1, regulariser=0.0), 2.0, 1.0),
        (sm.SignDataLMS(1), 2.0, 1.0),
        (sm.HuberLMS(1), 2.0, 0.01),
        (sm.LogCoshLMS(1), 2.0, 0.001),
        (sm.MCCLMS(1), 2.0, 0.001),
        (sm.GMCCLMS(1, alpha=2.0, lam=3.0), 2.0 / 6.0, 0.001),
        (sm.LMF(1), 2.0 / 0.09, 0.3),  # mu e^2 < 2
    ],
    ids=lambda one: repr(one) if isinstance(one, GradientFilter) else "",
)
def test_stability_without_chance(f: GradientFilter, bound: float, error: float) -> None:
    """mu f(e) / e < 2: exact for one tap and |x| = 1."""
    assert not grows(stepped(f, 0.98 * bound), error)
    if bound < 2.0 or not isinstance(f, sm.NLMS):  # whose step has a range
        assert grows(stepped(f, 1.02 * bound), error)


def test_stability_of_gmcc_at_its_steepest() -> None:
    """From the error at which f(e) / e is largest, a step of 2 over that slope is the last that does no harm."""
    error = (2.0 * LAM) ** -0.25
    for alpha_step, larger in ((0.98, False), (1.02, True)):
        f = sm.GMCCLMS(1, alpha_step * 2.0 / STEEPEST, 4.0, LAM)
        f.run([1.0])
        f.weights = [error]
        f.run([1.0, 1.0], [0.0, np.nan])
        assert (abs(f.weights[0]) > error) == larger
    x = np.sign(np.random.default_rng(4).standard_normal(500))
    assert sm.max_step(sm.GMCCLMS(1, alpha=4.0, lam=LAM), x) == pytest.approx(2.0 / STEEPEST, rel=0.01)
    assert sm.max_step(sm.LeakyLMS(1, leak=0.5), x, in_mean=True) == pytest.approx(2.0 / 1.5, rel=1e-9)


def test_stability_of_leaky_in_the_mean() -> None:
    """2 / (lambda_max + gamma) on coloured input."""
    x = lfilter([1.0], [1.0, -0.7], np.random.default_rng(5).standard_normal(200_000))
    lambda_max = np.linalg.eigvalsh(0.7 ** np.abs(np.subtract.outer(np.arange(4), np.arange(4))))[-1] / (1.0 - 0.49)
    assert sm.max_step(sm.LeakyLMS(4, leak=0.8), x, in_mean=True) == pytest.approx(2.0 / (lambda_max + 0.8), rel=0.03)


def test_stability_of_sign_data() -> None:
    """sqrt(8 / pi) / (n s) for independent Gaussian regressors; taps that share samples take a fifth off."""
    for s in (1.0, 10.0):
        x = s * np.random.default_rng(6).standard_normal((60, 3000))
        d = np.random.default_rng(7).standard_normal(x.shape)
        assert sm.max_step(sm.SignDataLMS(1), x) == pytest.approx(math.sqrt(8.0 / math.pi) / s, rel=0.05)
        bound = math.sqrt(8.0 / math.pi) / (N * s)
        assert 0.75 * bound < sm.max_step(sm.SignDataLMS(N), x) < bound
        assert sm.simulate_mse(sm.SignDataLMS(N, 0.6 * bound), x, d).misadjustment < 4.0
        filters = sm.bank(sm.SignDataLMS(N, 1.2 * bound, on_divergence="hold"), 60)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            filters.run(x, d)
        assert np.mean(filters.diverged) > 0.9


@pytest.mark.parametrize(
    ("f", "reach"),
    [(sm.SignErrorLMS(1), 1.0), (sm.SignSignLMS(1), 1.0), (sm.PinballLMS(1, q=0.8), 0.8)],
    ids=lambda one: repr(one) if isinstance(one, GradientFilter) else "",
)
def test_a_bounded_update_is_stable_for_every_step(f: GradientFilter, reach: float) -> None:
    """The error ends within one update, mu max|f|, however large the step and the error at the start."""
    rng = np.random.default_rng(8)
    x = np.sign(rng.standard_normal(4000))
    for mu in (0.01, 0.1):
        g = stepped(f, mu)
        e = 0.4567 * x - g.run(x, 0.4567 * x)  # no multiple of a step
        assert np.abs(e[1000:]).max() <= reach * mu * (1.0 + 1e-9)
        assert np.abs(e[1000:]).max() > 0.2 * mu
