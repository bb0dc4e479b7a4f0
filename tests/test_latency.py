"""What ``bench --latency`` and the rows about loops measure is what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import embedded, latency, stalls
from benchmarks.run import main

SAMPLES = 2048


@pytest.mark.parametrize("what", ["nlms", "hw", "mse"])
def test_every_form_computes_the_same(what: str) -> None:
    """The filters regularise differently while the line fills, and Holt-Winters by hand begins with a season known."""
    forms = {"loop": embedded.in_a_loop, "hand": embedded.by_hand}
    if shutil.which("gcc") is not None:
        forms |= {"from C": embedded.from_c, "C": embedded.plain_c}
    begin = {"nlms": 1000, "hw": 500, "mse": 0}[what]
    outputs = {
        f"{form} {name}": one.call()[begin:].copy()
        for form, enter in forms.items()
        for name, one in enter(what, SAMPLES).items()
    }
    wanted = outputs.pop("loop ")
    size = np.std(wanted)
    for form, y in outputs.items():
        assert np.max(np.abs(y - wanted)) < (1e-12 if what == "mse" else 0.02) * size, form
    assert "from C " not in outputs or np.array_equal(outputs["from C "], wanted)


def test_the_textbook_is_the_same_forecast() -> None:
    (hand,), (textbook,) = (embedded.by_hand("hw", SAMPLES, 12, simple).values() for simple in (False, True))
    np.testing.assert_allclose(hand.call(), textbook.call(), rtol=1e-9)


def test_calls_one_by_one_come_to_the_same() -> None:
    for what in ("nlms", "hw", "mse"):
        (ours,), (bare,) = embedded.update(what, 200).values(), embedded.bare_njit(what, 200).values()
        assert ours.call() == bare.call()
    (two,), (one,) = embedded.two_blocks(SAMPLES, 2).values(), embedded.two_blocks(SAMPLES, 1).values()
    for a, b in zip(two.call(), one.call(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_latency_comes_out_with_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, figures = tmp_path / "latency.png", tmp_path / "latency.json"
    assert main(["--latency", "--plot", str(picture), "--json", str(figures)], part=0.003) == 0
    told = capsys.readouterr().out
    assert all(words in told for words in ("p99.9", "NLMS, 32 taps", "3,000 calls"))
    assert picture.read_bytes().startswith(b"\x89PNG")
    written = json.loads(figures.read_text())
    assert [row["what"] for row in written["waits"]] == list(stalls.works())
    assert all(words in told for words in ("longest wait", "a bank of NLMS"))
    rows = written["rows"]
    assert [row["what"] for row in rows] == [one.name for one in latency.subjects(3000)]
    for row in rows:
        assert 0.0 < row["p50"] <= row["p99"] <= row["p99.9"] <= row["max"] < 10.0
        assert row["calls"] == 3000


@pytest.mark.parametrize("what", stalls.works())
def test_a_long_block_does_not_stall_another_thread(what: str) -> None:
    """The promise is 5 ms; the machine may have other work in some tries, but not in all of them."""
    found = stalls.least(stalls.works()[what])
    assert found.took > 4 * stalls.LIMIT, "too short to tell"
    assert found.longest < stalls.LIMIT


def test_what_holds_the_lock_is_seen_in_every_try() -> None:
    numbers = range(2_000_000)
    found = stalls.least(lambda: sum(numbers), tries=3)  # one call in C that keeps the lock
    assert found.longest > found.took / 2 > stalls.LIMIT


def test_the_subject_has_seen_every_call() -> None:
    (subject, *_) = latency.subjects(3000)
    found = latency.measure(subject, 2500)
    assert subject.node.count == 2500
    assert found.ours.size == found.bare.size == 2500


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--plot", "p.png"], "give that as well"), (["--latency", "--plot", "p.gif"], "must end in .png")],
)
def test_a_picture_that_cannot_be(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert words in capsys.readouterr().err
