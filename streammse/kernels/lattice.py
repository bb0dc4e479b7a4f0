r"""The least-squares lattice: recursive least squares in O(n), by errors of prediction forwards and backwards.

Stage m = 0 .. n-1 holds the energies F_m and B_m of both errors, the reflection coefficients, and the weight h_m of its
backward error in the output. With eta_0 = beta_0 = x, gamma_0 = 1, and z for what was one sample ago,

    kept      = lambda z(B_m),                B_m = kept + gamma_m beta_m^2
    y         = y + h_m beta_m,               h_m = h_m + gamma_m beta_m (d - y) / B_m
    eta_m+1   = eta_m + kf_m z(beta_m),       beta_m+1 = z(beta_m) + kb_m eta_m
    F_m       = lambda F_m + z(gamma_m) eta_m^2
    kf_m      = kf_m - z(gamma_m beta_m / B_m) eta_m+1,     kb_m = kb_m - z(gamma_m) eta_m beta_m+1 / F_m
    gamma_m+1 = gamma_m kept / B_m

All coefficients are corrected by the error that they leave (error feedback), which keeps rounding from gathering; and
gamma is a product of numbers between 0 and 1, so that nothing can change its sign.

F. Ling, D. Manolakis and J. G. Proakis, "Numerically robust least-squares lattice-ladder algorithms with direct
updating of the reflection coefficients", IEEE Trans. Acoustics, Speech, and Signal Processing 34, 1986, pp. 837-845. S.
Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 16 (order-recursive adaptive filtering).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import helper, kernel, rare
from . import hearing, line, rising
from .constants import LARGEST, SMALLEST
from .rls import ABSURD

Array = NDArray[np.float64]

# p
TAPS, FORGETTING, REGULARISER = range(3)
# s: scalars, the two numbers of hearing, then the stages, eight numbers each, then those of ``rising.py``
UNLEARNT, ENERGY, STILL = range(3)
HEARING = 3
STAGES = 8
FORWARD, BACKWARD, OVER, KF, KB, WEIGHT, BETA, GAMMA = range(8)

FLOOR = 1e-12  # the least energy of an error of prediction, relative to that of the input
TINY = 1e-280
FURTHEST = 1e100  # what stands for the prior of a stage that the input takes long to reach


def size(taps: int) -> int:
    """How many float64 the state takes."""
    return STAGES + 8 * taps + rising.NUMBERS


@rare
def _begin(p, s, square):  # type: ignore[no-untyped-def]
    """The prior, delta lambda^-m x0^2 for tap m, so that all count the same when the input reaches them."""
    prior = p[REGULARISER] * square
    late = 1.0
    for m in range(int(p[TAPS])):
        at = STAGES + 8 * m
        s[at + FORWARD] = prior
        s[at + BACKWARD] = prior * late
        s[at + OVER] = 1.0 / (prior * late)
        s[at + GAMMA] = 1.0
        late = min(late / p[FORGETTING], FURTHEST)


@helper
def _heard(s, x, taps):  # type: ignore[no-untyped-def]
    """Whether anything in the last samples is not silent."""
    level = hearing.level(s, HEARING - hearing.LEVEL, 1, 0, x)
    s[STILL] = min(s[STILL] + 1.0, taps) if x * x <= hearing.QUIET * level else 0.0
    return s[STILL] < taps


@rare
def _forget(p, s, taps, x):  # type: ignore[no-untyped-def]
    """When the input comes up: all begins anew, unless the weights are harmless; backward errors are about as large."""
    slots = STAGES + 8 * taps
    squares = 0.0
    for i in range(STAGES + WEIGHT, slots, 8):
        squares += s[i] * s[i]
    if rising.begins(s, slots, taps, math.sqrt(squares), abs(x)):
        for i in range(STAGES, slots):
            s[i] = 0.0
        _begin(p, s, x * x)


@helper
def _sane(e):  # type: ignore[no-untyped-def]
    return e if SMALLEST < abs(e) < ABSURD else 0.0


@rare
def _believe(s, taps, d):  # type: ignore[no-untyped-def]
    """Without a d the input goes on all the same: the output takes its place, for which the filter stays as it is."""
    y = 0.0
    for m in range(taps):
        at = STAGES + 8 * m
        beta = s[at + BETA]
        h = s[at + WEIGHT]
        y += h * beta
        s[at + WEIGHT] = h + s[at + GAMMA] * beta * s[at + OVER] * _sane(d - y)


@kernel
def step(p: Any, s: Any, x: float, d: float) -> Any:
    """One sample through all stages."""
    taps = int(p[TAPS])
    keep = p[FORGETTING]
    x = line.finite(x)
    slots = STAGES + 8 * taps
    if rising.come(s, slots, taps, abs(x), s[HEARING], s[HEARING + 1]):
        _forget(p, s, taps, x)
    elif s[slots + rising.LEFT] > 0.0:
        rising.was_spike(s, slots, abs(x))  # in full, as it says: only the rise ends
    if x != 0.0 and s[ENERGY] == 0.0:
        _begin(p, s, x * x)
    known = abs(d) < LARGEST
    heard = _heard(s, x, taps)
    if heard:
        s[ENERGY] = keep * s[ENERGY] + x * x
    elif s[ENERGY] == 0.0:
        return 0.0
    least = FLOOR * s[ENERGY] + TINY
    eta = beta = x
    gamma = 1.0
    y = 0.0
    at = STAGES
    for _ in range(taps):
        kept = max(keep * s[at + BACKWARD], least)
        energy = kept + gamma * beta * beta
        over = 1.0 / energy
        gain = gamma * beta * over
        h = s[at + WEIGHT]
        y += h * beta
        before, weight, under = s[at + BETA], s[at + GAMMA], s[at + OVER]
        kf, kb = s[at + KF], s[at + KB]
        forth = eta + kf * before
        back = before + kb * eta
        s[at + BETA] = beta
        s[at + GAMMA] = gamma
        if heard:
            if known:
                s[at + WEIGHT] = h + gain * _sane(d - y)
            s[at + BACKWARD] = energy
            s[at + OVER] = over
            ahead = max(keep * s[at + FORWARD], least) + weight * eta * eta
            s[at + FORWARD] = ahead
            s[at + KF] = kf - weight * before * under * forth
            s[at + KB] = kb - weight * eta * back / ahead
        gamma *= kept * over
        eta = forth
        beta = back
        at += 8
    rising.judge(s, slots, d, y)
    if not known:
        s[UNLEARNT] += 1.0
        if heard:
            _believe(s, taps, y)
    return y


def _backward(s: Array, taps: int) -> Array:
    """The filters of the backward errors after the last sample, a row a stage, the newest tap first.

    A stage joins that of now, forwards, and that of one sample ago, backwards: which is that of now without the gain K
    of the last sample.
    """
    stages = s[STAGES : STAGES + 8 * taps].reshape(taps, 8)
    rows = np.zeros((taps, taps))
    rows[0, 0] = 1.0
    forward, gain = rows[0].copy(), np.zeros(taps)
    for m in range(taps - 1):
        one = stages[m]
        before = np.roll(rows[m] + gain * one[BETA], 1)
        gain += rows[m] * (one[GAMMA] * one[BETA] * one[OVER])
        rows[m + 1] = before + one[KB] * forward
        forward += one[KF] * before
    return rows


def weights(s: Array, taps: int) -> Array:
    """The weights of the transversal filter that the lattice stands for."""
    return np.asarray(s[STAGES + WEIGHT : STAGES + 8 * taps : 8] @ _backward(s, taps))


def set_weights(s: Array, taps: int, w: Array) -> None:
    """Let the lattice stand for the filter with these weights."""
    s[STAGES + WEIGHT : STAGES + 8 * taps : 8] = np.linalg.solve(_backward(s, taps).T, w)
