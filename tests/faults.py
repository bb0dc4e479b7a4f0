"""Faults and where they strike: a file system that fails at its n-th call, a process that is killed in mid-flight."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import streammse as sm
from streammse import io
from streammse.io import text
from streammse.io.block import CheckpointError, DataError
from streammse.io.files import Files
from streammse.io.output import Atomic
from streammse.report import Report
from streammse.runner.checkpoint import Checkpoint, Folder, parse

ROOT = Path(sm.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}


class KilledError(BaseException):
    """The process is no more."""


class Quick(Files):
    """Brings nothing to the disk: what that would have kept is known without it."""

    def fsync(self, handle: int) -> None:
        pass

    def sync_folder(self, path: str) -> None:
        pass


class Faulty(Quick):
    """Fails at the n-th write, fsync, truncation or rename, and says which those were.

    An errno: that call fails with it, a write after its first half. ``kill``: before the call (a write after its first
    half) the process is gone, and so are all further calls. ``power``: the same, and with it goes whatever was not
    brought to the disk: bytes since the last fsync of their file, names since the last fsync of their folder.
    """

    def __init__(self, at: int | None = None, fault: int | str = "kill") -> None:
        self.at, self.fault = at, fault
        self.calls: list[str] = []
        self.dead = False
        self._paths: dict[int, str] = {}
        self._safe: dict[str, int] = {}
        self._undo: list[tuple[str, str, bytes | None]] = []

    def _call(self, name: str, half=lambda: None) -> None:
        if self.dead:
            raise KilledError
        self.calls.append(name)
        if len(self.calls) == self.at:
            half()
            if isinstance(self.fault, int):
                raise OSError(self.fault, os.strerror(self.fault))
            self.dead = True
            if self.fault == "power":
                self._power_cut()
            raise KilledError

    def _power_cut(self) -> None:
        for new, old, replaced in reversed(self._undo):
            os.replace(new, old)
            self._safe[old] = self._safe.pop(new)
            if replaced is not None:
                Path(new).write_bytes(replaced)
                self._safe[new] = len(replaced)
        for path, size in self._safe.items():
            if os.path.exists(path) and os.path.getsize(path) > size:
                os.truncate(path, size)

    def open(self, path: str, flags: int) -> int:
        if self.dead:
            raise KilledError
        handle = super().open(path, flags)
        self._paths[handle] = path
        self._safe[path] = 0 if flags & os.O_TRUNC else os.path.getsize(path)
        return handle

    def write(self, handle: int, data: memoryview) -> int:
        self._call("write", lambda: super(Faulty, self).write(handle, data[: len(data) // 2]))
        return super().write(handle, data)

    def fsync(self, handle: int) -> None:
        self._call("fsync")
        self._safe[self._paths[handle]] = os.fstat(handle).st_size

    def truncate(self, handle: int, size: int) -> None:
        self._call("truncate")
        super().truncate(handle, size)

    def rename(self, old: str, new: str) -> None:
        self._call("rename")
        replaced = Path(new).read_bytes() if os.path.exists(new) else None
        super().rename(old, new)
        self._undo.append((new, old, replaced))
        self._safe[new] = self._safe.pop(old, os.path.getsize(new))

    def sync_folder(self, path: str) -> None:
        self._call("folder")
        self._undo = [one for one in self._undo if os.path.dirname(one[0]) != path]


def recording(path: Path, rows: int, seed: int = 0) -> None:
    """A CSV of a noisy signal, what disturbs it, and the truth."""
    rng = np.random.default_rng(seed)
    truth = np.sin(np.arange(rows) / 50)
    noise = rng.standard_normal(rows)
    columns = np.column_stack([np.arange(rows), truth + 0.7 * noise, noise, truth])
    lines = [f"{t:.0f},{v:.6f},{m:.6f},{x:.6f}\n" for t, v, m, x in columns]
    lines[rows // 3] = f"{rows // 3},,0.5,0.25\n"  # a gap
    path.write_text("t,v,m,truth\n" + "".join(lines))


class Run:
    """One run of a canceller over a small CSV, with an output and a report, whose files may fail."""

    def __init__(self, folder: Path, files: Files | None = None, every: float = 0.0) -> None:
        files = files or Quick()
        self.node = sm.NoiseCanceller(taps=4)
        self.report = Report()
        source = io.source(folder / "in.csv", "v", "m", "truth")
        sink = text.TextSink(Atomic(str(folder / "out.csv"), files), source, None)
        self.store = Folder(str(folder / "state"), files)
        self.runner = sm.Runner(self.node, source, io.Tee(sink, self.report), checkpoint=self.store, every=every)

    def run(self) -> int:
        try:
            return self.runner.run()
        finally:
            self.store.close()

    def figures(self) -> dict[str, object]:
        return {k: v for k, v in self.report.figures.items() if not k.startswith(("seconds", "samples_per"))}


def whole(folder: Path) -> tuple[bytes, bytes, dict[str, object]]:
    """What an uninterrupted run leaves: the output, the state of the node, and the report."""
    once = Run(folder)
    once.run()
    out = (folder / "out.csv").read_bytes()
    assert parse((folder / "state" / "checkpoint").read_bytes()).node == once.node.snapshot()
    return out, once.node.snapshot(), once.figures()


def strike(folder: Path, at: int, fault: int | str) -> bool:
    """Run with a fault at one call; whether that call was made at all."""
    files = Faulty(at, fault)
    broken = Run(folder, files)
    with contextlib.suppress(DataError if isinstance(fault, int) else KilledError):
        broken.run()
    return len(files.calls) >= at


def every_call(folder: Path, fault: int | str, blocks: int) -> int:
    """Every call of a run fails once, in a run of its own; each is resumed and must end as the whole one did."""
    expected = whole(folder)
    at = 0
    while True:
        at += 1
        for path in (folder / "out.csv", folder / "out.csv.partial", *(folder / "state").iterdir()):
            path.unlink(missing_ok=True)
        if not strike(folder, at, fault):
            break
        held = [path for path in (folder / "state").glob("checkpoint*") if path.suffix != ".new"]
        known = [checkpoint for path in held if (checkpoint := _parsed(path)) is not None]
        assert bool(held) == bool(known), "there are checkpoints, and none can be believed"
        again = Run(folder)
        again.runner.begin()
        assert again.runner.samples == max((one.samples for one in known), default=0)
        again.run()
        found = (folder / "out.csv").read_bytes(), again.node.snapshot(), again.figures()
        assert found == expected, f"call {at}, {fault}"
        assert not (folder / "out.csv.partial").exists()
    assert at > 8 * blocks  # a write, an fsync, and six calls for a checkpoint, for each block
    return at - 1


def _parsed(path: Path) -> Checkpoint | None:
    try:
        return parse(path.read_bytes())
    except ValueError:
        return None


def damaged(data: bytes, step: int = 1):
    """Every truncation, and every flip of a single bit; or each so many-th of both."""
    for size in range(0, len(data), step):
        yield f"cut to {size}", data[:size]
    for bit in range(0, 8 * len(data), step):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", bytes(wrong)


def none_is_believed(folder: Path, step: int = 1) -> int:
    """From a damaged checkpoint to the one before, and where that is damaged too, to an error; how many were tried."""
    current, previous = folder / "checkpoint", folder / "checkpoint.previous"
    good, before = current.read_bytes(), previous.read_bytes()
    tried = 0
    for what, wrong in damaged(good, step):
        current.write_bytes(wrong)
        previous.write_bytes(before)
        store = Folder(folder)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = store.load()
        store.close()
        assert found == parse(before), what
        assert "going on from" in str(told[0].message)
        previous.write_bytes(wrong)
        with pytest.raises(CheckpointError, match="no checkpoint that can be believed"):
            store.load()
        store.close()
        current.unlink()
        with pytest.raises(CheckpointError, match="no checkpoint that can be believed"):
            store.load()
        store.close()
        tried += 1
    current.write_bytes(good)
    previous.write_bytes(before)
    return tried


#: the command with blocks so small that a kill finds it in the midst of one
_SMALL = (
    "import sys; from streammse.io import text; text.BLOCK = {block}; from streammse.cli import main; sys.exit(main())"
)


def start(*arguments: object, cwd: Path, block: int = 1 << 14, **options: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", _SMALL.format(block=block), *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a shell may ignore it
        **options,
    )


def progress(folder: Path, name: str) -> int:
    """How many bytes an output has by now, a database with its log."""
    with contextlib.suppress(FileNotFoundError):
        wal = folder / f"{name}.partial-wal"
        return (folder / f"{name}.partial").stat().st_size + (wal.stat().st_size if wal.exists() else 0)
    return 0


def at_size(process: subprocess.Popen, folder: Path, name: str, size: int, seconds: float = 60.0) -> bool:
    """Wait until the output has that size; whether it came to that before the end."""
    deadline = time.monotonic() + seconds
    while progress(folder, name) < size:
        assert time.monotonic() < deadline, f"{name} has {progress(folder, name)} bytes after {seconds} s"
        if process.poll() is not None:
            return False
        time.sleep(0.0005)
    return True


def killed_and_resumed(folder: Path, arguments: list[object], name: str, size: int, kills: int, seed: int = 0) -> int:
    """Kill a command when its output reaches random sizes, start it again each time; how many kills found it alive."""
    rng = random.Random(seed)
    hit = 0
    for share in sorted(rng.uniform(0.02, 0.9) for _ in range(kills)):
        process = start(*arguments, cwd=folder)
        if at_size(process, folder, name, int(share * size)):
            time.sleep(rng.uniform(0.0, 0.01))  # anywhere within a block or a checkpoint
            process.kill()
        process.communicate()
        hit += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL)
    process = start(*arguments, cwd=folder)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return hit
