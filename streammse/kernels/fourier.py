"""A Fourier transform of real numbers for filters: fast, of one's own, without allocation and without a library.

Of N = 2 M real numbers it gives the M complex values at the frequencies (2 m + 1/2) / N, m = 0 ... M - 1: the odd
discrete Fourier transform, half of a bin beside the usual one. Its product of two spectra is the convolution whose
wrapped-around part changes sign, and overlap-save throws that part away. What is gained: a real sequence folds into M
complex numbers and back without a word about DC, Nyquist or conjugate pairs,

    X(m) = sum_j (x(j) - i x(j + M)) exp(-i pi j / N) exp(-2 i pi j m / M),

so all is one complex transform of half the length. Its order is left as the passes leave it: what filters do to
spectra they do bin by bin, and the inverse takes the same order. The first pass makes four transforms, which then run
in the four lanes of a vector, so that no pass ever shuffles. Sum |X|^2 over the M values is M times sum x^2.

Where a spectrum stands in ``s``: M real parts, then M imaginary parts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._jit import rare
from .._jit.fourier import fold, halves, join, join_first, split, split_last, unfold

SMALL = 8  # up to so many complex values the sum of the definition does


def table(half: int) -> NDArray[np.float64]:
    """The factors for M = ``half``, a power of two, as the kernels read them out of ``p``."""
    if half <= SMALL:
        angle = np.pi * np.arange(4 * half) / (2 * half)
        return np.concatenate([np.cos(angle), np.sin(angle)])
    quarter = half // 4
    j, k = np.arange(quarter), np.arange(4)
    turns = np.exp(-1j * np.pi * j / (2 * half))[:, None] * np.exp(-2j * np.pi * np.outer(j, k) / half)
    found = [_beside(turns.reshape(-1, 4, 4).transpose(0, 2, 1))]  # of four columns: re and im of each quarter in turn
    n = quarter
    while n > 4:
        found.append(_beside(np.exp(-2j * np.pi * np.outer(np.arange(n // 4), k[1:]) / n)[:, :, None]))
        n //= 4
    return np.concatenate(found)


def _beside(factors: NDArray[np.complex128]) -> NDArray[np.float64]:
    """(a, b, c) complex numbers as (a, b, 2, c) real ones, in a row."""
    return np.stack([factors.real, factors.imag], axis=2).ravel()


def _order(n: int) -> NDArray[np.int64]:
    """Where the passes leave the values of a transform of n: the frequency at each place."""
    if n <= 2:
        return np.arange(n)
    return np.concatenate([leg + 4 * _order(n // 4) for leg in range(4)])


def order(half: int) -> NDArray[np.int64]:
    """The m of each value of a spectrum."""
    if half <= SMALL:
        return np.arange(half)
    return (4 * _order(half // 4)[:, None] + np.arange(4)).ravel()


def spectrum(x: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """What ``transform`` makes of up to 2 M numbers, by numpy: for the outside of kernels."""
    full = np.zeros(2 * half)
    full[: len(x)] = x
    turned = (full[:half] - 1j * full[half:]) * np.exp(-1j * np.pi * np.arange(half) / (2 * half))
    values = np.fft.fft(turned)[order(half)]
    return np.concatenate([values.real, values.imag])


def samples(values: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """What ``restore`` makes of a spectrum, by numpy."""
    placed = np.empty(half, dtype=np.complex128)
    placed[order(half)] = values[:half] + 1j * values[half:]
    turned = np.fft.ifft(placed) * np.exp(1j * np.pi * np.arange(half) / (2 * half))
    return np.concatenate([turned.real, -turned.imag])


@rare
def transform(p, table, s, real, spectrum, half):  # type: ignore[no-untyped-def]
    """s[spectrum : spectrum + 2 half] becomes the transform of s[real : real + 2 half]."""
    if half <= SMALL:
        turn = 4 * half
        for m in range(half):
            re = im = 0.0
            for j in range(2 * half):
                at = table + (j * (4 * m + 1) & (turn - 1))  # a power of two: a division is dear
                re += s[real + j] * p[at]
                im -= s[real + j] * p[at + turn]
            s[spectrum + m] = re
            s[spectrum + half + m] = im
    else:
        fold(p, table, s, real, spectrum, half, 1.0)
        points = half // 4
        n = points
        w = table + 2 * half
        while n > 4:
            split(p, w, s, spectrum, spectrum + half, points, n // 4)
            w += 6 * (n // 4)
            n //= 4
        if n == 4:
            split_last(p, table, s, spectrum, spectrum + half, points, 1)
        elif n == 2:
            halves(p, table, s, spectrum, spectrum + half, points, 1)


@rare
def restore(p, table, s, spectrum, real, half):  # type: ignore[no-untyped-def]
    """s[real : real + 2 half] becomes what this spectrum is the transform of; the spectrum is used up."""
    if half <= SMALL:
        turn = 4 * half
        for j in range(2 * half):
            x = 0.0
            for m in range(half):
                at = table + (j * (4 * m + 1) & (turn - 1))  # a power of two: a division is dear
                x += s[spectrum + m] * p[at] - s[spectrum + half + m] * p[at + turn]
            s[real + j] = x * (1.0 / half)
    else:
        points = half // 4
        n = 1
        w = table + 2 * half
        left = points
        while left > 4:
            w += 6 * (left // 4)
            left //= 4
        if left == 4:
            join_first(p, table, s, spectrum, spectrum + half, points, 1)
        elif left == 2:
            halves(p, table, s, spectrum, spectrum + half, points, 1)
        n = left
        while n < points:
            w -= 6 * n
            join(p, w, s, spectrum, spectrum + half, points, n)
            n *= 4
        unfold(p, table, s, real, spectrum, half, 1.0 / half)
