"""Streams that are cut and saved anywhere, and long ones. ``make soak`` runs the same for much longer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .lasting import ENDURING, check_endurance, resumes


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_cut_and_saved_anywhere_it_goes_on_bit_for_bit(data: st.DataObject) -> None:
    resumes(data)


@pytest.mark.parametrize("name", ENDURING)
def test_ten_million_samples_are_as_one(name: str) -> None:
    check_endurance(name, 1e7)
