"""Eight whole processes that start at once, whatever the kernel cache is in: the long form of tests/test_cache.py."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streammse._jit import cache

ONE = """
import hashlib, os, sys, time, warnings
from pathlib import Path

import numpy as np

import streammse as sm

Path(sys.argv[1], str(os.getpid())).touch()
while not Path(sys.argv[1], "go").exists():
    time.sleep(0.01)
x = np.sin(np.arange(500.0))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    outputs = [
        sm.NLMS(taps=8).run(x, x),
        sm.MSE(window=50).run(x, x[::-1]),
        sm.HoltWinters(12).fit(x + 3.0).forecast(24),
    ]
print(hashlib.sha256(np.concatenate(outputs).tobytes()).hexdigest(), len(caught))
"""


def at_once(number: int, folder: Path, starts: Path, **env: str) -> list[str]:
    """So many processes that begin together, each telling its bits and how often it warned."""
    starts.mkdir()
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
    given = {**os.environ, "PYTHONPATH": paths, cache.VARIABLE: str(folder), **env}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ONE, str(starts)],
            env=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(number)
    ]
    while len(list(starts.iterdir())) < number and all(one.poll() is None for one in running):
        time.sleep(0.01)
    (starts / "go").touch()
    told = []
    for one in running:
        out, problems = one.communicate(timeout=300)
        assert one.returncode == 0, problems
        assert problems == ""
        told.append(out.strip())
    return told


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.mark.parametrize("state", ["empty", "garbage", "truncated", "read-only", "no home", "off"])
def test_eight_processes_at_once_whatever_the_cache(state: str, where: Path, tmp_path: Path) -> None:
    (expected,) = at_once(1, where, tmp_path / "alone")
    assert expected.endswith(" 0")
    env, entries = {}, list(where.iterdir())
    for one in entries if state in ("empty", "read-only") else []:
        one.unlink()
    for one in entries if state in ("garbage", "truncated") else []:
        one.write_bytes(b"garbage" * 99 if state == "garbage" else one.read_bytes()[:-9])
    if state == "read-only":
        where.chmod(stat.S_IRUSR | stat.S_IXUSR)
        if os.geteuid() == 0:
            where.chmod(0o777)  # root writes anywhere: a folder that is not believed is not written to either
    elif state == "no home":
        where, env = tmp_path / "none" / "cache", {"HOME": "/proc/nobody"}
        (tmp_path / "none").write_text("")
    told = at_once(8, where if state != "off" else Path("off"), tmp_path / "starts", **env)
    assert {one.split()[0] for one in told} == {expected.split()[0]}
    most = 0 if state in ("empty", "off") else 1
    assert all(int(one.split()[1]) <= most for one in told)
    if state in ("garbage", "truncated"):
        assert at_once(1, where, tmp_path / "after") == [expected], "not all was replaced"
