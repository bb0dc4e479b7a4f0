"""A run that was killed goes on where it was: the same output, state and report, byte for byte, and never from zero."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import numpy as np
import pytest

import streammse as sm
from streammse import io
from streammse.cli import main
from streammse.io import Block, audio, parquet, text
from streammse.io.block import CheckpointError, DataError
from streammse.io.resume import difference
from streammse.plot import Picture
from streammse.report import Report
from streammse.runner import signals
from streammse.runner.checkpoint import parse

from .faults import (
    Run,
    at_size,
    damaged,
    every_call,
    killed_and_resumed,
    none_is_believed,
    recording,
    start,
    whole,
)

ROWS = 900


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small recording, read in a few blocks."""
    monkeypatch.setattr(text, "BLOCK", 6000)
    recording(tmp_path / "in.csv", ROWS)
    return tmp_path


@pytest.fixture
def command(capfd, monkeypatch):
    """The command within this process, in a folder: status, standard output and standard error."""

    def call(*arguments, cwd) -> tuple[int, str, str]:
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        return (main([str(one) for one in arguments]), *capfd.readouterr())

    return call


# 1. Killed


def test_killed_three_times_and_resumed_it_is_the_same(tmp_path):
    recording(tmp_path / "in.csv", 60_000)
    arguments = ["denoise", "in.csv", "-c", "v", "-r", "m", "--every", 0, "-o"]
    node = sm.NoiseCanceller()
    source = io.source(tmp_path / "in.csv", "v", "m")
    sm.Runner(node, source, io.sink(tmp_path / "whole.csv", source)).run()
    whole = (tmp_path / "whole.csv").read_bytes()
    hit = killed_and_resumed(tmp_path, [*arguments, "out.csv", "--checkpoint", "state"], "out.csv", len(whole), 3)
    assert hit >= 2
    assert (tmp_path / "out.csv").read_bytes() == whole
    held = parse((tmp_path / "state" / "checkpoint").read_bytes())
    assert held.ended
    assert held.node == node.snapshot()
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "whole.csv", "out.csv", "state"}


# 2. Damaged


def test_no_damaged_checkpoint_is_believed(folder):
    stopped(folder, 3)
    state = folder / "state"
    data = (state / "checkpoint").read_bytes()
    assert parse(data).samples > parse((state / "checkpoint.previous").read_bytes()).samples > 0
    for _, wrong in damaged(data):  # every one
        with pytest.raises(ValueError, match="^it "):
            parse(wrong)
    assert none_is_believed(state, 211) > 50  # and some of them on the way that a run takes


@pytest.mark.filterwarnings("default")  # as the command has them
def test_the_command_falls_back_or_says_that_it_cannot(folder, command):
    expected = whole(folder)[0]
    (folder / "out.csv").unlink()
    for path in (folder / "state").iterdir():
        path.unlink()
    stopped(folder, 3)
    arguments = ["denoise", "in.csv", "-c", "v", "-r", "m", "--truth", "truth", "--set", "taps=4"]
    arguments += ["-o", "out.csv", "--checkpoint", "state"]
    damage(folder / "state" / "checkpoint")
    good = (folder / "state" / "checkpoint.previous").read_bytes()
    damage(folder / "state" / "checkpoint.previous")
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    status, _, said = command(*arguments, cwd=folder)
    assert status == 3
    assert said.startswith("streammse: state holds no checkpoint that can be believed (state/checkpoint: it is")
    assert said.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / "state" / "checkpoint.previous").write_bytes(good)
    status, _, said = command(*arguments, cwd=folder)
    assert status == 0
    assert "going on from state/checkpoint.previous" in said
    assert (folder / "out.csv").read_bytes() == expected


def damage(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


# 3. Failing


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, "kill", "power"])
def test_every_call_of_the_file_system_may_fail(fault, folder):
    assert every_call(folder, fault, 4) > 40


# Stopped and gone on with, whatever flows


class CrashError(Exception):
    """Stands for whatever ends a run early."""


class Crashing:
    """A node that works for some blocks and then no longer."""

    def __init__(self, node, blocks: int) -> None:
        self.node, self.left = node, blocks
        self.snapshot, self.restore = node.snapshot, node.restore

    def run(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise CrashError
        return self.node.run(*arguments)


def stopped(folder, blocks: int) -> None:
    """A run that ends early, after some blocks."""
    one = Run(folder)
    one.runner.node = Crashing(one.node, blocks)
    with pytest.raises(CrashError):
        one.run()


SOURCES = {
    "csv": ("in.csv", "v", "m"),
    "two files": ("in.csv", "v", "m.csv"),
    "ndjson": ("in.ndjson", "v", "m"),
    "parquet": ("in.parquet", "v", "m"),
    "wav": ("in.wav", "1", "2"),
}


@pytest.fixture
def recordings(folder, monkeypatch):
    """The same recording in every format, and its reference in a file of its own with other blocks."""
    monkeypatch.setattr(parquet, "ROWS", 160)
    monkeypatch.setattr(audio, "FRAMES", 160)
    values = np.genfromtxt(folder / "in.csv", delimiter=",", skip_header=1)
    rows = [dict(zip("tvmx", row, strict=True)) for row in values.tolist()]
    lines = [json.dumps({k: None if np.isnan(v) else v for k, v in row.items()}) + "\n" for row in rows]
    (folder / "in.ndjson").write_text("".join(lines))
    (folder / "m.csv").write_text("m\n" + "".join(f"{row['m']:.17g}\n" for row in rows))
    import pyarrow as pa
    import soundfile
    from pyarrow import parquet as pq

    table = pa.table({name: values[:, k] for k, name in enumerate("tvmx")})
    pq.write_table(table, folder / "in.parquet", row_group_size=100)
    soundfile.write(folder / "in.wav", np.nan_to_num(values[:, 1:3]), 1000, subtype="DOUBLE")
    return folder


@pytest.mark.parametrize(
    ("kind", "out"),
    [
        *((kind, "out.csv") for kind in SOURCES),
        ("csv", "out.ndjson"),
        ("ndjson", "out.ndjson"),
        ("csv", "out.sqlite"),
        ("two files", "out.sqlite"),
    ],
)
def test_whatever_is_read_and_written(kind, out, recordings, monkeypatch):
    path, column, reference = SOURCES[kind]
    folder = recordings
    monkeypatch.chdir(folder)

    def attempt(name: str, blocks: int = 99) -> tuple[bytes, list, dict]:
        node = sm.NoiseCanceller(taps=4)
        source = io.source(path, column, reference)
        report = Report()
        picture = [Picture("p.svg", 100.0)] if kind == "csv" else []
        sinks = io.Tee(*picture, io.sink(name, source), report)
        where = name if name.endswith("sqlite") else f"state-{name}"
        runner = sm.Runner(node, source, sinks, checkpoint=where, every=0.0)
        runner.node = Crashing(node, blocks)
        runner.run()
        return node.snapshot(), [one.offset() for one in picture], report.offset() | {"seconds": 0}

    expected = attempt("whole" + out[3:])
    for crash in (0, 1, 2):  # each after some blocks more; the last one after three in all
        with pytest.raises(CrashError):
            attempt(out, crash)
        assert (folder / f"{out}.partial").exists()
        assert not (folder / out).exists()
    assert attempt(out) == expected
    assert not (folder / f"{out}.partial").exists()
    if out == "out.sqlite":
        whole, found = (rows(folder / name) for name in ("whole.sqlite", out))
        assert len(whole) == ROWS
        assert found == whole
    else:
        assert (folder / out).read_bytes() == (folder / f"whole{out[3:]}").read_bytes()


def rows(path) -> list:
    with closing(sqlite3.connect(path)) as base:
        return base.execute("SELECT rowid, * FROM clean").fetchall()


def test_a_database_is_killed_and_resumed(tmp_path, command):
    recording(tmp_path / "in.csv", 30_000)
    arguments = ["denoise", "in.csv", "-c", "v", "-r", "m", "--every", 0, "-o"]
    assert command(*arguments, "whole.db", cwd=tmp_path)[0] == 0
    size = (tmp_path / "whole.db").stat().st_size
    assert killed_and_resumed(tmp_path, [*arguments, "out.db", "--checkpoint", "out.db"], "out.db", size, 1) == 1
    assert rows(tmp_path / "out.db") == rows(tmp_path / "whole.db")
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "whole.db", "out.db"}


# Signals


def test_a_signal_lets_the_block_be_finished(tmp_path, command):
    recording(tmp_path / "in.csv", 60_000)
    arguments = ["denoise", "in.csv", "-c", "v", "-r", "m", "-o", "out.csv", "--checkpoint", "state", "--every", 600]
    process = start(*arguments, cwd=tmp_path)
    assert at_size(process, tmp_path, "out.csv", 200_000)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, said = process.communicate(timeout=30)
    assert time.monotonic() - begun < 2.0  # what is asked of it, not a speed
    assert (process.returncode, out) == (130, b"")
    assert said == b"streammse: interrupted: the same command goes on from here\n"
    held = parse((tmp_path / "state" / "checkpoint").read_bytes())
    partial = (tmp_path / "out.csv.partial").read_bytes()
    assert held.samples > 0
    assert held.sink[0] == len(partial)
    assert held.samples == partial.count(b"\n") - 1
    assert not (tmp_path / "out.csv").exists()
    assert command(*arguments, cwd=tmp_path) == (0, "", f"streammse: state: {held.samples:,} samples done, going on\n")
    source = io.source(tmp_path / "in.csv", "v", "m")
    sm.Runner(sm.NoiseCanceller(), source, io.sink(tmp_path / "whole.csv", source)).run()
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_signal_while_a_pipe_is_silent_and_the_stream_that_goes_on(tmp_path):
    arguments = ["denoise", "-", "-c", "v", "-o", "out.csv", "--checkpoint", "state", "--every", 600]
    process = start(*arguments, cwd=tmp_path, stdin=subprocess.PIPE)
    process.stdin.write(b"v\n1\n2\n")
    process.stdin.flush()
    assert at_size(process, tmp_path, "out.csv", 5)
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert process.wait(30) == 143, process.stderr.read()
    assert time.monotonic() - begun < 2.0
    process.communicate()
    process = start(*arguments, cwd=tmp_path, stdin=subprocess.PIPE)
    _, said = process.communicate(b"v\n3\n4\n", timeout=30)
    assert process.returncode == 0
    assert said == b"streammse: state: 2 samples done, going on\n"
    expected = sm.Smoother().run(np.array([1.0, 2.0, 3.0, 4.0]))
    found = np.genfromtxt(tmp_path / "out.csv", skip_header=1)
    assert np.array_equal(found, expected)
    assert (tmp_path / "out.csv").read_text().count("v") == 1


class Sleeper:
    """A node that is busy with a block for longer than anybody waits."""

    def __init__(self) -> None:
        self.node = sm.Smoother()
        self.snapshot, self.restore = self.node.snapshot, self.node.restore

    def run(self, x):
        os.kill(os.getpid(), signal.SIGINT)
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline:
            time.sleep(0.01)
        raise AssertionError


def test_a_block_that_takes_too_long_is_left(folder, monkeypatch):
    monkeypatch.setattr(signals, "PATIENCE", 0.2)
    source = io.source(folder / "in.csv", "v")
    runner = sm.Runner(Sleeper(), source, io.sink(folder / "out.csv", source), checkpoint=folder / "state")
    handler = signal.getsignal(signal.SIGINT)
    begun = time.monotonic()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.run()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)
    assert time.monotonic() - begun < 5.0
    assert parse((folder / "state" / "checkpoint").read_bytes()).samples == 0


# What a checkpoint belongs to


def test_another_run_is_refused(folder, command):
    stopped(folder, 2)
    truth = ["-c", "v", "-r", "m", "--truth", "truth"]
    (folder / "other.csv").write_bytes((folder / "in.csv").read_bytes())
    for arguments, why in [
        (["in.csv", "-c", "v", "-o", "out.csv"], "references m instead of none"),
        (["other.csv", *truth, "-o", "out.csv"], f"input {folder}/in.csv instead of {folder}/other.csv"),
        (["in.csv", *truth, "-o", "c.csv"], f"output {folder}/out.csv instead of {folder}/c.csv"),
        (["in.csv", *truth, "-o", "out.csv", "--set", "taps=5"], "taps=4 instead of 5"),
        (["in.csv", *truth, "-o", "out.csv", "--plot", "p.png"], f"{folder}/p.png"),
        (["in.csv", *truth, "-o", "out.csv", "--into", "new"], "into none instead of new"),
    ]:
        status, _, said = command("denoise", *arguments, "--checkpoint", "state", cwd=folder)
        assert status == 2, arguments
        assert said.startswith("streammse: state holds the checkpoint of another run: "), said
        assert why in said
        assert said.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == {"in.csv", "other.csv", "out.csv.partial", "state"}


def test_an_input_that_has_changed_is_refused_and_one_that_has_grown_is_not(folder):
    stopped(folder, 2)
    recorded = (folder / "in.csv").read_bytes()
    for place in (20, parse((folder / "state" / "checkpoint").read_bytes()).source["done"] - 3):
        changed = bytearray(recorded)
        changed[place] ^= 1
        (folder / "in.csv").write_bytes(changed)
        with pytest.raises(DataError, match="is not what was read"):
            Run(folder).run()
    (folder / "in.csv").write_bytes(recorded[:8000])
    with pytest.raises(DataError, match="is not what was read"):
        Run(folder).run()
    (folder / "in.csv").write_bytes(recorded + b"900,1,2,3\n")
    assert Run(folder).run() == ROWS + 1


def test_an_output_that_is_gone_or_shorter_is_refused(folder):
    stopped(folder, 2)
    partial = folder / "out.csv.partial"
    held = partial.read_bytes()
    partial.write_bytes(held[:-1])
    with pytest.raises(DataError, match=r"has \d+ bytes, the checkpoint says that \d+ were written"):
        Run(folder).run()
    partial.unlink()
    with pytest.raises(DataError, match="is gone, which held the first"):
        Run(folder).run()
    partial.write_bytes(held + b"what came after the checkpoint")
    assert Run(folder).run() == ROWS
    assert b"what came" not in (folder / "out.csv").read_bytes()


def test_a_finished_run_has_nothing_to_do(folder, command):
    arguments = ["in.csv", "-c", "v", "-r", "m", "--truth", "truth", "-o", "out.csv", "--checkpoint", "state"]
    status, first, _ = command("denoise", *arguments, "--json", cwd=folder)
    assert status == 0
    out = (folder / "out.csv").stat()
    status, again, said = command("denoise", *arguments, "--json", cwd=folder)
    assert status == 0
    assert said == f"streammse: state: {ROWS} samples done, finished, nothing to do; remove state to run it again\n"
    told = [json.loads(one) for one in (first, again)]
    for one in told:
        del one["seconds"], one["samples_per_second"]
    assert told[0] == told[1]
    assert (folder / "out.csv").stat().st_ino == out.st_ino
    (folder / "out.csv").unlink()
    status, _, said = command("denoise", *arguments, cwd=folder)
    assert status == 2
    assert "is gone" in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["-o", "-"], "standard output cannot be cut back to a checkpoint: name an output file with -o"),
        (["-o", "o.parquet"], "a checkpoint needs a sink that can be cut back (csv, ndjson, sqlite), got parquet"),
        (["-o", "o.db"], "o.db holds its own checkpoint, as it commits both at once: give o.db, not state"),
    ],
)
def test_what_cannot_be_cut_back_is_refused(arguments, why, folder, command):
    status, _, said = command("denoise", "in.csv", "-c", "v", *arguments, "--checkpoint", "state", cwd=folder)
    assert status == 2
    assert said.replace(f"{folder}/", "") == f"streammse: {why}\n"
    assert [path.name for path in folder.iterdir()] == ["in.csv"]


def test_a_database_of_somebody_else_is_never_replaced(folder, command):
    with closing(sqlite3.connect(folder / "mine.db")) as base:
        base.execute("CREATE TABLE precious (x)")
        base.commit()
    before = (folder / "mine.db").read_bytes()
    status, _, said = command("denoise", "in.csv", "-c", "v", "-o", "mine.db", cwd=folder)
    assert status == 2
    assert "mine.db exists and was not written by streammse" in said
    assert (folder / "mine.db").read_bytes() == before


def test_a_damaged_database_is_not_believed(folder):
    source = io.source(folder / "in.csv", "v")
    node = sm.Smoother()
    runner = sm.Runner(node, source, io.sink(folder / "o.db", source), checkpoint=True, every=0.0)
    runner.node = Crashing(node, 2)
    with pytest.raises(CrashError):
        runner.run()
    with closing(sqlite3.connect(folder / "o.db.partial")) as base:
        base.execute("UPDATE streammse SET value = substr(value, 1, 200)")
        base.commit()
    for _ in range(2):
        again = io.source(folder / "in.csv", "v")
        with pytest.raises(CheckpointError, match="no checkpoint that can be believed"):
            sm.Runner(sm.Smoother(), again, io.sink(folder / "o.db", again), checkpoint=True).run()
        (folder / "o.db.partial").write_bytes(b"no database at all" * 100)


def test_a_run_that_was_stopped_at_the_very_end_goes_on_there(recordings, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS", 100)
    for path, column, _ in SOURCES.values():
        source = io.source(recordings / path, column)
        last = list(source)[-1].offset
        again = io.source(recordings / path, column)
        again.seek(last)
        assert list(again) == [], path


def test_one_runner_runs_again_where_it_stopped(folder):
    one = Run(folder)
    one.runner.node = Crashing(one.node, 2)
    with pytest.raises(CrashError):
        one.run()
    begun = one.runner.samples
    one.runner.node.left = 99
    assert 0 < begun < one.run() == ROWS == one.run()
    out = (folder / "out.csv").read_bytes()
    (folder / "out.csv").unlink()
    (folder / "state").rename(folder / "first")
    assert whole(folder)[0] == out


def test_two_runs_do_not_share_a_folder(folder):
    one, two = Run(folder), Run(folder)
    one.runner.begin()
    with pytest.raises(DataError, match="is in use: another run writes its checkpoints there"):
        two.run()
    one.run()


# Sources and sinks of one's own


class Numbers:
    """A source of one's own."""

    identity = {"input": "numbers"}

    def __init__(self, values) -> None:
        self.values, self.at = values, 0

    def seek(self, offset) -> None:
        self.at = offset

    def __iter__(self):
        while self.at < self.values.size:
            part = self.values[self.at : self.at + 7]
            self.at += part.size
            yield Block(part, None, None, None, self.at, offset=self.at)


class Memory:
    """A sink of one's own."""

    identity = {"output": "memory"}

    def __init__(self, samples) -> None:
        self.samples, self.committed = samples, False

    def write(self, block) -> None:
        self.samples += block.clean.tolist()

    def offset(self) -> int:
        return len(self.samples)

    def truncate(self, offset) -> None:
        del self.samples[offset or 0 :]

    def commit(self) -> None:
        self.committed = True

    def abort(self) -> None:
        pass


def test_a_source_and_a_sink_of_ones_own(tmp_path):
    values = np.random.default_rng(0).standard_normal(100)
    samples: list[float] = []
    node = sm.Smoother()
    runner = sm.Runner(node, Numbers(values), Memory(samples), checkpoint=tmp_path / "state", every=0.0)
    runner.node = Crashing(node, 5)
    with pytest.raises(CrashError):
        runner.run()
    samples += [1e9] * 3  # after the last checkpoint
    sink = Memory(samples)
    assert sm.Runner(sm.Smoother(), Numbers(values), sink, checkpoint=tmp_path / "state").run() == 100
    assert sink.committed
    assert np.array_equal(samples, sm.Smoother().run(values))


def test_what_is_missing_is_said(tmp_path):
    values = np.zeros(3)
    blocks = [Block(values, None, None, None, 3)]

    class Silent(Numbers):
        def __iter__(self):
            return iter(blocks)

    def runner(node, source, sink, **more):
        return sm.Runner(node, source, sink, checkpoint=tmp_path / "state", **more)

    with pytest.raises(DataError, match=r"a source that can seek \(seek, identity\), got list"):
        runner(sm.Smoother(), blocks, Memory([]))
    with pytest.raises(DataError, match=r"a node that has a state \(snapshot, restore\), got object"):
        runner(object(), Numbers(values), Memory([]))
    with pytest.raises(DataError, match="blocks that have an offset, got None from Silent"):
        runner(sm.Smoother(), Silent(values), Memory([])).run()
    with pytest.raises(ValueError, match="every must be 0 <= every in seconds, got -1"):
        runner(sm.Smoother(), Numbers(values), Memory([]), every=-1)
    with pytest.raises(DataError, match="name a folder"):
        sm.Runner(sm.Smoother(), Numbers(values), Memory([]), checkpoint=True)
    odd = Numbers(values)
    odd.identity = {1, 2}
    with pytest.raises(TypeError, match="as JSON has them"):
        sm.Runner(sm.Smoother(), odd, Memory([]), checkpoint=tmp_path / "new").run()


def test_differences_are_named():
    assert difference({"a": [1, {"b": None}]}, {"a": (1, {"b": None})}) is None
    assert difference({"a": {"b": 1}}, {"a": {"b": 2}}) == "b 1 instead of 2"
    assert difference([{"output": "x"}, "report"], [{"output": "y"}, "report"]) == "output x instead of y"
    assert difference([{"output": "x"}], [{"output": "x"}, "report"]) == "x instead of x, report"
