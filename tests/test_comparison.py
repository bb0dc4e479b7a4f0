"""``sm.compare``: what it says of filters is what they do."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm

from .test_filter_canceller import late_by_three

PLANT = np.array([0.8, -0.4, 0.2])
T = 2000


def signals(rows: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, T))
    d = np.array([np.convolve(row, PLANT)[:T] for row in x]) + 0.1 * rng.standard_normal((rows, T))
    return (x[0], d[0]) if rows == 1 else (x, d)


def test_the_curve_is_the_mean_of_squared_errors():
    x, d = signals()
    f = sm.NLMS(3, mu=0.1)
    found = sm.compare([f, sm.LMS(3, mu=0.05)], x, d, plant=PLANT, window=50)
    squares = (d - f.clone().run(x, d)) ** 2
    np.testing.assert_allclose(found.curves[0], sm.MSE(window=50).run(squares**0.5, np.zeros(T)), rtol=1e-12)
    assert found.table["steady_state"][0] == pytest.approx(squares[-T // 4 :].mean(), rel=1e-12)
    g = f.clone()
    g.run(x, d)
    apart = np.sum((g.weights - PLANT) ** 2) / np.sum(PLANT**2)
    assert found.misalignment[0, -1] == pytest.approx(apart, rel=1e-9)
    assert found.table["misalignment"][0] == pytest.approx(10 * np.log10(apart))
    assert found.floor == pytest.approx(0.01, rel=0.1)
    assert not f.weights.any(), "the filters learn nothing themselves"
    k = found.table["settled"][0]
    assert squares[k : k + 50].mean() <= 2.0 * found.table["steady_state"][0] < squares[k - 1 : k + 49].mean()
    assert (found.table["nanoseconds"] > 0.0).all()


def test_realisations_are_averaged():
    x, d = signals(4)
    found = sm.compare({"nlms": sm.NLMS(4)}, x, d, plant=PLANT, window=1)
    each = [(row_d - sm.NLMS(4).run(row_x, row_d)) ** 2 for row_x, row_d in zip(x, d, strict=True)]
    np.testing.assert_allclose(found.curves[0], np.mean(each, axis=0), rtol=1e-9)
    assert found.names == ["nlms"]


def test_several_references():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((T, 2))
    plant = np.array([[0.5, 0.1], [-0.3, 0.2]])
    d = sum(np.convolve(x[:, k], plant[k])[:T] for k in range(2))
    found = sm.compare([sm.NLMS(2, references=2)], x, d, plant=plant)
    assert found.table["misalignment"][0] < -100.0
    assert found.floor < 1e-25


def test_a_late_output_is_held_against_its_own_sample():
    x, _ = signals()
    found = sm.compare([late_by_three()()], x, 0.5 * x, window=1)
    assert np.isnan(found.curves[0, -3:]).all()
    np.testing.assert_allclose(found.curves[0, :-3], 0.0, atol=1e-30)
    assert found.table["steady_state"][0] == 0.0


def test_it_comes_with_a_picture(tmp_path):
    x, d = signals()
    filters = [sm.NLMS(3, mu=mu) for mu in np.linspace(0.1, 1.0, 10)]
    for plant in (None, PLANT):
        figure = sm.compare(filters, x, d, plant=plant).plot(tmp_path / "filters.png")
        assert len(figure.axes) == 2 + (plant is not None)
        assert (tmp_path / "filters.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("filters", "error", "words"),
    [
        ([], ValueError, "at least one filter"),
        (sm.NLMS(3), TypeError, "filters must be a list of filters"),
        ([sm.NLMS], TypeError, r"expected a filter such as NLMS\(\), got the class"),
        ([sm.MSE()], TypeError, r"expected an adaptive filter such as NLMS\(taps=32\), got MSE"),
        ([sm.NLMS(3), sm.NLMS(3)], ValueError, r"NLMS\(taps=3\) is there twice"),
    ],
)
def test_what_cannot_be_compared_is_named(filters, error, words):
    with pytest.raises(error, match=words):
        sm.compare(filters, *signals())


def test_complex_filters():
    rng = np.random.default_rng(2)
    x = rng.standard_normal(T) + 1j * rng.standard_normal(T)
    plant = PLANT * np.exp(1j * np.arange(3))
    d = np.convolve(x, plant.conj())[:T] + 0.01 * (rng.standard_normal(T) + 1j * rng.standard_normal(T))
    found = sm.compare([sm.NLMS(3, mu=0.2, complex=True)], x, d, plant=plant, window=20)
    assert found.floor == pytest.approx(2e-4, rel=0.1)
    assert found.table["steady_state"][0] == pytest.approx(found.floor, rel=0.2)
    assert found.table["misalignment"][0] < -40.0
