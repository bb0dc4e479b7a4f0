"""Adaptive filters in the frequency domain: FDAF and its partitioned form."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from ..kernels import fourier, partitions
from ..node import Index, Predictor, real_array
from ..param import param
from ..snapshot import COUNTABLE

CONSTRAINTS = ("round-robin", "full", "none")  # in the order of the kernel


def constraint(*choices: str) -> Any:
    """The field; a class names which of them it has, its default first."""
    return param(
        choices[0],
        "which gradients are cut to their taps",
        choices=choices,
        kw_only=True,
        encode=CONSTRAINTS.index,
        slot=partitions.CONSTRAINT,
    )


class FrequencyFilter(Predictor):
    """A filter that learns block by block in the frequency domain: the base of the family."""

    taps: int = param(1024, "number of taps n", low=1, fixed=True, slot=partitions.TAPS)
    block: int = param(256, "samples B that are learnt together", low=1, fixed=True, slot=partitions.BLOCK)
    mu: float = param(0.5, "step size", low=0.0, high=1.0, slot=partitions.MU)
    regulariser: float = param(
        1e-3,
        "what is added to the energy of each bin, relative to the running average over all",
        low=0.0,
        kw_only=True,
        slot=partitions.REGULARISER,
    )
    smoothing: float = param(
        0.9,
        "how much of the running energy of each bin a block keeps",
        low=0.0,
        below=1.0,
        kw_only=True,
        slot=partitions.MEMORY,
    )
    by_bin: bool = param(True, "a step size for each bin, or one for all", kw_only=True, slot=partitions.BY_BIN)

    _p_size = partitions.P_SIZE
    _one: ClassVar[bool]  # one partition, or as many as there are blocks in the taps

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        length, count, half = self._sizes
        self._p[[partitions.LENGTH, partitions.PARTITIONS, partitions.HALF]] = length, count, half
        self._p = np.concatenate([self._p, fourier.table(half), partitions.window(length, self.block, half)])

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return partitions.sizes(self.taps, self.block, one=self._one)

    @property
    def _direct(self) -> bool:
        return bool(self._p[partitions.DIRECT])

    def _kernel(self) -> Function:
        return partitions.step

    def _size(self) -> int:
        _, count, half = self._sizes
        return partitions.layout(self.block, half, count).size

    def _indices(self) -> list[Index]:
        last = self._sizes[1] - 1
        return [
            (partitions.PLACE, 0, self.block - 1),
            (partitions.NEWEST, 0, last),
            (partitions.TURN, 0, last),
            (partitions.KNOWN, 0, self.block),
            (partitions.UNLEARNT, 0, COUNTABLE),
            (partitions.LOSSES, 0, COUNTABLE),
        ]

    @property
    def latency(self) -> int:
        """By how many samples the output is late: ``y[n]`` is the estimate of ``d[n - latency]``."""
        return 0 if self._direct else self.block - 1

    @property
    def unlearnt(self) -> int:
        """How many samples of the whole blocks so far taught nothing."""
        return int(self._s[partitions.UNLEARNT])

    @property
    def diverged(self) -> int:
        """How often the error had 16 times the energy of d over the last blocks, and the weights went back to zero."""
        return int(self._s[partitions.LOSSES])

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights, newest tap first: shape (taps,). A copy; assign to set them."""
        return partitions.weights(self._p, self._s)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given = real_array(values, "weights")
        if given.shape != (self.taps,):
            raise ValueError(f"weights must have shape ({self.taps},), got {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("weights must be finite")
        partitions.take(self._p, self._s, given)


class FDAF(FrequencyFilter):
    r"""Frequency-domain adaptive filter: block LMS by overlap-save, with a step size for each bin.

    .. math::

        y = \text{last } B \text{ of } F^{-1}(X W), \qquad E = F\,(0,\, d - y), \qquad
        W \leftarrow W + \mu\, F\, C\, F^{-1} \frac{X^* E}{S}

    X is the transform of the last N samples, N the power of two from n + B - 1 on; C keeps the first n samples, and S
    is max(n, B) / N times the energy of the bin, the larger of the last and of the running one. All eigenvalues of a
    coloured input thus learn equally fast, and a sample costs the logarithm of n instead of n.

    **The output is late**: ``y[t]`` is the estimate of ``d[t - latency]``, ``latency`` being block - 1, and the error
    is ``d[:-latency] - y[latency:]``. d is not: it is given with the x of the same time, and kept until its block is
    full. `PBFDAF` is not late at all.

    Parameters
    ----------
    taps : int
        Number of taps n, at least 1. Fixed.
    block : int
        Samples B that are learnt together, at least 1; B = n costs least. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 1, as in `NLMS`; white input learns fastest near 1 / (1 + B / n).
    regulariser : float
        What is added to the energy of a bin, relative to the running average over all bins; at least 0.
    smoothing : float
        How much of the running energy of a bin a block keeps, 0 <= smoothing < 1.
    by_bin : bool
        A step size for each bin; or one for all, which is block NLMS, with a step that is at most the best for the
        block: no input without noise makes the weights worse.
    constraint : {"full", "none"}
        Whether each gradient is cut to its taps (C). Without it (two of five transforms less) wrapped-around parts stay
        in the weights, and the error settles slowly and higher.

    Raises
    ------
    ValueError, TypeError
        For a parameter out of its range, and by ``run`` for arrays of another shape.

    Notes
    -----
    Cost: a block takes eight transforms of N real numbers, about N log2 N multiplications each, and 12 N for the bins;
    two more where the block is longer than the taps, whose gradients are then cut before they are divided as well. The
    sample that fills a block does all of this, and a third of it once more where a step has to be shortened; the others
    store two numbers.

    A bin counts for at least half of what leaks into it through the window of the error: divided by its own energy
    alone, what a weak bin beside a strong one learns would make the filter run away on a sine. After each block it is
    filtered again with the new weights, and a step that went too far for that block is shortened. While the error has
    more than twice the energy of d over some blocks, all bins share one step, which cannot go too far; with sixteen
    times, all weights go back to zero (``diverged`` counts how often).

    On a pure sine that makes less than half a turn in the taps, or lies so near to half the sampling rate, and with a
    block that is shorter than the taps, the weights can still drift, over some ten thousand samples, until the error
    is about as large as d. `PBFDAF` does not do that.

    A sample of d that is missing adds nothing to the gradient of its block; a block without any learns nothing.

    References
    ----------
    E. R. Ferrara, "Fast implementation of LMS adaptive filters", IEEE Trans. Acoust. Speech Signal Process. 28, 1980,
    pp. 474-475.
    J. J. Shynk, "Frequency-domain and multirate adaptive filtering", IEEE Signal Process. Mag. 9(1), 1992, pp. 14-37,
    fig. 4 and eq. (22)-(29).
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 8: block-adaptive filters, constrained and not.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(20_000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:20_000]
    >>> f = sm.FDAF(taps=64, block=32)
    >>> y = f.run(x, d)
    >>> f.latency
    31
    >>> error = d[:-31] - y[31:]
    >>> bool(np.mean(error[-1000:] ** 2) < 1e-20)
    True
    >>> f.weights[:3].round(3).tolist()
    [1.0, -0.5, 0.25]
    """

    taps: int = param(1024, "number of taps n", low=1, fixed=True, slot=partitions.TAPS)
    constraint: str = constraint("full", "none")

    _one = True
    _worst = "6 * (taps + block) * log(taps + block)"
    _needs: ClassVar = {"taps": 12, "block": 4}


class PBFDAF(FrequencyFilter):
    r"""Partitioned-block frequency-domain adaptive filter: thousands of taps in real time, and no latency.

    .. math::

        y(t) = \sum_{i < B} w_i\, x(t - i) + \Bigl[F^{-1} \sum_{k \ge 1} X_{m-k} W_k\Bigr]_t, \qquad
        W_k \leftarrow W_k + \mu\, \frac{X_{m-k}^*\, F\,(0,\, d - y)}{S}

    The taps are cut into P = n / B partitions; X_m is the transform of the last two blocks at the end of block m, and S
    half the energy of the bin over P blocks. Of the taps from B on, the output needs only input that is there before
    the block begins; the first B taps are summed directly. So ``y[t]`` is the estimate of ``d[t]``, at any block size,
    and ``d - y`` the error.

    Parameters
    ----------
    taps : int
        Number of taps n, at least 1. Fixed.
    block : int
        Samples B that are learnt together, a power of two; the square root of n to n / 16 cost least. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 1, as in `NLMS`.
    regulariser : float
        What is added to the energy of a bin, relative to the running average over all bins; at least 0.
    smoothing : float
        How much of the running energy of a bin a block keeps, 0 <= smoothing < 1.
    by_bin : bool
        A step size for each bin, or one for all; the latter is at most the best for the block, so that no input without
        noise makes the weights worse.
    constraint : {"round-robin", "full", "none"}
        Whose gradients are cut to their taps: one partition a block, in turns; all, which is block LMS exactly; or none
        (of those that are not summed directly), where wrapped-around parts make the error settle slowly and higher.
    direct : bool
        Sum the first block of taps directly. Without it the output is late: ``y[t]`` is then the estimate of
        ``d[t - latency]``, ``latency`` being block - 1, and a sample costs B multiplications less. Fixed.

    Raises
    ------
    ValueError, TypeError
        For a parameter out of its range, and by ``run`` for arrays of another shape.

    Notes
    -----
    Cost: B multiplications a sample for the direct sum; a block takes nine transforms of 2 B real numbers, about 2 B
    log2 B multiplications each, and 10 a tap. The sample that fills a block does the work of the block (about ten
    microseconds for 4096 taps and blocks of 256); a real-time loop must have room for it within one sample, or take
    ``block`` samples at a time.

    A bin counts for at least half of what leaks into it through the window of the error, and for all of it at mu = 1:
    divided by its own energy alone, what a weak bin beside a strong one learns would make the filter run away on a
    sine. On white, coloured and speech-like input that changes nothing. While the error has more than twice the energy
    of d over some blocks, all bins share one step, which cannot go too far; with sixteen times, as after a start so
    quiet that only noise was learnt, all weights go back to zero (``diverged`` counts how often).

    A sample of d that is missing adds nothing to the gradient of its block; a block without any learns nothing.

    References
    ----------
    J. S. Soo and K. K. Pang, "Multidelay block frequency domain adaptive filter", IEEE Trans. Acoust. Speech Signal
    Process. 38, 1990, pp. 373-376.
    J. J. Shynk, "Frequency-domain and multirate adaptive filtering", IEEE Signal Process. Mag. 9(1), 1992, pp. 14-37.
    W. G. Gardner, "Efficient convolution without input-output delay", J. Audio Eng. Soc. 43, 1995, pp. 127-136: the
    direct sum.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> room = rng.standard_normal(1024) * np.exp(-np.arange(1024) / 150)
    >>> x = rng.standard_normal(40_000)
    >>> d = np.convolve(x, room)[:40_000]
    >>> f = sm.PBFDAF(taps=1024, block=128)
    >>> error = d - f.run(x, d)
    >>> bool(np.mean(error[-5000:] ** 2) < 1e-6 * np.mean(d ** 2))
    True
    >>> f.latency
    0
    """

    taps: int = param(4096, "number of taps n", low=1, fixed=True, slot=partitions.TAPS)
    constraint: str = constraint("round-robin", "full", "none")
    direct: bool = param(
        True, "sum the first block of taps directly: no latency", kw_only=True, fixed=True, slot=partitions.DIRECT
    )

    _one = False
    _worst = "(taps + 6 * block) * log(2 * block)"
    _needs: ClassVar = {"taps": 16, "block": 4}

    def _check(self) -> None:
        partitions.check_block(self.block)
