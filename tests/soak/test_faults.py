"""The long forms of tests/test_resume.py."""

from __future__ import annotations

import errno

import pytest

import streammse as sm
from streammse import io
from streammse.io import text
from streammse.runner.checkpoint import parse

from ..faults import every_call, killed_and_resumed, none_is_believed, recording
from ..test_resume import rows, stopped

KILLS = 30


@pytest.mark.parametrize("seed", range(3))
def test_thirty_kills(seed, tmp_path):
    recording(tmp_path / "in.csv", 300_000, seed)
    arguments = ["denoise", "in.csv", "-c", "v", "-r", "m", "--every", 0, "-o"]
    node = sm.NoiseCanceller()
    source = io.source(tmp_path / "in.csv", "v", "m")
    sm.Runner(node, source, io.sink(tmp_path / "whole.csv", source)).run()
    whole = (tmp_path / "whole.csv").read_bytes()
    kept = [*arguments, "out.csv", "--checkpoint", "state"]
    hit = killed_and_resumed(tmp_path, kept, "out.csv", len(whole), KILLS, seed)
    assert hit == KILLS
    assert (tmp_path / "out.csv").read_bytes() == whole
    held = parse((tmp_path / "state" / "checkpoint").read_bytes())
    assert held.ended
    assert held.node == node.snapshot()


def test_thirty_kills_of_a_database(tmp_path):
    recording(tmp_path / "in.csv", 300_000)
    source = io.source(tmp_path / "in.csv", "v", "m")
    sm.Runner(sm.NoiseCanceller(), source, io.sink(tmp_path / "whole.db", source)).run()
    arguments = ["denoise", "in.csv", "-c", "v", "-r", "m", "--every", 0, "-o", "out.db", "--checkpoint", "out.db"]
    hit = killed_and_resumed(tmp_path, arguments, "out.db", (tmp_path / "whole.db").stat().st_size, KILLS)
    assert hit == KILLS
    assert rows(tmp_path / "out.db") == rows(tmp_path / "whole.db")


def test_every_truncation_and_every_flipped_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 6000)
    recording(tmp_path / "in.csv", 900)
    stopped(tmp_path, 3)
    assert none_is_believed(tmp_path / "state") > 9 * 1000


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, "kill", "power"])
def test_every_call_of_a_longer_run(fault, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 2000)
    recording(tmp_path / "in.csv", 900)
    assert every_call(tmp_path, fault, 14) > 100
