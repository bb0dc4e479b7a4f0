"""Adaptive recursive filters: against twins, batch solutions and closed forms; their poles in the hands of an enemy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, signal

import streammse as sm
from benchmarks import poles
from streammse.filters.recursive import RecursiveFilter, stepped_up
from streammse.kernels import recursive as k

from . import naive

B, A = [0.5, -0.3, 0.2], [1.0, -1.2, 0.7]
WEIGHTS = [0.5, -0.3, 0.2, 1.2, -0.7]
EVERY = [sm.EquationError, sm.SteiglitzMcBride, sm.GaussNewtonIIR, sm.OutputError, sm.SHARF]


def plant(samples: int, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(samples)
    return x, signal.lfilter(B, A, x) + noise * rng.standard_normal(samples)


def farthest(f: RecursiveFilter) -> float:
    return float(np.abs(np.roots(f.denominator)).max())


@pytest.mark.parametrize(("taps", "poles"), [(3, 2), (1, 4), (5, 1)])
def test_the_gradient_ones_are_their_slow_twin(taps: int, poles: int) -> None:
    x, d = plant(95, 0.1)  # so few that no error can be an outlier
    f = sm.OutputError(taps, poles, mu=0.2, radius=0.4)
    y, w = naive.recursive(x, d, taps, poles, 0.2, True, radius=0.4)
    np.testing.assert_allclose(f.run(x, d), y, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(f.weights, w[-1], rtol=1e-8, atol=1e-10)
    assert f.shortened > 0
    f = sm.SHARF(taps, poles, mu=0.1, smoothing=[-0.5, 0.2])
    y, w = naive.recursive(x, d, taps, poles, 0.1, False, smoothing=[-0.5, 0.2])
    np.testing.assert_allclose(f.run(x, d), y, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(f.weights, w[-1], rtol=1e-8, atol=1e-10)
    f = sm.SHARF(taps, poles, mu=0.1)
    y, w = naive.recursive(x, d, taps, poles, 0.1, False, smoothing=None)
    np.testing.assert_allclose(f.run(x, d), y, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(f.weights, w[-1], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("cls", EVERY)
def test_a_matched_plant_is_found(cls: type[RecursiveFilter]) -> None:
    x, d = plant(30_000)
    f = cls(taps=3, poles=2)
    y = f.run(x, d)
    np.testing.assert_allclose(f.weights, WEIGHTS, atol=1e-5)
    np.testing.assert_allclose(y[-100:], d[-100:], atol=1e-5)
    np.testing.assert_allclose(f.numerator, B, atol=1e-5)
    np.testing.assert_allclose(f.denominator, A, atol=1e-5)


def test_the_equation_error_is_weighted_least_squares_with_its_bias() -> None:
    x, d = plant(3000, 0.3)
    f = sm.EquationError(taps=3, poles=2, forgetting=0.998)
    f.run(x, d)
    back = [np.r_[np.zeros(k), one[: len(one) - k]] for one, first in ((x, 0), (d, 1)) for k in range(first, 3)]
    weight = np.sqrt(0.998 ** np.arange(3000)[::-1])
    w = np.linalg.lstsq(weight[:, None] * np.column_stack(back), weight * d, rcond=None)[0]
    np.testing.assert_allclose(f.weights, w, rtol=1e-7, atol=1e-9)
    assert farthest(f) < 0.6 * np.sqrt(0.7)  # the poles have come too close to the centre
    x, d = plant(60_000, 0.3)
    unbiased = sm.SteiglitzMcBride(taps=3, poles=2, forgetting=1.0)
    unbiased.run(x, d)
    np.testing.assert_allclose(unbiased.weights, WEIGHTS, atol=0.02)


def test_steiglitz_mcbride_ends_where_its_batch_form_does() -> None:
    """A plant that the filter cannot match: both stop at the same place, and least squares elsewhere."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal(60_000)
    d = signal.lfilter([1.0, 0.4], np.poly([0.8, 0.5, -0.3]), x) + 0.1 * rng.standard_normal(x.size)
    f = sm.SteiglitzMcBride(taps=2, poles=2, forgetting=0.9999)
    f.run(x, d)
    batch = naive.steiglitz_mcbride(x, d, 2, 2)
    np.testing.assert_allclose(f.weights, batch, atol=0.01)
    equation = sm.EquationError(taps=2, poles=2, forgetting=0.9999)
    equation.run(x, d)
    assert np.abs(equation.weights - batch).max() > 0.02


def test_gauss_newton_ends_in_the_minimum_of_the_output_error() -> None:
    """Of an undermodelled plant, as a batch search on the same data finds it."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal(60_000)
    d = signal.lfilter([1.0, 0.4], np.poly([0.8, 0.5, -0.3]), x) + 0.1 * rng.standard_normal(x.size)
    f = sm.GaussNewtonIIR(taps=2, poles=2, forgetting=0.9999)
    f.run(x, d)
    short, wanted = x[-20_000:], d[-20_000:]
    residual = lambda w: signal.lfilter(w[:2], np.r_[1.0, -w[2:]], short)[100:] - wanted[100:]  # noqa: E731
    best = optimize.least_squares(residual, [1.0, 0.0, 0.5, 0.0])
    assert np.mean(residual(f.weights) ** 2) < 1.01 * np.mean(best.fun**2)


JOHNSON = ([0.05, -0.4], [1.0, -1.1314, 0.25])
GLOBAL, LOCAL = (-0.311, 0.906), (0.114, -0.519)


def test_the_local_minimum_of_johnson_and_larimore_and_the_escape() -> None:
    x = np.random.default_rng(0).standard_normal(60_000)
    d = signal.lfilter(*JOHNSON, x)
    power = np.mean(d**2)
    stuck = sm.OutputError(taps=1, poles=1, mu=0.005)
    stuck.weights = [0.0, -0.5]
    error = d - stuck.run(x, d)
    np.testing.assert_allclose(stuck.weights, LOCAL, atol=0.04)
    assert np.mean(error[-20_000:] ** 2) == pytest.approx(0.976 * power, rel=0.03)
    free = sm.OutputError(taps=1, poles=1, mu=0.005, starts=6)
    error = d - free.run(x, d)
    np.testing.assert_allclose(free.weights, GLOBAL, atol=0.03)
    assert np.mean(error[-20_000:] ** 2) == pytest.approx(0.277 * power, rel=0.05)


def test_several_starts_are_as_many_filters_and_the_best_is_heard() -> None:
    x = np.random.default_rng(3).standard_normal(4000)
    d = signal.lfilter(*JOHNSON, x)
    many = sm.OutputError(taps=1, poles=1, mu=0.01, starts=3)
    alone = [sm.OutputError(taps=1, poles=1, mu=0.01) for _ in range(3)]
    for one, row in zip(alone, many.s.reshape(3, -1), strict=True):
        one.s[:] = row
    each = np.array([one.run(x, d) for one in alone])
    y = many.run(x, d)
    assert ((y == each).any(axis=0)).all()
    np.testing.assert_array_equal(y[-500:], each[np.square(d - each)[:, -1000:].mean(axis=1).argmin()][-500:])


def test_sharf_converges_where_its_condition_holds_only() -> None:
    """A plant whose 1 / A is not positive real (Larimore, Treichler and Johnson): C makes it so."""
    a = np.array([1.0, -1.85, 0.95])
    w = np.exp(1j * np.linspace(0.0, np.pi, 2000))
    real = lambda c: (np.polyval(c[::-1], 1 / w) / np.polyval(a[::-1], 1 / w)).real.min()  # noqa: E731
    assert real(np.array([1.0])) < -0.5
    assert real(np.array([1.0, -1.75, 0.85])) > 0.0
    x = np.random.default_rng(4).standard_normal(100_000)
    d = signal.lfilter([0.1], a, x)
    smoothed = sm.SHARF(taps=1, poles=2, mu=0.02, smoothing=[-1.75, 0.85])
    y = smoothed.run(x, d)
    assert np.mean((d - y)[-5000:] ** 2) < 1e-6 * np.mean(d**2)
    np.testing.assert_allclose(smoothed.denominator, a, atol=1e-3)
    bare = sm.SHARF(taps=1, poles=2, mu=0.02, smoothing=())
    y = bare.run(x, d)
    assert np.mean((d - y)[-5000:] ** 2) > 1e-2 * np.mean(d**2)
    following = sm.SHARF(taps=1, poles=2, mu=0.02)
    y = following.run(x, d)
    assert np.mean((d - y)[-5000:] ** 2) < 1e-6 * np.mean(d**2)


PLANTS = {name: poles.PLANTS[name] for name in ("resonance", "narrow", "real", "third", "fourth", "butterworth")}


def trial(plant: str, colour: float, seed: int = 0, noise: float = 0.0, samples: int = 20_000):
    """Numbers of taps and poles, an input of unit power, and what the plant makes of it, with noise beside it."""
    rng = np.random.default_rng(seed)
    b, a = PLANTS[plant]
    x = signal.lfilter([np.sqrt(1.0 - colour**2)], [1.0, -colour], rng.standard_normal(samples))
    d = signal.lfilter(b, a, x)
    return (len(a), len(a) - 1), x, d + noise * d.std() * rng.standard_normal(samples)


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("colour", [0.0, 0.9])
@pytest.mark.filterwarnings("ignore:the adaptive filter diverged")
def test_no_step_makes_the_output_run_away(plant: str, colour: float) -> None:
    """Whatever mu is: poles that race about, weights that overshoot."""
    for noise in (0.0, 0.3):
        order, x, d = trial(plant, colour, noise=noise, samples=8000)
        for mu in (0.2, 0.5, 0.8, 1.0):
            for f in (sm.OutputError(*order, mu=mu), sm.SHARF(*order, mu=mu), sm.SHARF(*order, mu=mu, smoothing=())):
                y = f.run(x, d)
                assert np.abs(y).max() < 1500.0 * d.std()


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("colour", [0.0, 0.9])
def test_the_defaults_serve_ordinary_plants(plant: str, colour: float) -> None:
    """Warnings are errors: nothing diverged either. What is left is the slow end of a gradient, as measured."""
    slow = {"fourth": 0.04, "third": 0.01, "narrow": 0.01}.get(plant, 0.005)
    for seed in range(3):
        order, x, d = trial(plant, colour, seed, samples=40_000)
        for cls in (sm.OutputError, sm.SHARF):
            y = cls(*order).run(x, d)
            assert np.mean((d - y)[-5000:] ** 2) < slow * np.mean(d**2), cls
        y = sm.GaussNewtonIIR(*order).run(x, d)
        assert np.mean((d - y)[5000:6000] ** 2) < 1e-3 * np.mean(d**2)


def test_the_first_rows_went_through_other_poles_and_are_forgotten_sooner() -> None:
    """With a memory without end from the first sample on it would stay where they led it."""
    for plant in PLANTS:
        order, x, d = trial(plant, 0.0, noise=0.3, samples=10_000)
        clean = trial(plant, 0.0, samples=10_000)[2]
        for cls in (sm.GaussNewtonIIR, sm.SteiglitzMcBride):
            y = cls(*order, forgetting=1.0).run(x, d)
            assert np.mean((clean - y)[-2000:] ** 2) < 0.01 * np.mean(clean**2), (cls, plant)


def bold(policy: str) -> tuple[sm.SHARF, np.ndarray, np.ndarray]:
    """A step far too long for so much noise."""
    order, x, d = trial("fourth", 0.0, 3, noise=1.0)
    return sm.SHARF(*order, mu=0.5, on_divergence=policy), x, d


def test_a_divergence_is_noticed_and_answered() -> None:
    f, x, d = bold("raise")
    with pytest.raises(FloatingPointError, match="diverged: its error outgrew the signal"):
        f.run(x, d)
    assert (f._s == f.clone()._s).all()
    f, x, d = bold("hold")
    with pytest.warns(RuntimeWarning, match="learning stopped until reset"):
        f.run(x, d)
    assert f.diverged == 1
    held = f.weights
    f.run(x, d)
    np.testing.assert_array_equal(f.weights, held)
    f.weights = np.zeros_like(held)
    f.run(x[:100], d[:100])
    assert (f.weights != 0.0).any()
    f, x, d = bold("reset")
    with pytest.warns(RuntimeWarning, match="it begins again") as told:
        f.run(x, d)
    assert len(told) == 1
    assert f.diverged > 1
    f.reset()
    with pytest.warns(RuntimeWarning, match="it begins again"):
        at = next(n for n in range(x.size) if (f.update(x[n], d[n]), f.diverged)[1])
    assert not f.numerator.any()
    assert farthest(f) <= 0.5
    f.mu = 0.02
    y = f.run(x[at + 1 :], d[at + 1 :])
    clean = trial("fourth", 0.0, 3)[2]
    assert np.mean((clean[-3000:] - y[-3000:]) ** 2) < 0.3 * np.mean(clean**2)


@pytest.mark.parametrize("f", [sm.OutputError(starts=3), sm.SHARF(smoothing=(-0.5,)), sm.EquationError()], ids=repr)
def test_what_knew_no_divergence_is_read_and_goes_on(f: RecursiveFilter) -> None:
    x, d = plant(2000, 0.1)
    f.run(x[:1000], d[:1000])
    rows = f.s.reshape(f._starts(), -1)
    old = np.delete(rows, range(8, 14), axis=1)
    old[:, 7] = 0.0
    now = f.clone()
    now.s[:] = now._migrate(1, old.ravel())
    np.testing.assert_array_equal(now.run(x[1000:], d[1000:]), f.run(x[1000:], d[1000:]))
    with pytest.raises(ValueError, match="layout 1"):
        f._migrate(1, old.ravel()[1:])


def test_one_start_of_several_diverges_without_a_word() -> None:
    order, x, d = trial("fourth", 0.0, 3, noise=1.0)
    f = sm.SHARF(*order, mu=0.5, starts=3, on_divergence="raise")
    y = f.run(x, d)
    rows = f.s.reshape(3, -1)
    assert rows[:, k.DIVERGED].sum() >= 1
    assert np.abs(y).max() < 1500.0 * d.std()


@pytest.mark.parametrize("cls", EVERY)
@pytest.mark.parametrize("change", ["d up", "d down", "both down", "the plant turns over", "spike", "gone"])
def test_a_sound_filter_is_left_alone(cls: type[RecursiveFilter], change: str) -> None:
    """Levels that leap by 120 dB, a plant that becomes another, a spike of a million: no divergence (warnings fail)."""
    order, x, d = trial("resonance", 0.0, 1, samples=16_000)
    later = slice(8000, None)
    if change == "both down":
        x[later] *= 1e-6
    if change in {"d up", "d down", "both down"}:
        d[later] *= 1e6 if change == "d up" else 1e-6
    if change == "the plant turns over":
        d[later] *= -1.0
    if change == "spike":
        x[8000] = 1e6
    if change == "gone":
        d[later] = np.random.default_rng(2).standard_normal(8000)
    f = cls(*order)
    f.run(x, d)
    assert f.diverged == 0


@pytest.mark.parametrize("cls", EVERY)
@pytest.mark.parametrize("radius", [0.7, 0.999])
def test_no_pole_leaves_its_circle(cls: type[RecursiveFilter], radius: float) -> None:
    """Signals that ask for poles outside: growing oscillations, steps, noise without a plant, bursts."""
    rng = np.random.default_rng(5)
    t = np.arange(400)
    noise = rng.standard_normal(400)
    blows = np.where(rng.random(400) < 0.05, 1e4 * noise, 1e-3 * noise)
    desired = [1.03**t * np.cos(0.3 * t), np.ones(400), noise, blows, np.exp(0.2 * t), t**2.0, 1e150 * noise]
    for d in desired:
        for x in (noise, np.ones(400), np.r_[1.0, np.zeros(399)]):
            f = cls(taps=2, poles=5, radius=radius, **({"mu": 1.0} if hasattr(cls, "starts") else {}))
            with np.errstate(over="ignore"):
                for part in range(0, 400, 40):
                    y = f.run(x[part : part + 40], d[part : part + 40])
                    assert farthest(f) < radius + 1e-6
                    assert np.isfinite(y).all()
            assert np.isfinite(f.s).all()


def test_the_step_down_recursion_is_the_circle() -> None:
    """Random polynomials of known reflection coefficients, and those of roots on either side of the circle."""
    rng = np.random.default_rng(6)
    for _ in range(200):
        n = int(rng.integers(1, 9))
        c = np.r_[1.0, stepped_up(rng.uniform(-1.2, 1.2, n))]
        a = -c[1:][::-1]
        step = rng.standard_normal(n)
        s = np.r_[a - 0.25 * step, step, np.zeros(n)]
        assert k.inside(s, 0, n, 0.95, 2 * n, n, 0.25) == (np.abs(np.roots(c)).max() < 0.95)


@pytest.mark.parametrize("cls", EVERY)
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_dirt_is_survived_and_forgotten(cls: type[RecursiveFilter], scale: float) -> None:
    """Zeros first, a quiet passage, spikes of 1e7 times the signal, NaN, infinity: the plant is found all the same."""
    x, d = plant(40_000)
    x[:1000] = 0.0
    x[12_000:16_000] *= 1e-6
    d = signal.lfilter(B, A, x)
    x, d = scale * x, scale * d
    d[5000], d[5100], d[5200], d[5300] = 1e7 * scale, np.nan, np.inf, -1e300
    heard = x.copy()
    heard[6000], heard[6100], heard[6200] = 1e7 * scale, np.nan, -np.inf
    f = cls(taps=3, poles=2)
    y = f.run(heard, d)
    assert np.isfinite(y).all()
    np.testing.assert_allclose(y[-2000:], d[-2000:], atol=0.02 * scale)
    np.testing.assert_allclose(f.weights, WEIGHTS, atol=0.02)


def test_what_cannot_be_is_refused() -> None:
    f = sm.OutputError(taps=1, poles=2)
    with pytest.raises(ValueError, match=r"poles must be within 0.999, got one at 1.5"):
        f.weights = [1.0, 1.5, 0.0]
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        f.weights = [1.0]
    f.weights = [1.0, 0.5, 0.2]
    assert f.weights.tolist() == [1.0, 0.5, 0.2]
    with pytest.raises(ValueError, match="smoothing must be a list of finite numbers"):
        sm.SHARF(smoothing=[np.inf])
    with pytest.raises(TypeError, match="radius is fixed|radius"):
        sm.OutputError(radius="wide")


@pytest.mark.parametrize("cls", EVERY)
def test_a_constant_is_matched_and_silence_fades_to_nothing(cls: type[RecursiveFilter]) -> None:
    f = cls(taps=3, poles=2)
    y = f.run(np.ones(20_000), np.full(20_000, 3.0))
    np.testing.assert_allclose(y[-100:], 3.0, atol=1e-3)
    y = f.run(np.zeros(400_000), np.zeros(400_000))  # would end in numbers without digits, which are slow
    small = np.abs(f.s[f.s != 0.0])
    assert small.min(initial=1.0) > 1e-307
