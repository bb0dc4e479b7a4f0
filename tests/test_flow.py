"""Faults of a stream: bad records, late and shuffled rows, a source that outruns the sink; and what a run tells."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streammse as sm
from streammse import io
from streammse.cli import main
from streammse.io import letters, text, weed
from streammse.io.block import Block, DataError
from streammse.runner import Runner
from streammse.runner.queue import Queue
from streammse.runner.telemetry import Metrics

from . import flows
from .flows import Same


class Nowhere:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.blocks = []

    def write(self, block):
        self.blocks.append(block)

    def commit(self):
        pass

    abort = commit


class Rows:
    """A rest that is nothing but numbers."""

    def __init__(self, values):
        self.values = values

    def take(self, rows):
        return Rows(self.values[rows])

    def join(self, others):
        return Rows(np.concatenate([self.values, *(one.values for one in others)]))


def block_of(first: int, count: int) -> Block:
    values = np.arange(first, first + count, dtype=float)
    return Block(values, None, None, Rows(values), first + count)


# --- fault 5: one per cent poison


@pytest.mark.parametrize("block", [1009, 1 << 20])
@pytest.mark.parametrize("kind", flows.KINDS)
def test_poison_goes_to_the_dead_letters_and_the_good_rows_are_those_of_a_clean_run(kind, block, tmp_path):
    count = 2500
    where = np.random.default_rng(1).integers(0, count, count // 100).tolist()
    long = (1 << 20) + 1 if block > 5000 else 3000
    if block < 5000:  # so that what is too long is so within a few reads
        weed.LONG, before = 2500, weed.LONG
    try:
        flows.check_poison(tmp_path, kind, where, count, long, block, sm.Smoother)
    finally:
        if block < 5000:
            weed.LONG = before


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(list(flows.KINDS)), st.lists(st.integers(0, 59), max_size=40), st.sampled_from([40, 111, 1 << 20])
)
def test_poison_wherever_it_is(tmp_path_factory, kind, where, block):
    before, weed.LONG = weed.LONG, 300
    try:
        flows.check_poison(tmp_path_factory.mktemp("poison"), kind, where, 60, 400, block)
    finally:
        weed.LONG = before


def test_a_row_without_end_is_told_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 64)
    monkeypatch.setattr(weed, "LONG", 100)
    monkeypatch.setattr(weed, "LONGEST", 500)
    line = b"9," + b"z" * 3000
    (tmp_path / "in.csv").write_bytes(b"t,v\n1,1\n" + line + b"\n2,2\n")
    with io.Letters(tmp_path / "dead") as log:
        source = io.source(tmp_path / "in.csv", "v", letters=log)
        assert np.concatenate([block.signal for block in source]).tolist() == [1.0, 2.0]
    assert log.dead == 1
    assert sum(log.counts.values()) > 2
    told = list(letters.read(tmp_path / "dead"))
    assert b"".join(one.raw for one in told) == line
    assert {one.row for one in told} == {2}
    assert [one.offset for one in told] == [8 + len(b"".join(x.raw for x in told[:k])) for k in range(len(told))]


def test_a_quote_that_is_never_closed_does_not_hold_a_live_pipe(tmp_path):
    lines = [f"{k},{k}.5" for k in range(weed.LINES + 20)]
    (tmp_path / "in.csv").write_text('t,v\n7,"8\n' + "\n".join(lines) + "\n")
    with io.Letters() as log:
        source = io.source(tmp_path / "in.csv", "v", letters=log)
        source._ended = False
        first = next(iter(source))
    assert len(first.signal) == len(lines)
    assert log.dead == 1


def test_poison_in_parquet(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"when": pa.array([1, None, 3, 4], pa.timestamp("us")), "v": [1.0, 2.0, np.inf, None]})
    parquet.write_table(table, tmp_path / "in.parquet")
    with io.Letters(tmp_path / "dead") as log:
        ran = flows.run_through(tmp_path / "in.parquet", tmp_path / "out.parquet", 1, time="when", letters=log)
    assert parquet.read_table(tmp_path / "out.parquet").to_pylist() == [table.to_pylist()[0], table.to_pylist()[3]]
    assert (ran.counts["read"], ran.counts["dead"]) == (4, 2)
    told = list(letters.read(tmp_path / "dead"))
    assert [(one.row, one.offset) for one in told] == [(2, None), (3, None)]
    assert json.loads(told[0].raw) == {"when": None, "v": 2.0}
    with pytest.raises(DataError, match=r"row 2: column 'when' does not say when"):
        list(io.source(tmp_path / "in.parquet", "v", time="when"))


def test_strict_stops_at_the_first_and_tells_it(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("t,v\n1,1\n2,1e308\n3,abc\n4,4\n")
    assert main(["denoise", "in.csv", "-c", "v", "-o", "o.csv"]) == 2  # as ever: at what cannot be read
    assert "row 3 (line 4): column 'v' must hold numbers, got 'abc'" in capfd.readouterr().err
    assert main(["denoise", "in.csv", "-c", "v", "-o", "o.csv", "--strict"]) == 2
    assert capfd.readouterr().err == (
        "streammse: in.csv, row 2: column 'v' must hold numbers below 1e+100, got 1e+308\n"
    )
    assert main(["denoise", "in.csv", "-c", "v", "-o", "o.csv", "--strict", "--dead-letters", "dead"]) == 2
    assert len(list(letters.read("dead"))) == 1
    assert not Path("o.csv").exists()
    capfd.readouterr()
    assert main(["denoise", "in.csv", "-c", "v", "-o", "o.csv", "--dead-letters", "dead", "--json"]) == 0
    out, err = capfd.readouterr()
    assert err == "streammse: of 4 rows 2 dead (see dead)\n"
    told = json.loads(out)
    assert [told[name] for name in ("read", "samples", "dead", "late", "dropped")] == [4, 2, 2, 0, 0]
    assert len(list(letters.read("dead"))) == 3  # a log is appended to
    for words, message in (
        (["--dead-letters", "in.csv"], "in.csv would replace the noisy signal by the dead letters"),
        (["--dead-letters", "x", "--log", "x"], "x would replace the dead letters by the log"),
        (["--dead-letters", "no/x"], "cannot write no/x: No such file"),
        (["--log", "no/x"], "cannot write no/x: No such file"),
        (["--lateness", "3"], "a lateness of 3 needs the column that says when"),
        (["--time", "t", "--lateness", "-3"], "lateness must be 0 <= lateness < inf, got -3"),
        (["--time", "w"], "no column 'w'"),
        (["--time", "v"], "it cannot be its own time"),
        (["--policy", "drop-oldest"], "policy drop-oldest needs a bound"),
        (["--policy", "x"], "unknown policy 'x': expected one of block, drop-oldest"),
        (["--queue", "0"], "queue must be 1 <= queue, got 0"),
        (["--metrics", "x"], "metrics need PORT or HOST:PORT"),
    ):
        assert main(["denoise", "in.csv", "-c", "v", "-o", "p.csv", *words]) == 2
        err = capfd.readouterr().err
        assert message in err, err
        assert err.count("\n") == 1
    assert not Path("p.csv").exists()


def test_a_first_line_that_is_no_object_is_a_letter_too(tmp_path):
    (tmp_path / "in.ndjson").write_text('oops\n{"v": \n{"v": 1}\n')
    with pytest.raises(DataError, match="row 1: a JSON object was expected"):
        io.source(tmp_path / "in.ndjson", "v")
    with io.Letters() as log:
        assert [block.signal.tolist() for block in io.source(tmp_path / "in.ndjson", "v", letters=log)] == [[1.0]]
    assert log.dead == 2
    (tmp_path / "in.ndjson").write_text("oops\n[1]\n")
    with pytest.raises(DataError, match="a JSON object was expected"):
        io.source(tmp_path / "in.ndjson", "v", letters=io.Letters())


def test_dead_letters_are_for_rows(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(10), 100)
    with pytest.raises(DataError, match="takes no dead letters"):
        io.source(tmp_path / "a.wav", letters=io.Letters())


GOOD = [
    "{}",
    '{"a": 1}',
    ' { "a" : [ ] , "b":{"c":-1.5e-3}} \r',
    '{"a": ["x", {"y": null}], "b": true}',
    '{"a":"\\u00e9\\n"}',
]
BROKEN = ["{", "}", '{"a"}', '{"a": 1,}', '{"a": [1,]}', '{"a": [1}', '{"a": 1]', "{a: 1}", '{"a": tru}', '{"a": 1} 2']
BROKEN += [
    '{"a": "\\u12g4"}',
    '{"a": "\t"}',
    '{"a": 1e}',
    '{"a": -}',
    '{"a" 1}',
    "{,}",
    '{"a": {"b": 1}',
    '{"a": ' + "[" * 80,
]


@pytest.mark.parametrize("line", GOOD + BROKEN)
def test_json_is_json_through_and_through(line):
    from streammse.io.valid import valid

    data = np.frombuffer(bytearray(line.encode() + b"\n"), dtype=np.uint8)
    wrong = np.empty(1, dtype=np.int64)
    lines = np.array([[0, data.size]])
    assert valid.compiled(data, 1, lines, wrong) == (line in BROKEN)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    ),
    st.integers(0, 200),
)
def test_what_python_writes_is_json_and_its_beginnings_are_not(value, cut):
    from streammse.io.valid import valid

    line = json.dumps(value).encode()
    data = np.frombuffer(bytearray(line[: -1 - cut % len(line)] + line), dtype=np.uint8)
    cut = data.size - len(line)
    wrong = np.empty(2, dtype=np.int64)
    assert valid.compiled(data, 2, np.array([[0, cut], [cut, data.size]]), wrong) == 1
    assert wrong[0] == 0


class Crashes:
    """Does nothing, and is killed after some blocks."""

    def __init__(self, blocks=None):
        self.blocks, self.inner = blocks, sm.Smoother()
        self.snapshot, self.restore = self.inner.snapshot, self.inner.restore

    def run(self, x):
        if self.blocks is not None:
            self.blocks -= 1
            if self.blocks < 0:
                raise KeyboardInterrupt
        return self.inner.run(x)


@pytest.mark.parametrize("every", [0.0, 1000.0])
@pytest.mark.parametrize("kind", [*flows.KINDS, "parquet"])
def test_after_a_crash_every_dead_letter_is_told_once(kind, every, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 300)
    monkeypatch.setattr("streammse.io.parquet.ROWS", 20)
    given, out = tmp_path / f"in.{kind}", "csv" if kind == "csv" else "ndjson"
    if kind == "parquet":
        import pyarrow as pa
        from pyarrow import parquet

        values = [np.inf if k % 9 == 1 else float(k) for k in range(200)]
        parquet.write_table(pa.table({"v": values, "w": range(200)}), given)
    else:
        head, good, poison = flows.KINDS[kind]
        lines = good(np.random.default_rng(0), 200)
        lines[5:190:9] = poison(50)[: len(lines[5:190:9])] + poison(50)[: max(0, len(lines[5:190:9]) - len(poison(50)))]
        given.write_bytes(head + b"\n".join(lines) + b"\n")

    def run(name, crashes=None):
        with io.Letters(tmp_path / f"{name}.dead") as log:
            source = io.source(given, "v", letters=log)
            sink = io.sink(tmp_path / f"{name}.{out}", source)
            runner = Runner(Crashes(crashes), source, sink, checkpoint=tmp_path / name, every=every)
            if crashes is not None:
                with pytest.raises(KeyboardInterrupt):
                    runner.run()
            else:
                runner.run()
            return runner.counts

    (tmp_path / "whole.dead").write_text("from an earlier run\n")
    (tmp_path / "resumed.dead").write_text("from an earlier run\n")
    wanted = run("whole")
    assert wanted["dead"] > 10
    for crashes in (2, 0, 3):
        run("resumed", crashes)
    assert run("resumed") == wanted
    for end in (out, "dead"):
        assert (tmp_path / f"resumed.{end}").read_bytes() == (tmp_path / f"whole.{end}").read_bytes()
    source = io.source(given, "v")
    other = Runner(Crashes(), source, io.sink(tmp_path / f"resumed.{out}", source), checkpoint=tmp_path / "resumed")
    with pytest.raises(DataError, match="another run"):
        other.run()


# --- fault 6: shuffled, late and duplicate rows


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=2, max_size=60),
    st.integers(0, 40),
    st.sampled_from(["csv", "ndjson", "parquet"]),
    st.sampled_from(["iso", "number", "nano"]),
    st.sampled_from([60, 200, 1 << 20]),
    st.booleans(),
)
def test_every_row_has_the_fate_that_is_defined(tmp_path_factory, stamps, lateness, kind, clock, block, bad):
    flows.check_order(tmp_path_factory.mktemp("order"), stamps, lateness, kind, clock, block, bad)


@pytest.mark.parametrize("reference", [False, True])
def test_shuffled_rows_are_the_sorted_run_byte_for_byte(reference, tmp_path):
    rng = np.random.default_rng(2)
    rows = [f"{flows.iso(k)},{v:.3f},{r:.3f}" for k, (v, r) in enumerate(rng.standard_normal((3000, 2)))]
    order = np.argsort(np.arange(3000) + rng.uniform(0, 50, 3000), kind="stable")
    (tmp_path / "sorted.csv").write_text("at,v,r\n" + "\n".join(rows) + "\n")
    (tmp_path / "in.csv").write_text("at,v,r\n" + "\n\n".join(rows[k] for k in order) + "\n")  # empty lines are no rows
    options = {"reference": "r"} if reference else {}
    node = (lambda: sm.NoiseCanceller(taps=4)) if reference else sm.Smoother
    flows.run_through(tmp_path / "sorted.csv", tmp_path / "wanted.csv", 1 << 20, node(), **options)
    more = {"time": "at", "lateness": 0.06, **options}
    ran = flows.run_through(tmp_path / "in.csv", tmp_path / "out.csv", 4096, node(), **more)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "wanted.csv").read_bytes()
    assert ran.counts == {**dict.fromkeys(ran.counts, 0), "read": 3000, "samples": 3000}


def test_stamps_may_be_written_in_several_ways(tmp_path):
    rows = ["2024-01-01", "2024-01-01T00:00:01Z", '"2024-01-01 01:00:02+01:00"', "2024-01-01T00:00:02.000000001"]
    (tmp_path / "in.csv").write_text("at,v\n" + "".join(f"{row},{k}\n" for k, row in enumerate(rows)))
    stamps = np.concatenate([b.stamp for b in io.source(tmp_path / "in.csv", "v", time="at")])
    start = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
    assert (stamps - start).tolist() == [0, 10**9, 2 * 10**9, 2 * 10**9 + 1]
    for cell in ("2024-13-01", "tomorrow", "", "7", "2024-01-01T25:00"):
        (tmp_path / "in.csv").write_text(f"at,v\n{rows[0]},1\n{cell},2\n")
        with pytest.raises(DataError, match=r"row 2 \(line 3\): column 'at' must hold a time in ISO 8601, got"):
            list(io.source(tmp_path / "in.csv", "v", time="at"))
    (tmp_path / "in.csv").write_text("at,v\n1,1\n1e300,2\n")
    with pytest.raises(DataError, match=r"must hold a number below 2\^53, got '1e300'"):
        list(io.source(tmp_path / "in.csv", "v", time="at"))


def test_a_live_row_waits_for_the_watermark_and_no_longer(tmp_path):
    (tmp_path / "in.csv").write_text("t,v\n0,0\n")
    source = io.source(tmp_path / "in.csv", "v", time="t", lateness=2.0)
    (first,) = list(io.source(tmp_path / "in.csv", "v", time="t"))
    source._source = [first.take(np.array([0])) for _ in range(6)]
    for k, one in enumerate(source._source):
        one.stamp = np.array([float(k)])
    assert [block.stamp.tolist() for block in source] == [[], [], [0.0], [1.0], [2.0], [3.0], [4.0, 5.0]]


# --- fault 7: a source that outruns the sink


def test_a_source_ten_times_faster_than_the_sink(tmp_path):
    flows.check_outrun(flows.outrun_apart(tmp_path, 1.5))


def test_the_queue_keeps_order_and_bound_and_passes_errors_on():
    fetched = []

    def items():
        for k in range(100):
            fetched.append(k)
            block = block_of(10 * k, 10)
            block.rest = None  # what cannot be joined stays as it is
            yield block
        raise KeyError("end")

    queue = Queue(items(), 35)
    stream = iter(queue)
    assert next(stream).done == 10
    time.sleep(0.05)
    assert len(fetched) <= 5  # one given out, three waiting, one that waits for a place
    seen = [10]
    with pytest.raises(KeyError, match="end"):  # noqa: PT012 - it comes after what came before
        for block in stream:
            seen.append(block.done)
            assert queue.depth <= 35
    assert seen[-1] == 1000
    assert seen == sorted(seen)
    assert (queue.taken, queue.dropped, queue.depth) == (1000, 0, 0)
    assert 10 <= queue.peak <= 35
    early = iter(Queue(block_of(k, 1) for k in itertools.count()))
    next(early)
    early.close()
    deadline = time.monotonic() + 5.0
    while any(t.name == "streammse-ahead" for t in threading.enumerate()):
        assert time.monotonic() < deadline, "the thread goes on reading for nobody"
        time.sleep(0.01)
    large = Queue([block_of(0, 100), block_of(100, 3)], 10)
    assert [len(block.signal) for block in large] == [100, 3]  # what is larger than the bound waits alone


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 50))
def test_drop_oldest_keeps_the_newest_samples_and_counts_the_others(sizes, bound):
    firsts = np.cumsum([0, *sizes])
    blocks = (block_of(int(first), size) for first, size in zip(firsts, sizes, strict=False))
    queue = Queue(blocks, bound, "drop-oldest")
    queue._fetch()  # all of it comes before anything is taken
    assert queue.peak <= bound
    kept = [sample for block in queue for sample in block.signal.tolist()]
    total = sum(sizes)
    assert kept == [float(k) for k in range(total - len(kept), total)]
    assert queue.dropped == total - len(kept)
    assert len(kept) == min(total, bound)


def test_small_blocks_that_wait_become_few():
    queue = Queue([block_of(k, 1) for k in range(10_000)], 9000, "drop-oldest")
    queue._fetch()
    assert queue.depth == 9000
    assert len(queue._waiting) < 30
    assert np.concatenate([block.rest.values for block in queue._waiting]).tolist() == list(range(1000, 10_000))


def test_a_run_that_is_stopped_commits_what_it_did(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 100)
    (tmp_path / "in.csv").write_text("v\n" + "1\n" * 1000)
    source = io.source(tmp_path / "in.csv")
    inner = io.sink(tmp_path / "out.csv", source)

    class Stops(Nowhere):
        def write(self, block):
            inner.write(block)
            runner.stop()

        def commit(self):
            inner.commit()

    runner = Runner(Same(), source, Stops())
    done = runner.run()
    assert 0 < done < 1000
    assert len((tmp_path / "out.csv").read_text().splitlines()) == done + 1
    assert runner.counts["left"] == 0


# --- what a run tells


def events(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def scrape(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.split() for line in lines if line[0] != "#")}


def test_prometheus_sees_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 20_000)
    rng = np.random.default_rng(0)
    truth = np.sin(np.arange(3000) / 20).round(4)
    lines = [
        f"{k},{x:.4f},{y:.4f}" for k, (x, y) in enumerate(zip(truth + rng.standard_normal(3000), truth, strict=True))
    ]
    lines[100:100] = ["?,?,?", "5,1,1", "99,1,1"]  # dead, late, a duplicate
    (tmp_path / "in.csv").write_text("t,v,good\n" + "\n".join(lines) + "\n")
    source = io.source(tmp_path / "in.csv", "v", truth="good", time="t", letters=io.Letters())
    seen = []

    class Looks(Nowhere):
        def write(self, block):
            super().write(block)
            if len(self.blocks) > 1:
                seen.append(scrape(metrics.url))

    metrics = Metrics(0, seen.append)
    looks = Looks()
    runner = Runner(sm.Smoother(), source, looks, metrics=metrics)
    runner._telemetry.checkpoint(0)
    runner.run()
    url, figures = seen[0], seen[-1]
    assert metrics.url is None
    with pytest.raises(OSError):
        scrape(url)
    before = sum(len(block.signal) for block in looks.blocks[:-1])
    clean = np.concatenate([block.clean for block in looks.blocks])
    assert 0 < figures["streammse_samples_total"] <= before
    curve = sm.MSE(window=10_000).run(truth, clean)
    assert figures["streammse_rolling_mse"] == curve[int(figures["streammse_samples_total"]) - 1]
    for name, value in (("dead", 1), ("late", 1), ("duplicates", 1), ("dropped", 0)):
        assert figures[f"streammse_{name}_total"] == value
    assert figures["streammse_rate"] > 0
    assert figures["streammse_queue_depth"] >= 0
    assert abs(figures["streammse_last_checkpoint_timestamp_seconds"] - time.time()) < 60


def test_without_a_truth_the_power_of_what_was_removed(tmp_path):
    metrics = Metrics("127.0.0.1:0")

    class Looks(Nowhere):
        def write(self, block):
            super().write(block)
            self.seen = scrape(metrics.url)

    class Half:
        def run(self, x):
            return x - 0.5

    looks = Looks()
    Runner(Half(), [block_of(0, 100), block_of(100, 50), block_of(150, 1)], looks, metrics=metrics).run()
    assert looks.seen["streammse_removed_power"] == 0.25
    assert looks.seen["streammse_samples_total"] == 150
    other = Metrics(0)

    class Again(Nowhere):
        def write(self, block):
            port = other.url.rpartition(":")[2].partition("/")[0]
            with pytest.raises(DataError, match=f"no metrics at 127.0.0.1:{port}: Address already in use"):
                Runner(Half(), [block_of(0, 1)], Nowhere(), metrics=int(port)).run()

    Runner(Half(), [block_of(0, 1)], Again(), metrics=other).run()


def test_a_signal_ends_a_live_run_between_two_blocks_with_exact_counts(tmp_path):
    log = tmp_path / "log"
    words = [
        sys.executable,
        "-m",
        "streammse",
        "denoise",
        "-",
        "--queue",
        "500",
        "--policy",
        "drop-oldest",
        "--log",
        log,
    ]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    got = []

    def read() -> None:
        while part := process.stdout.read(1000):
            got.append(part)
            time.sleep(0.005)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        process.stdin.write(b"v\n")
        deadline = time.monotonic() + 30.0
        while '"dropped"' not in (log.read_text() if log.exists() else ""):
            assert time.monotonic() < deadline
            process.stdin.write(b"".join(b"%d\n" % k for k in range(500)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
        reader.join()
        assert process.stderr.read() == b""
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
    last = events(log)[-1]
    assert (last["event"], last["reason"]) == ("stopped", "SIGTERM")
    assert b"".join(got).count(b"\n") == last["samples"] + 1
    assert last["read"] == last["samples"] + last["dropped"]
    assert last["left"] == 0


def test_the_log_tells_a_run(tmp_path):
    class Bold:
        """A filter with a step that is too large."""

        def __init__(self):
            self.filter = sm.LMS(taps=8, mu=3.0)

        def run(self, x):
            return self.filter.run(x, x)

    lines = [f"{x:.3f}" for x in np.random.default_rng(0).standard_normal(500) * 5]
    lines[7:7] = ["abc"] * 3
    (tmp_path / "in.csv").write_text("v\n" + "\n".join(lines) + "\n")
    source = io.source(tmp_path / "in.csv", "v", letters=io.Letters())
    said = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: said.append(str(message))
        Runner(Bold(), source, Nowhere(), log=tmp_path / "log").run()
    told = events(tmp_path / "log")
    assert [one["event"] for one in told] == ["start", "warning", "dead", "end"]
    start, warning, dead, end = told
    assert (start["column"], start["node"], start["level"]) == ("v", "Bold", "info")
    assert "diverged" in warning["message"]
    assert said == [warning["message"]]  # who listened before still hears it
    assert (dead["count"], dead["level"]) == (3, "warning")
    assert (end["read"], end["samples"], end["dead"], end["left"]) == (503, 500, 3, 0)
    assert all(one["timestamp"].endswith("Z") for one in told)

    class Fails:
        def run(self, x):
            raise OSError("the sensor is on fire")

    with pytest.raises(OSError, match="on fire"):
        Runner(Fails(), [block_of(0, 5)], Nowhere(), log=tmp_path / "log").run()
    last = events(tmp_path / "log")[-1]
    assert (last["event"], last["level"], last["reason"]) == ("failed", "error", "OSError: the sensor is on fire")
    assert (last["read"], last["samples"], last["left"]) == (5, 0, 5)


def test_what_repeats_is_logged_once_a_second():
    class Logger:
        def __init__(self):
            self.lines = []

        def info(self, event, **more):
            self.lines.append((event, more))

        warning = error = info

    class Slow(Nowhere):
        def write(self, block):
            time.sleep(0.002)

    log = Logger()
    runner = Runner(Same(), (block_of(k, 10) for k in range(200)), Slow(), queue=20, policy="drop-oldest", log=log)
    runner.run()
    names = [event for event, _ in log.lines]
    assert names[0] == "start"
    assert names[-1] == "end"
    assert names.count("dropped") <= 2
    assert log.lines[-1][1]["dropped"] + log.lines[-1][1]["samples"] == 2000


@pytest.mark.parametrize(("package", "options"), [("structlog", {"log": "log"}), ("prometheus_client", {"metrics": 0})])
def test_a_package_that_is_not_there_is_named(package, options, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataError, match="need the package"):
        Runner(Same(), [block_of(0, 1)], Nowhere(), **options).run()
    Runner(Same(), [block_of(0, 1)], Nowhere()).run()
