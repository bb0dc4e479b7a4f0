"""``streammse backtest`` as a stranger runs it, and the names that models have there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import streammse as sm
from streammse import catalog, named
from streammse.cli import main
from streammse.node import Predictor

from .test_cli import COMMAND, ENVIRONMENT, _with_interrupts, run

NAMES = ("north", "south", "west")


def sales() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    t = np.arange(120)
    return {
        name: (10 + k) * (1 + 0.01 * t) * (1 + 0.2 * np.sin(2 * np.pi * t / 12)) + rng.standard_normal(t.size)
        for k, name in enumerate(NAMES)
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """The same series as CSV, NDJSON and Parquet, with months and a missing sample."""
    from pyarrow import csv, parquet

    data = sales()
    data["south"][40] = np.nan
    folder = tmp_path_factory.mktemp("sales")
    with (folder / "sales.csv").open("w") as text, (folder / "sales.ndjson").open("w") as lines:
        text.write("shop,month,amount\n")
        for name, y in data.items():
            for t, value in enumerate(y.tolist()):
                month = f"{2010 + t // 12}-{t % 12 + 1:02}-01"
                text.write(f"{name},{month},{'' if np.isnan(value) else repr(value)}\n")
                amount = None if np.isnan(value) else value
                lines.write(json.dumps({"shop": name, "month": month, "amount": amount}) + "\n")
    parquet.write_table(csv.read_csv(folder / "sales.csv"), folder / "sales.parquet")
    return folder, data


COLUMNS = ("--id", "shop", "--time", "month", "--target", "amount")


@pytest.mark.parametrize("name", ["sales.csv", "sales.ndjson", "sales.parquet"])
def test_every_format_gives_the_scores_of_the_function(files, name, tmp_path):
    from pyarrow import csv

    folder, data = files
    models = "naive,seasonal-naive:12,drift"
    done = run(
        *("backtest", folder / name, "--models", models, "--horizon", 6, *COLUMNS, "--level", 0.8),
        *("-o", "scores.csv", "--plot", "scores.png", "--forecasts", "f.parquet", "--json", "--start", 50),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    wanted = sm.backtest(
        data,
        {"naive": sm.Naive(), "seasonal-naive:12": sm.SeasonalNaive(12), "drift": sm.Drift()},
        horizon=6,
        start=50,
        level=0.8,
    )
    told = json.loads(done.stdout)
    assert (told["series"], told["start"], told["horizon"]) == (3, 50, 6)
    assert [row["model"] for row in told["ranking"]] == list(wanted.ranking["model"])
    assert [row["MSE"] for row in told["scores"]] == wanted.scores["MSE"].tolist()
    table = csv.read_csv(tmp_path / "scores.csv")
    assert table.column_names == wanted.scores.columns
    np.testing.assert_array_equal(table["coverage"].to_numpy(), wanted.scores["coverage"])
    from pyarrow import parquet

    forecasts = parquet.read_table(tmp_path / "f.parquet")
    assert forecasts.column_names[:2] == ["shop", "month"]
    assert forecasts.num_rows == 3 * sum(120 - 50 - j for j in range(6))
    import matplotlib.image

    assert matplotlib.image.imread(tmp_path / "scores.png")[..., :3].std() > 0.05
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.parquet", "scores.csv", "scores.png"]


def test_scores_as_json_and_in_a_pipe(files, tmp_path):
    folder, _ = files
    given = ("backtest", folder / "sales.csv", "--models", "naive", "--horizon", 2, *COLUMNS)
    assert run(*given, "-o", "scores.json", cwd=tmp_path).returncode == 0
    rows = json.loads((tmp_path / "scores.json").read_text())
    assert [row["horizon"] for row in rows] == [1, 2]
    piped = run(*given, "-o", "-", cwd=tmp_path)
    assert piped.stdout.splitlines()[0].startswith('"model","horizon","n","MSE"')
    assert "rank" in piped.stderr
    text = (folder / "sales.csv").read_text()
    stdin = run("backtest", "-", *given[2:], cwd=tmp_path, input=text)
    assert stdin.returncode == 0
    assert stdin.stdout == piped.stderr


def test_columns_by_their_usual_names_need_not_be_said(tmp_path, capsys):
    data = sales()
    rows = [f"{name};{t};{y}" for name, one in data.items() for t, y in enumerate(one.tolist())]
    (tmp_path / "a.csv").write_text("unique_id;ds;units\n" + "\n".join(rows))
    assert main(["backtest", str(tmp_path / "a.csv"), "--models", "naive", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["start"] == 60  # half of the shortest
    wanted = sm.backtest(data, sm.Naive(), start=60)
    assert [row["MSE"] for row in told["scores"]] == wanted.mse[0].tolist()
    (tmp_path / "one.csv").write_text("value\n" + "\n".join(map(repr, data["north"].tolist())))
    assert main(["backtest", str(tmp_path / "one.csv"), "--models", "naive", "--start", "60"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 series, ")
    assert f"{sm.backtest(data['north'], sm.Naive(), start=60).ranking['MSE'][0]:.5g}" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "niave"], "unknown model 'niave': did you mean naive? `streammse list` names all"),
        (["--models", "niave"], "did you mean naive?"),
        (["--models", "naive,"], "models are names with a comma between them"),
        (["--models", "naive,naive"], "model naive is there twice"),
        (["--models", "naive:3"], "naive:3: Naive: too many positional arguments"),
        (["--models", "seasonal-naive:season=0"], "season must be 1 <= season, got 0"),
        (["--models", "naive", "--horizon", "0"], "horizon must be at least 1, got 0"),
        (["--models", "naive", "--start", "500"], "series 'north' has 120 samples: a backtest with start=500 needs"),
        (["--models", "seasonal-naive:90", "--start", "60"], "too short for seasonal-naive:90: it needs 90 samples"),
        (["--models", "seasonal-naive:200"], "(--start says how many come before, --skip-short leaves"),
        (["--models", "naive", "--level", "90"], "level must be a share below 1, got 90.0: write 0.9"),
        (["--models", "naive", "--decimal", ";"], "the decimal mark must be . or , got ';'"),
        (["--models", "naive", "--decimal", ",", "--separator", ","], "separator and decimal mark are both ','"),
        (["--models", "naive", "--x", "price"], "no column 'price': there are shop, month, amount"),
        (["--models", "naive", "-o", "scores.xls"], "cannot write scores.xls: expected a name that ends in .csv"),
        (["--models", "naive", "-o", "no/scores.csv"], "folder no does not exist"),
        (["--models", "naive", "--plot", "p.gif"], "a picture must end in .png, .svg or .pdf, got p.gif"),
        (["--models", "naive", "-o", "in.csv"], "in.csv would be read or written twice: choose another name"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(files, options, message, tmp_path, monkeypatch, capsys):
    folder, _ = files
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_bytes((folder / "sales.csv").read_bytes())
    assert main(["backtest", "in.csv", *COLUMNS, *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def test_files_that_cannot_be_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.csv").write_text("a,b\nx,y\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.parquet").write_text("no")
    (tmp_path / "two.csv").write_text("a,b\n1,2\n")
    for name, message in (
        ("none.csv", "cannot read none.csv: there is no such file"),
        ("data.xls", "cannot read data.xls: expected a name that ends in .csv, .ndjson, .parquet"),
        ("empty.csv", "cannot read empty.csv: "),
        ("broken.parquet", "cannot read broken.parquet: "),
        ("text.csv", "which column is to be forecast? none holds numbers"),
        ("two.csv", "which column is to be forecast? several hold numbers (a, b): name it with --target"),
    ):
        assert main(["backtest", name, "--models", "naive"]) == 2
        assert message in capsys.readouterr().err


def test_ctrl_c_leaves_nothing_half_done(tmp_path):
    y = np.cumsum(np.random.default_rng(0).standard_normal(40_000))
    (tmp_path / "long.csv").write_text("y\n" + "\n".join(map(repr, y.tolist())))
    given = ("long.csv", "--models", "window-average:50", "--window", "20000", "--start", "20000", "-o", "scores.csv")
    process = subprocess.Popen(
        [*COMMAND, "backtest", *given],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        preexec_fn=_with_interrupts,  # noqa: PLW1509  no thread holds a lock that this needs
    )
    time.sleep(3.0)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    assert process.wait(30) == 130
    assert time.monotonic() - begun < 10.0
    process.stderr.close()
    assert [p.name for p in tmp_path.iterdir()] == ["long.csv"]


def test_only_what_is_needed_is_imported(files, tmp_path):
    folder, _ = files
    code = f"""
import sys
from streammse.cli import main
given = ["--models", "naive,seasonal-naive:12", *{COLUMNS!r}, "-o", "s.csv"]
status = main(["backtest", {str(folder / "sales.csv")!r}, *given])
print(status, [m for m in ("pandas", "polars", "statsmodels", "matplotlib", "rich.progress") if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"


def test_names_as_one_types_them():
    assert named.kebab("SeasonalNaive") == "seasonal-naive"
    assert named.kebab("ARLS") == "arls"
    assert named.kebab("AutoETS") == "auto-ets"
    assert named.kebab("MLPoly") == "ml-poly"
    every = named.model_names()
    for name in catalog.names():
        where = catalog.where(name)
        cls = catalog.get(name)
        if where.startswith(("forecast.", "filters.")) and issubclass(cls, Predictor) and not cls._closed_loop:
            assert named.kebab(name) + ("(...)" if where == "forecast.ensemble" else "") in every
            if name != "ETS":  # as people use the word, ets chooses a member by itself
                assert named._class(named.kebab(name)) is catalog.get(name)
            assert named._class(name) is catalog.get(name)
    found = named.models("naive, seasonal_naive:season=4,window-average:7,nlms:8:mu=0.25")
    assert [repr(one) for one in found.values()] == [
        "Naive()",
        "SeasonalNaive(season=4)",
        "WindowAverage(window=7)",
        "NLMS(taps=8, mu=0.25)",
    ]
    assert named.models("ar-rls:(1,12)")["ar-rls:(1,12)"].lags == (1, 12)
    made = named.models(
        "boa(naive, ets:12,arls:(1,12)),exponential-weights( boa(naive,drift), ses:0.3 ):eta=0.5, naive"
    )
    assert list(made) == [
        "boa(naive, ets:12,arls:(1,12))",
        "exponential-weights( boa(naive,drift), ses:0.3 ):eta=0.5",
        "naive",
    ]
    first, second, _ = made.values()
    assert isinstance(first, sm.BOA)
    assert [repr(one) for one in first.models] == [
        "Naive()",
        repr(named.models("ets:12")["ets:12"]),
        "ARLS(lags=(1, 12))",
    ]
    assert second.eta == 0.5
    assert repr(second.models) == repr((sm.BOA([sm.Naive(), sm.Drift()]), sm.SES(alpha=0.3)))
    for wrong, message in (
        ("boa", r"boa: an ensemble has its models in parentheses, boa\(naive,ets:12\)"),
        ("boa:(naive,ets)", "boa:.*an ensemble has its models in parentheses"),
        ("boa()", "models are names with a comma between them"),
        ("boa(niave)", "unknown model 'niave'"),
        ("boa(naive", "parentheses do not match"),
        ("boa(naive))", "parentheses do not match"),
        ("naive(drift)", "naive is no ensemble"),
    ):
        with pytest.raises(ValueError, match=message):
            named.models(wrong)
    with pytest.raises(ValueError, match="parameters in their order come before those by name"):
        named.models("nlms:mu=0.5:3")
    if catalog.where("Theta"):
        assert named.models("theta:12")["theta:12"].params["season"] == 12
    if catalog.where("HoltWinters") or catalog.where("AutoETS"):
        assert named.models("ets:12")["ets:12"].params["season"] == 12


def test_series_that_are_too_short_can_be_left_out(tmp_path):
    rng = np.random.default_rng(0)
    with open(tmp_path / "sales.csv", "w") as file:
        file.write("unique_id,ds,y\n")
        for name, samples in (("a", 60), ("b", 5), ("c", 80)):
            file.writelines(f"{name},{t},{float(rng.standard_normal())!r}\n" for t in range(samples))
    line = ("backtest", "sales.csv", "--models", "naive,seasonal-naive:12", "--horizon", 3)
    done = run(*line, cwd=tmp_path)
    assert done.returncode == 2
    assert "series 'b' has 5 samples" in done.stderr
    assert "--skip-short" in done.stderr
    done = run(*line, "--skip-short", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 series too short, left out: b" in done.stderr
    result = sm.backtest(
        [np.array(v) for v in _series(tmp_path / "sales.csv", ("a", "c"))],
        [sm.Naive(), sm.SeasonalNaive(12)],
        horizon=3,
        start=json.loads(done.stdout)["start"],
    )
    scores = json.loads(done.stdout)["scores"]
    assert sorted(one["MSE"] for one in scores if one["horizon"] == 1) == pytest.approx(sorted(result.mse[:, 0]))


def _series(path, names):
    rows = [line.split(",") for line in path.read_text().split()[1:]]
    return [[float(y) for name, _, y in rows if name == one] for one in names]


def written(path: Path, head: str, rows) -> None:
    path.write_text(head + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))


def told(capsys, *line) -> dict:
    assert main(["backtest", *map(str, line), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_short_means_for_this_protocol_and_without_what_is_missing(tmp_path, capsys) -> None:
    """``--complete`` asks for a whole horizon, and a missing sample is none that a model could begin with."""
    lengths = {"a": 60, "b": 34, "c": 80, "holes": 70}
    rng = np.random.default_rng(0)
    data = {name: rng.standard_normal(samples) for name, samples in lengths.items()}
    data["holes"][:28] = np.nan
    written(
        tmp_path / "sales.csv",
        "unique_id,ds,y",
        [(name, t, "" if np.isnan(y) else y) for name, one in data.items() for t, y in enumerate(one.tolist())],
    )
    line = (
        tmp_path / "sales.csv",
        "--models",
        "naive,seasonal-naive:12",
        "--horizon",
        10,
        "--start",
        30,
        "--skip-short",
    )
    found = told(capsys, *line)
    assert (found["series"], found["start"]) == (3, 30)
    found = told(capsys, *line, "--complete")
    wanted = sm.backtest([data["a"], data["c"]], sm.SeasonalNaive(12), horizon=10, start=30, complete=True)
    assert found["series"] == 2
    assert [row["MSE"] for row in found["scores"] if row["model"] != "naive"] == wanted.mse[0].tolist()
    assert told(capsys, *line[:-3], "--skip-short", "--complete")["start"] >= 12  # nobody says where it starts
    assert main(["backtest", *map(str, line[:-2]), "90", "--skip-short"]) == 2
    assert "every series is too short: 91 samples are needed" in capsys.readouterr().err


def test_the_first_origin_is_told(tmp_path, capsys) -> None:
    written(tmp_path / "one.csv", "y", [(t,) for t in range(80)])
    assert main(["backtest", str(tmp_path / "one.csv"), "--models", "naive", "--horizon", "2"]) == 0
    assert capsys.readouterr().out.startswith("1 series, 79 errors a model, the first forecast after 40 samples\n")


def test_decimal_commas(tmp_path, capsys) -> None:
    y = np.round(np.cumsum(np.random.default_rng(0).standard_normal(80)) + 50.0, 3)
    rows = [f"{t};{str(value).replace('.', ',')}" for t, value in enumerate(y.tolist())]
    (tmp_path / "de.csv").write_text("ds;umsatz\n" + "\n".join(rows))
    line = (tmp_path / "de.csv", "--models", "naive", "--horizon", 2, "--start", 40)
    found = told(capsys, *line, "--decimal", ",")
    assert [row["MSE"] for row in found["scores"]] == sm.backtest(y, sm.Naive(), horizon=2, start=40).mse[0].tolist()
    for more in ((), ("--target", "umsatz")):
        assert main(["backtest", *map(str, line), *more]) == 2
        assert "in 'umsatz' a decimal comma? say --decimal ,)" in capsys.readouterr().err


DAYS = [str(np.datetime64("2020-01-01") + t) for t in range(50)]


@pytest.mark.parametrize(
    ("head", "rows", "options", "message"),
    [
        (
            "store,date,sales",
            [(s, d, 1.5) for s in "ab" for d in DAYS],
            [],
            "the times in 'date' repeat, once for each 'store'",
        ),
        ("store,date,sales", [(s, d, 1.5) for d in DAYS for s in "ab"], ["--time", "date"], "say --id store"),
        ("store,year,sales", [(s, k, 1.5) for k in range(50) for s in "ab"], ["--target", "sales"], "say --id store"),
        ("store,date,sales", [(s, d, 1.5) for s in (1, 2) for d in DAYS], ["--target", "sales"], "say --id store"),
        ("store,week,sales", [(s, f"week {k}", 1.5) for k in range(50) for s in "ab"], [], "say --id"),
        ("store,sales", [(s, 1.5) for s in "ab" for _ in range(50)], [], "column 'store' holds one name after another"),
    ],
    ids=str,
)
def test_several_series_whose_names_nobody_names_are_not_one(head, rows, options, message, tmp_path, capsys) -> None:
    written(tmp_path / "sales.csv", head, rows)
    assert main(["backtest", str(tmp_path / "sales.csv"), "--models", "naive", *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("date,sales,weather", [(d, 1.5, "sun" if t % 3 else "rain") for t, d in enumerate(DAYS)]),
        ("month,sales,weather", [(t % 12 + 1, 1.5, "sun" if t % 3 else "rain") for t in range(50)]),
        ("sales,weather", [(1.5, "sun" if t % 3 else "rain") for t in range(50)]),
        ("store,date,sales", [("a", d, 1.5) for d in DAYS]),
    ],
    ids=str,
)
def test_a_column_of_words_beside_one_series_does_no_harm(head, rows, tmp_path, capsys) -> None:
    written(tmp_path / "sales.csv", head, rows)
    assert told(capsys, tmp_path / "sales.csv", "--models", "naive", "--target", "sales")["series"] == 1


def test_regressors_that_are_not_known_ahead(tmp_path, capsys) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(90)
    y = 2.0 * x + 0.1 * rng.standard_normal(90)
    written(tmp_path / "x.csv", "y,price", zip(y.tolist(), x.tolist(), strict=True))
    line = (tmp_path / "x.csv", "--models", "arls:(1,):exogenous=1", "--horizon", 3, "--start", 40, "--x", "price")
    for more, known in (((), True), (("--x-unknown",), False)):
        found = told(capsys, *line, *more)
        wanted = sm.backtest(y, sm.ARLS((1,), exogenous=1), horizon=3, start=40, x=x, x_known=known)
        assert [row["MSE"] for row in found["scores"]] == wanted.mse[0].tolist()


@pytest.mark.filterwarnings("always")  # the command prints its warnings
def test_series_on_which_a_model_fails_can_be_left_out(tmp_path, capsys) -> None:
    rng = np.random.default_rng(0)
    data = {name: 10.0 + rng.standard_normal(60) for name in "abc"}
    data["b"][5] = -3.0
    written(
        tmp_path / "s.csv", "unique_id,ds,y", [(n, t, v) for n, one in data.items() for t, v in enumerate(one.tolist())]
    )
    line = (tmp_path / "s.csv", "--models", "naive,holt-winters:12:mul", "--horizon", 2, "--start", 30)
    assert main(["backtest", *map(str, line)]) == 2
    error = capsys.readouterr().err
    assert "series 'b', holt-winters:12:mul at origin 30: " in error
    assert main(["backtest", *map(str, line), "--skip-failed", "--json"]) == 0
    done = capsys.readouterr()
    assert "1 series left out of all scores: series 'b', holt-winters:12:mul: origin 30: " in done.err
    found = json.loads(done.out)
    wanted = sm.backtest([data["a"], data["c"]], sm.Naive(), horizon=2, start=30)
    assert found["series"] == 2
    assert [row["MSE"] for row in found["scores"] if row["model"] == "naive"] == wanted.mse[0].tolist()
