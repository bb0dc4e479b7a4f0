"""``streammse warmup``: what was warmed is not compiled again, and what cannot be warmed says so."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from streammse import catalog, cli, warm
from streammse._jit import cache
from streammse.cli import abreast
from streammse.io.scan import splice

CLI = [sys.executable, "-m", "streammse"]

#: afterwards: what a user does, and how many kernels it took to be compiled
AFTERWARDS = """
import sys
import numpy as np
import streammse as sm
from streammse import named, warm
from streammse._jit import cache

y = 10.0 + np.sin(np.arange(200.0) / 2.0) + np.random.default_rng(0).standard_normal(200)
if sys.argv[1] == "backtest":
    warm.for_backtest(named.models(sys.argv[2]).values())
    before = len(cache.written)
    sm.backtest(y, named.models(sys.argv[2]), horizon=3, level=None)
else:
    before = len(cache.written)
    f = sm.NLMS(taps=5)
    f.run(y, y)
    f.update(0.5, 0.25), f.update(0.5)
    sm.bank(f, 3).run(np.tile(y[:50], (3, 1)), y[:50])
    m = sm.MSE(window=7)
    m.update(1.0, 2.0), m.run(y, y + 1.0), m.value
    sm.MSE(seconds=3.0).run(y, y, time=np.arange(200.0))
    h = sm.Holt()
    h.fit(y).forecast(4), h.run(y)
    sm.backtest(y, h, horizon=3)
print(len(cache.written) - before)
"""


def afterwards(*args: str) -> int:
    ran = subprocess.run([sys.executable, "-c", AFTERWARDS, *args], capture_output=True, text=True, check=True)
    return int(ran.stdout)


def test_what_was_warmed_is_not_compiled_again() -> None:
    names = [] if "STREAMMSE_SOAK" in os.environ else ["nlms", "MSE", "holt"]
    for _ in range(2):
        ran = subprocess.run([*CLI, "warmup", *names], capture_output=True, text=True, check=True)
        assert ran.stderr == ""
    assert ran.stdout.startswith("0 compiled in ")
    assert str(cache.folder()) in ran.stdout
    assert afterwards("use") == 0


def test_a_backtest_finds_what_was_warmed_for_it() -> None:
    assert afterwards("backtest", "naive,seasonal-naive:12,ets:12,theta:12,ar-rls:24") == 0


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_text_that_was_warmed_is_not_compiled_again(kind: str, tmp_path: Path) -> None:
    subprocess.run([*CLI, "warmup", "--text", kind], capture_output=True, check=True)
    source = tmp_path / f"noisy.{kind}"
    rows = ["v", "1.5", "2.25"] if kind == "csv" else ['{"v": 1.5}', '{"v": 2.25}']
    source.write_text("\n".join(rows) + "\n")
    code = (
        "from streammse import cli\nfrom streammse._jit import cache\n"
        f"assert cli.main(['denoise', {str(source)!r}, '-o', {str(tmp_path / f'clean.{kind}')!r}]) == 0\n"
        "assert not [one for one in cache.written if one.startswith(('read', 'splice', 'csv', 'ndjson'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_algorithm_has_its_turn() -> None:
    names = [piece.name.split("(")[0] for piece in warm.pieces()]
    assert set(catalog.names()) <= set(names)
    assert {f"drive.{form}" for form in ("update", "block", "bank", "roll")} <= set(names)
    assert sum(name.startswith("io.scan.") for name in names) >= 3
    assert [piece.name for piece in warm.pieces(["RMSE"])][-1].startswith("RMSE")


def run(*args: str) -> int:
    return cli.main(["warmup", *args])


@pytest.mark.parametrize("state", ["off", "others may write", "no folder"])
def test_a_cache_that_cannot_be_filled(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = tmp_path / "cache"
    if state == "others may write":
        where.mkdir()
        where.chmod(0o777)
    elif state == "no folder":
        where.write_text("")
    monkeypatch.setenv(cache.VARIABLE, "off" if state == "off" else str(where))
    if state == "others may write" and os.name != "posix":
        pytest.skip("modes are POSIX's")
    assert run("NLMS") == 2
    out, said = capsys.readouterr()
    assert said.startswith("streammse: there is no kernel cache to fill: ")
    assert said.count("\n") == 1
    assert out == ""


def pieces(monkeypatch: pytest.MonkeyPatch, *makes: object) -> None:
    monkeypatch.setattr(warm, "pieces", lambda _=None: [warm.Piece(f"piece {k}", f) for k, f in enumerate(makes)])


def test_ctrl_c_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))

    def make() -> None:
        name = f"step.{'a' * 40}"
        cache.write(tmp_path / "cache" / name, cache.signed(name, b"code"))
        cache.written.append(name)

    def stop() -> None:
        raise KeyboardInterrupt

    pieces(monkeypatch, make, stop, make)
    assert run() == 130
    out, said = capsys.readouterr()
    assert out.startswith("1/3 piece 0: 1 compiled")
    assert "1 kernels" in out
    assert "what is compiled stays" in said
    assert len(cache.entries()) == 1


def test_one_that_fails_does_not_keep_the_others_cold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    done = []
    pieces(monkeypatch, lambda: 1 / 0, lambda: done.append(True))
    assert run() == 1
    assert done
    assert "piece 0: ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("args", [("NLSM",), ("--models", "nothing"), ("--text", "wav")])
def test_a_name_that_is_not_there(
    args: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    assert run(*args) == 2
    assert capsys.readouterr().err.startswith("streammse: ")


@pytest.mark.skipif(os.name != "posix", reason="a script stands for Python")
@pytest.mark.parametrize(
    ("beside", "args"),
    [
        (abreast.models_abreast("naive,ets:12"), ["--models", "naive,ets:12"]),
        (abreast.text_abreast("noisy.tsv", None), ["--text", "csv"]),
        (abreast.text_abreast("-", "ndjson"), ["--text", "ndjson"]),
    ],
)
def test_the_second_process_ends_with_the_first(
    beside: AbstractContextManager[None], args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, told = tmp_path / "python", tmp_path / "told"
    script.write_text(f'#!/bin/sh\necho $$ "$@" > {told}.new && mv {told}.new {told}\nexec sleep 60\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    monkeypatch.setattr(abreast, "_worth_it", lambda _: True)
    with beside:
        while not told.exists():
            pass
    number, *given = told.read_text().split()
    assert given == ["-m", "streammse", "warmup", *args]
    with pytest.raises(ProcessLookupError):
        os.kill(int(number), 0)


@pytest.mark.parametrize(("path", "given"), [("sound.wav", None), ("-", None), ("noisy", None), ("a.csv", "nonsense")])
def test_no_second_process_for_what_is_no_text(path: str, given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abreast, "_worth_it", lambda _: pytest.fail("nobody asked"))
    with abreast.text_abreast(path, given):
        pass


def test_no_second_process_where_there_is_nothing_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(cache, "trouble", lambda: None)
    for there in (True, False):
        monkeypatch.setattr(cache, "holds", lambda _, there=there: there)
        assert abreast._worth_it(splice) is not there
    monkeypatch.setattr(cache, "trouble", lambda: "a full disk")
    assert not abreast._worth_it(splice)
    monkeypatch.setattr(cache, "trouble", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert not abreast._worth_it(splice)
