"""Affine projection over ten million samples: at the end what it keeps is what the line says, to rounding."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm
from streammse.kernels import projection


@pytest.mark.parametrize("order", [2, 4, 12])
def test_ten_million_samples(order: int) -> None:
    taps, width = 32, order + 1
    f, rng = sm.AffineProjection(taps, order), np.random.default_rng(order)
    path = rng.standard_normal(taps) / np.sqrt(taps)
    tail = np.zeros(taps - 1)
    for block in range(100):
        x = rng.standard_normal(100_000)
        x[:: 1 + block] *= 10.0 ** (block % 7)  # spikes, and levels that change
        whole = np.concatenate([tail, x])
        y = f.run(x, np.convolve(whole, path, "valid") + 1e-3 * rng.standard_normal(x.size))
        tail = whole[-(taps - 1) :]
        assert np.isfinite(y).all()
    rows = np.lib.stride_tricks.sliding_window_view(whole, taps)[-order:]
    gram = f._s[f._behind + projection.ROWS * width :][: order * width].reshape(order, width)[:, :order]
    np.testing.assert_allclose(np.tril(gram), np.tril(rows @ rows.T), rtol=1e-12, atol=1e-12 * np.max(gram))
    x = rng.standard_normal(5000)
    d = np.convolve(np.concatenate([tail, x]), path, "valid")
    assert np.abs(d - f.run(x, d))[-100:].max() < 1e-6
