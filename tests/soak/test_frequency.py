"""Ten million samples through what learns in the frequency domain: rounding must not pile up."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm
from tests.test_frequency import SIZES, worst_sine

SAMPLES, CHUNK = 10_000_000, 500_000


@pytest.mark.parametrize(
    "f",
    [
        sm.PBFDAF(256, block=32),
        sm.PBFDAF(256, block=32, constraint="none"),
        sm.FDAF(256, block=256),
        sm.EchoCanceller(256, 32),
        sm.DCTLMS(32),
    ],
    ids=repr,
)
def test_ten_million_samples(f: sm.PBFDAF | sm.FDAF | sm.EchoCanceller | sm.DCTLMS) -> None:
    rng = np.random.default_rng(0)
    h = rng.standard_normal(f.taps) * np.exp(-8.0 * np.arange(f.taps) / f.taps)
    past, last = np.zeros(f.taps - 1), 0.0
    for _ in range(SAMPLES // CHUNK):
        x = rng.standard_normal(CHUNK) * np.repeat(10.0 ** rng.uniform(-3.0, 0.0, CHUNK // 1000), 1000)
        whole = np.concatenate([past, x])
        d = np.convolve(whole, h, "valid") + 1e-6 * rng.standard_normal(CHUNK)
        past = whole[len(whole) - f.taps + 1 :]
        y = f.run(x, d)
        late = getattr(f, "latency", 0)
        error = y if isinstance(f, sm.EchoCanceller) else d[: CHUNK - late] - y[late:]
        last = float(np.mean(error[CHUNK // 2 :] ** 2))
    assert np.isfinite(f.s).all()
    assert last < 1e-9
    np.testing.assert_allclose(f.weights, h, atol=1e-3)


@pytest.mark.parametrize("constraint", ["round-robin", "full", "none"])
@pytest.mark.parametrize(("taps", "block"), [*SIZES, (1024, 64), (1024, 128), (4096, 256)])
def test_a_sine_of_two_hundred_frequencies(taps: int, block: int, constraint: str) -> None:
    samples = 30_000 if taps < 1000 else 40 * taps
    for direct in (True, False):
        assert worst_sine(sm.PBFDAF(taps, block, constraint=constraint, direct=direct), 200, samples) < 3.0


@pytest.mark.parametrize("mu", [0.1, 1.0])
@pytest.mark.parametrize(("taps", "block"), SIZES)
def test_it_is_so_with_other_steps(taps: int, block: int, mu: float) -> None:
    for constraint in ("round-robin", "full", "none"):
        assert worst_sine(sm.PBFDAF(taps, block, mu, constraint=constraint), 200, 60_000) < 10.0
