"""Constellations: the points that a symbol can be, of mean power 1, and the nearest of them.

The rectangular ones are a lattice of ``across`` times ``up`` points, so that the nearest is found by rounding; 8-PSK by
which of the axes and diagonals is nearest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import helper

#: where a kernel finds them in p: points across (0: 8-PSK), points up, half the distance of neighbours
ACROSS, UP, HALF = range(9, 12)
P_SIZE = 12

EDGE = math.tan(math.pi / 8.0)  # between an axis and a diagonal
DIAGONAL = math.sqrt(0.5)


@dataclass(frozen=True)
class Constellation:
    """The points that a symbol can be, of mean power 1.

    Attributes
    ----------
    name : str
    points : ndarray of complex
    """

    name: str
    across: int
    up: int

    def __repr__(self) -> str:
        return f"constellation({self.name!r})"

    @property
    def half(self) -> float:
        """Half of the distance of neighbours in a lattice of mean power 1."""
        return math.sqrt(3.0 / (self.across**2 + self.up**2 - 2)) if self.across else 0.0

    @property
    def points(self) -> NDArray[np.complex128]:
        """All points."""
        if not self.across:
            return np.asarray(np.exp(0.25j * math.pi * np.arange(8)))
        re, im = (self.half * (2.0 * np.arange(count) - count + 1.0) for count in (self.across, self.up))
        return np.asarray((re[:, None] + 1j * im).ravel())

    @property
    def dispersion(self) -> float:
        """E |a|^4 / E |a|^2 of its points a: the squared radius that a constant-modulus equaliser aims at."""
        power = np.abs(self.points) ** 2
        return float(np.mean(power**2) / np.mean(power))

    @property
    def symmetry(self) -> int:
        """How many turns leave it as it is: 2 for BPSK, 8 for 8-PSK, else 4."""
        if not self.across:
            return 8
        return 4 if self.across == self.up else 2

    def nearest(self, y: ArrayLike) -> NDArray[np.complex128]:
        """The point that is nearest to each number."""
        y = np.asarray(y, dtype=np.complex128)
        p = np.zeros(P_SIZE)
        p[[ACROSS, UP, HALF]] = self.across, self.up, self.half
        found = [complex(*nearest(p, one.real, one.imag)) for one in y.ravel().tolist()]
        return np.array(found, dtype=np.complex128).reshape(y.shape)

    def phase(self, y: ArrayLike) -> float:
        """The angle in radians by which symbols are turned, up to the symmetry of the constellation.

        The angle of sum(y^m conj(E a^m)) over m, for m turns that leave it as it is (A. J. Viterbi and A. M. Viterbi,
        IEEE Trans. Information Theory 29, 1983, pp. 543-551): between -pi / m and pi / m.
        """
        m = self.symmetry
        total = np.sum(np.asarray(y, dtype=np.complex128) ** m) * np.conj(np.mean(self.points**m))
        return float(np.angle(total) / m)


_KNOWN = {
    one.name: one
    for one in (
        Constellation("BPSK", 2, 1),
        Constellation("QPSK", 2, 2),
        Constellation("8-PSK", 0, 0),
        Constellation("16-QAM", 4, 4),
        Constellation("64-QAM", 8, 8),
        Constellation("256-QAM", 16, 16),
    )
}
NAMES = tuple(_KNOWN)


def constellation(name: str) -> Constellation:
    """A constellation by its name: its points of mean power 1, the nearest of them, and how far symbols are turned.

    Parameters
    ----------
    name : {"BPSK", "QPSK", "8-PSK", "16-QAM", "64-QAM", "256-QAM"}

    Raises
    ------
    ValueError
        When there is none of this name.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> qam = sm.constellation("16-QAM")
    >>> len(qam.points), round(qam.dispersion, 4)
    (16, 1.32)
    >>> qam.nearest([0.9 + 0.2j, -5.0]).round(4).tolist()
    [(0.9487+0.3162j), (-0.9487+0.3162j)]
    >>> round(qam.phase(qam.points * np.exp(0.3j)), 6)
    0.3
    """
    if name not in _KNOWN:
        raise ValueError(f"unknown constellation {name!r}: expected one of {', '.join(NAMES)}")
    return _KNOWN[name]


@helper
def _level(v: float, count: float, half: float) -> float:
    """The nearest of ``count`` levels that lie ``2 half`` apart around zero."""
    place = min(max(v / (2.0 * half) + 0.5 * count, 0.0), count - 0.5)
    return float(half * (2.0 * (place - place % 1.0) - count + 1.0))


@helper
def nearest(p: Any, re: float, im: float) -> tuple[float, float]:
    """The nearest point of the constellation in p."""
    if p[ACROSS] > 0.0:
        return _level(re, p[ACROSS], p[HALF]), _level(im, p[UP], p[HALF])
    larger, smaller = max(abs(re), abs(im)), min(abs(re), abs(im))
    if smaller > EDGE * larger:
        return math.copysign(DIAGONAL, re), math.copysign(DIAGONAL, im)
    if abs(re) >= abs(im):
        return math.copysign(1.0, re), 0.0
    return 0.0, math.copysign(1.0, im)
