"""Steps that follow their signals: against readable twins, closed forms, and where signals are dirty."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm

from . import naive
from .dirt import DIRT, recovery
from .paths import TRUTH, flat, path

N = 8


def average_energy(x: np.ndarray) -> np.ndarray:
    return naive.energies(x, N, 1.0) - naive.energies(x, N, 0.0)


#: each filter, and its gain as the naive form has it
TWINS = {
    "KwongJohnstonLMS": (
        {"rate": 0.1, "memory": 0.9, "smallest": 0.02, "largest": 0.8},
        lambda x, d: naive.kwong_johnston(d, naive.energies(x, N, 1e-3), 0.5, 0.1, 0.9, 0.02, 0.8),
    ),
    "MathewsXieLMS": (
        {"mu": 0.1, "rate": 0.3, "smallest": 0.05, "largest": 0.6},
        lambda x, d: naive.mathews_xie(d, naive.energies(x, N, 1e-3), 0.1, 0.3, 0.05, 0.6),
    ),
    "GNGD": (
        {"mu": 0.9, "rate": 0.5},
        lambda x, d: naive.gngd(d, naive.energies(x, N, 0.0), average_energy(x), 0.9, 0.5, 1e-3),
    ),
    "SMNLMS": ({"threshold": 0.2}, lambda x, d: naive.set_membership(d, naive.energies(x, N, 1e-3), 1.0, 0.2)),
}


@pytest.mark.parametrize(("name", "references"), [*((name, 1) for name in TWINS), ("KwongJohnstonLMS", 2), ("GNGD", 2)])
def test_twin(name: str, references: int) -> None:
    x, d = path(400, references)
    params, gain = TWINS[name]
    f = getattr(sm, name)(N, references=references, **params)
    y, w = naive.transversal(x, d, N, 1.0, gain(x, d))
    np.testing.assert_allclose(f.run(flat(x), d), y, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(f.weights.reshape(references, N), w[-1], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_any_scale(name: str, scale: float) -> None:
    x, d = path(400)
    f, g = getattr(sm, name)(N), getattr(sm, name)(N)
    np.testing.assert_allclose(f.run(scale * x[:, 0], 1e3 * d), 1e3 * g.run(x[:, 0], d), rtol=1e-6, atol=1e-9)


def test_without_a_rule_all_are_nlms() -> None:
    x, d = path(400)
    y = sm.NLMS(N, 0.5).run(x[:, 0], d)
    for f in (
        sm.KwongJohnstonLMS(N, 0.5, rate=0.0, memory=0.0, smallest=0.5),
        sm.MathewsXieLMS(N, 0.5, rate=0.0),
        sm.GNGD(N, 0.5, rate=0.0),
        sm.SMNLMS(N, 0.5, threshold=0.0),
    ):
        np.testing.assert_allclose(f.run(x[:, 0], d), y, rtol=1e-12, err_msg=repr(f))


def test_what_taught_nothing_has_no_part_in_a_product() -> None:
    """After a sample without d the step is not moved by what came before it."""
    x, d = path(300, pole=0.9)
    steps = []
    for gap in (100, 101):
        f = sm.MathewsXieLMS(N, rate=0.3)
        d_with_gap = np.where(np.arange(300) == gap, np.nan, d)
        f.run(x[:gap, 0], d_with_gap[:gap])
        before = f.step
        f.run(x[gap : gap + 2, 0], d_with_gap[gap : gap + 2])
        assert f.step == before
        f.update(x[gap + 2, 0], d[gap + 2])
        steps.append(f.step != before)
    assert all(steps)


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_kwong_johnston_misadjustment(rate: float) -> None:
    """gamma (3 - alpha) / (2 (1 - alpha^2)) s^2 / sigma_d^2, and the mean step gamma / (1 - alpha) s^2 / sigma_d^2."""
    n, share, memory = 32, 0.01, 0.95
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, 20_000))
    h = rng.standard_normal(n)
    clean = lfilter(h / np.linalg.norm(h), [1.0], x, axis=1)
    noise = np.sqrt(share / (1.0 - share)) * rng.standard_normal(x.shape)
    f = sm.bank(sm.KwongJohnstonLMS(n, rate=rate, memory=memory, smallest=0.0, regulariser=0.0), 40)
    y = f.run(x, clean + noise)
    ratio = np.mean((y - clean)[:, 10_000:] ** 2) / np.mean(noise**2)
    expected = rate * (3.0 - memory) / (2.0 * (1.0 - memory**2)) * share
    assert ratio == pytest.approx(expected, rel=0.15)


def test_a_variable_step_is_fast_and_then_exact() -> None:
    """Soon as good as a bold NLMS, later as good as a timid one, and again after the path has changed."""
    x, _ = path(12_000)
    rng = np.random.default_rng(2)
    h = rng.standard_normal(N)
    d = lfilter(h, [1.0], x[:, 0])
    d[6000:] *= -1.0
    d += 0.1 * np.std(d) * rng.standard_normal(d.size)
    power = lambda e, a, b: float(np.mean(e[a:b] ** 2))  # noqa: E731
    bold, timid = (d - sm.NLMS(N, mu).run(x[:, 0], d) for mu in (1.0, 0.05))
    f = sm.KwongJohnstonLMS(N)
    e = d - f.run(x[:, 0], d)
    for start in (0, 6000):
        assert power(e, start + 100, start + 300) < 0.5 * power(timid, start + 100, start + 300)
        assert power(e, start + 4000, start + 6000) < 0.75 * power(bold, start + 4000, start + 6000)


def test_the_regulariser_of_gngd_rises_where_noise_asks_for_it() -> None:
    x, d = path(4000)
    noisy, clean = sm.GNGD(N), sm.GNGD(N)
    clean.run(x[:100, 0], lfilter(TRUTH, [1.0], x[:100, 0]))  # as long as it has something to learn
    noise = np.std(d) * np.random.default_rng(3).standard_normal(4000)
    e = lfilter(TRUTH, [1.0], x[:, 0]) - noisy.run(x[:, 0], d + noise)
    nlms = lfilter(TRUTH, [1.0], x[:, 0]) - sm.NLMS(N, 1.0).run(x[:, 0], d + noise)
    assert noisy.compensation > 2.0 * clean.compensation
    assert np.mean(e[1000:] ** 2) < 0.6 * np.mean(nlms[1000:] ** 2)


@pytest.mark.parametrize("name", ["MathewsXieLMS", "GNGD", "BenvenisteLMS", "AngFarhangLMS"])
@pytest.mark.parametrize("noise", [1e-3, 1e-1, 1.0])
def test_the_defaults_settle_below_nlms_at_any_level_of_the_noise(name: str, noise: float) -> None:
    x, d = path(8000)
    truth = lfilter(TRUTH, [1.0], x[:, 0])
    d = truth + noise * np.random.default_rng(3).standard_normal(8000)
    e, nlms = (truth - f.run(x[:, 0], d) for f in (getattr(sm, name)(N), sm.NLMS(N)))
    assert np.mean(e[4000:] ** 2) < 0.8 * np.mean(nlms[4000:] ** 2)


def test_set_membership_never_moves_away() -> None:
    """As long as the noise is within the threshold, every update brings the weights nearer."""
    rng = np.random.default_rng(4)
    x = lfilter([1.0], [1.0, -0.9], rng.standard_normal(2000))
    truth = rng.standard_normal(N)
    d = lfilter(truth, [1.0], x)
    f = sm.SMNLMS(N, threshold=0.2)
    off = []
    for t in range(2000):
        gamma = 0.2 * np.sqrt(np.mean(d[: t + 1] ** 2))
        f.update(x[t], d[t] + 0.9 * gamma * rng.uniform(-1.0, 1.0))
        off.append(np.linalg.norm(f.weights - truth))
    assert (np.diff(off) <= 1e-9).all()
    assert 10 < f.updates < 300


def test_ends_are_checked_and_theory_says_what_it_cannot() -> None:
    with pytest.raises(ValueError, match="smallest must be at most largest, got 0.5 and 0.2"):
        sm.KwongJohnstonLMS(smallest=0.5, largest=0.2)
    x, d = path(2000)
    with pytest.raises(TypeError, match="expected a filter whose step is fixed"):
        sm.predict_mse(sm.GNGD(N), x[:, 0], d)
    assert sm.simulate_mse(sm.GNGD(N), x[:, 0], d).steady_state < 0.03


@pytest.mark.parametrize("kind", DIRT)
@pytest.mark.parametrize("name", TWINS)
def test_dirt_never_stays(name: str, kind: str) -> None:
    recovery(getattr(sm, name)(16), kind)
