"""Sources, sinks, runner, report and picture: what passes through is untouched, what is read is what was written."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammse import io
from streammse.io import digits, scan, text
from streammse.io.block import Block, DataError
from streammse.io.output import Atomic
from streammse.plot import BINS, Envelope, Picture, picture
from streammse.report import Report
from streammse.runner import Runner


class Nine:
    """A node whose output is known beforehand."""

    def run(self, x, reference=None):
        return np.full(len(x), 9.25)


class Same:
    """A node that does nothing."""

    def run(self, x, reference=None):
        return x.copy() if reference is None else reference.reshape(len(x), -1).sum(axis=1)


def through(node, given: Path, out: Path, column: str | None = None, *, into: str | None = None, **options) -> bytes:
    source = io.source(given, column, **options)
    Runner(node, source, io.sink(out, source, into=into)).run()
    return out.read_bytes()


def signal_of(path: Path, column: str | None = None, **options) -> np.ndarray:
    return np.concatenate([block.signal for block in io.source(path, column, **options)])


CSV = {
    "plain": 't,v,tag\n1,{},a\n2,{},"b, c"\n',
    "no newline at the end": "t,v\n1,{}\n2,{}",
    "windows": "t,v,tag\r\n01,{},x\r\n02,{},y\r\n",
    "first column": "v,t\n{},007\n{},1e3\n",
    "quoted": '"t","the ""v""","v"\n"a\n,b",x,{}\n"",y,{}\n',
    "quotes inside": "v,length\n{},5\" pipe\n{},6'\n",
    "empty lines": "t,v\n\n1,{}\n\n\n2,{}\n\n",
    "tab": "t\tv\n2024-01-01T00:00:00Z\t{}\n2024-01-01T00:00:01Z\t{}\n",
    "semicolon": "t;v;w\n1,5;{};x,y\n2,5;{};\n",
    "byte order mark": "\ufeffv,t\n{},1\n{},2\n",
    "spaces": "t, v , w\n1,  {} , x\n2,{}\t,y\n",
    "a newline in a name": '"the\n""time""",v\n1,{}\n2,{}\n',
    "a lone quote in a name": '5" pipe,v\n1,{}\n"2",{}\n',
    "beyond ASCII": "Größe,v,µ\nü,{},€\n,{},日本\n",
}


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", CSV)
def test_csv_changes_nothing_but_the_values(name, block, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", block)
    template, given, out = CSV[name], tmp_path / "in.csv", tmp_path / "out.csv"
    given.write_text(template.format("1.50", "-2"), encoding="utf-8", newline="")
    assert through(Nine(), given, out, "v") == template.format("9.25", "9.25").encode()
    assert list(signal_of(given, "v")) == [1.5, -2.0]


JSON = {
    "plain": '{{"t": 1, "v": {}, "tag": "a"}}\n{{"v":{}}}\n',
    "nested": '{{"x": {{"v": 3}}, "v": {}, "y": [1, {{"v": 4}}]}}\n{{"y": ["]"], "v" : {} }}\n',
    "strings": '{{"s": "a\\"}},\\"v\\":1", "v": {}}}\r\n{{"s": "\\\\", "v": {}}}',
    "empty lines": '\n{{"v": {}}}\n\n  \n{{"v": {}}}\n\n',
    "twice": '{{"v": 3, "v": {}}}\n{{"w": null, "v": {}}}\n',
}


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", JSON)
def test_ndjson_changes_nothing_but_the_values(name, block, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", block)
    template, given, out = JSON[name], tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    given.write_text(template.format("1.50", "-2"), newline="")
    assert through(Nine(), given, out, "v") == template.format("9.25", "9.25").encode()
    assert list(signal_of(given, "v")) == [1.5, -2.0]


def test_ndjson_adds_what_is_missing(tmp_path):
    given = tmp_path / "in.ndjson"
    given.write_text('{"t": 1, "v": 2}\n{"t": 1}\n{ }\n{"t": {} }\n{"v": null}\n')
    wanted = '{"t": 1, "v": 9.25}\n{"t": 1, "v": 9.25}\n{"v": 9.25 }\n{"t": {}, "v": 9.25 }\n{"v": 9.25}\n'
    assert through(Nine(), given, tmp_path / "out.ndjson", "v").decode() == wanted
    assert np.isnan(signal_of(given, "v")[1:]).all()


def test_ndjson_follows_keys_however_they_are_escaped(tmp_path):
    for key in ("température", "temp\\u00e9rature"):
        given = tmp_path / "in.ndjson"
        given.write_text(f'{{"{key}": 1.5}}\n', encoding="utf-8")
        assert through(Nine(), given, tmp_path / "out.ndjson", "température").decode() == f'{{"{key}": 9.25}}\n'


def test_the_clean_signal_may_have_a_column_of_its_own(tmp_path):
    given, out = tmp_path / "in.csv", tmp_path / "out.csv"
    given.write_bytes(b"t,v\r\n1,2\r\n\r\n3,\r\n4,5")
    assert through(Nine(), given, out, "v", into="v, clean") == b't,v,"v, clean"\r\n1,2,9.25\r\n\r\n3,,9.25\r\n4,5,9.25'
    given, out = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    given.write_bytes(b'{"v": 1}\n{ }\n')
    assert through(Nine(), given, out, "v", into="c") == b'{"v": 1, "c": 9.25}\n{"c": 9.25 }\n'
    with pytest.raises(DataError, match="exists already"):
        io.sink(out, io.source(given, "v"), into="v")


def written(values: np.ndarray) -> list[str]:
    """What the compiled loop writes for these numbers."""
    count = values.size
    text = np.full(count, ord("|"), dtype=np.uint8)
    at, nothing = np.arange(count), np.zeros(0, dtype=np.uint8)
    out = np.empty(count * (digits.MOST + 1), dtype=np.uint8)
    size = scan.splice.compiled(text, count, count, at, at, values.view(np.uint64), nothing, nothing, ord("."), out)
    return out[:size].tobytes().decode().split("|")[:-1]


def understood(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """What the compiled loop reads in these texts, and which it leaves to Python."""
    data = np.frombuffer(bytearray(" ".join(texts).encode()), dtype=np.uint8)
    ends = np.cumsum([len(text) + 1 for text in texts]) - 1
    spans = np.column_stack((ends - [len(text) for text in texts], ends)).astype(np.int64)
    values, odd = np.empty(len(texts)), np.empty(len(texts), dtype=np.int64)
    strange = digits.read.compiled(data, len(texts), spans, 0, True, ord("."), values, values.view(np.uint64), odd)
    return values, odd[:strange]


def doubles(kind: str, rng: np.random.Generator, count: int) -> np.ndarray:
    made = {
        "any bits": lambda: rng.integers(0, 2**64, count, dtype=np.uint64).view(np.float64),
        "usual": lambda: rng.standard_normal(count) * 10.0 ** rng.integers(-6, 7, count),
        "rounded": lambda: (rng.standard_normal(count) * 1000).round(3),
        "whole": lambda: rng.integers(-(10**17), 10**17, count).astype(np.float64),
        "powers of two": lambda: np.ldexp(1.0, rng.integers(-1074, 1024, count)),
        "powers of ten": lambda: 10.0 ** rng.integers(-307, 308, count),
        "subnormal": lambda: rng.integers(0, 2**52, count, dtype=np.uint64).view(np.float64),
    }[kind]()
    return made[np.isfinite(made)]


@pytest.mark.parametrize(
    "kind", ["any bits", "usual", "rounded", "whole", "powers of two", "powers of ten", "subnormal"]
)
def test_numbers_are_written_as_repr_and_read_as_float(kind):
    x = doubles(kind, np.random.default_rng(4), 20_000)
    texts = written(x)
    assert texts == [repr(float(value)) for value in x]
    values, odd = understood(texts)
    values[odd] = [float(texts[k]) for k in odd]
    assert values.tobytes() == x.tobytes()
    if kind not in ("any bits", "subnormal", "powers of two"):
        assert not odd.size


def test_long_and_halfway_texts_are_read_to_the_nearest_double():
    rng = np.random.default_rng(5)
    halfway = [
        f"{2 * int(k) + 1}e{int(e)}"
        for k, e in zip(rng.integers(2**52, 2**53, 5000), rng.integers(0, 4, 5000), strict=True)
    ]
    long = [f"{a}.{b}e{e}" for a, b, e in rng.integers([0, 0, -330], [10**12, 10**9, 310], (5000, 3)).tolist()]
    padded = ["0" * 25 + "1.5", "0." + "0" * 30 + "123", "1.5" + "0" * 30, "1e-400", "1e400", "123456789" * 5]
    texts = halfway + long + padded
    values, odd = understood(texts)
    values[odd] = [float(texts[k]) for k in odd]
    assert np.array_equal(values, [float(text) for text in texts])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=False), min_size=1, max_size=50))
def test_every_number_survives_text(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("numbers")
    (folder / "in.csv").write_text("v\n" + "".join(f"{value!r}\n" for value in values))
    first = signal_of(folder / "in.csv")
    assert first.tobytes() == np.array(values).tobytes() or np.array_equal(first, values, equal_nan=True)
    through(Same(), folder / "in.csv", folder / "out.csv")
    assert np.array_equal(signal_of(folder / "out.csv"), values, equal_nan=True)


@pytest.mark.parametrize(
    "cell",
    ["1", "+1.5", "-.5", "5.", "1e3", "1E-3", '"2.5"', '" 2.5"', "  7 ", "1e400", "-inf", "123456789012345678901"],
)
def test_cells_that_hold_numbers(cell, tmp_path):
    (tmp_path / "in.csv").write_text(f"t,v\n0,1\n1,{cell}\n")
    assert signal_of(tmp_path / "in.csv", "v")[1] == float(cell.strip('" '))


@pytest.mark.parametrize("cell", ["", " ", "nan", "NaN", "NA", "null", "None", "n/a", "#N/A", '""', "-nan"])
def test_cells_that_hold_nothing_stay_aligned(cell, tmp_path):
    (tmp_path / "in.csv").write_text(f"t,v\n0,1\n1,{cell}\n2,3\n")
    assert np.array_equal(signal_of(tmp_path / "in.csv", "v"), [1.0, math.nan, 3.0], equal_nan=True)
    out = through(Same(), tmp_path / "in.csv", tmp_path / "out.csv", "v")
    assert out == b"t,v\n0,1.0\n1,%s\n2,3.0\n" % (b" " if cell == " " else b"")


@pytest.mark.parametrize(
    "cell", ["abc", "1.2.3", "2024-01-02", "1_000", "0x10", "1 2", "e", "-", "1,5", "12:30", "true"]
)
def test_cells_that_hold_text_are_named_with_their_row(cell, tmp_path):
    (tmp_path / "in.csv").write_text(f't,v\n0,1\n\n1,2\n2,"{cell}"\n')
    with pytest.raises(DataError, match=r"row 3 \(line 5\): column 'v' must hold numbers, got '\"?" + cell):
        signal_of(tmp_path / "in.csv", "v")


def test_one_column_keeps_its_empty_lines_as_missing_samples(tmp_path):
    (tmp_path / "in.csv").write_text("v\n1\n\n3\n")
    assert np.array_equal(signal_of(tmp_path / "in.csv"), [1.0, math.nan, 3.0], equal_nan=True)
    assert through(Nine(), tmp_path / "in.csv", tmp_path / "out.csv") == b"v\n9.25\n9.25\n9.25\n"


def test_decimal_commas(tmp_path):
    (tmp_path / "in.csv").write_text("t;v\n1;1,5\n2;\n3;-2\n")
    assert np.array_equal(signal_of(tmp_path / "in.csv", "v", decimal=","), [1.5, math.nan, -2.0], equal_nan=True)
    assert (
        through(Nine(), tmp_path / "in.csv", tmp_path / "out.csv", "v", decimal=",") == b"t;v\n1;9,25\n2;9,25\n3;9,25\n"
    )
    (tmp_path / "in.csv").write_text("t;v\n1;1.5\n")
    with pytest.raises(DataError, match="got '1.5'"):
        signal_of(tmp_path / "in.csv", "v", decimal=",")


def test_columns_without_names(tmp_path):
    (tmp_path / "in.csv").write_text("1,2.5\n3,4.5\n")
    with pytest.raises(DataError, match="holds only numbers"):
        io.source(tmp_path / "in.csv", "2")
    assert list(signal_of(tmp_path / "in.csv", "2", header=False)) == [2.5, 4.5]
    assert through(Nine(), tmp_path / "in.csv", tmp_path / "out.csv", "2", header=False) == b"1,9.25\n3,9.25\n"


def test_which_column_is_the_signal(tmp_path):
    (tmp_path / "in.csv").write_text("when,v,ref,good\n2024-01-01,,1,2\n2024-01-02,3,4,5\n")
    source = io.source(tmp_path / "in.csv", None, "ref", "good")
    assert (source.column, source.references, source.truth) == ("v", 1, "good")
    with pytest.raises(DataError, match=r"several columns hold numbers \(v, ref, good\)"):
        io.source(tmp_path / "in.csv")
    (tmp_path / "clock.csv").write_text("Time,v\n0,1\n1,\n")
    assert io.source(tmp_path / "clock.csv").column == "v"
    for text_ in ("Time,v\n0,\n", "a,v\n0,\n", "t\n1\n", 'a;v\n1;1\n2;"1,5"\n', '{"t": 1, "v": null}\n'):
        name = "doubt.ndjson" if text_[0] == "{" else "doubt.csv"
        (tmp_path / name).write_text(text_)
        with pytest.raises(DataError, match=r"which column of .* is the signal\?"):
            io.source(tmp_path / name)
    assert repr(source) == f"<csv source {str(tmp_path / 'in.csv')!r}, column='v', references=1, truth='good'>"
    (tmp_path / "one.csv").write_text("v\nabc\n")
    with pytest.raises(DataError, match="row 1 .*got 'abc'"):
        signal_of(tmp_path / "one.csv")
    with pytest.raises(DataError, match="no column 've' .* did you mean v"):
        io.source(tmp_path / "in.csv", "ve")


def test_several_references(tmp_path):
    (tmp_path / "in.csv").write_text("v,a,b\n1,10,100\n2,20,200\n")
    (block,) = list(io.source(tmp_path / "in.csv", "v", ["b", "a"]))
    assert block.reference.tolist() == [[100.0, 10.0], [200.0, 20.0]]


def test_parquet_keeps_types_and_gaps(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(
        {
            "when": pa.array([1, 2, 3], pa.timestamp("ms")),
            "v": pa.array([1.5, None, 2.5], pa.float32()),
            "n": pa.array([1, 2, None], pa.int16()),
            "tags": pa.array([["a"], [], None]),
        },
        metadata={"sensor": "s1"},
    )
    parquet.write_table(table, tmp_path / "in.parquet", row_group_size=2)
    assert np.array_equal(signal_of(tmp_path / "in.parquet", "v"), [1.5, math.nan, 2.5], equal_nan=True)
    through(Same(), tmp_path / "in.parquet", tmp_path / "same.parquet", "v")
    assert parquet.read_table(tmp_path / "same.parquet").equals(table)
    assert parquet.read_schema(tmp_path / "same.parquet").metadata[b"sensor"] == b"s1"
    through(Nine(), tmp_path / "in.parquet", tmp_path / "out.parquet", "n", into="clean")
    out = parquet.read_table(tmp_path / "out.parquet")
    assert out.drop(["clean"]).equals(table)
    assert out["clean"].to_pylist() == [9.25] * 3
    with pytest.raises(DataError, match="column 'tags' must hold numbers, got list"):
        io.source(tmp_path / "in.parquet", "tags")


@pytest.mark.parametrize(
    ("suffix", "subtype", "bits"),
    [
        ("wav", "PCM_U8", 8),
        ("wav", "PCM_16", 16),
        ("wav", "PCM_24", 24),
        ("wav", "PCM_32", 32),
        ("wav", "FLOAT", 0),
        ("flac", "PCM_16", 16),
    ],
)
def test_audio_keeps_its_bits(suffix, subtype, bits, tmp_path):
    import soundfile as sf

    rng = np.random.default_rng(1)
    step = 2.0 ** (32 - bits)
    if bits:
        frames = (rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (5000, 2)) * step).astype(np.int32)
    else:
        frames = rng.standard_normal((5000, 2)).astype(np.float32)
    given, out = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    sf.write(given, frames, 8000, subtype=subtype)
    through(Same(), given, out, "2")
    assert sf.info(out).subtype == subtype
    assert sf.info(out).samplerate == 8000
    dtype = "int32" if bits else "float32"
    assert np.array_equal(sf.read(out, dtype=dtype)[0], sf.read(given, dtype=dtype)[0])
    with pytest.warns(UserWarning, match="5,000 samples clipped at full scale") if bits else contextlib.nullcontext():
        through(Nine(), given, out, "2")  # louder than full scale
    loud = sf.read(out, dtype=dtype)[0]
    assert np.array_equal(loud[:, 0], frames[:, 0])
    assert (loud[:, 1] == (np.int32(2**31 - step) if bits else np.float32(9.25))).all()


def test_audio_without_its_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "in.wav").write_bytes(b"RIFF")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(DataError, match=r"pip install 'streammse\[audio\]'"):
        io.source(tmp_path / "in.wav")


def test_formats_become_one_another(tmp_path):
    import soundfile as sf

    (tmp_path / "a.csv").write_text('t,v,tag\n1,0.5,"x,y"\n2,,z\n3,-0.25,z\n')
    for before, after in itertools.pairwise(["a.csv", "b.parquet", "c.ndjson", "d.csv"]):
        through(Same(), tmp_path / before, tmp_path / after, "v")
    assert (tmp_path / "c.ndjson").read_text().splitlines()[1] == '{"t": "2", "v": null, "tag": "z"}'
    assert (tmp_path / "d.csv").read_text() == 't,v,tag\n1,0.5,"x,y"\n2,,z\n3,-0.25,z\n'
    source = io.source(tmp_path / "a.csv", "v")
    with pytest.raises(DataError, match="samples a second"):
        io.sink(tmp_path / "e.wav", source)
    source.rate = 100.0
    Runner(Same(), source, io.sink(tmp_path / "e.wav", source)).run()
    assert np.array_equal(sf.read(tmp_path / "e.wav")[0], [0.5, math.nan, -0.25], equal_nan=True)
    through(Same(), tmp_path / "e.wav", tmp_path / "f.csv")
    assert (tmp_path / "f.csv").read_text() == '1\n0.5\n""\n-0.25\n'
    assert not list(tmp_path.glob(".*"))


def test_a_table_is_not_bent_to_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 16)
    (tmp_path / "in.ndjson").write_text('{"v": 1, "w": 2}\n' * 2 + '{"v": 1.5, "new": 2}\n')
    with pytest.raises(DataError, match="in.ndjson, row 3: the key 'new' is not in the first rows"):
        through(Nine(), tmp_path / "in.ndjson", tmp_path / "out.parquet", "v")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.ndjson"]


def test_a_reference_in_another_file(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 64)  # so that the two files are cut in different places
    rows = range(200)
    (tmp_path / "in.csv").write_text("v\n" + "".join(f"{k}\n" for k in rows))
    (tmp_path / "ref.csv").write_text("t,r\n" + "".join(f"{k},{k}.5\n" for k in rows))
    ref = f"{tmp_path / 'ref.csv'}:r"
    assert np.concatenate([b.reference for b in io.source(tmp_path / "in.csv", None, ref)]).tolist() == [
        k + 0.5 for k in rows
    ]
    out = through(Same(), tmp_path / "in.csv", tmp_path / "out.csv", None, reference=ref)
    assert out.decode() == "v\n" + "".join(f"{k}.5\n" for k in rows)
    for ends, goes_on, less in (("ref.csv", "in.csv", 199), ("in.csv", "ref.csv", 150)):
        (tmp_path / ends).write_text("".join((tmp_path / ends).read_text().splitlines(keepends=True)[: less + 1]))
        with pytest.raises(DataError, match=f"{ends} ends after row {less}, .*{goes_on} goes on"):
            list(io.source(tmp_path / "in.csv", None, ref))


def test_a_file_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(target)
    made = Atomic(str(tmp_path / "link.csv"))
    made.write(b"new")
    assert target.read_text() == "old"
    made.commit()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert (tmp_path / "link.csv").is_symlink()
    made = Atomic(str(target))
    made.write(b"half")
    made.abort()
    assert target.read_text() == "new"
    fresh = Atomic(str(tmp_path / "fresh.csv"))
    fresh.commit()
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "fresh.csv").stat().st_mode) == 0o666 & ~mask
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fresh.csv", "link.csv", "out.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_said(tmp_path):
    (tmp_path / "in.csv").write_text("v\n1\n")
    source = io.source(tmp_path / "in.csv")
    with pytest.raises(DataError, match="cannot write /dev/full: No space left"):
        Runner(Same(), source, io.sink("/dev/full", source)).run()


def test_a_failing_node_leaves_no_file(tmp_path):
    class Fails:
        def run(self, x):
            raise RuntimeError("no")

    (tmp_path / "in.csv").write_text("v\n1\n")
    for out in ("out.csv", "out.parquet"):
        source = io.source(tmp_path / "in.csv")
        with pytest.raises(RuntimeError, match="no"):
            Runner(Fails(), source, io.sink(tmp_path / out, source)).run()
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_the_envelope_loses_no_peak(sizes, seed):
    x = np.random.default_rng(seed).standard_normal(sum(sizes))
    x[::17] = np.nan
    made = Envelope()
    for part in np.split(x, np.cumsum(sizes)[:-1]):
        made.add(part)
    width = made.width
    assert BINS * width >= x.size > BINS * width // 2 or width == 1
    padded = np.r_[x, np.full(-x.size % width, np.nan)].reshape(-1, width)
    assert np.array_equal(made.low, np.fmin.reduce(padded, axis=1), equal_nan=True)
    assert np.array_equal(made.high, np.fmax.reduce(padded, axis=1), equal_nan=True)
    tail = padded[-5:]
    if np.isnan(tail).all():
        return
    assert made.rolling(5)[-1] == pytest.approx(np.nanmean(tail**2))
    assert made.rolling(5, central=True)[-1] == pytest.approx(np.nanvar(tail))


def test_the_report_compares_what_is_known():
    rng = np.random.default_rng(2)
    truth, noise = rng.standard_normal(1000), rng.standard_normal(1000)
    signal, clean = truth + noise, truth + 0.1 * noise
    signal[3], truth[5], clean[7] = np.nan, np.nan, np.nan
    report = Report()
    for part in np.array_split(np.arange(1000), 7):
        report.write(Block(signal[part], None, truth[part], None, 0, clean[part]))
    report.commit()
    told = report.figures
    assert (told["samples"], told["missing"], told["compared"]) == (1000, 1, 997)
    known = np.isfinite(signal + truth + clean)
    assert told["mse_before"] == pytest.approx(np.mean(noise[known] ** 2))
    assert told["mse_after"] == pytest.approx(0.01 * np.mean(noise[known] ** 2))
    assert told["snr_before_db"] == pytest.approx(10 * np.log10(np.sum(truth[known] ** 2) / np.sum(noise[known] ** 2)))
    assert told["gain_db"] == pytest.approx(20.0)
    assert "gain 20 dB" in report.text()
    assert "samples/s" not in report.text()  # too short to tell


def test_a_report_that_is_interrupted_keeps_no_half_of_a_block(monkeypatch):
    report, ones = Report(), np.ones(10)
    block = Block(ones, None, 2.0 * ones, None, 0, 3.0 * ones)
    report.write(block)
    before = report.offset()

    def ctrl_c(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Report, "_compare", ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            report.write(block)
    assert report.offset() == before
    report.write(block)
    assert (report.rows, report.compared) == (20, 20)


def test_the_report_tells_the_speed_without_the_start(monkeypatch):
    now = iter([0.0, 100.0, 101.0, 104.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    report = Report()
    for size in (1000, 3000, 5000):
        report.write(Block(np.ones(size), None, None, None, 0, np.ones(size)))
    report.commit()
    assert report.figures["samples_per_second"] == 2000
    assert report.text() == "9,000 samples (0 missing) in 4.50 s: 2,000 samples/s"
    now = iter([200.0, 300.0, 301.0])  # and one that goes on: compiled again, which does not count either
    again = Report()
    again.truncate(report.offset())
    for size in (1000, 2000):
        again.write(Block(np.ones(size), None, None, None, 0, np.ones(size)))
    assert again.text() == "12,000 samples (0 missing) in 6.00 s: 2,000 samples/s"


@pytest.mark.parametrize("spike", [85.0, -85.0, 3.0])
def test_spikes_do_not_press_the_end_flat_and_ticks_say_the_sample(spike, tmp_path):
    t = np.arange(1_000_600)
    truth = 15.0 + np.sin(t / 50)
    noisy = truth + 0.1 * np.random.default_rng(1).standard_normal(t.size)
    noisy[t % 50 == 7] += spike
    made = Picture(tmp_path / "p.png")
    made.add(noisy, truth)
    figure = made._figure()
    figure.canvas.draw()
    _, near, error = figure.axes
    low, high = near.get_ylim()
    marks = [line for line in near.lines if line.get_marker() in ("^", "v")]
    shown = {line.get_marker(): line.get_xdata() for line in marks if len(line.get_xdata())}
    if abs(spike) < 10.0:
        assert high > 18.0  # it fits in: all is drawn
        assert not shown
    else:
        assert 13.0 < low < 14.0
        assert 16.0 < high < 17.0
        (told,) = shown.items()
        assert told[0] == ("^" if spike > 0 else "v")
        np.testing.assert_array_equal(told[1], t[-600:][t[-600:] % 50 == 7])
        assert "triangles" in near.get_title(loc="left")
    for axes in (near, error):
        assert axes.xaxis.get_offset_text().get_text() == ""
        assert {label.get_text() for label in near.get_xticklabels()} >= {"1000200", "1000400"}
    made.abort()


def test_a_picture_shows_what_there_is(tmp_path):
    import matplotlib.image

    t = np.arange(20_000)
    truth = np.sin(t / 50)
    noise = np.random.default_rng(3).standard_normal(t.size)
    picture(tmp_path / "p.png", truth + noise, truth + noise / (1 + t / 100), truth, rate=100.0, title="falling")
    image = matplotlib.image.imread(tmp_path / "p.png")[..., :3]
    assert image.shape[0] > 800
    assert image.shape[1] > 1000

    def share(color: str) -> float:
        wanted = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        return float((np.abs(image - wanted).max(axis=2) < 0.08).mean())

    assert share("#b9bec6") > 0.005  # before
    assert share("#0b62a4") > 0.005  # after
    assert share("#d1495b") > 0.0002  # the truth, a dashed line
    import matplotlib as mpl

    mpl.rcParams["svg.fonttype"] = "none"
    picture(tmp_path / "p.svg", [np.nan], [np.nan])
    assert (tmp_path / "p.svg").read_text().count("nothing to draw") >= 3
    picture(tmp_path / "p.svg", [1.0], [2.0])
    assert "<use" in (tmp_path / "p.svg").read_text().partition("the whole record")[0]
    picture(tmp_path / "p.svg", truth, truth)
    assert (tmp_path / "p.svg").read_text().startswith("<?xml")
    with pytest.raises(DataError, match="png"):
        picture(tmp_path / "p.txt", truth, truth)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.png", "p.svg"]


def test_what_is_left_open_at_exit_is_closed_without_a_word(tmp_path):
    """Where something keeps the main module, its names go after those of the package: nothing may need them then."""
    code = """
import ctypes, sys
import streammse as sm
from streammse import io
letters = io.Letters("dead.ndjson")
source = io.source("in.csv", "v", letters=letters)
runner = sm.Runner(sm.Smoother(), source, io.sink("out.csv", source), checkpoint="state/")
runner.begin()
ctypes.pythonapi.Py_IncRef(ctypes.py_object(sys.modules["__main__"]))
"""
    (tmp_path / "in.csv").write_text("t,v\n1,2\n2,3\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
