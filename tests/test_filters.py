"""The gradient filters: against readable twins, in every form, and where signals are dirty."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm
from streammse.filters.gradient import GradientFilter
from streammse.kernels import fir, losses

from . import naive

sgn = np.sign

#: each filter: its class, parameters, and its update gain(e, line) as the textbook writes it
TWINS = {
    "LMS": (sm.LMS, {"mu": 0.02}, lambda e, u: e * u),
    "NLMS": (sm.NLMS, {"mu": 0.4, "regulariser": 0.0}, lambda e, u, E: e * u / E),
    "LeakyLMS": (sm.LeakyLMS, {"mu": 0.02, "leak": 0.3}, lambda e, u: e * u),
    "SignErrorLMS": (sm.SignErrorLMS, {"mu": 0.01}, lambda e, u: sgn(e) * u),
    "SignDataLMS": (sm.SignDataLMS, {"mu": 0.02}, lambda e, u: e * sgn(u)),
    "SignSignLMS": (sm.SignSignLMS, {"mu": 0.01}, lambda e, u: sgn(e) * sgn(u)),
    "LMF": (sm.LMF, {"mu": 0.002}, lambda e, u: e**3 * u),
    "NLMF": (sm.NLMF, {"mu": 0.9, "regulariser": 0.0}, lambda e, u, E: e**3 * u / (E * (E + e * e))),
    "HuberLMS": (sm.HuberLMS, {"mu": 0.02, "delta": 0.4}, lambda e, u: np.clip(e, -0.4, 0.4) * u),
    "LogCoshLMS": (sm.LogCoshLMS, {"mu": 0.02, "a": 0.4}, lambda e, u: 0.4 * np.tanh(e / 0.4) * u),
    "MCCLMS": (sm.MCCLMS, {"mu": 0.02, "sigma": 1.5}, lambda e, u: np.exp(-e * e / 4.5) * e * u),
    "GMCCLMS": (
        sm.GMCCLMS,
        {"mu": 0.02, "alpha": 3.0, "lam": 0.2},
        lambda e, u: 0.6 * np.exp(-0.2 * abs(e) ** 3) * e * e * sgn(e) * u,
    ),
    "PinballLMS": (sm.PinballLMS, {"mu": 0.01, "q": 0.8}, lambda e, u: (0.8 - (e < 0)) * u),
}
every = pytest.mark.parametrize("name", TWINS)
#: with several references those alone that sweep in a way of their own: the loss is the same function
SWEEPS = ("NLMS", "LeakyLMS", "SignDataLMS", "SignSignLMS")
several = pytest.mark.parametrize(("name", "references"), [*((n, 1) for n in TWINS), *((n, 3) for n in SWEEPS)])


def build(name: str, taps: int = 8, references: int = 1, **more) -> GradientFilter:
    """The step shrinks with the number of weights, as stability asks."""
    cls, params, _ = TWINS[name]
    mu = params["mu"] if "regulariser" in params else params["mu"] * min(1.0, 8.0 / (taps * references))
    return cls(taps, references=references, **{**params, "mu": mu, **more})


def path(samples: int, references: int = 1, seed: int = 0, noise: float = 0.1):
    """Coloured inputs (T, m) and what a path of three taps each makes of them, with noise."""
    rng = np.random.default_rng(seed)
    x = lfilter([1.0], [1.0, -0.5], rng.standard_normal((samples, references)), axis=0)
    d = lfilter([0.6, -0.4, 0.2], [1.0], x, axis=0).sum(axis=1) + noise * rng.standard_normal(samples)
    return x, d


def flat(x: np.ndarray) -> np.ndarray:
    return x[:, 0] if x.shape[1] == 1 else x


def divided(gain, x: np.ndarray, taps: int, regulariser: float = 0.0):
    """A gain that is told the energy too."""
    energy = iter(naive.energies(x, taps, regulariser))
    return lambda e, u: gain(e, u, next(energy))


def stream(f: GradientFilter, x: np.ndarray, d: np.ndarray) -> np.ndarray:
    return np.array([f.update(x[t], d[t]) for t in range(len(d))])


@several
def test_twin(name: str, references: int) -> None:
    x, d = path(400, references)
    f = build(name, references=references)
    _, params, gain = TWINS[name]
    if "regulariser" in params:
        gain = divided(gain, x, 8)
    y, w = naive.transversal(x, d, 8, f.mu, gain, 1.0 - f.mu * params.get("leak", 0.0))
    np.testing.assert_allclose(f.run(flat(x), d), y, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(f.weights.reshape(references, 8), w[-1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("references", [1, 3])
def test_the_regulariser_is_relative(references: int) -> None:
    x, d = path(300, references)
    x[40] *= 30.0
    y, _ = naive.transversal(x, d, 5, 0.5, divided(lambda e, u, E: e * u / E, x, 5, 0.2))
    for scale in (1.0, 1e-9, 1e9):
        f = sm.NLMS(5, 0.5, regulariser=0.2, references=references)
        np.testing.assert_allclose(f.run(scale * flat(x), d), y, rtol=1e-9, atol=1e-12)


@several
def test_block_is_stream_for_every_length(name: str, references: int) -> None:
    samples = 160
    x, d = path(samples, references)
    x = flat(x)
    # every rest of the lanes; of several references, which go through the same loops, fewer
    for taps in (*range(1, 41), 128) if references == 1 else (*range(1, 10), 15, 16, 17, 31, 33, 40, 128):
        a, b = build(name, taps, references), build(name, taps, references)
        first = a.run(x[:100], d[:100])
        np.testing.assert_array_equal(np.concatenate([first, a.run(x[100:], d[100:])]), stream(b, x, d))
        np.testing.assert_array_equal(a._s, b._s)


@every
def test_block_is_stream_over_many_chunks(name: str) -> None:
    x, d = path(2500)
    a, b = build(name, 40), build(name, 40)
    np.testing.assert_array_equal(a.run(x[:, 0], d), stream(b, x[:, 0], d))
    np.testing.assert_array_equal(a._s, b._s)


@several
def test_weights_at_any_moment(name: str, references: int) -> None:
    """What is read predicts the next output; what is set is what is read, and nothing learnt before comes after."""
    x, d = path(60, references)
    rng = np.random.default_rng(4)
    f = build(name, 7, references)
    line = np.zeros((references, 7))
    for t in range(60):
        if t in (1, 23, 24, 50):
            chosen = rng.standard_normal(f.weights.shape)
            f.weights = chosen
            np.testing.assert_array_equal(f.weights, chosen)
            chosen[:] = np.nan  # the filter keeps no reference
        w = f.weights
        line = np.column_stack([x[t], line[:, :-1]])
        assert f.update(flat(x)[t], d[t]) == pytest.approx(np.sum(w.reshape(references, 7) * line), rel=1e-10)
    before = f.weights
    f.weights = f.weights
    np.testing.assert_array_equal(f.weights, before)


def test_weights_are_checked() -> None:
    f = sm.LMS(4)
    with pytest.raises(ValueError, match=r"weights must have shape \(4,\), got \(5,\)"):
        f.weights = np.zeros(5)
    with pytest.raises(ValueError, match="weights must be finite"):
        f.weights = np.array([0.0, np.inf, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"weights must have shape \(2, 4\)"):
        sm.LMS(4, references=2).weights = np.zeros(8)


# Divergence


def diverging(policy: str):
    x, d = path(4000)
    return sm.LMS(8, mu=2.0, on_divergence=policy), x[:, 0], d


def test_divergence_raises_and_leaves_the_state() -> None:
    f, x, d = diverging("raise")
    f.run(x[:3], d[:3])
    before = f._s.copy()
    with pytest.raises(FloatingPointError, match="diverged"):
        f.run(x[3:], d[3:])
    np.testing.assert_array_equal(f._s, before)
    with pytest.raises(FloatingPointError, match="diverged"):
        stream(f, x[3:], d[3:])
    assert f.diverged == 1
    assert np.isfinite(f._s).all()
    w = f.weights  # the sample counts as seen, and nothing was learnt from it; updates that waited round once more
    f.update(0.0)
    np.testing.assert_allclose(f.weights, w, rtol=1e-14)


def test_divergence_resets_the_weights() -> None:
    f, x, d = diverging("reset")
    with pytest.warns(RuntimeWarning, match="weights set to zero; lower mu"):
        y = f.run(x, d)
    g, *_ = diverging("reset")
    with pytest.warns(RuntimeWarning, match="weights set to zero"):
        np.testing.assert_array_equal(y, stream(g, x, d))
    assert f.diverged == g.diverged > 1
    assert np.isfinite(y).all()
    assert np.abs(y).max() < 1e7
    assert f.reset().diverged == 0


def test_divergence_holds_until_weights_are_set() -> None:
    f, x, d = diverging("hold")
    with pytest.warns(RuntimeWarning, match="learning stopped") as caught:
        f.run(x, d)
    assert len(caught) == 1
    assert f.diverged == 1
    held = f.weights
    f.run(x[:100], d[:100])
    np.testing.assert_array_equal(f.weights, held)
    f.mu, f.weights = 0.01, np.zeros(8)
    y = f.run(x, d)
    assert np.mean((d - y)[-1000:] ** 2) < 0.012


def test_a_block_warns_once_and_a_stream_each_time() -> None:
    f, x, d = diverging("reset")
    g, *_ = diverging("reset")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f.run(x, d)
        assert len(caught) == 1
        stream(g, x, d)
    assert len(caught) == 1 + g.diverged == 1 + f.diverged
    np.testing.assert_array_equal(f._s, g._s)


@pytest.mark.parametrize("references", [1, 2])
def test_a_spike_is_neither_learnt_nor_does_it_blind_the_detection(references: int) -> None:
    x, d = path(4000, references)
    d[100] = 1e60
    f = sm.LMS(8, mu=0.01, references=references)
    y = f.run(flat(x), d)
    assert (f.diverged, f.unlearnt) == (0, 1)
    assert np.abs(y).max() < 100.0
    f = sm.LMS(8, mu=5.0, references=references)
    with pytest.warns(RuntimeWarning, match="diverged"):
        y = f.run(flat(x), d)
    assert f.diverged > 100
    assert np.abs(y).max() < 1e4 * 1e3 * 1e4  # of the signal: level and growth, and one step before it is noticed


def test_the_level_fades() -> None:
    """After 1e60 for good reason, a quiet signal's divergence is noticed again."""
    f = sm.LMS(1, mu=0.0)
    f.run(np.full(10, 1e60), np.full(10, 1e60))
    f.run(np.zeros(3_000_000), np.zeros(3_000_000))
    assert f._s[fir.LEVEL] == pytest.approx(1e60 * np.exp(-30.0), rel=1e-3)


@pytest.mark.parametrize("by", [1e6, 1e-6])
@pytest.mark.parametrize("which", ["x", "d", "both"])
def test_a_change_of_level_is_no_divergence(which: str, by: float) -> None:
    x, d = path(3000)
    if which != "d":
        x[1500:] *= by
    if which != "x":
        d[1500:] *= by
    for mu in (0.5, 1.0):
        f = sm.NLMS(8, mu)
        f.run(x[:, 0], d)
        assert f.diverged == 0
        assert f.unlearnt <= 2


def test_a_burst_in_the_input_is_no_divergence() -> None:
    x, d = path(3000)
    f = sm.NLMS(8, 0.5)
    f.run(x[:1000, 0], d[:1000])
    x[1000] = 1e12
    before = f.weights
    f.run(x[1000:1008, 0], d[1000:1008])
    assert f.diverged == 0
    assert f.unlearnt > 0
    assert np.abs(f.weights - before).max() < 0.1


def test_what_taught_nothing_is_counted() -> None:
    f = sm.NLMS(4)
    np.testing.assert_array_equal(f.run(np.ones(7)), 0.0)  # no d: the output only
    f.run(np.ones(3), [1.0, np.nan, np.inf])
    assert f.unlearnt == 9
    assert f.reset().unlearnt == 0


def test_warnings_as_errors_leave_a_sound_filter() -> None:
    f, x, d = diverging("reset")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="diverged"):
            f.run(x, d)
        np.testing.assert_array_equal(f._s, sm.LMS(8)._s)
        with pytest.raises(RuntimeWarning, match="diverged"):
            stream(f, x, d)
    np.testing.assert_array_equal(f.weights, 0.0)


# Dirt


def dirt(kind: str, x: np.ndarray, d: np.ndarray) -> None:
    at = slice(1000, 1300)
    if kind == "nan":
        x[1000], x[1010], d[1020] = np.nan, np.inf, np.inf
    elif kind == "huge":
        x[1000], d[1100], x[1200], d[1200] = 1e300, -1e300, 1e99, 1e99
    elif kind == "silence":
        x[at], d[at] = 0.0, 0.0
    elif kind == "leading zeros":
        x[:1000], d[:1000] = 0.0, 0.0
    elif kind == "spike":
        x *= 1e-3
        d *= 1e-3
        x[1000], d[1500] = 1e4, 1e4
    elif kind == "quiet":
        x[at] *= 1e-6
    elif kind == "tiny":
        x *= 1e-160
        d *= 1e-160


@every
@pytest.mark.parametrize("kind", ["nan", "huge", "silence", "leading zeros", "spike", "quiet", "tiny"])
@pytest.mark.filterwarnings("ignore:the adaptive filter diverged")
def test_dirt_never_stays(name: str, kind: str) -> None:
    x, d = path(3000)
    x = x[:, 0]
    dirt(kind, x, d)
    for policy in ("reset", "hold"):
        f = build(name, 16, on_divergence=policy)
        y = f.run(x, d)
        assert np.isfinite(f._s).all()
        assert np.isfinite(y).all()
        assert np.isfinite(f.weights).all()


def off(w: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(w - truth) / np.linalg.norm(truth))


def test_a_quiet_passage_does_not_drive_nlms_off() -> None:
    """The passage is 120 dB down, the noise is not: a fixed regulariser, though tiny, lets the noise in."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(32) / np.sqrt(32.0)
    x = rng.standard_normal(80_000)
    x[10_000:] *= 1e-6
    d = lfilter(truth, [1.0], x) + 0.01 * rng.standard_normal(x.size)
    f = sm.NLMS(32, 0.5)
    f.run(x, d)
    assert off(f.weights, truth) < 0.02
    w, padded = np.zeros(32), np.concatenate([np.zeros(31), x])
    for t in range(x.size):
        u = padded[t : t + 32][::-1]
        w += 0.5 * (d[t] - w @ u) * u / (1e-6 + u @ u)
    assert off(w, truth) > 5.0  # its steady state would be sqrt(mu_eff / 2) * noise / input = 28


def test_a_spike_does_not_stop_nlms() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([0.5, -0.3, 0.2, 0.1])
    x = 1e-3 * rng.standard_normal(4000)
    x[500] = 1e4
    d = lfilter(truth, [1.0], x)
    d[500:504] = 0.0
    f = sm.NLMS(4, 0.5)
    f.run(x, d)
    assert off(f.weights, truth) < 1e-3


# Any loss


def test_a_loss_is_an_argument() -> None:
    x, d = path(500)
    pairs = {
        "absolute": (losses.absolute, sm.SignErrorLMS(8, 0.01)),
        "quartic": (losses.quartic, sm.LMF(8, 0.01)),
        "huber": (losses.huber(0.4), sm.HuberLMS(8, 0.01, 0.4)),
        "log_cosh": (losses.log_cosh(0.4), sm.LogCoshLMS(8, 0.01, 0.4)),
        "correntropy": (losses.correntropy(1.5), sm.MCCLMS(8, 0.01, 1.5)),
        "gmcc": (losses.gmcc(3.0, 0.2), sm.GMCCLMS(8, 0.01, 3.0, 0.2)),
        "pinball": (losses.pinball(0.8), sm.PinballLMS(8, 0.01, 0.8)),
    }
    for name, (loss, named) in pairs.items():
        f = sm.LMS(8, 0.01, loss=loss)
        np.testing.assert_array_equal(f.run(x[:, 0], d), named.run(x[:, 0], d), err_msg=name)
        g = sm.load(f.snapshot())
        assert g.loss == loss
        np.testing.assert_array_equal(g._p, f._p)


def _cauchy(e, a):
    return 0.5 * a * a * np.log1p((e / a) ** 2)


def _cauchy_score(e, a):
    return e / (1.0 + (e / a) ** 2)


cauchy = sm.make_loss(_cauchy, _cauchy_score, a=0.5)


def test_a_loss_of_ones_own() -> None:
    x, d = path(500)
    y, _ = naive.transversal(x, d, 8, 0.05, lambda e, u: _cauchy_score(e, 0.5) * u)
    f = sm.LMS(8, 0.05, loss=cauchy)
    np.testing.assert_allclose(f.run(x[:, 0], d), y, rtol=1e-9, atol=1e-12)
    y, _ = naive.transversal(x, d, 8, 0.5, divided(lambda e, u, E: _cauchy_score(e, 0.2) * u / E, x, 8))
    g = sm.NLMS(8, 0.5, loss=cauchy(0.2), regulariser=0.0)
    np.testing.assert_allclose(g.run(x[:, 0], d), y, rtol=1e-9, atol=1e-12)
    assert sm.load(f.snapshot()).loss == cauchy
    with pytest.raises(TypeError, match="loss must be a loss"):
        sm.LMS(loss="huber")


@pytest.mark.parametrize(
    "name", ["SignErrorLMS", "HuberLMS", "LogCoshLMS", "MCCLMS", "GMCCLMS", "SignSignLMS", "PinballLMS"]
)
def test_robust_where_outliers_are(name: str) -> None:
    """One sample in twenty is off by a hundred times the noise: it throws LMS about, these it does not."""
    x, d = path(20_000, noise=0.05)
    rng = np.random.default_rng(9)
    hit = rng.random(d.size) < 0.05
    spoilt = d + np.where(hit, 5.0 * rng.standard_normal(d.size), 0.0)
    mu, shape = 0.005, {}
    if "delta" in TWINS[name][1]:
        shape = {"delta": 0.1}
    elif "a" in TWINS[name][1]:
        shape = {"a": 0.1}
    elif name == "PinballLMS":
        shape = {"q": 0.5}
    elif name == "MCCLMS":
        shape = {"sigma": 0.5}
    elif name == "GMCCLMS":
        shape = {"alpha": 2.0, "lam": 2.0}
    if name in ("SignErrorLMS", "SignSignLMS", "PinballLMS"):
        mu = 0.0005
    truth = np.array([0.6, -0.4, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0])

    def error(f: GradientFilter) -> float:
        f.run(x[:, 0], spoilt)
        return off(f.weights, truth)

    assert error(build(name, mu=mu, **shape)) < 0.3 * error(sm.LMS(8, 0.005))


@pytest.mark.parametrize(
    ("ours", "theirs", "params"),
    [
        (sm.LMS(6, 0.02), "FilterLMS", {"mu": 0.02}),
        (sm.NLMS(6, 0.5, regulariser=0.0), "FilterNLMS", {"mu": 0.5, "eps": 0.0}),  # from a full line on
        (sm.SignSignLMS(6, 0.01), "FilterSSLMS", {"mu": 0.01}),
    ],
    ids=str,
)
def test_padasip_agrees(ours: GradientFilter, theirs: str, params: dict[str, float]) -> None:
    filters = pytest.importorskip("padasip.filters")
    x, d = path(300)
    lines = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(5), x[:, 0]]), 6)[:, ::-1]
    ours.run(x[:6, 0])
    w = 0.01 * np.arange(6.0)
    ours.weights = w
    y, _, _ = getattr(filters, theirs)(n=6, w=w.copy(), **params).run(d[6:], lines[6:])
    np.testing.assert_allclose(ours.run(x[6:, 0], d[6:]), y, rtol=1e-9, atol=1e-12)


def test_nlms_does_not_leap_at_the_start() -> None:
    """With one sample in the line the textbook's first step may be noise / x(0) long; a cut score mends it late."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 100))
    d = x + 0.3 * rng.standard_normal((200, 100))
    y = sm.bank(sm.NLMS(16, 0.5, loss=losses.huber(0.3)), 200).run(x, d)
    assert np.mean((d - y) ** 2) < 0.8


def test_silence_before_the_signal_changes_nothing() -> None:
    x, d = path(200)
    quiet = np.zeros(1000)
    late, plain = sm.NLMS(16), sm.NLMS(16)
    y = late.run(np.concatenate([quiet, x[:, 0]]), np.concatenate([quiet, d]))
    np.testing.assert_allclose(y[1000:], plain.run(x[:, 0], d), rtol=1e-12)


@pytest.mark.parametrize("taps", [1, 15, 17, 64, 127, 128, 163])
@pytest.mark.parametrize("kind", [sm.NLMS, sm.SignDataLMS])
def test_vectors_of_any_width_give_the_same_filter(kind, taps: int) -> None:
    # The sweep over the taps goes through vectors of sixteen, four and one, and of thirty-two where the CPU has them.
    x = np.random.default_rng(taps).standard_normal(300)
    d = np.convolve(x, [0.5, 0.3])[:300]
    f, plain = kind(taps), kind(taps)
    step = plain._kernel()
    expected = [step(plain._p, plain._s, float(a), float(b)) for a, b in zip(x, d, strict=True)]
    np.testing.assert_allclose(f.run(x, d), expected, rtol=1e-9, atol=1e-12)
    one_by_one = kind(taps)
    np.testing.assert_array_equal([one_by_one.update(a, b) for a, b in zip(x, d, strict=True)], kind(taps).run(x, d))
