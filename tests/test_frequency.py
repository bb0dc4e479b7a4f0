"""Filters in the frequency domain: the transform, twins by the definition, what is late, what is hard."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import fftconvolve, lfilter

import streammse as sm
from streammse._jit import loop
from streammse.kernels import fourier, partitions

from . import naive
from .cases import stream

# The transform


@loop("void(f8[::1],f8[::1],i8)", allocates=False)
def there(p, s, half):
    fourier.transform(p, 0, s, 0, 2 * half, half)


@loop("void(f8[::1],f8[::1],i8)", allocates=False)
def there_and_back(p, s, half):
    fourier.transform(p, 0, s, 0, 2 * half, half)
    fourier.restore(p, 0, s, 2 * half, 0, half)


@pytest.mark.parametrize("half", [1, 2, 4, 8, 16, 32, 64, 512, 2048])
def test_the_transform_is_its_definition_and_goes_back(half: int) -> None:
    x = np.random.default_rng(half).standard_normal(2 * half)
    p, s = fourier.table(half), np.concatenate([x, np.zeros(2 * half)])
    there.compiled(p, s, half)
    frequency = (2.0 * fourier.order(half) + 0.5) / (2 * half)
    wanted = np.exp(-2j * np.pi * np.outer(frequency, np.arange(2 * half))) @ x
    np.testing.assert_allclose(s[2 * half : 3 * half] + 1j * s[3 * half :], wanted, atol=1e-13 * half**0.5 * 20)
    np.testing.assert_allclose(fourier.spectrum(x, half), s[2 * half :], atol=1e-13 * half)
    np.testing.assert_allclose(fourier.samples(s[2 * half :], half), x, atol=1e-14)
    assert np.sum(s[2 * half :] ** 2) == pytest.approx(half * np.sum(x**2), rel=1e-12)
    there_and_back.compiled(p, s, half)
    np.testing.assert_allclose(s[: 2 * half], x, atol=1e-14)
    if half <= 64:
        plain = np.concatenate([x, np.zeros(2 * half)])
        there_and_back(p, plain, half)
        np.testing.assert_allclose(plain[: 2 * half], s[: 2 * half], atol=1e-14)


# Against the definition


def room(taps: int, samples: int, seed: int = 0, colour: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input, desired signal and the response between them, of unit energy."""
    rng = np.random.default_rng(seed)
    x = lfilter([np.sqrt(1.0 - colour**2)], [1.0, -colour], rng.standard_normal(samples))
    h = rng.standard_normal(taps) * np.exp(-4.0 * np.arange(taps) / taps)
    h /= np.linalg.norm(h)
    return x, fftconvolve(x, h)[:samples] + 1e-3 * rng.standard_normal(samples), h


STEPS = {"mu": 0.3, "regulariser": 1e-3, "smoothing": 0.7}


def on_time(f: sm.PBFDAF | sm.FDAF, x: np.ndarray, d: np.ndarray) -> np.ndarray:
    """The output at the time of its d."""
    return f.run(np.append(x, np.zeros(f.latency)), np.append(d, np.full(f.latency, np.nan)))[f.latency :]


@pytest.mark.parametrize(("taps", "block"), [(12, 5), (24, 24), (100, 28), (6, 25)])
def test_fdaf_is_block_lms(taps: int, block: int) -> None:
    x, d, _ = room(taps, 40 * block)
    d[3 * block : 4 * block] = d[60:63] = np.nan
    f = sm.FDAF(taps, block, by_bin=False, **STEPS)
    length = 2 * f._sizes[2]
    y, w = naive.block_nlms(x, d, taps, block, **STEPS, windows=1, length=length)
    np.testing.assert_allclose(on_time(f, x, d), y, atol=1e-10 * np.abs(y).max())
    g = sm.FDAF(taps, block, by_bin=False, **STEPS)
    g.run(x, d)
    np.testing.assert_allclose(g.weights, w, atol=1e-10)


@pytest.mark.parametrize("direct", [False, True])
def test_pbfdaf_with_full_constraint_is_block_lms(direct: bool) -> None:
    x, d, _ = room(64, 1600)
    f = sm.PBFDAF(64, 16, by_bin=False, constraint="full", direct=direct, **STEPS)
    y, w = naive.block_nlms(x, d, 64, 16, **STEPS, windows=4, length=32)
    np.testing.assert_allclose(on_time(f, x, d), y, atol=1e-10 * np.abs(y).max())
    g = f.clone()
    g.run(x, d)
    np.testing.assert_allclose(g.weights, w, atol=1e-10)


@pytest.mark.parametrize("constraint", ["round-robin", "full", "none"])
@pytest.mark.parametrize(("taps", "block"), [(16, 4), (150, 32)])
def test_pbfdaf_is_its_definition(taps: int, block: int, constraint: str) -> None:
    x, d, _ = room(taps, 60 * block, colour=0.7)
    f = sm.PBFDAF(taps, block, direct=False, constraint=constraint, **STEPS)
    y, w, *_ = naive.partitioned(x, d, taps, block, constraint=constraint, **STEPS)
    np.testing.assert_allclose(on_time(f, x, d), y, atol=1e-10)
    g = f.clone()
    g.run(x, d)
    np.testing.assert_allclose(g.weights, w, atol=1e-10)


@pytest.mark.parametrize("louder", [1.0, 9.0], ids=["a shorter step", "begun anew"])
@pytest.mark.parametrize("mu", [0.5, 1.0])
def test_what_follows_an_error_larger_than_d_is_its_definition(mu: float, louder: float) -> None:
    x = np.random.default_rng(1).standard_normal(45 * 32)
    d = np.convolve(x, [0.5, 0.4, -0.3])[: x.size]
    d[700:] *= -0.2
    x[700:] *= louder
    f = sm.PBFDAF(128, 32, mu=mu, direct=False)
    _, w, worse, lost = naive.partitioned(x, d, 128, 32, mu, 1e-3, 0.9, "round-robin")
    assert lost > 0 if louder > 1.0 else worse > 10
    f.run(x, d)
    np.testing.assert_allclose(f.weights, w, atol=1e-12)
    assert f.diverged == lost
    assert louder > 1.0 or lost == 0


@pytest.mark.parametrize("f", [sm.PBFDAF(64, 16), sm.PBFDAF(64, 16, direct=False), sm.FDAF(64, 24)], ids=repr)
def test_weights_that_are_worth_nothing_are_given_up(f: sm.PBFDAF | sm.FDAF) -> None:
    """As after a quiet start, in which they learnt the noise: a block later it is as if it had not been."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal(6000)
    x[:1000] *= 1e-5
    d = lfilter(room(64, 10)[2], 1.0, x) + 0.05 * rng.standard_normal(6000)
    f = f.clone()
    error = d[: 6000 - f.latency] - f.run(x, d)[f.latency :]
    assert f.diverged == 1
    assert np.abs(error[1000:1050]).max() > 100.0
    assert np.abs(error[1050:]).max() < np.abs(d).max()
    assert np.mean(error[4000:] ** 2) < 1.5 * 0.05**2
    f.weights = given = 100.0 * rng.standard_normal(64)
    f.mu = 0.0
    f.run(x, d)
    np.testing.assert_allclose(f.weights, given, atol=1e-11)  # what does not learn is left alone
    f.reset()
    assert f.diverged == 0


def test_one_partition_is_fdaf_and_direct_is_the_same_on_time() -> None:
    x, d, _ = room(64, 3000)
    whole = sm.FDAF(64, block=64)
    late, direct = sm.PBFDAF(64, block=64, direct=False), sm.PBFDAF(64, block=64)
    y = whole.run(x, d)
    np.testing.assert_array_equal(late.run(x, d), y)
    np.testing.assert_array_equal(late.weights, whole.weights)
    assert (late.latency, direct.latency) == (63, 0)
    np.testing.assert_allclose(direct.run(x, d)[:-63], y[63:], atol=1e-12)
    for constraint in ("round-robin", "full"):
        late = sm.PBFDAF(100, block=16, direct=False, constraint=constraint)
        direct = sm.PBFDAF(100, block=16, constraint=constraint)
        y, z = direct.run(x, d)[:-15], late.run(x, d)[15:]
        if constraint == "full":
            np.testing.assert_allclose(y, z, atol=1e-12)
        else:  # the first partition, which is summed directly, is cut each time: it learns a little better
            assert 0.8 < np.mean((d[:-15] - y)[-1000:] ** 2) / np.mean((d[:-15] - z)[-1000:] ** 2) < 1.1


@pytest.mark.parametrize(
    "f", [sm.FDAF(48, block=20), sm.PBFDAF(48, block=16), sm.PBFDAF(40, block=16, direct=False)], ids=repr
)
def test_weights_are_taken_up_at_once_and_the_latency_is_as_stated(f: sm.FDAF | sm.PBFDAF) -> None:
    x, d, h = room(f.taps, 960)
    f = f.clone()
    assert f.run(x[:480], d[:480]).any()
    f.weights = h
    np.testing.assert_allclose(f.weights, h, atol=1e-14)
    y = f.run(x[480:])
    wanted = np.convolve(x, h)[480:960]
    begin = f.block if f.latency else 0  # what is late was made with the old weights
    np.testing.assert_allclose(y[begin:], wanted[begin - f.latency : 480 - f.latency], atol=1e-12)
    assert f.unlearnt == 480
    with pytest.raises(ValueError, match="weights must have shape"):
        f.weights = h[1:]
    with pytest.raises(ValueError, match="must be finite"):
        f.weights = h * np.nan


def test_in_blocks_of_use_stream_chunks_and_plain_python_agree() -> None:
    """The laws run on blocks of four, which the transform does by its definition."""
    for f in (sm.PBFDAF(80, block=32), sm.FDAF(50, block=20)):
        x, d, _ = room(f.taps, 700)
        d[100:105] = np.nan
        whole, one, cut = f.clone(), f.clone(), f.clone()
        y = whole.run(x, d)
        np.testing.assert_array_equal(stream(one, (x, d)), y)
        edges = [0, 1, 31, 33, 200, 700]
        np.testing.assert_array_equal(np.concatenate([cut.run(x[a:b], d[a:b]) for a, b in pairwise(edges)]), y)
        np.testing.assert_array_equal(one.s, whole.s)
        np.testing.assert_array_equal(cut.s, whole.s)
        p, s = whole.p, f.clone().s.copy()
        plain = [partitions.step(p, s, a, b) for a, b in zip(x[:200], d[:200], strict=True)]
        np.testing.assert_allclose(plain, y[:200], atol=1e-12)


def test_a_constraint_leaves_nothing_beyond_the_taps() -> None:
    x, d, _ = room(150, 4000, colour=0.7)
    for constraint, parts in (("full", 5), ("round-robin", 1), ("none", 0)):
        f = sm.PBFDAF(150, block=32, constraint=constraint, direct=False)
        f.run(x, d)
        at = partitions.layout(32, 32, 5).weights
        time = [fourier.samples(one, 32) for one in f.s[at : at + 5 * 64].reshape(5, 64)]
        beyond = [np.abs(one[min(32, 150 - 32 * k) :]).max() for k, one in enumerate(time)]
        assert sum(one < 1e-15 for one in beyond) == parts, constraint


# What it must reach

SIZES = [(8, 4), (16, 4), (32, 8), (64, 8), (64, 16), (256, 16)]


def worst_sine(filt: sm.PBFDAF | sm.FDAF, frequencies: int, samples: int) -> float:
    """The mean square error on a sine, relative to the noise in d, at the worst of some frequencies."""
    rng, t = np.random.default_rng(3), np.arange(samples)
    worst = 0.0
    for w in np.append(np.linspace(0.05, 3.09, frequencies - 1), 2.0 * np.pi * 3.25 / 16.0):  # the last falls on a bin
        x = np.sin(w * t)
        d = lfilter([0.5, -0.3, 0.2], 1.0, x) + 0.01 * rng.standard_normal(samples)
        f = filt.clone()
        error = d[: samples - f.latency] - f.run(x, d)[f.latency :]
        worst = max(worst, float(np.mean(error[-4000:] ** 2) / 1e-4))
    return worst


@pytest.mark.parametrize("colour", [0.0, 0.9])
def test_the_residual_is_that_of_the_time_domain(colour: float) -> None:
    x, d, _ = room(512, 60_000, colour=colour)
    nlms = d - sm.NLMS(512, mu=0.5).run(x, d)
    ours = d - sm.PBFDAF(512, block=32, mu=0.5).run(x, d)
    last = slice(-10_000, None)
    assert 10.0 * np.log10(np.mean(ours[last] ** 2) / np.mean(nlms[last] ** 2)) < 1.0
    assert np.mean(ours[last] ** 2) < 2.0 * 1e-6 / (1.0 - 0.25)


HARD = {
    "sine": lambda t, _: np.sin(0.3 * t),
    "a sine in a little noise": lambda t, rng: np.sin(0.05 * t) + 1e-3 * rng.standard_normal(t.size),
    "harmonics": lambda t, _: np.sin(0.1 * t) + 0.5 * np.sin(0.2 * t + 1.0) + 0.1 * np.sin(0.3 * t),
    "constant": lambda t, _: np.ones(t.size),
    "two sines side by side": lambda t, _: np.sin(0.3 * t) + np.sin(0.31 * t),
    "steps of level": lambda t, rng: np.sin(0.494 * t) * np.repeat(10.0 ** rng.integers(-3, 2, 20), t.size // 20),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("mu", [0.5, 1.0])
def test_inputs_of_few_lines_do_not_make_it_diverge(name: str, mu: float) -> None:
    t = np.arange(40_000.0)
    x = HARD[name](t, np.random.default_rng(1))
    d = np.convolve(x, room(64, 10)[2])[: t.size]
    for f in (
        sm.FDAF(256, block=64, mu=mu),
        sm.FDAF(64, block=256, mu=mu),
        sm.FDAF(256, block=256, mu=mu, constraint="none"),
        sm.FDAF(64, block=64, mu=mu, by_bin=False),
        sm.PBFDAF(256, block=32, mu=mu),
        sm.PBFDAF(128, block=16, mu=mu, constraint="none", direct=False),
        sm.PBFDAF(256, block=128, mu=mu, constraint="full"),
        sm.PBFDAF(64, block=16, mu=mu, by_bin=False),
    ):
        error = d[: t.size - f.latency] - f.run(x, d)[f.latency :]
        assert np.abs(error).max() < 10.0 * np.abs(d).max(), f
        assert np.mean(error[-3000:] ** 2) < 0.01 * np.mean(d**2), f
        assert np.linalg.norm(f.weights) < 3.0, f


@pytest.mark.parametrize(("taps", "block"), SIZES)
def test_a_sine_of_any_frequency_is_learnt_down_to_the_noise(taps: int, block: int) -> None:
    """Also where it falls on a bin, or just beside: some sizes had one bad frequency in ten."""
    assert worst_sine(sm.PBFDAF(taps, block=block), 20, 12_000) < 2.5
    assert worst_sine(sm.PBFDAF(taps, block=block, mu=1.0, constraint="full"), 4, 12_000) < 8.0


@pytest.mark.parametrize(("taps", "block"), [(64, 16), (64, 64), (16, 64), (5, 8)])
def test_so_it_is_with_one_partition(taps: int, block: int) -> None:
    assert worst_sine(sm.FDAF(taps, block=block), 20, 20_000) < 2.5
    assert worst_sine(sm.FDAF(taps, block=block, constraint="none"), 5, 20_000) < 2.5
    assert worst_sine(sm.FDAF(taps, block=block, by_bin=False), 5, 20_000) < 8.0


@pytest.mark.parametrize("f", [sm.FDAF(64, block=32), sm.PBFDAF(64, block=16)], ids=repr)
def test_what_breaks_others(f: sm.FDAF | sm.PBFDAF) -> None:
    x, _, h = room(64, 24_000)

    def error(x: np.ndarray, d: np.ndarray) -> np.ndarray:
        y = f.clone().run(x, d)
        assert np.isfinite(y).all()
        return (fftconvolve(x, h)[: x.size - f.latency] - y[f.latency :]) ** 2

    def level(e: np.ndarray, at: int) -> float:
        return float(10.0 * np.log10(np.mean(e[at : at + 500])))

    silent = x.copy()
    silent[:8000] = 0.0
    assert level(error(silent, fftconvolve(silent, h)[: x.size]), 14_000) < -100.0
    quiet = x.copy()
    quiet[8000:16_000] *= 1e-6  # 120 dB down, in noise 60 dB above it: nothing is unlearnt
    noise = 1e-3 * np.random.default_rng(2).standard_normal(x.size)
    e = error(quiet, fftconvolve(quiet, h)[: x.size] + noise)
    assert level(e, 16_000) < -40.0
    small = 1e-3 * x
    small[8000] = 1e4
    e = error(small, fftconvolve(small, h)[: x.size])
    assert level(e, 8000 + 200) < -180.0  # it was learnt before, and the spike is learnt from as well
    small[8000] = 1e-3
    d = fftconvolve(small, h)[: x.size]
    d[8000] = 1e4
    assert level(error(small, d), 16_000) < level(small**2, 16_000) - 100.0
    tiny = x.copy()
    tiny[8000:16_000] = 1e-310
    assert level(error(tiny, fftconvolve(tiny, h)[: x.size]), 16_500) < -150.0


def test_what_it_does_not_take() -> None:
    with pytest.raises(ValueError, match="block must be a power of two, got 48"):
        sm.PBFDAF(96, block=48)
    with pytest.raises(ValueError, match="more than there is room for"):
        sm.FDAF(10**15)
