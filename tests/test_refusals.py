"""Files that are not what somebody thinks: one line says what is wrong and what to do."""

import json
import os
import struct

import pytest
from typer.testing import CliRunner

from streammse.cli import app


@pytest.fixture
def denoise(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("t,v\n0,1\n1,2\n")

    def run(*options):
        done = CliRunner().invoke(app, ["denoise", *options])
        return done.exit_code, done.stderr

    return run


@pytest.mark.parametrize("name", ["missing.csv", "sub/motor.wav", "missing.csv:motor"])
def test_a_reference_that_looks_like_a_file(name, denoise) -> None:
    status, told = denoise("in.csv", "-c", "v", "-r", name, "-o", "out.csv")
    assert status == 2
    assert told == f"streammse: no column {name!r} in in.csv: there are t, v; and there is no file {name}\n"


def test_a_compressed_output(denoise, tmp_path) -> None:
    status, told = denoise("in.csv", "-c", "v", "-o", "z.csv.gz")
    assert (status, told) == (2, "streammse: z.csv.gz would have to be compressed: write z.csv, or a pipe with -o -\n")
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def wav(path, promised: int, samples: int) -> None:
    """A WAV whose header promises more than it holds."""
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + promised & 0xFFFFFFFF) + b"WAVEfmt " + struct.pack("<I", 16) + form
    path.write_bytes(head + b"data" + struct.pack("<I", promised) + bytes(2 * samples))


@pytest.mark.filterwarnings("default")  # the command prints them
def test_a_wav_that_is_cut_off_warns(denoise, tmp_path) -> None:
    pytest.importorskip("soundfile")
    wav(tmp_path / "cut.wav", 16000, 478)
    status, told = denoise("cut.wav", "-o", "out.wav")
    assert status == 0
    assert told == ("streammse: warning: cut.wav is cut off: its header promises 16,000 bytes of samples, it has 956\n")
    for promised in (956, 0xFFFFFFFF):  # what it holds, and what ffmpeg writes to a pipe
        wav(tmp_path / "fine.wav", promised, 478)
        assert denoise("fine.wav", "-o", "out.wav") == (0, "")


def test_bytes_that_are_no_text_leave_the_terminal_alone(denoise, tmp_path) -> None:
    (tmp_path / "random.csv").write_bytes(b"a\x1b[31m\x07,v\n" + b"\x1b]0;x\x07,\x08\x7f\x9b,\n")
    status, told = denoise("random.csv", "-c", "v", "-o", "out.csv")
    assert status == 2
    assert told.removesuffix("\n").isprintable()
    assert "\\x1b]0;x\\x07" in told


def test_names_in_latin_1(denoise, tmp_path) -> None:
    (tmp_path / "latin.csv").write_bytes("température,v\n1,2\n".encode("latin-1"))
    hint = "the line of names is not text in UTF-8 (is it Latin-1? iconv -f latin1 -t utf-8 IN | streammse denoise -)"
    status, told = denoise("latin.csv", "-c", "température", "-o", "out.csv")
    assert status == 2
    assert told.endswith(f"; {hint}\n")
    status, told = denoise("latin.csv", "-c", "v", "-o", "out.parquet")
    assert (status, told) == (2, f"streammse: {hint}\n")
    assert denoise("latin.csv", "-c", "v", "-o", "out.csv")[0] == 0  # the same bytes again
    assert (tmp_path / "out.csv").read_bytes().startswith("température,v\n1,".encode("latin-1"))


def test_a_rate_that_nobody_says(denoise) -> None:
    status, told = denoise("in.csv", "-c", "v", "--method", "hum", "-o", "out.csv")
    assert status == 2
    assert told.endswith("give --rate, 1 / (the seconds from one row to the next)\n")


def test_conversions_end_in_status_0_or_in_one_line(denoise, tmp_path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"v": [1.0, 2.0], "b": [b"\x00", None], "l": [[1], [2, 3]]}), "in.parquet")
    assert denoise("in.parquet", "-o", "out.csv") == (0, "")
    assert [line.split(",", 1)[1] for line in (tmp_path / "out.csv").read_text().splitlines()] == [
        "b,l",
        "AA==,[1]",
        ',"[2, 3]"',
    ]
    rows = [{"v": 1, "o": {"a": [1]}}, {"v": 2, "o": None}, {"v": 3, "o": {}, "late": 1}]
    (tmp_path / "in.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows[:2]))
    assert denoise("in.ndjson", "-c", "v", "-o", "out.csv") == (0, "")
    assert os.path.getsize("out.csv") > 0
