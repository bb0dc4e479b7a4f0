"""Adaptive recursive (IIR) filters: equation error, output error, SHARF, Steiglitz and McBride."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from ..kernels import recursive as k
from ..kernels import triangle
from ..kernels.constants import LARGEST
from ..node import Index, Predictor, real_array
from ..param import param
from ..snapshot import COUNTABLE

Array = NDArray[np.float64]


def poles(*, own: bool, filtered: bool) -> Any:
    """The field of every member, with its rule: past outputs or desired samples in the regressor, filtered or not."""
    return param(
        2,
        "number of feedback coefficients N",
        low=1,
        fixed=True,
        slot=k.POLES,
        encode=lambda n: (n, float(own), float(filtered)),
    )


class RecursiveFilter(Predictor):
    """A recursive filter whose poles stay within a circle: the base of the family."""

    taps: int = param(3, "number of feedforward coefficients M", low=1, fixed=True, slot=k.TAPS)
    poles: int = poles(own=True, filtered=True)
    radius: float = param(0.999, "of the circle that no pole leaves", above=0.0, below=1.0, kw_only=True, slot=k.RADIUS)
    on_divergence: str = param(
        "reset", "what follows a divergence", choices=("raise", "reset", "hold"), kw_only=True, slot=k.POLICY
    )

    _fallible = True
    _gain: ClassVar[Function]
    _probes: ClassVar = {"radius": {"radius": 0.05}}

    @property
    def _p_size(self) -> int:  # type: ignore[override]
        return k.P_SIZE + len(self._values.get("smoothing") or ())

    def _smoothed(self) -> int:
        return 0

    def _starts(self) -> int:
        return 1

    def _kernel(self) -> Function:
        return k.steps(self._gain)

    def _more(self) -> int:
        """How many numbers the gain keeps, for each start."""
        return self._smoothed()

    def _each(self) -> int:
        """How many numbers each start has."""
        n, taps = self.poles, self.taps
        return k.WEIGHTS + (n + taps) + (n + taps) + n + max(n, taps) + 2 * n + self._more()

    def _size(self) -> int:
        return self._starts() * self._each()

    _layout = 2

    def _size_at_first(self) -> int:
        return self._size() - self._starts() * (k.WEIGHTS - k.WEIGHTS_AT_FIRST)

    def _migrate(self, layout: int, s: Array) -> Array:
        """Layout 1 did not look for divergence."""
        if layout != 1 or s.size != self._size_at_first():
            return super()._migrate(layout, s)
        old = s.reshape(self._starts(), -1)
        new = np.zeros((self._starts(), self._each()))
        new[:, : k.DIVERGED] = old[:, : k.DIVERGED]
        new[:, k.WEIGHTS :] = old[:, k.WEIGHTS_AT_FIRST :]
        return new.ravel()

    def _indices(self) -> list[Index]:
        counters = (k.UNLEARNT, k.SHORTENED, k.DIVERGED)
        return [(o * self._each() + slot, 0, COUNTABLE) for o in range(self._starts()) for slot in counters]

    @property
    def _best(self) -> Array:
        """The state of the start whose output is given out."""
        rows = self._s.reshape(self._starts(), -1)
        best: Array = rows[rows[:, k.SCORE].argmin()]
        return best

    @property
    def diverged(self) -> int:
        """How often a divergence was noticed since the start or the last reset."""
        return int(self._best[k.DIVERGED])

    @property
    def unlearnt(self) -> int:
        """How many samples taught nothing since the start or the last reset."""
        return int(self._best[k.UNLEARNT])

    @property
    def shortened(self) -> int:
        """How many steps were shortened because a pole would have left its circle."""
        return int(self._best[k.SHORTENED])

    @property
    def weights(self) -> Array:
        """b_0 .., then a_1 .. with signs opposite to ``denominator``: shape (taps + poles,). A copy; assign to set.

        Setting them also ends a ``hold``; the poles must lie within ``radius``. With several starts, those of the best.
        """
        s, n = self._best, self.poles
        a, b = s[k.WEIGHTS : k.WEIGHTS + n], s[k.WEIGHTS + n : k.WEIGHTS + n + self.taps]
        return np.concatenate([b[::-1], a[::-1]])

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given, n = real_array(values, "weights"), self.poles
        if given.shape != (self.taps + n,):
            raise ValueError(f"weights must have shape ({self.taps + n},), got {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("weights must be finite")
        farthest = np.abs(np.roots(np.concatenate([[1.0], -given[self.taps :]]))).max(initial=0.0)
        if farthest >= self.radius:
            raise ValueError(f"poles must be within {self.radius:g}, got one at {farthest:g}")
        s = self._best
        s[k.HELD] = s[k.STRAYED] = 0.0
        s[k.WEIGHTS : k.WEIGHTS + n] = given[: self.taps - 1 : -1]
        s[k.WEIGHTS + n : k.WEIGHTS + n + self.taps] = given[: self.taps][::-1]

    @property
    def numerator(self) -> Array:
        """The coefficients b as `scipy.signal.lfilter` takes them: shape (taps,)."""
        return self.weights[: self.taps]

    @property
    def denominator(self) -> Array:
        """1, -a_1, -a_2, .. as `scipy.signal.lfilter` takes it as ``a``: shape (poles + 1,)."""
        return np.concatenate([[1.0], -self.weights[self.taps :]])


class GradientRecursiveFilter(RecursiveFilter):
    """By a normalised step, from one start or from several."""

    mu: float = param(0.05, "step size", low=0.0, high=1.0, slot=k.MU)
    starts: int = param(
        1, "filters that learn side by side from different poles", low=1, fixed=True, kw_only=True, slot=k.STARTS
    )

    _gain = k.gradient
    _worst = "starts * (taps + poles ** 2)"

    def _starts(self) -> int:
        return self.starts

    def _start(self, s: Array) -> None:
        rng, n = np.random.default_rng(0), self.poles
        for number, row in enumerate(s.reshape(self.starts, -1)):
            if number == 0:
                continue
            reflections = rng.uniform(-0.9, 0.9, n)
            reflections[0] = 0.9 * (2.0 * (number - 0.5) / (self.starts - 1) - 1.0)  # all over the range
            row[k.WEIGHTS : k.WEIGHTS + n] = -stepped_up(self.radius * reflections)[::-1]


def stepped_up(reflections: Array) -> Array:
    """The polynomial of these reflection coefficients, without its leading 1 (Levinson)."""
    c = np.zeros(0)
    for one in reflections:
        c = np.append(c + one * c[::-1], one)
    return c


class LeastSquaresRecursiveFilter(RecursiveFilter):
    """By recursive least squares in square-root form."""

    forgetting: float = param(
        0.999, "weight of the past lambda, a sample", above=0.0, high=1.0, kw_only=True, slot=k.FORGETTING
    )

    _gain = k.gauss_newton
    _worst = "(taps + poles) ** 2"

    def _more(self) -> int:
        return triangle.size(self.taps + self.poles)


class EquationError(LeastSquaresRecursiveFilter):
    r"""A recursive filter by the equation error: least squares with the desired samples in place of the outputs.

    .. math::

        y(n) = \sum_{i=1}^N a_i\, y(n-i) + \sum_{j=0}^{M-1} b_j\, x(n-j), \qquad
        \min_{a, b} \sum_k \lambda^{n-k} \Bigl(d(k) - \sum_i a_i\, d(k-i) - \sum_j b_j\, x(k-j)\Bigr)^2

    That is linear in the weights: one minimum, found at once, wherever it begins. The price is a bias where d is
    noisy, since the noise of d stands in the regressor too: the poles come out too close to the centre.
    `SteiglitzMcBride` has no such bias in white noise.

    Parameters
    ----------
    taps : int
        Number of feedforward coefficients M (the zeros and one more), at least 1. Fixed.
    poles : int
        Number of feedback coefficients N, at least 1. Fixed.
    radius : float
        Of the circle that no pole leaves, 0 < radius < 1.
    forgetting : float
        lambda, 0 < forgetting <= 1: the window is about 1 / (1 - lambda) samples long.
    on_divergence : {"reset", "raise", "hold"}
        What follows when the error outgrows d: begin again with b at zero and the poles drawn halfway to the centre,
        with a RuntimeWarning; raise FloatingPointError (``run`` then leaves the state as it was before the block); or
        stop learning with a RuntimeWarning until ``reset`` or until ``weights`` are set. It warns once until ``reset``.

    Raises
    ------
    ValueError, TypeError
        For parameters out of their range, and signals of another shape or type.
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    y is the output of the recursive filter, with its own past in it, so d - y is the output error; what is made small
    is the equation error. Where d is missing (NaN) y takes its place in the regressor.

    A step that would carry a pole out of the circle is halved until it does not (``shortened`` counts them). An error
    beyond 10 times its running root mean square counts as that much, a regressor of more than 100 times the usual
    energy is not learnt from.

    Poles inside a circle do not bound the output while they move, so it is limited to 1000 times the root mean square
    of d. It has diverged (``diverged`` counts) when e^2 exceeds 4 times the power of d in more than half of the last
    1000 samples or so, or 400 times it on their average. A spike in x raises both limits for a while.

    Cost: about 2.5 (M + N)^2 multiplications a sample, N^2 / 2 for the step-down test of the poles, 3 (M + N).

    References
    ----------
    J. M. Mendel, Discrete Techniques of Parameter Estimation, Dekker, 1973.
    J. J. Shynk, "Adaptive IIR filtering", IEEE ASSP Magazine 6(2), 1989, pp. 4-21.
    P. S. R. Diniz, Adaptive Filtering, 3rd ed., 2008, ch. 10 (algorithm 10.3).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> from scipy import signal
    >>> x = np.random.default_rng(0).standard_normal(2000)
    >>> d = signal.lfilter([0.5, -0.3, 0.2], [1.0, -1.2, 0.7], x)
    >>> f = sm.EquationError(taps=3, poles=2)
    >>> y = f.run(x, d)
    >>> f.numerator.round(3).tolist(), f.denominator.round(3).tolist()
    ([0.5, -0.3, 0.2], [1.0, -1.2, 0.7])
    """

    poles: int = poles(own=False, filtered=False)

    _variants = ({"taps": 1, "poles": 4, "radius": 0.9},)


class SteiglitzMcBride(LeastSquaresRecursiveFilter):
    r"""A recursive filter by the method of Steiglitz and McBride: the equation error behind the filter 1 / A.

    .. math::

        d'(n) = d(n) + \sum_i a_i\, d'(n-i), \qquad x'(n) = x(n) + \sum_i a_i\, x'(n-i)

        \min_{a, b} \sum_k \lambda^{n-k} \Bigl(d'(k) - \sum_i a_i\, d'(k-i) - \sum_j b_j\, x'(k-j)\Bigr)^2

    d and x go through the poles of now before least squares sees them. When the poles no longer change, the error is
    the output error: in white noise there is no bias (Stoica and Soderstrom), and mostly no local minimum holds it.

    Parameters
    ----------
    taps, poles, radius, forgetting, on_divergence :
        As in `EquationError`.

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As `EquationError`.

    Notes
    -----
    Poles, outliers, divergence, missing d and the meaning of y: as in `EquationError`.

    What went through the first poles, which were wrong, is forgotten sooner: after n samples the window is no longer
    than 10 (M + N) + n / 10.

    Where it has poles that the plant has not, and there is no noise, the surplus pole and zero wander, and it may
    diverge; give it the order of the plant, or use `GaussNewtonIIR`.

    Cost: as `EquationError`, and 2 N multiplications a sample more.

    References
    ----------
    K. Steiglitz and L. E. McBride, "A technique for the identification of linear systems", IEEE Trans. Automatic
    Control 10(4), 1965, pp. 461-464.
    P. Stoica and T. Soderstrom, "The Steiglitz-McBride identification algorithm revisited", IEEE Trans. Automatic
    Control 26(3), 1981, pp. 712-717.
    P. S. R. Diniz, Adaptive Filtering, 3rd ed., 2008, ch. 10 (algorithm 10.4, by a gradient step).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> from scipy import signal
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(20_000)
    >>> d = signal.lfilter([0.5, -0.3, 0.2], [1.0, -1.2, 0.7], x) + 0.3 * rng.standard_normal(20_000)
    >>> f = sm.SteiglitzMcBride(taps=3, poles=2, forgetting=1.0)
    >>> y = f.run(x, d)
    >>> f.denominator.round(1).tolist()
    [1.0, -1.2, 0.7]
    """

    poles: int = poles(own=False, filtered=True)


class GaussNewtonIIR(LeastSquaresRecursiveFilter):
    r"""A recursive filter by the output error and Gauss-Newton steps: the recursive prediction error method.

    .. math::

        y'(n) = y(n) + \sum_i a_i\, y'(n-i), \qquad x'(n) = x(n) + \sum_i a_i\, x'(n-i)

        \psi(n) = [y'(n-1), ..., y'(n-N), x'(n), ..., x'(n-M+1)], \qquad
        R(n) = \lambda R(n-1) + \psi(n) \psi(n)^T

        [a, b](n+1) = [a, b](n) + R(n)^{-1} \psi(n)\, (d(n) - y(n))

    It converges in few samples whatever the colour of the input, and without bias in noise of any colour that is
    independent of the input. The surface may have local minima where there are fewer poles than in the plant, and it
    ends in the one that the data lead it to, whatever ``weights`` it was given; `SteiglitzMcBride`, or `OutputError`
    with ``starts``, may end lower.

    Parameters
    ----------
    taps, poles, radius, forgetting, on_divergence :
        As in `EquationError`.

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As `EquationError`.

    Notes
    -----
    Poles, outliers and divergence: as in `EquationError`. The window at the start: as in `SteiglitzMcBride`.

    Cost: as `EquationError`, and 2 N multiplications a sample more.

    References
    ----------
    L. Ljung and T. Soderstrom, Theory and Practice of Recursive Identification, MIT Press, 1983, ch. 3.
    P. S. R. Diniz, Adaptive Filtering, 3rd ed., 2008, ch. 10 (algorithm 10.1, with its simplified gradient).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> from scipy import signal
    >>> x = np.random.default_rng(0).standard_normal(2000)
    >>> d = signal.lfilter([0.5, -0.3, 0.2], [1.0, -1.2, 0.7], x)
    >>> f = sm.GaussNewtonIIR(taps=3, poles=2, forgetting=0.99)
    >>> y = f.run(x, d)
    >>> f.denominator.round(3).tolist()
    [1.0, -1.2, 0.7]
    """

    poles: int = poles(own=True, filtered=True)


class OutputError(GradientRecursiveFilter):
    r"""A recursive filter by the gradient of the output error, from one start or from several.

    .. math::

        y(n) = \sum_{i=1}^N a_i\, y(n-i) + \sum_{j=0}^{M-1} b_j\, x(n-j), \qquad e(n) = d(n) - y(n)

        y'(n) = y(n) + \sum_i a_i\, y'(n-i), \qquad x'(n) = x(n) + \sum_i a_i\, x'(n-i)

        a_i(n+1) = a_i(n) + \frac{\mu\, e(n)}{P_a}\, y'(n-i), \qquad
        b_j(n+1) = b_j(n) + \frac{\mu\, e(n)}{P_b}\, x'(n-j)

    The error surface need not be convex: with fewer poles than the plant it can have local minima (Johnson and
    Larimore), and a single descent ends in the one that it begins above. With ``starts`` several filters learn side by
    side, the first from zero and the others from poles all over the circle, and y is that of the one whose running
    square of e is least.

    Parameters
    ----------
    taps : int
        Number of feedforward coefficients M (the zeros and one more), at least 1. Fixed.
    poles : int
        Number of feedback coefficients N, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 1; 0.01 to 0.1 is usual. It is normalised for a and for b each, by P_a and
        P_b: the running averages of the energies of their regressors over 100,000 samples, or the energy of now where
        that is more. So scales do not matter. The output stays bounded for every mu, but from about 0.2 on, and nearer
        the circle sooner, the poles race about and it does not settle.
    radius : float
        Of the circle that no pole leaves, 0 < radius < 1.
    starts : int
        How many filters learn side by side. Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `EquationError`. One of several starts that diverges begins again, whatever
        this says, without a warning.

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As `EquationError`.

    Notes
    -----
    The gradient is the simplified one, which takes one filter 1 / A for all of y' and one for all of x'.

    A step that would carry a pole out of the circle is halved until it does not (``shortened`` counts them), and none
    changes the output of its own sample by more than its error. An error beyond 10 times its running root mean square
    (over 1000 samples) counts as that much. Divergence and the limit of the output: as in `EquationError`.

    Cost: 4 (M + N) multiplications a sample for each start, N^2 / 2 for the step-down test of the poles, 2 N.

    References
    ----------
    S. A. White, "An adaptive recursive digital filter", Proc. 9th Asilomar Conf., 1975, pp. 21-25.
    J. J. Shynk, "Adaptive IIR filtering", IEEE ASSP Magazine 6(2), 1989, pp. 4-21.
    C. R. Johnson and M. G. Larimore, "Comments on and additions to 'An adaptive recursive LMS filter'", Proc. IEEE
    65(9), 1977, pp. 1399-1402 (the local minimum).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> from scipy import signal
    >>> x = np.random.default_rng(0).standard_normal(40_000)
    >>> d = signal.lfilter([0.05, -0.4], [1.0, -1.1314, 0.25], x)
    >>> stuck = sm.OutputError(taps=1, poles=1, mu=0.005)
    >>> stuck.weights = [0.1, -0.5]
    >>> free = sm.OutputError(taps=1, poles=1, mu=0.005, starts=6)
    >>> [round(float(np.mean((d - f.run(x, d))[-9000:] ** 2) / np.mean(d**2)), 1) for f in (stuck, free)]
    [1.0, 0.3]
    """

    poles: int = poles(own=True, filtered=True)

    _variants = ({"taps": 1, "poles": 1, "starts": 3},)


def as_smoothing(name: str, value: Any) -> tuple[float, ...] | None:
    """The coefficients of C as a tuple."""
    if value is None:
        return None
    array = real_array(value, name)
    if array.ndim != 1 or not (np.abs(array) < LARGEST).all():
        raise ValueError(f"{name} must be a list of finite numbers, or None, got {value!r}")
    return tuple(array.tolist())


class SHARF(GradientRecursiveFilter):
    r"""The simple hyperstable adaptive recursive filter: a pseudolinear regression on its smoothed output error.

    .. math::

        y(n) = \sum_{i=1}^N a_i\, y(n-i) + \sum_{j=0}^{M-1} b_j\, x(n-j), \qquad
        v(n) = e(n) + \sum_k c_k\, e(n-k)

        a_i(n+1) = a_i(n) + \frac{\mu\, v(n)}{P_a}\, y(n-i), \qquad
        b_j(n+1) = b_j(n) + \frac{\mu\, v(n)}{P_b}\, x(n-j)

    Nothing is descended, so there are no local minima: with as many poles as the plant it converges from everywhere
    where C(z) / A(z), with A of the plant, is strictly positive real: its real part above zero at all frequencies. The
    best C would be A itself. By default C follows the poles as they are learnt, c_k = -0.9^k a_k, which comes near
    that; the 0.9 is for the noise, which C amplifies (Dugard and Landau: an adjustable compensator).

    Parameters
    ----------
    taps, poles, mu, radius, starts, on_divergence :
        As in `OutputError`. In noise stay at 0.05 or below, since C raises it.
    smoothing : sequence of floats, or None
        c_1, c_2, ...; None lets them follow the poles. A guess of A beyond the leading 1 (signs as in ``denominator``)
        makes C / A nearly 1. An empty one, (), is Feintuch's filter, for which 1 / A itself must be strictly positive
        real: it is for A = 1 - 1.2 z^-1 + 0.5 z^-2, and it is not for 1 - 1.6 z^-1 + 0.8 z^-2. Fixed.

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As `EquationError`.

    Notes
    -----
    Where the condition fails it may not converge at any step. To look: ``w, h = scipy.signal.freqz([1, *c], a)``, and
    ``h.real.min()`` must be above zero.

    Poles, outliers, divergence and the bound of a step: as in `OutputError`.

    Cost: 4 (M + N) + N^2 / 2 multiplications a sample for each start, and one for each c (2 N where they follow).

    References
    ----------
    M. G. Larimore, J. R. Treichler and C. R. Johnson, "SHARF: an algorithm for adapting IIR digital filters", IEEE
    Trans. ASSP 28(4), 1980, pp. 428-440.
    P. L. Feintuch, "An adaptive recursive LMS filter", Proc. IEEE 64(11), 1976, pp. 1622-1624.
    L. Dugard and I. D. Landau, "Recursive output error identification algorithms: theory and evaluation", Automatica
    16(5), 1980, pp. 443-462.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> from scipy import signal
    >>> x = np.random.default_rng(0).standard_normal(20_000)
    >>> d = signal.lfilter([0.5, -0.3], [1.0, -1.6, 0.8], x)
    >>> f = sm.SHARF(taps=2, poles=2)
    >>> y = f.run(x, d)
    >>> f.denominator.round(3).tolist()
    [1.0, -1.6, 0.8]
    """

    poles: int = poles(own=True, filtered=False)
    smoothing: tuple[float, ...] | None = param(
        None,
        "c of the errors before; None: those of the denominator as it is learnt",
        fixed=True,
        kw_only=True,
        check=as_smoothing,
        encode=lambda c: (k.FOLLOWING,) if c is None else (float(len(c)), *c),
        slot=k.SMOOTHING,
    )

    _worst = "starts * (taps + poles ** 2 + len(smoothing or denominator))"
    _variants = ({"smoothing": (-0.4, 0.1)},)
    _probes: ClassVar = {**RecursiveFilter._probes, "smoothing": {"smoothing": (0.5,)}}

    def _smoothed(self) -> int:
        return self.poles if self.smoothing is None else len(self.smoothing)
