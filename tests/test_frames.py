"""Frames as people have them: times as text, names in the index, types of Python's own. Nothing is put out of order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

import streammse as sm

from .test_backtest import wave

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

MONTHS = pd.date_range("2012-01-01", periods=100, freq="MS")
DAYS = pd.date_range("2015-01-01", periods=100, freq="D")
Y = wave(100)


def mse(frame, **more) -> list[float]:
    return sm.backtest(frame, sm.SeasonalNaive(12), horizon=2, start=40, **more).mse[0].tolist()


WANTED = mse(Y)


def stamped(stamps, **more):
    return pd.DataFrame({"unique_id": "a", "ds": stamps, "y": Y, **more})


def without_zeros(format_: str, stamps) -> list[str]:
    return [format_.format(d=d.day, m=d.month, y=d.year) for d in stamps]


READABLE = {
    "ISO": DAYS.strftime("%Y-%m-%d"),
    "ISO, months": MONTHS.strftime("%Y-%m"),
    "ISO, basic": MONTHS.strftime("%Y%m%d"),
    "ISO, moments": DAYS.strftime("%Y-%m-%dT%H:%M:%S"),
    "ISO, weeks": [
        f"{a}-W{b:02}" for a, b, _ in (d.isocalendar() for d in pd.date_range("2015-01-01", periods=100, freq="W"))
    ],
    "zones": [(MONTHS[0] + timedelta(hours=k)).isoformat() + f"+{k % 5:02}:00" for k in range(0, 1200, 12)],
    "slashes": without_zeros("{y}/{m}/{d}", DAYS),
    "quarters": [f"{2000 + k // 4}Q{k % 4 + 1}" for k in range(100)],
    "quarters first": [f"Q{k % 4 + 1} {1999 + k // 4}" for k in range(100)],
    "American": without_zeros("{m}/{d}/{y}", DAYS),
    "American, padded": DAYS.strftime("%m/%d/%Y"),
    "American, by the clock": (DAYS[0] + 3 * (DAYS - DAYS[0]) / 24).strftime("%m/%d/%Y %I:%M:%S %p"),
    "British": without_zeros("{d}/{m}/{y}", DAYS),
    "German": DAYS.strftime("%d.%m.%Y"),
    "German, firsts of months": MONTHS.strftime("%d.%m.%Y"),
    "months": MONTHS.strftime("%b %Y"),
    "months in full": DAYS.strftime("%B %d, %Y"),
    "days of months": DAYS.strftime("%d-%b-%Y"),
    "month and year": MONTHS.strftime("%m/%Y"),
    "whole numbers": [str(k) for k in range(100)],
    "numbers": [f"{k / 4}" for k in range(100)],
}


@pytest.mark.parametrize("form", READABLE)
def test_times_as_text_that_can_be_read_are_put_into_order(form) -> None:
    shuffled = stamped(READABLE[form]).sample(frac=1.0, random_state=1)
    assert mse(shuffled) == WANTED
    assert mse(pl.from_pandas(shuffled)) == WANTED
    result = sm.backtest(shuffled, sm.Naive(), horizon=1, start=40)
    assert list(result.forecasts["ds"]) == list(READABLE[form])[40:]  # as they were given


def test_dates_that_can_be_read_twice_are_in_order_already_or_refused() -> None:
    """The firsts of months, 1/2/2015: in the file's order there is nothing to sort, out of it nobody knows."""
    frame = stamped(without_zeros("{m}/{d}/{y}", MONTHS))
    assert mse(frame) == WANTED
    few = frame.iloc[:45].sample(frac=1.0, random_state=0)
    assert sm.backtest(few, sm.SeasonalNaive(12), horizon=2, start=40).mse[0].tolist() == (
        sm.backtest(Y[:45], sm.SeasonalNaive(12), horizon=2, start=40).mse[0].tolist()
    )  # both readings put them into one order
    days = stamped(
        without_zeros("{m}/{d}/{y}", [d for d in pd.date_range("2015-01-01", periods=400) if d.day <= 8][:100])
    )
    assert mse(days) == WANTED  # in order as they come, by one reading
    with pytest.raises(
        ValueError, match=r"column 'ds' has dates whose day and month cannot be told apart .*expected ISO"
    ):
        mse(days.sample(frac=1.0, random_state=0))


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (
            [f"period {k}" for k in range(100)],
            r"column 'ds' holds text that is no time \('period 0'\): expected ISO dates",
        ),
        ([f"31/{k % 12 + 1}/2015" for k in range(100)], r"dates that do not exist \('31/2/2015'\)"),
        (["2015-01-01", *[f"2016-01-01T{k % 24:02}:00Z" for k in range(99)]], "a time zone in some rows only"),
        (["", *DAYS.strftime("%d.%m.%Y")[1:]], r"text that is no time \(''\)"),
    ],
    ids=str,
)
def test_text_that_is_no_time_is_refused(stamps, message) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        mse(stamped(stamps))
    assert len(str(refused.value).splitlines()) == 1


def test_names_and_times_in_the_index_of_a_frame_are_columns() -> None:
    two = pd.concat([stamped(DAYS), stamped(DAYS).assign(unique_id="b", y=Y[::-1])])
    wanted = sm.backtest(two, sm.Naive(), horizon=2, start=40)
    for index in (["unique_id"], ["unique_id", "ds"], ["ds"], ["ds", "unique_id"]):
        given = two.set_index(index).sample(frac=1.0, random_state=0)
        result = sm.backtest(given, sm.Naive(), horizon=2, start=40)
        assert sorted(result.series) == ["a", "b"]
        np.testing.assert_allclose(result.mse, wanted.mse, rtol=1e-12)
    column = two.set_index(["unique_id", "ds"]).y
    assert sorted(sm.backtest(column, sm.Naive(), horizon=2, start=40).series) == ["a", "b"]
    price = two.assign(price=1.0).set_index(["unique_id", "price"])
    assert sm.backtest(price, sm.ARLS((1,), exogenous=1), horizon=2, start=40, x="price").series == ["a", "b"]
    renamed = two.rename_axis("row").reset_index(drop=True)  # an index that nobody asks for stays one
    np.testing.assert_array_equal(sm.backtest(renamed, sm.Naive(), horizon=2, start=40).mse, wanted.mse)


def test_types_of_pandas_and_of_python() -> None:
    assert mse(stamped(MONTHS.to_period("M"))) == WANTED
    assert mse(stamped([d.date() for d in DAYS])) == WANTED
    assert mse(stamped(DAYS).assign(y=[Decimal(repr(value)) for value in Y.tolist()])) == WANTED
    assert mse(stamped(DAYS).assign(ds=pd.Categorical(DAYS.strftime("%d/%m/%Y")))) == WANTED
    odd = stamped(DAYS).assign(ds=[object() for _ in range(100)])
    with pytest.raises(ValueError, match="column 'ds' holds times of type object: expected ISO"):
        mse(odd)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "+02:00"])
def test_time_zones_come_back(zone) -> None:
    stamps = pd.date_range("2015-10-20", periods=100, freq="h", tz="UTC").tz_convert(zone)  # one hour comes twice
    table = sm.backtest(stamped(stamps).sample(frac=1.0, random_state=0), sm.Naive(), horizon=1, start=40).forecasts
    frame = table.to_pandas()
    assert frame.ds.tolist() == list(stamps[40:])
    assert frame.cutoff.tolist() == list(stamps[39:-1])
    assert table.to_arrow().field("ds").type.tz == zone


@pytest.mark.parametrize("y", [None, "sales.csv", 3.0, np.float64(3.0)], ids=str)
def test_what_is_no_series_is_refused(y) -> None:
    with pytest.raises(TypeError, match="y must be a series, an array .* or a frame, got"):
        sm.backtest(y, sm.Naive())
