r"""How a gradient filter will learn: the predicted learning curve, its steady state, and the largest stable step.

All members of the family have the form, with g = g(x) a function of the input alone and f of the error alone,

    w(n+1) = (1 - mu gamma) w(n) + mu g(x(n)) f(e(n))

(g = x, x / (|x|^2 + delta) or sgn x). The error z = w - w* of the weights about their limit, (E[g x'] + gamma) w* = E[g
d], is followed in the eigenbasis of the covariance R = E[x x'] under the independence assumption; all moments are
averages over the data, so that neither white nor Gaussian input is assumed. For a linear error, f(e) = e, with K_i =
E[z_i^2], the deviation of the weights in direction i, C_i = E[g_i x_i] and F_ij = E[g_i^2 x_j^2],

    K(n+1) = (I - 2 mu (C + gamma) + mu^2 (F + gamma^2 + 2 gamma C)) K(n) + mu^2 E[(g e* - gamma w*)^2],
    E[e^2](n) = E[e*^2] + lambda' K(n) - 2 E[e* x]' E[z](n),

which for Gaussian input and gamma = 0 is Feuer and Weinstein (1985), and for any data Sayed (2008), ch. 24. For another
error, with zeta = lambda' K and e = e_a + e*, e_a Gaussian of variance zeta (Al-Naffouri and Sayed, 2003),

    K(n+1) = (I - 2 mu h_G(zeta) C) K(n) + mu^2 h_U(zeta) E[g^2],
    h_G = E[e_a f(e)] / zeta,      h_U = E[f(e)^2].

Where f depends on the energy in the line too (a normalised filter with a nonlinear error), h_G C and h_U E[g^2] are
averages over classes of lines of like energy.

The step ``mu`` is not assumed small, but taps that share samples are not independent: expect some per cent for steps up
to a third of the largest, and less precision beyond.

References
----------
A. Feuer and E. Weinstein, "Convergence analysis of LMS filters with uncorrelated Gaussian data", IEEE Trans. Acoustics,
Speech, and Signal Processing 33, 1985, pp. 222-230.
T. Y. Al-Naffouri and A. H. Sayed, "Transient analysis of adaptive filters with error nonlinearities", IEEE Trans.
Signal Processing 51, 2003, pp. 653-663, and "Transient analysis of data-normalized adaptive filters", ibid., pp.
639-652.
A. H. Sayed, Adaptive Filters, Wiley, 2008, chapters 15-24.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._jit import Function, loop
from ._jit.instructions import late_sign_sweep
from .banks import Bank, bank
from .filters.gradient import GradientFilter
from .kernels import fir
from .kernels.losses import textbook_unit
from .node import real_array
from .scalar import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

CHUNK = 1 << 21  # numbers in a piece of the regressor matrix
ENOUGH = 200_000  # regressors for an average
PIECE, TRIALS = 1024, 256  # samples, and pieces of data, over which a step is tried
AMPLIFIED = 60.0  # a misadjustment that no stable step below 0.98 of the bound reaches
SAMPLES = 8000  # errors over which a nonlinearity is averaged
LINES = 2  # regressors that there must be for each weight
RISE = 1.01  # of a slope within a decade, beyond rounding
CLASSES = 8  # of lines of like energy
DECADE = 20  # errors in a decade, at which a score is looked at
SMALL = 1e-4  # of an error for which a score is as good as linear: noise with which a step is tried
SPAN, FURTHEST = (
    6,
    90,
)  # decades about the size of the errors that are looked at, and powers of ten that limit the search
NODES = 64  # of the Gauss-Hermite rule for the Gaussian part of the error


@dataclass(frozen=True)
class LearningCurve:
    """The mean squared error of a filter, sample by sample: predicted or measured.

    Attributes
    ----------
    name : str
    curve : ndarray, shape (T,)
        E[e(n)^2].
    steady_state : float
        Where the curve ends: for a prediction its limit (infinite where the step is too large), for a measurement the
        mean over its last quarter.
    minimum : float
        The mean squared error of the Wiener filter on the same data.
    weights : ndarray
        The weights in the steady state, on average; newest tap first.
    """

    name: str
    curve: Array
    steady_state: float
    minimum: float
    weights: Array

    @property
    def excess(self) -> float:
        """The excess mean squared error in the steady state: what the filter loses against the Wiener filter."""
        return self.steady_state - self.minimum

    @property
    def misadjustment(self) -> float:
        """The excess relative to the minimum."""
        return self.excess / self.minimum if self.minimum > 0.0 else math.inf

    def __repr__(self) -> str:
        return f"<{self.name}: steady state {self.steady_state:.4g}, misadjustment {self.misadjustment:.3g}>"

    def plot(self, *others: LearningCurve | str | PathLike[str]) -> Figure:
        """Draw this curve and others beside it, such as the prediction beside the measurement.

        Parameters
        ----------
        *others : LearningCurve, or a path
            Curves to draw beside it; a path (.png, .svg, .pdf) is where the picture is saved.

        Returns
        -------
        figure : matplotlib Figure

        Raises
        ------
        TypeError
            For anything else.
        """
        from matplotlib.figure import Figure

        beside = [one for one in others if isinstance(one, LearningCurve)]
        paths = [one for one in others if isinstance(one, (str, PathLike))]
        if len(beside) + len(paths) < len(others):
            strange = next(one for one in others if not isinstance(one, (LearningCurve, str, PathLike)))
            raise TypeError(f"expected learning curves, or a path to save the picture, got {shown(strange)}")
        figure = Figure(figsize=(8.0, 4.5), layout="constrained")
        axes = figure.add_subplot()
        curves = sorted((self, *beside), key=lambda one: one.name.startswith("predicted"))  # predictions on top
        kinds = list(dict.fromkeys(one.name.split()[-1] for one in curves))
        for one in curves:
            color = f"C{kinds.index(one.name.split()[-1])}"
            style: dict[str, Any] = {"lw": 2.0} if one.name.startswith("predicted") else {"lw": 0.7, "alpha": 0.5}
            axes.plot(one.curve, color=color, label=f"{one.name} (steady state {one.steady_state:.3g})", **style)
            if math.isfinite(one.steady_state):
                axes.axhline(one.steady_state, color=color, ls="--", lw=1.0)
        axes.axhline(self.minimum, color="k", ls=":", lw=1.0, label=f"Wiener filter ({self.minimum:.3g})")
        axes.set(yscale="log", xlabel="sample n", ylabel="mean squared error", title="Learning curve")
        axes.legend()
        axes.grid(visible=True, which="major", alpha=0.3)
        for path in paths:
            figure.savefig(path, dpi=120)
        return figure


def predict_mse(filter: GradientFilter, x: ArrayLike, d: ArrayLike) -> LearningCurve:  # noqa: A002
    """The learning curve that theory predicts for a filter on given data, from the weights that it has now.

    Parameters
    ----------
    filter : LMS, NLMS or any other gradient filter
        Its parameters and weights are read; it learns nothing.
    x : array, shape (T,), or (k, T) for k realisations; with m references (T, m) or (k, T, m)
        The input.
    d : array, shape (T,) or (k, T)
        The desired samples.

    Returns
    -------
    LearningCurve
        With T samples. Infinite from where the mean square diverges.

    Raises
    ------
    TypeError
        When the filter is not a gradient filter.
    ValueError
        When the shapes do not fit, a sample is not finite, or the input is silent.

    Notes
    -----
    Covered: every gradient filter of the catalogue and `LMS` and `NLMS` with a loss of your own. For the squared loss
    the recursion of the fourth-order moments of the data is used, else that of Al-Naffouri and Sayed for error
    nonlinearities, in which the a-priori error is Gaussian (a long filter); see the head of this module.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((100, 1000))
    >>> d = x + 0.1 * rng.standard_normal((100, 1000))
    >>> f = sm.LMS(taps=10, mu=0.02)
    >>> theory = sm.predict_mse(f, x, d)
    >>> round(theory.misadjustment, 2)  # 0.02 * 10 / (2 - 0.02 * 12)
    0.11
    >>> round(sm.simulate_mse(f, x, d).misadjustment, 1)
    0.1
    """
    data = _Data(_checked(filter), *_rows(filter, x, d))
    model = _Model(filter, data)
    return LearningCurve(
        f"predicted {type(filter).__name__}",
        model.curve(filter.mu, data.samples),
        model.steady_state(filter.mu),
        data.minimum,
        model.limit.reshape(np.shape(filter.weights)),
    )


def simulate_mse(filter: GradientFilter, x: ArrayLike, d: ArrayLike, *, runs: int = 1) -> LearningCurve:  # noqa: A002
    """The learning curve of a filter as measured: squared errors, averaged over realisations.

    Parameters
    ----------
    filter : LMS, NLMS or any other gradient filter
        Each realisation starts from its parameters and weights; it learns nothing itself.
    x : array, shape (k, T), or (k, T, m) with m references; or one stream (T,), (T, m)
        The input, a realisation a row.
    d : array, shape (k, T) or (T,)
    runs : int
        One stream is cut into so many pieces of equal length, each a realisation.

    Returns
    -------
    LearningCurve
        Its steady state is the mean over the last quarter.

    Raises
    ------
    ValueError, TypeError
        As `predict_mse`.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(1)
    >>> x = rng.standard_normal(100_000)
    >>> measured = sm.simulate_mse(sm.NLMS(taps=8, mu=1.0), x, x + 0.1 * rng.standard_normal(100_000), runs=200)
    >>> measured.curve.shape
    (500,)
    """
    xs, ds = _rows(_checked(filter, simulated=True), x, d)
    if isinstance(runs, bool) or not isinstance(runs, (int, np.integer)):
        raise TypeError(f"runs must be a positive integer, got {runs!r}")
    if runs < 1 or (runs > 1 and len(xs) > 1):
        raise ValueError(f"runs must be a positive integer, and 1 where x already has rows, got {runs!r}")
    if runs > 1:
        length = ds.shape[1] // runs
        if length == 0:
            raise ValueError(f"expected at least {runs} samples for as many runs, got {ds.shape[1]}")
        xs = xs[0, : runs * length].reshape(runs, length, -1)
        ds = ds[0, : runs * length].reshape(runs, length)
    filters = bank(filter, len(xs))
    for row in range(len(xs)):
        _row(filters, row).weights = filter.weights
    y = filters.run(xs[..., 0] if xs.shape[2] == 1 else xs, ds)
    curve = np.mean((ds - y) ** 2, axis=0)
    tail = curve[-max(1, curve.size // 4) :]
    weights = np.mean([_row(filters, row).weights for row in range(len(xs))], axis=0)
    minimum = _Data(filter, xs, ds).minimum
    return LearningCurve(f"measured {type(filter).__name__}", curve, float(tail.mean()), minimum, weights)


def max_step(filter: GradientFilter, x: ArrayLike, d: ArrayLike | None = None, *, in_mean: bool = False) -> float:  # noqa: A002
    """The largest step ``mu`` for which a filter stays stable on given data.

    Parameters
    ----------
    filter : LMS, NLMS or any other gradient filter
        Its taps, references and loss are read; its ``mu`` does not matter.
    x : array, shape (T,), or (k, T) for k realisations; with m references (T, m) or (k, T, m)
        The input.
    d : array, shape (T,) or (k, T), optional
        The desired samples. Needed only where stability depends on the error (`LMF`).
    in_mean : bool
        The bound for the mean of the weights, 2 / lambda_max for LMS, instead of that for the mean square, which is
        lower and the one that matters.

    Returns
    -------
    mu : float
        Infinite where every step is stable because the update is bounded whatever the error (sign-error, sign-sign and
        pinball LMS). A larger step makes their steady state worse all the same, without limit, and the filter counts
        an error beyond the signal as a divergence: `predict_mse` says how large it will be.

    Raises
    ------
    TypeError
        When the filter is not a gradient filter, or its bound depends on d and d is missing.
    ValueError
        When the shapes do not fit, a sample is not finite, or the input is silent.

    Notes
    -----
    For the squared loss the mean square converges if and only if mu < 1 / rho(A^-1 B), with A = 2 (C + gamma) and
    B = F + gamma^2 + 2 gamma C of the head of this module. For a score that nowhere exceeds c times the error (Huber,
    log-cosh, correntropy) that bound over c suffices. For one that grows faster (LMF) the step is sought up to which
    the predicted curve from the present weights stays bounded.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(100_000)
    >>> round(sm.max_step(sm.LMS(taps=10), x), 2)  # 2 / (10 + 2) were the taps independent
    0.13
    >>> round(sm.max_step(sm.NLMS(taps=10, regulariser=0.0), x), 2)
    2.0
    """
    _checked(filter)
    xs, ds = _rows(filter, x, np.zeros(np.shape(x)[: -1 if filter.references > 1 else None]) if d is None else d)
    model = _Model(filter, _Data(filter, xs, ds))
    ratio = model.slopes
    if not ratio.max() > 0.0:
        raise ValueError(f"the score of {filter!r} is zero for errors of every size: it learns nothing")
    if ratio[0] > 1.5 * ratio[DECADE]:  # the score is steeper the smaller the error, and bounded
        return math.inf
    if ratio[-1] > 1.5 * ratio[-1 - DECADE]:  # it outgrows the error
        if d is None:
            raise TypeError(f"the stability of {type(filter).__name__} depends on its error: max_step needs d")
        return model.bounded_step()
    steepest = float(ratio.max())
    step = model.linear_step(in_mean=in_mean) / steepest
    # where small errors meet the steepest score, the data themselves can say whether the weights come to rest
    if in_mean or model.normalised or ratio[0] < 0.99 * steepest:
        return step
    return _tried(filter, xs, SMALL * math.pow(10.0, model.decades[0]), step)


def _tried(filter: GradientFilter, x: Array, small: float, most: float) -> float:  # noqa: A002
    """The largest step up to ``most`` for which the data themselves do not amplify noise beyond measure.

    The recursion knows nothing of the likeness of successive regressors, which makes LMS on coloured input diverge much
    earlier. So the filter learns noise, of a size that is ``small`` for the score, from pieces of the data: near the
    bound its misadjustment has no limit.
    """
    k, samples, m = x.shape
    length = min(samples, max(PIECE, 8 * filter.taps * m))
    starts = np.unique(np.linspace(0, samples - length, max(1, math.ceil(TRIALS / k))).astype(int))
    pieces = np.concatenate([x[:, at : at + length] for at in starts])
    pieces = np.ascontiguousarray(pieces[:: max(1, len(pieces) // TRIALS)])
    inputs = pieces[..., 0] if m == 1 else pieces
    noise = small * np.random.default_rng(0).standard_normal(pieces.shape[:2])
    field = type(filter)._params["mu"]

    def stable(mu: float) -> bool:
        mu = min(mu, field.high) if field.high is not None else mu
        one = type(filter)(**{**filter.params, "mu": mu})
        one._p[fir.POLICY] = fir.TRIAL
        filters = bank(one, len(pieces))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            y = filters.run(inputs, noise)
        return bool(np.mean(y * y) < AMPLIFIED * np.mean(noise * noise))

    if stable(0.96 * most):
        return most
    low, high = 0.0, most
    while high - low > 0.01 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def _row(filters: Bank, row: int) -> GradientFilter:
    found = filters[row]
    assert isinstance(found, GradientFilter)
    return found


def _checked(filter: GradientFilter, *, simulated: bool = False) -> GradientFilter:  # noqa: A002
    if not isinstance(filter, GradientFilter):
        raise TypeError(f"expected a gradient filter (LMS, NLMS, ...), got {filter!r}: there is no theory for it here")
    if filter._is_complex():
        raise TypeError(f"there is theory for real filters only, got {filter!r}")
    if filter._rule is not fir.steady and not simulated:
        raise TypeError(f"expected a filter whose step is fixed, got {filter!r}: simulate_mse measures its curve")
    return filter


def _rows(filter: GradientFilter, x: ArrayLike, d: ArrayLike) -> tuple[Array, Array]:  # noqa: A002
    """x as (k, T, m) and d as (k, T)."""
    m = filter.references
    xs, ds = real_array(x, "x"), real_array(d, "d")
    if m == 1 and xs.ndim in (1, 2):
        xs = xs[..., None]
    if xs.ndim == 2:
        xs = xs[None]
    if ds.ndim == 1:
        ds = ds[None]
    if xs.ndim != 3 or xs.shape[2] != m or ds.shape != xs.shape[:2]:
        last = "" if m == 1 else f", {m}"
        raise ValueError(
            f"x must have shape (T{last}) or (k, T{last}) and d (T,) or (k, T), got {np.shape(x)} and {np.shape(d)}"
        )
    if not (np.isfinite(xs).all() and np.isfinite(ds).all()):
        raise ValueError("every sample must be finite: fill or cut out what is missing")
    return xs, ds


class _Data:
    """The regressors of a filter over data, and what the Wiener filter makes of them."""

    def __init__(self, filter: GradientFilter, x: Array, d: Array) -> None:  # noqa: A002
        self.x, self.d, self.taps = x, d, filter.taps
        self.samples = d.shape[1]
        self.size = filter.taps * filter.references
        lines = len(d) * max(0, self.samples - self.taps + 1)
        if lines < LINES * self.size:
            needed = self.taps - 1 + math.ceil(LINES * self.size / max(1, len(d)))
            raise ValueError(f"expected at least {needed} samples for {self.size} weights, got {self.samples}")
        #: the average energy in the line
        self.energy = float(np.mean(np.sum(x * x, axis=2))) * filter.taps
        if not self.energy > 0.0:
            raise ValueError("the input is silent: there is nothing to predict")

    def pieces(self) -> Iterator[tuple[Array, Array]]:
        """(regressors, desired samples), piece by piece: newest tap first, one reference after the other.

        Only full lines count: the first ones, half empty, would rule every average of one over the energy. Of long data
        every so-many-th is taken.
        """
        k, samples, m = self.x.shape
        skip = self.taps - 1 if samples > self.taps else 0
        padded = self.x if skip else np.concatenate([np.zeros((k, self.taps - 1, m)), self.x], axis=1)
        stride = max(1, k * (samples - skip) // ENOUGH)
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.taps, axis=1)[:, ::stride, :, ::-1]
        desired = self.d[:, skip::stride]
        length = max(1, min(desired.shape[1], CHUNK // self.size))
        rows = max(1, CHUNK // (self.size * length))
        for row in range(0, k, rows):
            for at in range(0, desired.shape[1], length):
                piece = windows[row : row + rows, at : at + length].reshape(-1, self.size)
                yield piece, desired[row : row + rows, at : at + length].ravel()

    def mean(self, of: Callable[[Array, Array], Any]) -> Any:
        """An average over samples of what ``of`` sums up over a piece."""
        total, count = np.zeros(()), 0
        for x, d in self.pieces():
            total, count = total + of(x, d), count + d.size
        return total / count

    @cached_property
    def covariance(self) -> Array:
        found: Array = self.mean(lambda x, d: x.T @ x)
        return found

    @cached_property
    def wiener(self) -> Array:
        """R^-1 p, without the directions that the input does not excite."""
        return _solve(self.covariance, self.mean(lambda x, d: x.T @ d))

    @cached_property
    def minimum(self) -> float:
        return float(self.mean(lambda x, d: np.sum((d - x @ self.wiener) ** 2)))


class _Model:
    """The recursion for one filter on data."""

    def __init__(self, filter: GradientFilter, data: _Data) -> None:  # noqa: A002
        self.filter, self.data = filter, data
        self.leak = float(filter.params.get("leak", 0.0))
        self.floor = float(filter.params.get("regulariser", 0.0)) * data.energy
        loss = filter._descended
        self.score, self.gain, self.unit = loss.score, filter._gain, textbook_unit(loss)
        self.a, self.b = map(float, filter._p[[fir.A, fir.B]])  # of the loss, from where the kernel has them
        self.normalised = filter._gain is not fir.plain_gain
        eigenvalues, basis = np.linalg.eigh(data.covariance)
        excited = eigenvalues > 1e-12 * eigenvalues[-1]
        self.eigenvalues, self.basis = eigenvalues[excited], basis[:, excited]
        cross = data.mean(lambda x, d: self.direction(x).T @ np.column_stack([x, d]))
        self.limit = _solve(cross[:, :-1] + self.leak * np.eye(data.size), cross[:, -1])
        self.c = np.einsum("ji,jk,ki->i", self.basis, cross[:, :-1], self.basis)
        self.start = self.basis.T @ (np.ravel(filter.weights) - self.limit)

    def direction(self, x: Array) -> Array:
        """g(x), a regressor a row."""
        if self.filter._sweep is late_sign_sweep:
            return np.sign(x)
        return x / (np.sum(x * x, axis=1, keepdims=True) + self.floor + 1e-300) if self.normalised else x

    def f(self, e: float) -> float:
        """The error nonlinearity; where the gain knows the energy too, at its average."""
        energy = self.data.energy
        g = float(self.gain(self.score(e, self.a, self.b), e, self.unit, energy, self.floor))
        return g * (energy + self.floor) if self.normalised else g

    @cached_property
    def scale(self) -> float:
        """The size of an error of a filter that has learnt nothing."""
        return math.sqrt(float(np.mean(self.data.d**2))) or 1.0

    def slope(self, power: float) -> float:
        """f(e) / e for an error of ten to the power, of either sign."""
        e = math.pow(10.0, power)
        try:
            return max(self.f(e) / e, -self.f(-e) / e)
        except OverflowError:  # of a loss of the user's own
            return math.inf

    @cached_property
    def decades(self) -> tuple[int, int]:
        """The powers of ten between which the errors lie, and what is typical of the score.

        A score has a scale of its own, such as the width of a kernel, that may lie far from that of the signals: the
        range goes on to where the slope no longer rises.
        """
        middle = math.log10(self.scale)
        low, high = math.floor(middle) - SPAN, math.ceil(middle) + SPAN
        found = max(self.slope(power) for power in range(low, high + 1))
        while found == 0.0 and high - low < 2 * FURTHEST:
            low, high = low - 1, high + 1
            found = max(self.slope(low), self.slope(high))
        while low > -FURTHEST and self.slope(low) > RISE * self.slope(low + 1):
            low -= 1
        while high < FURTHEST and self.slope(high) > RISE * self.slope(high - 1):
            high += 1
        return low, high

    @cached_property
    def slopes(self) -> Array:
        """f(e) / e from tiny to huge errors."""
        low, high = self.decades
        return np.array([self.slope(low + k / DECADE) for k in range((high - low) * DECADE + 1)])

    @cached_property
    def linear(self) -> bool:
        return bool(np.allclose(self.slopes, 1.0, rtol=1e-9))

    # A linear error: moments of fourth order of the data.

    @cached_property
    def _fourth(self) -> tuple[Array, Array, Array, float]:
        """F, E[(g e* - gamma w*)^2], E[x e*] in the eigenbasis, and E[e*^2]."""
        w = self.basis.T @ self.limit
        n = self.eigenvalues.size

        def sums(x: Array, d: Array) -> Array:
            u, v = x @ self.basis, self.direction(x) @ self.basis
            e = (d - x @ self.limit)[:, None]
            drive = v * e - self.leak * w
            found = np.zeros((n, n + 3))
            found[:, :n] = (v * v).T @ (u * u)
            found[:, n] = np.sum(drive * drive, axis=0)
            found[:, n + 1] = np.sum(u * e, axis=0)
            found[0, n + 2] = np.sum(e * e)
            return found

        found = self.data.mean(sums)
        return found[:, :n], found[:, n], found[:, n + 1], float(found[0, n + 2])

    @property
    def _a_and_b(self) -> tuple[Array, Array]:
        """The matrices of I - mu A + mu^2 B."""
        return np.diag(2.0 * (self.c + self.leak)), self._fourth[0] + np.diag(self.leak**2 + 2.0 * self.leak * self.c)

    def linear_step(self, *, in_mean: bool) -> float:
        if in_mean:
            return 2.0 / (float(self.c.max()) + self.leak)
        a, b = self._a_and_b
        return 1.0 / float(np.abs(np.linalg.eigvals(b / np.diag(a)[:, None])).max())

    def curve(self, mu: float, samples: int) -> Array:
        """E[e^2](n)."""
        return self._linear_curve(mu, samples) if self.linear else self._nonlinear_curve(mu, samples)

    def steady_state(self, mu: float) -> float:
        if mu == 0.0:
            return float(self.curve(mu, 1)[0])
        if not self.linear:
            return self._nonlinear_limit(mu)
        if not mu < self.linear_step(in_mean=False):
            return math.inf
        a, b = self._a_and_b
        _, drive, _, least = self._fourth
        return least + float(self.eigenvalues @ np.linalg.solve(a - mu * b, mu * drive))

    def _linear_curve(self, mu: float, samples: int) -> Array:
        a, b = self._a_and_b
        _, drive, cross, least = self._fourth
        n = drive.size
        step = np.zeros((n + 1, n + 1))  # the last component is 1 and carries the drive
        step[:n, :n] = np.eye(n) - mu * a + mu * mu * b
        step[:n, n] = mu * mu * drive
        step[n, n] = 1.0
        k = np.append(self.start**2, 1.0)
        look = [np.append(self.eigenvalues, least)]
        width = min(samples, 256)
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(width - 1):
                look.append(look[-1] @ step)
            rows, leap = np.array(look), np.linalg.matrix_power(step, width)
            curve = np.empty(samples)
            for first in range(0, samples, width):  # a piece of the curve, then a leap of the state
                curve[first : first + width] = (rows @ k)[: samples - first]
                k = leap @ k
            decay = (1.0 - mu * (self.c + self.leak)) ** np.arange(samples)[:, None] if self.leak else None
            if decay is not None:
                curve -= 2.0 * decay @ (cross * self.start)
        return np.nan_to_num(curve, nan=np.inf, posinf=np.inf)

    # Any other error: energy conservation with a Gaussian a-priori error.

    @cached_property
    def _nonlinear(self) -> tuple[Array, Array, Array]:
        """A grid of zeta and at each, for every direction, h_G C and h_U E[g^2]."""
        classes = CLASSES if self.normalised else 1
        energy = np.concatenate([np.sum(x * x, axis=1) for x, _ in self.data.pieces()])
        edges = np.quantile(energy, np.linspace(0.0, 1.0, classes + 1)[1:-1])
        n = self.eigenvalues.size

        def sums(x: Array, d: Array) -> Array:
            u = x @ self.basis
            g = np.sign(x) @ self.basis if self.filter._sweep is late_sign_sweep else u
            which, level = np.searchsorted(edges, np.sum(x * x, axis=1)), np.sum(x * x, axis=1)
            found = np.empty((classes, 2 * n + 2))
            for k in range(classes):
                mine = which == k
                found[k, :n] = np.sum(g[mine] * u[mine], axis=0)
                found[k, n : 2 * n] = np.sum(g[mine] ** 2, axis=0)
                found[k, 2 * n :] = np.sum(level[mine]), np.sum(mine)
            return found

        found = self.data.mean(sums)
        levels = found[:, 2 * n] / found[:, 2 * n + 1]
        errors = np.concatenate([d - x @ self.limit for x, d in self.data.pieces()])
        errors = np.ascontiguousarray(errors[:: max(1, errors.size * classes // SAMPLES)])
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        most = float(self.eigenvalues @ self.start**2) + float(np.mean(self.data.d**2)) + self.data.minimum
        zeta = np.geomspace(max(1e-5 * self.data.minimum, 1e-14 * most), 1e4 * most, 60)
        slope, power = np.empty((classes, zeta.size)), np.empty((classes, zeta.size))
        for k in range(classes):
            shape = np.array([self.a, self.b, self.unit, levels[k], self.floor])
            _averages(self.score, self.gain).compiled(
                errors, nodes, weights / weights.sum(), shape, zeta, slope[k], power[k]
            )
        return zeta, slope.T @ found[:, :n], power.T @ found[:, n : 2 * n]

    def _nonlinear_states(self, mu: float, most: float) -> Iterator[float]:
        """zeta(0), zeta(1), ... up to ``most``, beyond which it has diverged."""
        grid, rate, drive = self._nonlinear
        first, width = math.log(grid[0]), math.log(grid[1] / grid[0])
        k = self.start**2
        while True:
            zeta = float(self.eigenvalues @ k)
            yield zeta
            if not zeta < most:
                return
            at = min(max((math.log(max(zeta, grid[0])) - first) / width, 0.0), grid.size - 1.001)
            i = int(at)
            above, below = at - i, 1.0 - at + i
            c = below * rate[i] + above * rate[i + 1]
            k = np.maximum(1.0 - 2.0 * mu * c, 0.0) * k + mu * mu * (below * drive[i] + above * drive[i + 1])

    def _nonlinear_curve(self, mu: float, samples: int) -> Array:
        curve = np.full(samples, np.inf)
        last, still = math.inf, 0
        for n, zeta in zip(range(samples), self._nonlinear_states(mu, float(self._nonlinear[0][-1])), strict=False):
            curve[n] = zeta + self.data.minimum
            still = still + 1 if abs(zeta - last) <= 1e-10 * zeta else 0
            if still > 10:
                curve[n:] = curve[n]
                break
            last = zeta
        return curve

    def _nonlinear_limit(self, mu: float) -> float:
        """The fixed point of zeta = mu / 2 h_U(zeta) / h_G(zeta) sum(lambda E[g^2] / C), the first from below."""
        grid, rate, drive = self._nonlinear
        start = float(self.eigenvalues @ self.start**2)
        if not rate[min(int(np.searchsorted(grid, start)), grid.size - 1)].max() > 0.0:
            return self.data.minimum + start  # errors of this size teach nothing: it stays where it is
        ratio = np.divide(drive, rate, out=np.full_like(drive, np.inf), where=rate > 0.0)
        with np.errstate(divide="ignore"):
            ends = 0.5 * mu * ratio @ self.eigenvalues
            gap = np.log(ends) - np.log(grid)
        below = np.flatnonzero(~(gap > 0.0))
        if below.size == 0:
            return math.inf
        i = int(below[0])
        if i == 0:
            return self.data.minimum + float(ends[0])
        share = gap[i - 1] / (gap[i - 1] - gap[i]) if math.isfinite(gap[i - 1]) else 1.0
        return self.data.minimum + float(np.exp(np.log(grid[i - 1]) + share * np.log(grid[i] / grid[i - 1])))

    def bounded_step(self) -> float:
        """The largest step from which the recursion does not run away, found by bisection."""
        low, high = 0.0, self.linear_step(in_mean=False) / float(self.slopes[0] or self.slopes[self.slopes > 0.0][0])
        most = 2.0 * (float(self.eigenvalues @ self.start**2) + self.data.minimum)
        for _ in range(60):
            mu = 0.5 * (low + high)
            states = self._nonlinear_states(mu, most)
            if all(zeta < most for _, zeta in zip(range(200 + 4 * self.data.size), states, strict=False)):
                low = mu
            else:
                high = mu
            if high - low <= 1e-3 * high:
                break
        return low


@cache
def _averages(score: Function, gain: Function) -> Function:
    """h_G and h_U over given errors and a Gaussian part of variance zeta."""

    @loop("void(f8[::1],f8[::1],f8[::1],f8[::1],f8[::1],f8[::1],f8[::1])")
    def averages(errors: Any, nodes: Any, weights: Any, shape: Any, zeta: Any, slope: Any, power: Any) -> None:
        for k in range(zeta.size):
            spread = np.sqrt(zeta[k])
            cross = square = 0.0
            for i in range(nodes.size):
                first = second = 0.0
                for j in range(errors.size):
                    e = errors[j] + spread * nodes[i]
                    f = gain(score(e, shape[0], shape[1]), e, shape[2], shape[3], shape[4])
                    first += f
                    second += f * f
                cross += weights[i] * nodes[i] * first
                square += weights[i] * second
            slope[k] = cross / spread / errors.size
            power[k] = square / errors.size

    return averages


def _solve(matrix: Array, right: Array) -> Array:
    """The solution of least length: directions without energy get no weight."""
    return np.asarray(np.linalg.lstsq(matrix, right, rcond=1e-12)[0], dtype=np.float64)
