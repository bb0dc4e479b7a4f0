"""Streams with faults in them, and what must become of them: the short and the long forms of the same tests."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from streammse import io
from streammse.io import letters, text
from streammse.runner import Runner


class Same:
    """A node that does nothing."""

    def run(self, x, reference=None):
        return x.copy()


def run_through(given: Path, out: Path, block: int, node=None, **options) -> Runner:
    """A file through a node into another one, cut into blocks of this many bytes."""
    before, text.BLOCK = text.BLOCK, block
    try:
        source = io.source(given, "v", **options)
        runner = Runner(node or Same(), source, io.sink(out, source))
        runner.run()
    finally:
        text.BLOCK = before
    return runner


# --- bad records


def csv_rows(rng: np.random.Generator, count: int) -> list[bytes]:
    """Good rows, some of them over two lines, with quotes, gaps and letters beyond ASCII."""
    tags = ['"a, b"', '"two\nlines"', "plain", '"say ""so"""', "µ€", ""]
    values = rng.standard_normal(count).round(4)
    return [f"{k},{'' if k % 17 == 5 else values[k]},{tags[k % len(tags)]}".encode() for k in range(count)]


def ndjson_rows(rng: np.random.Generator, count: int) -> list[bytes]:
    """Good rows, with strings that look like structure."""
    tags = ["a, b", "}{", '"quoted"', "µ€", {"v": [1, None, True]}, None]
    values = rng.standard_normal(count).round(4)
    return [
        json.dumps(
            {"t": k, "v": None if k % 17 == 5 else float(values[k]), "tag": tags[k % len(tags)]},
            ensure_ascii=k % 2 == 0,
        ).encode()
        for k in range(count)
    ]


def csv_poison(long: int) -> list[bytes]:
    """A bad record of every kind."""
    return [
        b"7,abc,text",
        b"7,1.2.3,text",
        b"7,inf,infinite",
        b"7,-Infinity,infinite",
        b"7,1e308,huge",
        b"7,-1e100,huge",
        b",1.5,no stamp",
        b"soon,1.5,no stamp",
        b"inf,1.5,no stamp",
        b"7,1.5",
        b"7",
        b"7,1.5,tag,more",
        b"7,1.5,\xff\xfe",
        b"7,1.5,\xc3",
        b'7,"1.5,open quote',
        b'7,1.5,"open quote',
        b"\0\0\0",
        b"7,1.5," + b"x" * long,
        b'7,1.5,"' + b"x" * long,
        b'7,1.5,"' + b"y" * long + b'"',
    ]


def ndjson_poison(long: int) -> list[bytes]:
    """A bad record of every kind."""
    return [
        b'{"t": 7, "v": "abc", "tag": 1}',
        b'{"t": 7, "v": [1.5], "tag": 1}',
        b'{"t": 7, "v": true, "tag": 1}',
        b'{"t": 7, "v": Infinity, "tag": 1}',
        b'{"t": 7, "v": 1e308, "tag": 1}',
        b'{"t": 7, "v": 1e999, "tag": 1}',
        b'{"t": null, "v": 1.5, "tag": 1}',
        b'{"v": 1.5, "tag": "no stamp"}',
        b'{"t": 7, "v": 1.5, "tag": oops}',
        b'{"t": 7, "v": 1.5, "tag": "never closed}',
        b'{"t": 7, "v": 1.5, "tag": [1, 2}}',
        b'{"t": 7, "v": 1.5, "tag": "\\x"}',
        b'{"t": 7, "v": 1.5,}',
        b'{"t": 7 "v": 1.5}',
        b'{"t": 7, "v": 1.5',
        b'[7, 1.5, "a"]',
        b"7",
        b"not json",
        b'{"t": 7, "v": 1.5, "tag": "\xff"}',
        b'{"t": 7, "v": 1.5, "tag": "' + b"x" * long + b'"}',
        b"x" * long,
    ]


KINDS = {"csv": (b"t,v,tag\n", csv_rows, csv_poison), "ndjson": (b"", ndjson_rows, ndjson_poison)}


def check_poison(folder: Path, kind: str, where: list[int], count: int, long: int, block: int, node=None) -> None:
    """Bad records before the rows ``where``: all of them are letters, and the good rows are those of a clean run."""
    head, good_rows, poison = KINDS[kind]
    good, bad = good_rows(np.random.default_rng(3), count), poison(long)
    lines, sent = [], []
    for k, row in enumerate(good):
        for _ in range(where.count(k)):
            sent.append(bad[len(sent) % len(bad)])
            lines.append(sent[-1])
        lines.append(row)
    body = head + b"".join(line + b"\n" for line in lines)
    (folder / f"in.{kind}").write_bytes(body)
    (folder / f"clean.{kind}").write_bytes(head + b"".join(line + b"\n" for line in good))
    dead = folder / "dead.ndjson"
    dead.unlink(missing_ok=True)
    options = {"time": "t", "lateness": 0.0}
    wanted = run_through(folder / f"clean.{kind}", folder / f"wanted.{kind}", 1 << 20, node and node(), **options)
    assert wanted.counts == {**dict.fromkeys(wanted.counts, 0), "read": count, "samples": count}
    with io.Letters(dead) as log:
        ran = run_through(folder / f"in.{kind}", folder / f"out.{kind}", block, node and node(), letters=log, **options)
    assert (folder / f"out.{kind}").read_bytes() == (folder / f"wanted.{kind}").read_bytes()
    assert (ran.counts["samples"], ran.counts["dead"], ran.counts["left"]) == (count, len(sent), 0)
    assert ran.counts["read"] == count + len(sent)
    told = list(letters.read(dead))
    assert [one.raw for one in told] == sent
    for one in told:
        assert one.offset is not None
        assert body[one.offset : one.offset + len(one.raw)] == one.raw
        assert one.reason
    rows = [number for number, line in enumerate(lines, 1) if line in bad]
    assert [one.row for one in told] == rows


# --- stamps


@dataclasses.dataclass
class Fates:
    """What must become of rows, by their index."""

    kept: list[int]
    late: list[int]
    duplicates: list[int]


def fates(stamps: list[int], lateness: int) -> Fates:
    """The definition, row by row."""
    kept: dict[int, int] = {}
    found = Fates([], [], [])
    top = None
    for row, stamp in enumerate(stamps):
        if top is not None and stamp < top - lateness:
            found.late.append(row)
        elif stamp in kept:
            found.duplicates.append(row)
        else:
            kept[stamp] = row
        top = stamp if top is None else max(top, stamp)
    found.kept = [kept[stamp] for stamp in sorted(kept)]
    return found


def iso(stamp: int) -> str:
    """Milliseconds as a time."""
    return f"{np.datetime64('2024-02-28T23:59:58', 'ms') + np.timedelta64(stamp, 'ms')}Z"


def check_order(folder: Path, stamps: list[int], lateness: int, kind: str, clock: str, block: int, bad: bool) -> None:
    """Rows with these stamps in milliseconds, in any format and by any clock: the fates are those of the definition."""
    written = {"iso": iso, "number": lambda t: t * 0.001, "nano": lambda t: 1_700_000_000_000_000_000 + t}[clock]
    limit = {"iso": lateness / 1000, "number": lateness * 0.001 + 1e-7, "nano": lateness}[clock]
    rows = [(written(stamp), k + 0.5) for k, stamp in enumerate(stamps)]
    poison = 0
    given = folder / f"in.{kind}"
    if kind == "parquet":
        import pyarrow as pa
        from pyarrow import parquet

        times = [np.datetime64(when[:-1]) if clock == "iso" else when for when, _ in rows]
        parquet.write_table(pa.table({"t": pa.array(times), "v": [v for _, v in rows]}), given)
    else:
        lines = [f"{when},{v}" if kind == "csv" else json.dumps({"t": when, "v": v}) for when, v in rows]
        if bad:
            poison = len(lines) // 3
            for k in range(poison):
                lines.insert(min(len(lines), 2 + 4 * k), "?,?")
        given.write_text("\n".join((["t,v"] if kind == "csv" else []) + lines) + "\n")
    wanted = fates(stamps, lateness)
    (folder / "dead").unlink(missing_ok=True)
    with io.Letters(folder / "dead") as log:
        ran = run_through(given, folder / f"out.{kind}", block, time="t", lateness=limit, letters=log)
    got = np.concatenate([one.signal for one in io.source(folder / f"out.{kind}", "v")]).tolist()
    assert got == [k + 0.5 for k in wanted.kept]
    counts = ran.counts
    assert (counts["late"], counts["duplicates"], counts["dead"]) == (len(wanted.late), len(wanted.duplicates), poison)
    assert counts["read"] == len(rows) + poison
    assert counts["read"] == counts["samples"] + counts["late"] + counts["duplicates"] + counts["dead"]
    told = list(letters.read(folder / "dead"))
    for fate, these in (("late", wanted.late), ("duplicate", wanted.duplicates)):
        assert len([one for one in told if one.fate == fate]) == len(these)
    assert len(told) == counts["late"] + counts["duplicates"] + counts["dead"]


# --- a source that outruns the sink


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def outrun(folder: Path, seconds: float, bound: int = 5000) -> dict:
    """A pipe more than ten times faster than the sink, ended by SIGTERM; to be called in a process of its own."""
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    per_ms, taken = 160, 4  # rows a millisecond: what the source sends at best, and what the sink takes

    def feed() -> None:
        with fifo.open("wb", buffering=0) as pipe:
            pipe.write(b"t,v\n")
            k = 0
            try:
                while True:
                    pipe.write(b"".join(b"%d,%d.5\n" % (n, n % 100) for n in range(k, k + per_ms)))
                    k += per_ms
                    time.sleep(0.001)
            except BrokenPipeError:
                pass

    threading.Thread(target=feed, daemon=True).start()

    class Counted:
        rows = 0

        def __iter__(self):
            for block in source:
                self.rows += len(block.signal)
                yield block

    class Slow:
        rows = most = deepest = 0
        held = None

        def write(self, block):
            into.write(block)
            if not self.rows:  # the kernels are there
                threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()
            self.rows += len(block.signal)
            self.deepest = max(self.deepest, runner.depth)
            if self.held is None and self.rows > 500:
                self.held = resident()
            self.most = max(self.most, resident())
            time.sleep(len(block.signal) / taken / 1000)

        def commit(self):
            into.commit()

        abort = commit

    source = io.source(fifo, "v", format="csv")
    into = io.sink(folder / "out.csv", source)
    counted, slow = Counted(), Slow()
    runner = Runner(Same(), counted, slow, queue=bound, policy="drop-oldest")
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    runner.run()
    written = (folder / "out.csv").read_text().splitlines()[1:]
    return {
        "in": counted.rows,
        "out": len(written),
        "rising": bool((np.diff([int(row.split(",")[0]) for row in written]) > 0).all()),
        "counts": runner.counts,
        "deepest": slow.deepest,
        "peak": runner._queue.peak,
        "grown": slow.most - (slow.held or 0),
    }


def outrun_apart(folder: Path, seconds: float) -> dict:
    """The same in a process of its own."""
    code = "import json, pathlib, sys; from tests import flows; folder, seconds = sys.argv[1:]; "
    code += "print(json.dumps(flows.outrun(pathlib.Path(folder), float(seconds))))"
    root = Path(__file__).parents[1]
    words = [sys.executable, "-c", code, str(folder), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_outrun(told: dict, bound: int = 5000) -> None:
    counts = told["counts"]
    assert told["in"] == told["out"] + counts["dropped"]
    assert counts["samples"] == told["out"]
    assert told["in"] > 10 * told["out"] > 0
    assert told["rising"]
    assert bound / 2 < told["peak"] <= bound
    assert told["deepest"] <= bound
    assert told["grown"] < 50e6
