"""``sm.compare``: what it says of filters is what they do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

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
    k = int(found.table["settled"][0])
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
        ([sm.FilteredXNLMS(3, secondary=[1.0])], TypeError, "FilteredXNLMS hears its own output"),
        ([sm.CMA(3)], TypeError, r"CMA takes no reference, .* sm.MSE\(window=1000\).run\(truth, f.run\(d\)\)"),
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


def test_a_curve_that_still_falls_is_marked_and_one_that_does_not_is_not(tmp_path):
    """Coloured input: NLMS is far from its end after 8,000 samples, RLS is there."""
    rng = np.random.default_rng(0)
    x = lfilter([1.0], [1.0, -1.6, 0.81], rng.standard_normal(8000))
    d = np.convolve(x, rng.standard_normal(32))[:8000] + 0.1 * rng.standard_normal(8000)
    found = sm.compare([sm.NLMS(32), sm.RLS(32)], x, d)
    assert found.table["trend"][0] < -1.0
    assert np.isnan(found.table["settled"][0])
    assert (found.table["trend"][1], found.table["settled"][1] < 1000) == (0.0, True)
    assert "NLMS(taps=32) has not settled: its curve still falls, by " in repr(found)
    assert "RLS(taps=32) has" not in repr(found)
    expected = sm.predict_mse(sm.NLMS(32), x, d)
    figure = found.plot(expected=expected)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["NLMS(taps=32), still falling", "RLS(taps=32)", "predicted NLMS"]
    drawn = figure.axes[0].get_lines()
    assert drawn[2].get_color() == drawn[0].get_color()
    np.testing.assert_allclose(drawn[2].get_ydata(), 10 * np.log10(expected.curve))


def test_curves_that_stand_still_are_not_marked():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(4000)
        d = np.convolve(x, PLANT)[:4000] + 0.1 * rng.standard_normal(4000)
        found = sm.compare([sm.NLMS(8), sm.LMS(8, mu=0.02)], x, d)
        assert not found.table["trend"].any(), seed


@pytest.mark.parametrize("rows", [1, 2])
def test_medians_do_not_see_outliers(rows):
    x, d = signals(rows)
    clean = sm.compare([sm.HuberLMS(3, mu=0.05)], x, d, robust=True)
    assert clean.table["steady_state"][0] == pytest.approx(0.01, rel=0.2)  # a mean, where errors are Gaussian
    d = d.copy()
    d[..., ::50] += 100.0
    plain = sm.compare([sm.HuberLMS(3, mu=0.05), sm.NLMS(3)], x, d)
    assert plain.table["steady_state"].min() > 100.0
    assert "a few samples hold most of the squared error: robust=True" in repr(plain)
    found = sm.compare([sm.HuberLMS(3, mu=0.05), sm.NLMS(3)], x, d, robust=True)
    assert found.table["steady_state"][0] < 0.03
    assert 10 < found.table["settled"][0] < 500
    assert found.table["steady_state"][1] > 3.0 * found.table["steady_state"][0]
    assert "robust" not in repr(found)


@pytest.mark.parametrize("rows", [1, 2])
def test_of_a_denoiser_the_clean_signal_is_the_error(rows):
    x, d = signals(rows)
    found = sm.compare(
        [sm.NLMS(4), sm.FilterCanceller(sm.NLMS(4)), sm.NoiseCanceller(4), sm.EchoCanceller(taps=8, block=4)],
        x, d, plant=PLANT, window=50,
    )  # fmt: skip
    np.testing.assert_array_equal(found.curves[0], found.curves[1])
    np.testing.assert_array_equal(found.misalignment[0], found.misalignment[1])
    if rows == 1:
        for curve, clean in (
            (found.curves[2], sm.NoiseCanceller(4).run(d, x)),
            (found.curves[3], sm.EchoCanceller(taps=8, block=4).run(x, d)),
        ):
            np.testing.assert_allclose(curve, sm.MSE(window=50).run(clean, np.zeros(T)), rtol=1e-12)


def test_filters_of_one_kind_are_told_apart_by_what_they_differ_in():
    x, d = signals()
    found = sm.compare([sm.AffineProjection(4, order=2), sm.AffineProjection(4, order=4), sm.NLMS(4)], x, d)
    assert found.names == ["AffineProjection(taps=4, order=2)", "AffineProjection(taps=4, order=4)", "NLMS(taps=4)"]


def test_the_first_samples_do_not_stretch_the_picture_and_ticks_stand_apart():
    x, d = signals()

    found = sm.compare([sm.NLMS(3), sm.NLMS(30)], x, np.r_[1e6, d[1:]], window=100)
    curve, cost = found.plot().axes[:2]
    assert curve.get_ylim()[1] < 10 * np.log10(found.curves[:, 99:].max()) + 10.0
    found.table["nanoseconds"][:] = 30.0, 300.0
    cost = found.plot().axes[1]
    cost.figure.draw_without_rendering()
    labels = [one.get_text() for one in cost.get_xticklabels(which="both") if one.get_text()]
    assert labels
    assert all(label.replace(".", "").isdigit() for label in labels), labels
