"""The races of active control and of recursive filters: every rival computes what ours computes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import recursive, timing
from benchmarks.workloads_recursive import recursive as plant
from tests.test_benchmarks import entered

SAMPLES = 2000


def test_every_filtered_x_hears_the_same_error() -> None:
    """While the lines fill they regularise differently, and forget it slowly."""
    (mine,) = (one.call() for one in recursive.filtered_x(32, SAMPLES).values())
    assert np.std(mine[-500:]) < 0.3 * np.std(mine[:50])
    for name, heard in entered("rival_adafilt_filtered_x", "filtered_x", 32, SAMPLES).items():
        np.testing.assert_allclose(heard[-200:], mine[-200:], atol=0.05 * np.std(mine), err_msg=name)
    try:
        (in_c,) = (one.call() for one in recursive.filtered_x_in_c(32, SAMPLES).values())
    except timing.Unavailable as missing:
        pytest.skip(str(missing))
    np.testing.assert_allclose(in_c[-200:], mine[-200:], atol=0.05 * np.std(mine))


@pytest.mark.parametrize("what", ["EquationError", "GaussNewtonIIR"])
def test_every_least_squares_filter_finds_the_same_plant(what: str) -> None:
    """Theirs by gradient do not get there in so few samples."""
    _, d = plant(3, 2, 1000)
    (mine,) = (one.call() for one in recursive.iir(what, 3, 2, 1000).values())
    assert np.std((d - mine)[-300:]) < 0.02 * np.std(d)
    for name, y in entered("rival_pydaptivefiltering_recursive", "iir", what, 3, 2, 1000).items():
        if name != "GaussNewton":
            np.testing.assert_allclose(y[-300:], mine[-300:], atol=0.05 * np.std(d), err_msg=name)
