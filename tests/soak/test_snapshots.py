"""The long form of the same in ``tests/test_snapshots.py``."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_snapshots import any_header


@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_header_and_any_state_is_refused_or_harmless(data: st.DataObject) -> None:
    any_header(data)
