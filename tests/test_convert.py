"""One format becomes another: what passes through is the same value afterwards."""

import datetime as dt
import decimal
import json
import math

import numpy as np
import pytest

from streammse import io
from streammse.io import text
from streammse.io.block import DataError
from streammse.runner import Runner


class Same:
    def run(self, x, reference=None):
        return x.copy()


def convert(given, out, column="v", **options):
    source = io.source(given, column, **options)
    Runner(Same(), source, io.sink(out, source)).run()
    return out.read_bytes().decode() if out.suffix != ".parquet" else None


AWKWARD = (
    "zip,when,v,flag,big,text\n"
    "007,2024-01-01 00:00,1,true,123456789012345678901,\n"
    '008,01.02.2024,2,False,9007199254740993,""\n'
    ' 9,,+3,,1e400,"a ""b"", c"\n'
)
#: the same as one value a cell
CELLS = {
    "zip": ["007", "008", " 9"],
    "when": ["2024-01-01 00:00", "01.02.2024", None],
    "v": [1.0, 2.0, 3.0],
    "flag": ["true", "False", None],
    "big": ["123456789012345678901", "9007199254740993", "1e400"],
    "text": [None, "", 'a "b", c'],
}


def test_the_other_columns_of_csv_stay_text(tmp_path):
    from pyarrow import parquet

    given = tmp_path / "in.csv"
    given.write_text(AWKWARD)
    convert(given, tmp_path / "out.parquet")
    assert parquet.read_table(tmp_path / "out.parquet").to_pydict() == CELLS
    rows = [json.loads(line) for line in convert(given, tmp_path / "out.ndjson").splitlines()]
    assert {name: [row[name] for row in rows] for name in CELLS} == CELLS
    back = AWKWARD.replace(",1,", ",1.0,").replace(",2,", ",2.0,").replace(",+3,", ",3.0,")
    assert convert(tmp_path / "out.parquet", tmp_path / "back.csv") == back
    assert convert(tmp_path / "out.ndjson", tmp_path / "again.csv") == back


def test_a_column_that_begins_with_whole_numbers_may_go_on_with_others(tmp_path, monkeypatch):
    from pyarrow import parquet

    monkeypatch.setattr(text, "BLOCK", 16)
    (tmp_path / "in.csv").write_text("v,n,n\n1,1,a\n" + "N/A,2,b\n" * 9 + "1,2.5,c\n")  # two columns of one name
    convert(tmp_path / "in.csv", tmp_path / "out.parquet")
    table = parquet.ParquetFile(tmp_path / "out.parquet").read()
    assert table.column(1).to_pylist() == ["1", *["2"] * 9, "2.5"]
    assert table.column(2).to_pylist() == ["a", *["b"] * 9, "c"]
    assert table.column(0).to_pylist() == [1.0, *[None] * 9, 1.0]
    with pytest.raises(DataError, match="several columns are called 'n'"):
        convert(tmp_path / "in.csv", tmp_path / "out.ndjson")


def test_a_file_of_one_column_keeps_its_empty_lines(tmp_path):
    (tmp_path / "in.csv").write_text("v\n1\n\n3\n")
    assert convert(tmp_path / "in.csv", tmp_path / "out.ndjson") == '{"v": 1.0}\n{"v": null}\n{"v": 3.0}\n'
    assert convert(tmp_path / "out.ndjson", tmp_path / "out.csv") == 'v\n1.0\n""\n3.0\n'


def test_cells_that_cannot_be_told_apart_are_refused(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"v,s\n1,a\rb\n2,c\n")
    with pytest.raises(DataError, match="rows"):
        convert(tmp_path / "in.csv", tmp_path / "out.parquet")
    assert b"a\rb" in convert(tmp_path / "in.csv", tmp_path / "out.csv").encode()


def test_what_is_no_utf8_names_its_row(tmp_path):
    (tmp_path / "in.csv").write_bytes(b"v,s\n1,a\n2,caf\xe9\n")
    with pytest.raises(DataError, match=r"in.csv, row 2: column 's' is not text in UTF-8, got b'caf\\xe9'"):
        convert(tmp_path / "in.csv", tmp_path / "out.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def every_type():
    """A table with a column of each type, and the text that stands for each of them."""
    import pyarrow as pa

    utc = dt.datetime(2024, 1, 1, 12, 30, tzinfo=dt.UTC)
    column = pa.array
    made = {
        "v": (column([1.0, 2.0]), "1.0", 1.0),
        "double": (column([9007199254740992.0, None]), "9007199254740992.0", 9007199254740992.0),
        "tenth": (column([0.1, math.nan]), "0.1", 0.1),
        "single": (column([np.float32(0.1), None], pa.float32()), "0.1", 0.1),
        "half": (column([np.float16(0.5), None], pa.float16()), "0.5", 0.5),
        "big": (column([9007199254740993, None]), "9007199254740993", 9007199254740993),
        "unsigned": (column([2**64 - 1, 0], pa.uint64()), str(2**64 - 1), 2**64 - 1),
        "flag": (column([True, None]), "true", True),
        "zip": (column(["007", ""]), "007", "007"),
        "category": (column(["x,y", None]).dictionary_encode(), '"x,y"', "x,y"),
        "grade": (column([5, None]).dictionary_encode(), "5", 5),
        "bytes": (column([b"\x00\xff", None]), "AP8=", "AP8="),
        "price": (column([decimal.Decimal("1.10"), None]), "1.10", "1.10"),
        "day": (column([dt.date(2024, 1, 1), None]), "2024-01-01", "2024-01-01"),
        "local": (column([1, None], pa.timestamp("ns")), "1970-01-01T00:00:00.000000001") * 2,
        "zoned": (
            column([utc, None], pa.timestamp("us", "Europe/Berlin")),
            "2024-01-01T12:30:00.000000Z",
            "2024-01-01T12:30:00.000000Z",
        ),
        "clock": (column([dt.time(1, 2, 3), None], pa.time32("ms")), "01:02:03.000", "01:02:03.000"),
        "list": (column([[1, None, 2], None]), '"[1, null, 2]"', [1, None, 2]),
        "struct": (
            column([{"a": 'q"', "b": b"\x00"}, None]),
            '"{""a"": ""q\\"""", ""b"": ""AA==""}"',
            {"a": 'q"', "b": "AA=="},
        ),
        "nothing": (pa.nulls(2), "", None),
    }
    made["local"] = (made["local"][0], made["local"][1], made["local"][1])
    return pa.table({name: one[0] for name, one in made.items()}), made


def test_every_type_of_parquet_becomes_text_that_says_it_exactly(tmp_path):
    from pyarrow import parquet

    table, made = every_type()
    parquet.write_table(table, tmp_path / "in.parquet")
    head, first, second = convert(tmp_path / "in.parquet", tmp_path / "out.csv").splitlines()
    assert head == ",".join(made)
    assert first == ",".join(one[1] for one in made.values())
    assert second == "2.0,,nan,,,,0,," + '"",,,,,,,,,,,'
    first, second = map(json.loads, convert(tmp_path / "in.parquet", tmp_path / "out.ndjson").splitlines())
    assert first == {name: one[2] for name, one in made.items()}
    assert second == dict.fromkeys(made) | {"v": 2.0, "unsigned": 0, "zip": ""}


def test_what_has_no_text_is_refused_in_one_line(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    far = pa.array([[2**60]], pa.list_(pa.timestamp("us")))  # the year 38505
    parquet.write_table(pa.table({"v": [1.0], "far": far}), tmp_path / "in.parquet")
    for out in ("out.csv", "out.ndjson"):
        with pytest.raises(DataError, match="column 'far' holds list<.*which has no form in text") as error:
            convert(tmp_path / "in.parquet", tmp_path / out)
        assert "\n" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["in.parquet"]


#: what comes late in NDJSON, what is said of it where there are types, and its row in CSV, which has none
LATE = {
    "key": ('{"v": 1, "new": 2}', "the key 'new' is not in the first rows", ""),
    "float": ('{"v": 1, "k": 1.5}', "column 'k' held int64 in the first rows, got 1.5", "1.0,1.5,,,"),
    "bool": ('{"v": 1, "f": true}', "column 'f' held double in the first rows, got true", "1.0,,true,,"),
    "text": ('{"v": 1, "k": "x"}', "column 'k' held int64 in the first rows, got \"x\"", "1.0,x,,,"),
    "large": ('{"v": 1, "k": 123456789012345678901}', "column 'k' .* got 1234", "1.0,123456789012345678901,,,"),
    "inexact": ('{"v": 1, "f": 9007199254740993}', "column 'f' .* got 9007199254740993", "1.0,,9007199254740993,,"),
    "none": ('{"v": 1, "n": 1}', "column 'n' held null in the first rows, got 1", "1.0,,,1,"),
    "nested": ('{"v": 1, "o": {"a": 1, "b": 2}}', "column 'o' .* got {", '1.0,,,,"{""a"": 1, ""b"": 2}"'),
}


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("block", [32, 1 << 20])
def test_ndjson_that_changes_names_the_row_and_the_column(name, block, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", block)
    row, said, cells = LATE[name]
    first = '{"v": 1, "k": 2, "f": 0.5, "n": null, "o": {"a": 1}}\n'
    given = tmp_path / "in.ndjson"
    given.write_text(first * 5 + "\n" + row + "\n" + first)
    if block > 32 and name in ("key", "float", "none", "nested"):  # in one block there is a type for all of it
        convert(given, tmp_path / "out.parquet")
    else:
        with pytest.raises(DataError, match=f"in.ndjson, row 6: {said}"):
            convert(given, tmp_path / "out.parquet")
        assert [p.name for p in tmp_path.iterdir()] == ["in.ndjson"]
    if name != "key":
        assert convert(given, tmp_path / "out.csv").splitlines()[6] == cells
    elif block == 32:
        with pytest.raises(DataError, match=f"in.ndjson, row 6: {said}"):
            convert(given, tmp_path / "out.csv")
