"""Rows that wait for the watermark, and rows whose reference is bad, across a crash: the same output, byte for byte."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import streammse as sm
from streammse import io
from streammse.cli import main
from streammse.io import letters, parquet, text
from streammse.io.block import DataError

from . import flows
from .test_resume import CrashError, Crashing

ROWS = 400


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder, and blocks so small that most have rows that wait."""
    monkeypatch.setattr(text, "BLOCK", 900)
    monkeypatch.setattr(parquet, "ROWS", 30)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def clocked(clock: str, stamps: np.ndarray) -> list:
    """Stamps of milliseconds as somebody writes them; of the whole numbers only the first has sixteen digits."""
    if clock == "iso":
        return [flows.iso(one) for one in stamps]
    return [int(one) if k else -(10**15) for k, one in enumerate(stamps)] if clock == "whole" else (stamps / 8).tolist()


def shuffled(folder, kind: str, clock: str) -> None:
    """Rows out of order, a tenth of them late or double, with bad ones; the reference in two files.

    The reference in a file of its own has bad records as well, and other blocks.
    """
    rng = np.random.default_rng(7)
    stamps = np.arange(ROWS) * 8
    stamps[rng.random(ROWS) < 0.1] -= 160
    stamps = stamps[np.argsort(np.arange(ROWS) + rng.uniform(0, 12, ROWS), kind="stable")]
    values, disturbing = rng.standard_normal((2, ROWS)).round(4)
    rows = list(zip(clocked(clock, stamps), (values + disturbing).tolist(), disturbing.tolist(), strict=True))
    if kind == "parquet":
        import pyarrow as pa
        from pyarrow import parquet as pq

        noisy = [np.inf if k % 19 == 3 else row[1] for k, row in enumerate(rows)]
        at = [np.datetime64(row[0][:-1]) for row in rows] if clock == "iso" else [row[0] for row in rows]
        pq.write_table(pa.table({"t": at, "v": noisy, "m": disturbing}), folder / "in.parquet", row_group_size=70)
        return
    for k in range(3, ROWS, 19):
        rows[k] = (rows[k][0], "bad", 0.5)
    if kind == "ndjson":
        lines = [json.dumps(dict(zip("tvm", row, strict=True))) for row in rows]
    else:
        lines = ["t,v,m"] + [",".join(map(str, row)) for row in rows]
    (folder / f"in.{kind}").write_text("\n".join(lines) + "\n")
    beside = ["m"] + ["1e308" if k % 23 == 4 else f"{one:.4f}" for k, one in enumerate(disturbing)]
    (folder / "m.csv").write_text("\n".join(beside) + "\n")


def attempt(name: str, given: str, reference: str, blocks: int | None, every: float = 0.0, **options) -> tuple:
    """A run that ends early after some blocks, or not; what it leaves behind."""
    with io.Letters(f"{name}.dead") as log:
        node = sm.NoiseCanceller(taps=4)
        source = io.source(given, "v", reference, letters=log, **options)
        runner = sm.Runner(node, source, io.sink(f"{name}.csv", source), checkpoint=f"{name}.state", every=every)
        if blocks is not None:
            runner.node = Crashing(node, blocks)
            with pytest.raises(CrashError):
                runner.run()
        else:
            runner.run()
        return node.snapshot(), runner.counts


@pytest.mark.parametrize(
    ("kind", "clock", "reference", "lateness"),
    [
        ("csv", "number", "m", 12.0),
        ("csv", "iso", "m.csv", 0.1),
        ("csv", "whole", "m.csv", 0.0),
        ("ndjson", "whole", "m", 100.0),
        ("ndjson", "iso", "m.csv", 1e9),
        ("parquet", "iso", "m", 0.1),
        ("parquet", "number", "m", 12.0),
    ],
)
def test_rows_that_wait_when_it_crashes(kind, clock, reference, lateness, small):
    shuffled(small, kind, clock)
    given = f"in.{kind}"
    options = {"time": "t", "lateness": lateness}
    expected = attempt("whole", given, reference, None, **options)
    counts = expected[1]
    assert counts["samples"] > ROWS / 8
    assert counts["dead"] >= 20
    if lateness < 1e9:
        assert counts["late"] > 0
        assert counts["duplicates"] > 0 or lateness == 0.0
    for crash in (1, 0, 0, 2, 1, 3) if lateness < 1e9 else (0, 0):  # rows that all wait come to the node at once
        attempt("out", given, reference, crash, **options)
    assert attempt("out", given, reference, None, **options) == expected
    for end in ("csv", "dead"):
        assert (small / f"out.{end}").read_bytes() == (small / f"whole.{end}").read_bytes()


def test_a_crash_in_every_block(small):
    shuffled(small, "csv", "number")
    options = {"time": "t", "lateness": 12.0}
    expected = attempt("whole", "in.csv", "m.csv", None, **options)
    wanted = [(small / f"whole.{end}").read_bytes() for end in ("csv", "dead")]
    for crash in range(1, 40):
        try:
            attempt("out", "in.csv", "m.csv", crash, every=0.0 if crash % 2 else 1000.0, **options)
        except pytest.fail.Exception:  # it came to its end first
            break
        assert attempt("out", "in.csv", "m.csv", None, **options) == expected, crash
        assert [(small / f"out.{end}").read_bytes() for end in ("csv", "dead")] == wanted, crash
        for path in small.glob("out.*"):
            for one in [*path.iterdir(), path] if path.is_dir() else [path]:
                os.rmdir(one) if one.is_dir() else one.unlink()
    assert crash > 8


def test_a_file_that_has_grown_is_the_run_over_all_of_it(small):
    shuffled(small, "csv", "number")
    whole = (small / "in.csv").read_bytes()
    options = {"time": "t", "lateness": 12.0}
    expected = attempt("whole", "in.csv", "m", None, **options)
    cut = whole.index(b"\n", len(whole) // 2) + 1
    (small / "in.csv").write_bytes(whole[:cut])
    attempt("out", "in.csv", "m", 5, **options)
    (small / "in.csv").write_bytes(whole)
    assert attempt("out", "in.csv", "m", None, **options) == expected
    assert (small / "out.csv").read_bytes() == (small / "whole.csv").read_bytes()
    (small / "in.csv").write_bytes(whole[: len(whole) // 4])
    attempt("less", "in.csv", "m", 2, **options)
    (small / "in.csv").write_bytes(whole[:100])
    with pytest.raises(DataError, match="is not what was read"):
        attempt("less", "in.csv", "m", None, **options)


def test_the_command_takes_up_time_and_letters(small, capfd):
    shuffled(small, "csv", "iso")
    words = ["in.csv", "-c", "v", "-r", "m.csv", "--time", "t", "--lateness", "0.1", "--dead-letters"]
    assert main(["denoise", *words, "a.dead", "-o", "a.csv", "--checkpoint", "a", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert main(["denoise", *words, "b.dead", "-o", "b.csv", "--json"]) == 0
    assert {**json.loads(capfd.readouterr().out), "output": "a.csv"}.keys() == told.keys()
    assert (small / "a.csv").read_bytes() == (small / "b.csv").read_bytes()
    assert (small / "a.dead").read_bytes() == (small / "b.dead").read_bytes()
    words[words.index("0.1")] = "0.2"
    assert main(["denoise", *words, "a.dead", "-o", "a.csv", "--checkpoint", "a"]) == 2
    assert "holds the checkpoint of another run: lateness 0.1 instead of 0.2" in capfd.readouterr().err


@pytest.mark.parametrize("where", ["signal", "reference"])
def test_a_row_is_taken_out_with_its_reference(where, small):
    rng = np.random.default_rng(0)
    pairs = rng.standard_normal((300, 2)).round(4).astype(str)
    pairs[[0, 1, 70, 71, 299], int(where == "reference")] = ["x", "inf", "-1e200", "nan", "1.2.3"]
    for name, column in (("in", 0), ("r", 1)):
        (small / f"{name}.csv").write_text("v\n" + "\n".join(pairs[:, column]) + "\n")
    good = np.delete(pairs, [0, 1, 70, 299], axis=0)
    (small / "clean.csv").write_text("v,r\n" + "".join(f"{v},{r}\n" for v, r in good))
    source = io.source("clean.csv", "v", "r")
    node = sm.NoiseCanceller(taps=4)
    clean = np.concatenate([node.run(one.signal, one.reference) for one in source])
    with io.Letters("dead") as log:
        source = io.source("in.csv", "v", "r.csv", letters=log)
        node = sm.NoiseCanceller(taps=4)
        out = np.concatenate([node.run(one.signal, one.reference) for one in source])
    assert np.array_equal(out, clean)
    told = list(letters.read("dead"))
    assert [one.row for one in told] == [1, 2, 71, 300]
    assert [one.raw.decode() for one in told] == pairs[[0, 1, 70, 299], 0].tolist()
    assert all(one.reason.startswith("its reference in r.csv: ") == (where == "reference") for one in told)
    lines = (small / "r.csv").read_text().splitlines(keepends=True)
    for less in (lines[:-1], [*lines, "1\n"]):
        (small / "r.csv").write_text("".join(less))
        with pytest.raises(DataError, match="a reference must be as long as the signal"):
            list(io.source("in.csv", "v", "r.csv", letters=io.Letters()))
    (small / "r.csv").write_text("".join(lines))
    with pytest.raises(DataError, match="row 1: .*column 'v' must hold numbers, got 'x'"):
        list(io.source("in.csv", "v", "r.csv", letters=io.Letters(strict=True)))


def test_rows_of_a_pipe_cannot_be_read_a_second_time(small):
    os.mkfifo(small / "pipe")
    handle = os.open(small / "pipe", os.O_RDWR)
    os.write(handle, b"t,v\n1,2\n")
    for lateness, fits in ((0.0, True), (2.0, False)):
        source = io.source("pipe", "v", time="t", lateness=lateness, format="csv")
        sink = io.sink(f"{lateness}.csv", source)
        if fits:
            sm.Runner(sm.Smoother(), source, sink, checkpoint="state")
        else:
            with pytest.raises(DataError, match="a checkpoint needs a file, or no lateness"):
                sm.Runner(sm.Smoother(), source, sink, checkpoint="state")
        os.write(handle, b"t,v\n1,2\n")
    os.close(handle)
