"""The long forms of fault tests 5, 6 and 7."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streammse as sm
from streammse.io import weed

from .. import flows

SECONDS = float(os.environ.get("STREAMMSE_SOAK_SECONDS", "60"))


@pytest.mark.parametrize("kind", flows.KINDS)
def test_one_per_cent_poison_with_lines_of_ten_megabytes(kind, tmp_path):
    count = 6_000
    where = np.random.default_rng(2).integers(0, count, count // 100).tolist()
    flows.check_poison(tmp_path, kind, where, count, 10 << 20, 1 << 20, sm.Smoother)


@pytest.mark.parametrize("kind", flows.KINDS)
def test_one_per_cent_poison_among_many_rows(kind, tmp_path):
    count = 60_000
    where = np.random.default_rng(3).integers(0, count, count // 100).tolist()
    flows.check_poison(tmp_path, kind, where, count, (1 << 20) + 1, 1 << 20, sm.Smoother)


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(list(flows.KINDS)), st.lists(st.integers(0, 199), max_size=150), st.sampled_from([37, 210, 3000])
)
def test_poison_wherever_it_is(tmp_path_factory, kind, where, block):
    before, weed.LONG = weed.LONG, 300
    try:
        flows.check_poison(tmp_path_factory.mktemp("poison"), kind, where, 200, 400, block)
    finally:
        weed.LONG = before


@settings(max_examples=2000, deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=2, max_size=300),
    st.integers(0, 200),
    st.sampled_from(["csv", "ndjson", "parquet"]),
    st.sampled_from(["iso", "number", "nano"]),
    st.sampled_from([60, 500, 1 << 20]),
    st.booleans(),
)
def test_every_row_has_the_fate_that_is_defined(tmp_path_factory, stamps, lateness, kind, clock, block, bad):
    flows.check_order(tmp_path_factory.mktemp("order"), stamps, lateness, kind, clock, block, bad)


def test_a_minute_of_a_source_ten_times_faster_than_the_sink(tmp_path):
    flows.check_outrun(flows.outrun_apart(tmp_path, SECONDS))
