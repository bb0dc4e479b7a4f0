"""The kernel cache: whatever is wrong with it, the kernel is right, nothing is raised, and one warning is enough."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from streammse._jit import Function, cache, kernel, turn

posix = pytest.mark.skipif(os.name != "posix", reason="owners, modes and limits are POSIX's")
NOBODY = 65534


def small() -> Function:
    @kernel
    def step(p, s, x, d):
        s[0] += d
        return 2.0 * x + s[0]

    return step


def other() -> Function:
    @kernel
    def step(p, s, x, d):
        return 3.0 * x - d

    return step


class Use(NamedTuple):
    value: float
    loaded: bool
    said: list[str]


def use(make: Callable[[], Function] = small) -> Use:
    """What a new process would get: the kernel from the cache, or compiled."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make().compiled
        value = made(np.zeros(1), np.zeros(1), 1.5, 0.25)
    return Use(value, bool(sum(made.stats.cache_hits.values())), [str(one.message) for one in caught])


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "cache"
    monkeypatch.setenv(cache.VARIABLE, str(found))
    forget()
    return found


def forget() -> None:
    """What is remembered of a process, as in a new one."""
    cache._complained = False
    cache._sweep.cache_clear()


def the_entry(where: Path) -> Path:
    (name,) = cache.entries()
    return where / name


def test_what_was_compiled_is_found_again(where: Path) -> None:
    assert use() == (3.25, False, [])
    if os.name == "posix":
        assert where.stat().st_mode & 0o777 == 0o700
    stamp = the_entry(where).stat().st_mtime_ns
    assert use() == (3.25, True, [])
    assert the_entry(where).stat().st_mtime_ns == stamp
    assert list(where.iterdir()) == [the_entry(where)], "something was left behind"


def from_another(entry: Path) -> None:
    """The sound entry of another kernel under this name."""
    before = entry.read_bytes()
    use(other)
    (theirs,) = (one for one in entry.parent.iterdir() if one != entry)
    assert theirs.read_bytes() != before
    entry.write_bytes(theirs.read_bytes())


def a_folder(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()


DEFECTS: dict[str, Callable[[Path], object]] = {
    "truncated": lambda entry: entry.write_bytes(entry.read_bytes()[:-100]),
    "flipped": lambda entry: entry.write_bytes(bytes([*entry.read_bytes()[:-1], entry.read_bytes()[-1] ^ 1])),
    "garbage": lambda entry: entry.write_bytes(b"garbage" * 100),
    "empty": lambda entry: entry.write_bytes(b""),
    "another kernel's": from_another,
    "no pickle": lambda entry: entry.write_bytes(cache.signed(entry.name, b"no pickle")),
    "a pickle of something else": lambda entry: entry.write_bytes(cache.signed(entry.name, pickle.dumps((1, 2)))),
    "a folder": a_folder,
    "others may write": lambda entry: entry.chmod(0o666),
    "somebody else's": lambda entry: os.chown(entry, NOBODY, NOBODY),
}


@posix
@pytest.mark.parametrize("defect", DEFECTS)
def test_an_entry_with_a_defect_is_compiled_again(where: Path, defect: str) -> None:
    if defect == "somebody else's" and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    use()
    entry = the_entry(where)
    DEFECTS[defect](entry)
    value, loaded, said = use()
    assert (value, loaded, len(said)) == (3.25, False, 1)
    assert str(entry) in said[0]
    DEFECTS[defect](entry) if entry.is_file() and defect != "another kernel's" else None
    assert use().said == [], "a second warning"


def test_a_damaged_entry_is_replaced(where: Path) -> None:
    use()
    the_entry(where).write_bytes(b"garbage")
    assert not use().loaded
    assert use().loaded


def test_no_flipped_bit_and_no_truncation_gets_past_the_checksum(where: Path) -> None:
    use()
    name, raw = the_entry(where).name, the_entry(where).read_bytes()
    assert cache.checked(name, raw) == raw[32:]
    for at in range(len(raw)):
        flipped = bytearray(raw)
        flipped[at] ^= 1 << at % 8
        with pytest.raises(ValueError, match="checksum"):
            cache.checked(name, bytes(flipped))
    for length in range(0, len(raw), 7):
        with pytest.raises(ValueError, match="checksum"):
            cache.checked(name, raw[:length])


class Hostile:
    ran = False

    def __reduce__(self) -> Any:
        return setattr, (Hostile, "ran", True)


def test_a_pickle_is_not_loaded_before_it_is_checked(where: Path) -> None:
    use()
    entry = the_entry(where)
    entry.write_bytes(entry.read_bytes()[:32] + pickle.dumps(Hostile()))
    assert not use().loaded
    assert not Hostile.ran
    pickle.loads(pickle.dumps(Hostile()))
    assert Hostile.ran, "it would have run"


@posix
def test_no_room_on_the_disk(where: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        value, loaded, said = use()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (value, loaded, len(said)) == (3.25, False, 1)
    assert list(where.iterdir()) == [], "half an entry was left behind"


@pytest.mark.parametrize("call", ["mkdir", "open", "fdopen", "replace", "stat"])
def test_an_error_at_every_step_of_a_write(where: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    use()
    monkeypatch.setattr(os, call, no_space)
    use(other)
    monkeypatch.undo()
    monkeypatch.setenv(cache.VARIABLE, str(where))
    assert use(other).value == 4.25
    assert use() == (3.25, True, [])
    assert all(one.name in cache.entries() for one in where.iterdir()), "half an entry was left behind"


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that another user reaches, as one that is baked into an image."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        found = Path(folder) / "kernels"
        found.mkdir(mode=0o755)
        monkeypatch.setenv(cache.VARIABLE, str(found))
        forget()
        yield found
        found.chmod(0o755)


def as_another_user(folder: Path, work: Callable[[], Use]) -> Use:
    """By somebody else where we are root, whom no mode stops; else with a folder that cannot be written to."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        return work()
    os.seteuid(NOBODY)
    try:
        return work()
    finally:
        os.seteuid(0)


@posix
def test_a_warmed_folder_serves_another_user_read_only(public: Path) -> None:
    use()
    os.utime(the_entry(public), (time.time() - 30 * 86400,) * 2)  # old enough for a mark of use
    assert as_another_user(public, use) == (3.25, True, [])


@posix
def test_a_folder_that_cannot_be_written_to(public: Path) -> None:
    value, loaded, said = as_another_user(public, use)
    assert (value, loaded, len(said)) == (3.25, False, 1)
    assert as_another_user(public, use) == (3.25, False, [])
    assert list(public.iterdir()) == []


@posix
def test_a_folder_that_others_may_write_to_is_not_believed(where: Path) -> None:
    use()
    where.chmod(0o777)
    value, loaded, said = use()
    assert (value, loaded, len(said)) == (3.25, False, 1)
    assert cache.trouble() is not None


@pytest.mark.parametrize("home", ["none", "nobody's", "a file"])
def test_no_home(home: str, where: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (cache.VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if home == "none":
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
        assert cache.folder() is None
    elif home == "nobody's":
        monkeypatch.setenv(cache.VARIABLE, "~nobody-of-this-name/kernels")
        monkeypatch.chdir(tmp_path)
    else:
        (tmp_path / "home").write_text("")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    value, loaded, said = use()
    assert (value, loaded) == (3.25, False)
    assert len(said) == (home == "a file")
    assert (cache.trouble() is None) == (home == "nobody's")


def test_switched_off(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("off", "", "0"):
        monkeypatch.setenv(cache.VARIABLE, word)
        assert use() == (3.25, False, [])
        assert cache.trouble() == "STREAMMSE_CACHE switches it off"
    assert not where.exists()


def test_what_nobody_uses_is_swept(where: Path) -> None:
    where.mkdir(mode=0o700)
    kept, swept = [], []
    for name, days, goes in (
        (f"step.{'0' * 40}", 90, True),
        (f"step.{'1' * 40}", 10, False),
        (".new-0123456789abcdef", 2, True),
        (f".turn-{'2' * 40}", 2, True),
        (".new-fedcba9876543210", 0, False),
        ("thesis.txt", 900, False),
    ):
        file = where / name
        file.write_bytes(b"x")
        os.utime(file, (time.time() - days * 86400,) * 2)
        (swept if goes else kept).append(file)
    assert use().said == []
    assert [one for one in swept if one.exists()] == []
    assert [one for one in kept if not one.exists()] == []


# Several processes at once.


def test_who_waits_for_a_turn_gets_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path, entry = tmp_path / "turn", tmp_path / "entry"
    first, second, went = turn.Turn(path), turn.Turn(path), threading.Event()
    assert first.waited_for(entry)

    def wait() -> None:
        assert second.waited_for(entry)
        went.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not went.wait(0.1), "two have the turn"
    entry.write_bytes(b"")
    assert went.wait(10.0)
    waiting.join()
    first.over()
    second.over()
    assert not path.exists()


def test_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fcntl")
    monkeypatch.setattr(turn, "PATIENCE", 0.05)
    path = tmp_path / "turn"
    stuck, next_ = turn.Turn(path), turn.Turn(path)
    stuck.waited_for(tmp_path / "entry")
    next_.waited_for(tmp_path / "entry")
    next_.over()
    assert path.exists(), "somebody else's turn was ended"
    stuck.over()


FORKED = """
import os
from tests.test_cache import cache, other, use

wanted = os.environ.pop(cache.VARIABLE)
os.environ[cache.VARIABLE] = "off"
use(other)  # the compiler is awake
os.environ[cache.VARIABLE] = wanted
hold, go = os.pipe()
ends = []
for _ in range(8):
    end, tell = os.pipe()
    if os.fork() == 0:
        os.read(hold, 1)
        os.write(tell, repr(use()).encode())
        os._exit(0)
    os.close(tell)
    ends.append(end)
os.write(go, b"go go go")
for end in ends:
    print(os.read(end, 1000).decode())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="its processes are forked")
def test_eight_processes_at_once_on_an_empty_cache(where: Path) -> None:
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    ran = subprocess.run(
        [sys.executable, "-c", FORKED],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = sorted(ran.stdout.splitlines())
    assert told == [repr(Use(3.25, False, []))] + 7 * [repr(Use(3.25, True, []))], "not one compiled for all"
    assert ran.stderr == ""
    assert list(where.iterdir()) == [the_entry(where)]
