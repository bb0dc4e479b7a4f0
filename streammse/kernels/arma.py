"""Innovations of stationary ARMA processes: what the Kalman filter says where there is nothing but the process itself.

    w(t) = phi_1 w(t-1) + ... + e(t) + theta_1 e(t-1) + ...

In Harvey's form the state is (w(t), what the future already owes to the past), with R = (1, theta_1, ...). A sample
that is seen is known exactly, so the filtered variance has no first row, and the prediction is a shift:

    P(i, j) = P(i+1, j+1) - P(i+1, 0) P(j+1, 0) / P(0, 0) + R_i R_j

half of r^2 places a sample for r states, where the general filter takes a dozen times as much. The gains depend on no
data, so several columns (a series and its regressors) go through one filter; once P has come to R R' it stays.

A. C. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989, section 3.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._jit import loop

SETTLED = 1e-13  # of the variances beyond R R', all together


@loop("void(f8[::1],f8[::1],f8[:,::1],f8[:,::1],f8[:,::1],f8[::1])")
def innovations(phi: Any, R: Any, P: Any, columns: Any, e: Any, F: Any) -> None:
    """Those of each column, and their variance F; NaN where the first column has it, and with it all of them.

    P holds the stationary variance and is worked in; phi is as long as R.
    """
    r = R.size
    K = columns.shape[0]
    a = np.zeros((K, r + 1))
    g = np.zeros(r + 1)
    steady = False
    for t in range(F.size):
        if columns[0, t] != columns[0, t]:  # a missing sample
            steady = False
            F[t] = np.nan
            for i in range(r):
                g[i] = P[i, 0]
            for k in range(K):
                e[k, t] = np.nan
                first = a[k, 0]
                for i in range(r):
                    a[k, i] = phi[i] * first + a[k, i + 1]
            for i in range(r):
                for j in range(i + 1):
                    moved = P[i + 1, j + 1] if i + 1 < r else 0.0
                    P[i, j] = moved + phi[i] * (phi[j] * g[0] + g[j + 1]) + phi[j] * g[i + 1] + R[i] * R[j]
            continue
        if not steady:
            for i in range(r):
                g[i] = P[i, 0] / P[0, 0]
        f = P[0, 0]
        F[t] = f
        for k in range(K):
            d = columns[k, t]
            v = d - a[k, 0]
            e[k, t] = v
            for i in range(r):
                a[k, i] = phi[i] * d + a[k, i + 1] + g[i + 1] * v
        if steady:
            continue
        beyond = 0.0
        for i in range(r - 1):
            left = f * g[i + 1]
            for j in range(i + 1):
                P[i, j] = P[i + 1, j + 1] - left * g[j + 1] + R[i] * R[j]
            beyond += P[i, i] - R[i] * R[i]
        for j in range(r):
            P[r - 1, j] = R[r - 1] * R[j]
        if beyond < SETTLED:
            steady = True
            for i in range(r):
                g[i] = P[i, 0] / P[0, 0]
