"""The benchmarks measure what they say: every rival computes what ours computes, and the table comes out."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from importlib import import_module

import numpy as np
import pytest

import streammse as sm
from benchmarks import gradient, growth, ours, table, timing
from benchmarks.run import main
from benchmarks.workloads import identification, pairs, walk

SAMPLES = 2048


def entered(rival: str, what: str, *args: object) -> dict[str, np.ndarray]:
    """What each variant of a rival gives at its first call, or a skip where it is not installed."""
    try:
        variants = getattr(import_module(f"benchmarks.{rival}"), what)(*args)
    except (ImportError, timing.Unavailable) as missing:
        pytest.skip(str(missing))
    return {name: np.asarray(one.call()) for name, one in variants.items()}


@pytest.mark.parametrize("rival", ["rival_c", "rival_padasip", "rival_cmsisdsp"])
def test_every_nlms_is_the_same_filter(rival):
    """While the line fills they regularise differently; then they agree to far less than the error itself."""
    d = identification(32, SAMPLES).d
    (mine,) = (one.call() for one in ours.nlms(32, SAMPLES).values())
    assert 0.005 * np.std(d) < np.std((d - mine)[1000:]) < 0.02 * np.std(d)
    for name, outputs in entered(rival, "nlms", 32, SAMPLES).items():
        y = np.ravel(outputs)
        assert y.size == SAMPLES, name
        assert np.std((y - mine)[1000:]) < 1e-4 * np.std(d), name


def test_every_fdaf_learns_the_same_system():
    samples, taps, block = 24_576, 256, 64
    data = identification(taps, samples)
    for rival, what, *case in (
        ("frequency", "on_time", taps, block, samples),
        ("rival_adafilt", "fdaf", taps, block, samples),
    ):
        for y in entered(rival, what, *case).values():
            assert np.std((data.d - y)[-4096:]) < 0.02 * np.std(data.d), rival


@pytest.mark.parametrize(
    ("where", "what"), [("frequency", "transform"), ("frequency", "scipy_fft"), ("rival_rocket_fft", "transform")]
)
def test_every_transform_there_and_back_is_what_it_was(where, what):
    from benchmarks import frequency

    (back,) = entered(where, what, 128, 3).values()
    np.testing.assert_allclose(back, frequency.real_numbers(128), atol=1e-12)


@pytest.mark.parametrize(
    ("what", "args"),
    [
        ("plain_c", (4, SAMPLES)),
        ("padasip", ("FilterAP", SAMPLES)),
        ("pydaptive", ("AffineProjection", SAMPLES)),
    ],
)
def test_every_affine_projection_is_the_same_filter(what, args):
    d = identification(32, SAMPLES).d
    (mine,) = (one.call() for one in gradient.ours("AffineProjection", SAMPLES, order=4).values())
    params = {"padasip": {"mu": 0.5, "order": 4}, "pydaptive": {"step_size": 0.5, "L": 3, "gamma": 1e-3}}.get(what, {})
    try:
        variants = getattr(gradient, what)(*args, **params)
    except (ImportError, timing.Unavailable) as missing:
        pytest.skip(str(missing))
    for name, one in variants.items():
        assert np.std((np.ravel(one.call()) - mine)[1000:]) < 5e-4 * np.std(d), name


@pytest.mark.parametrize("gaps", [True])  # without, no kernel is another one
def test_every_kalman_filter_is_the_same(gaps):
    (mine,) = entered("kalman", "ours", SAMPLES, gaps).values()
    for what, args in (("ours", (True,)), ("plain_c", ()), ("numpy_loop", ())):
        for name, y in entered("kalman", what, SAMPLES, gaps, *args).items():
            np.testing.assert_allclose(y, mine, rtol=1e-9, atol=1e-9, err_msg=f"{what} {name}")
    if not gaps:
        for y in (*entered("kalman", "steady_c", SAMPLES).values(), *entered("kalman", "one_by_one", SAMPLES).values()):
            assert np.ravel(y)[-1] == pytest.approx(mine[-1], rel=1e-9)


@pytest.mark.parametrize(
    "rival", ["rival_naive_numba", "rival_bottleneck", "rival_numbagg", "rival_pandas", "rival_polars"]
)
def test_every_rolling_mse_is_the_same_curve(rival):
    (mine,) = (one.call() for one in ours.rolling_mse(10, SAMPLES).values())
    for name, curve in entered(rival, "rolling_mse", 10, SAMPLES).items():
        np.testing.assert_allclose(curve, mine, rtol=1e-6, err_msg=name)


def test_every_snapshot_is_of_the_same_filters():
    ((bank,), (each,), (digest,)) = (
        [one.call() for one in made.values()]
        for made in (ours.snapshots(5, 4, True), ours.snapshots(5, 4, False), ours.digest(5, 4))
    )
    assert bank[-32:] == hashlib.sha256(bank[:-32]).digest()
    assert digest == hashlib.sha256(bank).digest()
    assert len(each) == 5
    assert [sm.load(one).params for one in each] == [sm.load(bank)[row].params for row in range(5)]


@pytest.mark.parametrize("rival", ["rival_numpy", "rival_river"])
def test_every_mse_is_the_same_value(rival):
    a, b = pairs(SAMPLES)
    wanted = np.mean((a - b) ** 2)
    what = {"rival_numpy": "one_mse", "rival_river": "mse_one_by_one"}[rival]
    for value in entered(rival, what, SAMPLES).values():
        assert value == pytest.approx(wanted, rel=1e-12)
    for variants in (ours.one_mse(SAMPLES), ours.mse_one_by_one(SAMPLES), ours.mse_in_blocks(SAMPLES, True)):
        for one in variants.values():
            assert one.call() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("rival", "what"), [("rival_statsmodels", "arima_append"), ("rival_statsforecast", "arima_forward")]
)
def test_every_arima_is_the_same_forecast(rival, what):
    (mine,) = (one.call() for one in ours.arima_one_by_one(500).values())
    (curve,) = (one.call() for one in ours.arima(500).values())
    assert curve[-1] == mine
    model = ours._arima()
    model.run(walk(500))
    for forecast in entered(rival, what, 500).values():
        assert forecast[0] == pytest.approx(model.forecast(1)[0], rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_statsmodels_gives_the_same_curve_in_one_block():
    (curve,) = (one.call() for one in ours.arima(500).values())
    for forecasts in entered("rival_statsmodels", "arima_block", 500).values():
        np.testing.assert_allclose(forecasts, curve[100:], rtol=1e-6)


def test_river_forecasts_the_same_walk():
    """Its coefficients are learnt on the way, so the forecasts agree to about the noise alone."""
    (mine,) = (one.call() for one in ours.arima_one_by_one(500).values())
    told = entered("rival_river", "arima_one_by_one", 500)["with forecasts"]
    assert told == pytest.approx(mine, abs=5.0)


def test_the_floor_reads_both_arrays():
    a, b = pairs(SAMPLES)
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    from benchmarks import rival_c

    assert rival_c.read_both(SAMPLES)[""].call() == pytest.approx(a.sum() + b.sum(), rel=1e-9)


def test_the_ensemble_forecasts_by_the_experts_that_run_one_by_one():
    (mixed,) = (one.call() for one in ours.ensemble(60, SAMPLES).values())
    (median,) = (one.call() for one in ours.median_ensemble(60, SAMPLES).values())
    (each,) = (one.call() for one in ours.so_many_times_one(60, SAMPLES).values())
    assert len(each) == 60
    assert min(each) <= mixed[-1] <= max(each)
    assert median[-1] == pytest.approx(np.median(each), rel=1e-12)


def test_contestants_take_turns_and_change_who_begins():
    calls = []
    contestants = {name: timing.Call(lambda name=name: calls.append(name), samples=2) for name in "ab"}
    times = timing.take_turns(contestants, rounds=4, seconds=0.0)
    assert calls == list("abbaabba")
    assert all(len(one.rounds) == 4 and 0.0 < one.best <= one.median for one in times.values())


def test_figures_and_bounds():
    ours_, theirs = timing.Times((1.0, 2.0, 3.0)), timing.Times((4.0, 5.0))
    for bound, figure, held in [
        (table.at_most(0.25), 0.25, True),
        (table.at_most(0.2), 0.25, False),
        (table.faster(4.0), 4.0, True),
        (table.faster(4.1), 4.0, False),
        (table.below(2.0), 2.0, False),
        (table.at_once(1.5), 1.0, True),
        (table.more(-2.5), -3.0, True),
    ]:
        assert bound.figure(ours_, theirs) == figure
        assert bound.holds(figure) is held
    assert [table.seconds(s) for s in (3.456e-9, 1.2e-4, 0.25, 12.0)] == ["3.46 ns", "120 us", "250 ms", "12 s"]


def test_the_table_comes_out(tmp_path, capsys):
    files = ("--json", str(tmp_path / "out.json"), "--markdown", str(tmp_path / "out.md"))
    assert main(["--only", r"np\.mean|one after another", *files], part=1e-3) == 0
    told = capsys.readouterr().out
    assert all(part in told for part in ("np.mean", "must be", f"numpy {np.__version__}"))
    written = json.loads((tmp_path / "out.json").read_text())
    assert {row["what"] for row in written["rows"]} == {"one MSE of all pairs", "bank of 64 NLMS-32"}
    assert all(row["figure"] > 0 and row["rounds"] == 3 for row in written["rows"])
    assert written["machine"]["versions"]["numpy"] == np.__version__
    page = (tmp_path / "out.md").read_text().splitlines()
    assert len([line for line in page if line.startswith("| ")]) == 2 + len(written["rows"])
    assert any(f"numpy {np.__version__}" in line for line in page)


def test_a_missing_rival_is_skipped_by_name(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "river", None)
    monkeypatch.delitem(sys.modules, "benchmarks.rival_river", raising=False)
    assert main(["--only", "river"], part=1e-3) == 2
    told = capsys.readouterr().out
    assert "skipped: import of river halted" in told
    assert "nothing was measured" in told


def test_a_process_is_counted_in_cpu_seconds(tmp_path):
    busy = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    idle = "import time; time.sleep(0.2)"
    spent = {code: timing.Process((sys.executable, "-c", code), {}, tmp_path).measure() for code in (busy, idle)}
    assert spent[busy] > 0.2 > spent[idle] > 0.0
    assert timing.Process((sys.executable, "-c", idle), {}, tmp_path, clock="wall").measure() > 0.2
    with pytest.raises(RuntimeError, match="ended with 1: ValueError: told"):
        timing.Process((sys.executable, "-c", "raise ValueError('told')"), {}, tmp_path).measure()


def test_every_row_of_the_table_is_named_once():
    rows = [(race.what, one.name) for race in table.table() for one in race.against]
    assert len(rows) == len(set(rows)) >= 30


@pytest.mark.parametrize(("rows", "samples", "season", "horizon"), [(1, 300, 24, 24), (7, 150, 12, 5)])
def test_every_backtest_has_the_same_origins(rows, samples, season, horizon):
    case = (rows, samples, season, horizon)
    (mse,) = (one.call() for one in ours.backtest(*case).values())
    (frame,) = (one.call() for one in ours.backtest_frames(*case).values())
    said = frame.columns[-1]
    squares = (frame["y"] - frame[said]) ** 2
    assert squares.groupby(frame["horizon"]).mean().to_numpy() == pytest.approx(mse[0])
    rival = pytest.importorskip("benchmarks.rival_statsforecast")
    (theirs,) = (one.call() for one in rival.cross_validation(*case).values())
    keys = ["unique_id", "ds", "cutoff"]
    a, b = (one.reset_index()[keys].sort_values(keys).to_numpy() for one in (frame, theirs))
    np.testing.assert_array_equal(a, b)
    (fitted,) = (one.call() for one in ours.backtest_fitted(*case).values())
    # both are Holt-Winters, fitted to the same samples: their errors are of one size
    assert 0.5 < np.mean((theirs["y"] - theirs["HoltWinters"]) ** 2) / np.mean(fitted) < 2.0


def test_growth_comes_out_as_a_page_and_a_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(growth, "SECONDS", 1e-4)
    assert growth.main(["-o", str(tmp_path), "--only", "NLMS", "RLS", "--taps", "4", "8", "16"]) == 0
    text = (tmp_path / "filter-costs.md").read_text()
    assert text in capsys.readouterr().out
    (nlms,) = (line for line in text.splitlines() if line.startswith("| `NLMS`"))
    assert nlms.endswith("O(taps * references) |")
    assert len([float(cell) for cell in nlms.replace(",", "").split("|")[2:6]]) == 4
    assert "numba" in text
    assert (tmp_path / "filter-costs.png").stat().st_size > 10_000
    with pytest.raises(SystemExit):
        growth.main(["--only", "MSE"])
    assert list(growth.read(text)["NLMS"]) == [4, 8, 16]
    (tmp_path / "filter-costs.png").unlink()
    assert growth.main(["-o", str(tmp_path), "--redraw"]) == 0
    assert (tmp_path / "filter-costs.md").read_text() == text
    assert (tmp_path / "filter-costs.png").stat().st_size > 10_000
    panels = growth.families(growth.filters())
    assert sorted(name for mine in panels.values() for name in mine) == sorted(growth.filters())
    assert max(map(len, panels.values())) <= 16  # more are not told apart
    assert growth.slope({8: 10.0, 16: 20.0, 32: 80.0, 64: 320.0}) == pytest.approx(2.0)
