"""The acoustic echo canceller: what the microphone hears of the loudspeaker is taken out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import drive
from .._jit import Function
from ..kernels import echo, fourier, partitions
from ..node import Array, Denoiser, Index, _Update, same_length, signal
from ..param import param
from ..snapshot import COUNTABLE

FLOOR = 1e-30  # what the measure in decibels is cut at


class EchoCanceller(Denoiser):
    r"""Acoustic echo canceller: takes out of the microphone what it hears of the loudspeaker, through any talk.

    .. math::

        \text{clean}(t) = \text{microphone}(t) - \sum_i w_i\, \text{far}(t - i), \qquad
        W_k \leftarrow W_k + U_k \frac{X_{m-k}^* E}{\frac{1}{2} \sum_j |X_{m-j}|^2 U_j + \Psi}

    ``clean = e.run(far_end, microphone)``, or ``e.update(far, near)`` sample by sample: the far end comes first. The
    output is not late (see `PBFDAF`).

    Two filters learn the path from the loudspeaker to the microphone, block by block in the frequency domain. The one
    that is heard is careful: a Kalman filter in each bin (X is the spectrum of the far end, E of the output, U the
    uncertainty of the weights, Psi the measured power of all that is no echo), whose steps vanish in each bin in which
    somebody talks at the near end. The other one is fast, a `PBFDAF` with a fixed step. Where it leaves less than half
    of what the careful one leaves, the path has moved, and the careful one takes its weights; where it leaves four
    times as much, somebody talks, and it takes those of the careful one.

    Parameters
    ----------
    taps : int
        Number of taps n, at least 1: the length of the path in samples, delay included. 4096 are a quarter of a second
        at 16 kHz. Fixed.
    block : int
        Samples B that are learnt together, a power of two: 8 to 20 ms are right for speech. Fixed.
    mu : float
        Step size of the fast filter, without unit, 0 <= mu <= 1.
    drift : float
        By how much of its energy a weight may wander in a block, 0 <= drift < 1. Smaller holds better through long
        talk, larger follows a path that moves slowly.
    regulariser : float
        What is added to the energy of a bin in the fast filter, relative to the running average over all; at least 0.

    Raises
    ------
    ValueError, TypeError
        For a parameter out of its range, and by ``run`` for signals of different length or shape.

    Notes
    -----
    Cost: B multiplications a sample; a block takes thirteen transforms of 2 B real numbers, about 2 B log2 B
    multiplications each, and some 40 a tap. The sample that fills a block does the work of the block.

    A missing sample of the microphone (NaN or infinite) gives 0, what is known of the near end; a block of which less
    than half is there teaches nothing. A missing sample of the far end counts as silence. All scales are relative.

    Should the output ever have four times the energy of the microphone over some blocks, all weights go back to zero.

    ``erle`` is by how much the output lies below the microphone, in dB, near end and all, over the last 2560 samples;
    ``residual`` the power of the echo that is still expected in the output, an estimate from above; ``delay`` the
    strongest tap.

    References
    ----------
    F. Kuech, E. Mabande and G. Enzner, "State-space architecture of the partitioned-block-based acoustic echo
    controller", ICASSP 2014, pp. 1295-1299: the careful filter.
    G. Enzner and P. Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free telephones",
    Signal Processing 86, 2006, pp. 1140-1156.
    K. Ochiai, T. Araseki and T. Ogihara, "Echo canceler with two echo path models", IEEE Trans. Commun. 25, 1977,
    pp. 589-595: the second filter.
    J.-M. Valin, "On adjusting the learning rate in frequency domain echo cancellation with double-talk", IEEE Trans.
    Audio Speech Lang. Process. 15, 2007, pp. 1030-1034: the same end by another way.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> far = rng.standard_normal(64_000)
    >>> room = np.r_[np.zeros(40), rng.standard_normal(472) * np.exp(-np.arange(472) / 80)]
    >>> talk = np.sin(np.arange(64_000) / 5) * (np.arange(64_000) > 32_000)
    >>> echo = np.convolve(far, room)[:64_000]
    >>> e = sm.EchoCanceller(taps=512, block=64)
    >>> clean = e.run(far, echo + talk)
    >>> bool(np.mean((clean - talk)[-16_000:] ** 2) < 1e-3 * np.mean(echo ** 2))     # 30 dB, through the talk
    True
    >>> int(np.argmax(np.abs(room))) == e.delay
    True
    """

    taps: int = param(4096, "number of taps n: the length of the path", low=1, fixed=True, slot=partitions.TAPS)
    block: int = param(256, "samples B that are learnt together", low=1, fixed=True, slot=partitions.BLOCK)
    mu: float = param(0.5, "step size of the fast filter", low=0.0, high=1.0, kw_only=True, slot=partitions.MU)
    drift: float = param(
        2e-4,
        "how much of its energy a weight may wander in a block",
        low=0.0,
        below=1.0,
        kw_only=True,
        slot=echo.DRIFT,
    )
    regulariser: float = param(
        1e-2,
        "what is added to the energy of each bin in the fast filter, relative to the running average over all",
        low=0.0,
        kw_only=True,
        slot=partitions.REGULARISER,
    )

    _p_size = partitions.P_SIZE
    _worst = "(taps + 8 * block) * log(2 * block)"
    _needs: ClassVar = {"taps": 16, "block": 4}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._p[[partitions.LENGTH, partitions.PARTITIONS, partitions.HALF]] = self.block, self._count, self.block
        self._p[[partitions.BY_BIN, partitions.MEMORY]] = 1.0, 0.9
        self._p[echo.KEEP] = math.exp(-self.block / echo.MEMORY)
        window = partitions.window(self.block, self.block, self.block)
        self._p = np.concatenate([self._p, fourier.table(self.block), window])

    def _check(self) -> None:
        partitions.check_block(self.block)

    @property
    def _count(self) -> int:
        return -(-self.taps // self.block)

    def _kernel(self) -> Function:
        return echo.step

    def _references(self) -> int:
        return 1

    def _entry(self) -> Function:
        return drive.update

    def _size(self) -> int:
        return echo.layout(self.block, self._count).size

    def _indices(self) -> list[Index]:
        return [
            (partitions.PLACE, 0, self.block - 1),
            (partitions.NEWEST, 0, self._count - 1),
            (partitions.TURN, 0, self._count - 1),
            (partitions.KNOWN, 0, self.block),
            (partitions.UNLEARNT, 0, COUNTABLE),
            (echo.TAKEN, 0, COUNTABLE),
        ]

    update: Callable[..., float] = _Update(  # type: ignore[assignment]
        "``update(far_end, microphone) -> clean``; NaN: a missing sample."
    )

    def run(self, far_end: ArrayLike, microphone: ArrayLike) -> Array:  # type: ignore[override]
        """Clean a block: exactly the samples that ``update`` would give one by one.

        Parameters
        ----------
        far_end : array, shape (T,)
            What the loudspeaker plays.
        microphone : array, shape (T,)
            What is heard: the echo of it, talk at the near end, noise. NaN marks a missing sample.

        Returns
        -------
        clean : ndarray, shape (T,)
        """
        return self._through(*self._arrange(far_end, microphone))

    def _from(self, noisy: Array, reference: Array) -> Array:
        return self.run(reference, noisy)

    def _arrange(  # type: ignore[override]
        self, far_end: ArrayLike, microphone: ArrayLike, *, rows: int | None = None
    ) -> tuple[Array, Array]:
        far, near = signal(far_end, "far_end", rows=rows), signal(microphone, "microphone", rows=rows)
        same_length(far, near, "far_end", "microphone", rows)
        return far, near

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights of the careful filter, newest tap first: shape (taps,). A copy."""
        at = echo.layout(self.block, self._count)
        return partitions.in_time(self._s[at.weights : at.fast], self.block, self.block)[: self.taps]

    @property
    def delay(self) -> int:
        """After how many samples the echo is strongest: the delay of the path, as far as it is learnt."""
        return int(np.argmax(np.abs(self.weights)))

    @property
    def erle(self) -> float:
        """By how many dB the output lies below the microphone, over the last 2560 samples; 0 at the start."""
        heard = float(self._s[echo.MICROPHONE])
        left = max(float(self._s[echo.OUTPUT]), FLOOR * heard)
        return 10.0 * math.log10(heard / left) if left > 0.0 else 0.0

    @property
    def residual(self) -> float:
        """The mean square of the echo that is still expected in the output, an estimate from above."""
        return float(self._s[echo.RESIDUAL])

    @property
    def taken(self) -> int:
        """How often the careful filter took the weights of the fast one: at the start, and when the path moved."""
        return int(self._s[echo.TAKEN])

    @property
    def unlearnt(self) -> int:
        """How many samples of the whole blocks so far taught nothing."""
        return int(self._s[partitions.UNLEARNT])
