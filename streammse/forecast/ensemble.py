"""Ensembles: several forecasters that run as one, and rules that weigh them by what they have lost so far.

The parameters and states of the experts lie behind those of the ensemble in its own flat vectors, so that it streams,
copies, stores and banks like any other forecaster, and may be an expert itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from .._jit import Function
from ..composite import Composite, settled
from ..kernels import aggregation as rules
from ..kernels import losses
from ..node import Array, Node, Predictor, on_a_line
from ..param import REQUIRED, param
from .base import Forecaster
from .simple import Drift, Naive, RunningMean, SeasonalNaive


def _experts(name: str, value: Any) -> tuple[Predictor, ...]:
    """Fresh copies of the models, whose parameters are fixed from now on."""
    if isinstance(value, (Node, type, str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of forecasters, got {value!r}")
    models = tuple(value)
    if not models:
        raise ValueError(f"{name} must hold at least one forecaster, got none")
    for one in models:
        if isinstance(one, type) and issubclass(one, Node):
            raise TypeError(f"{name} must hold forecasters such as {one.__name__}(), got the class")
        if not isinstance(one, Predictor):
            raise TypeError(f"{name} must hold forecasters, filters or kernels that predict, got {one!r}")
        if one._is_complex():
            raise ValueError(f"{name} must hold models of real series, got {one!r}, which is complex")
        if one._inputs() != 1 or (isinstance(one, Forecaster) and one._exogenous()):
            raise ValueError(f"{name} must hold models of the series alone, got {one!r}, which takes further inputs")
    return tuple(settled(one.clone()) for one in models)


class Ensemble(Composite, Forecaster):
    """What all ensembles share: their experts, and how these lie in the flat vectors."""

    models: tuple[Predictor, ...] = param(REQUIRED, "the experts", fixed=True, check=_experts, encode=lambda _: ())

    _worst = "len(models)"
    _p_size = _table = rules.TABLE
    _row = rules.ROW
    _made_of = "models"
    #: how many lists with an element for each expert stand in front of their states
    _lists: ClassVar[int]
    _needs = {"models": (Naive(), SeasonalNaive(season=12), RunningMean())}
    _probes = {"models": {"models": (Naive(), Drift())}}

    def _fill(self, p: Array) -> None:
        p[rules.EXPERTS] = len(self.models)
        for k, one in enumerate(self.models):
            p[rules.TABLE + rules.ROW * k + rules.FILTER] = not isinstance(one, Forecaster)

    def _own_size(self) -> int:
        return rules.LISTS + self._lists * len(self.models)

    def _fresh(self, s: Array) -> None:
        self._start_parts(s)
        self._list(s, 0)[:] = np.nan

    def _list(self, s: Array, which: int) -> Array:
        """One of the lists that have an element for each expert."""
        n = len(self.models)
        return s[rules.LISTS + which * n : rules.LISTS + (which + 1) * n]

    @property
    def needs(self) -> int:
        """As many samples as the first of the experts that can forecast."""
        return min(one.needs if isinstance(one, Forecaster) else 1 for one in self.models)

    @property
    def forecasts(self) -> Array:
        """What each expert had forecast for the last sample: a copy, NaN for one that had nothing to say."""
        return self._list(self._s, 0).copy()

    @property
    def experts(self) -> tuple[Predictor, ...]:
        """The experts as they are now: nodes on the ensemble's own state, for their forecasts further ahead."""
        return cast("tuple[Predictor, ...]", self._living())

    def _open(self) -> bool:
        return any(isinstance(one, Forecaster) and one._open() for one in self.models)

    def fit(self, y: ArrayLike, x: ArrayLike | None = None, *, loss: losses.Loss | None = None) -> Self:
        """Fit every expert on history, then learn the weights by running over it.

        Parameters
        ----------
        y : array, shape (T,)
            NaN marks a missing sample.
        x : None
            An ensemble takes no regressors.
        loss : Loss, optional
            By which the experts are fitted; the squared error if it is not given.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When the series is too short for one of the experts, which is named; the node is then as it was.
        """
        _, series = self._arrange(y, x)
        self._long_enough(series)
        values: Any = self._values
        if isinstance(values, MappingProxyType):
            raise TypeError("the parameters of a row are those of its bank: fit the node before it becomes a bank")
        fitted = [one.clone() for one in self.models]
        for one in fitted:
            if isinstance(one, Forecaster):
                one.fit(series, loss=loss)
        self._take(tuple(settled(one) for one in fitted))
        return super().fit(series)

    def _take(self, models: tuple[Predictor, ...]) -> None:
        """Go on with other parameters of the experts, in the same arrays where they fit in."""
        self._values["models"] = models
        p = self._parameters()
        if p.size == self._p.size and self._size() == self._s.size:
            self._p[:] = p
        else:
            self._p, self._s = p, on_a_line(1, self._size(), self._largest)[0]
            for name in ("_bound", "update"):
                self.__dict__.pop(name, None)
        self.reset()


class Weighted(Ensemble):
    """An ensemble whose weights follow the regrets of its experts."""

    loss: losses.Loss = param(
        losses.squared,
        "the loss by which experts are judged",
        fixed=True,
        kw_only=True,
        check=losses.as_loss,
        encode=lambda one: (one.a, one.b),
        slot=rules.A,
    )

    _lists = 5
    _rule: ClassVar[Function]
    _long_variants: ClassVar[tuple[dict[str, Any], ...]] = ({"loss": losses.huber(0.5)},)
    _probes = {**Ensemble._probes, "loss": {"loss": losses.absolute}}

    def _kernel(self) -> Function:
        return rules.weighted(type(self)._rule, self.loss.value, self.loss.score)

    def _fresh(self, s: Array) -> None:
        super()._fresh(s)
        self._list(s, 1)[:] = 1.0 / len(self.models)

    @property
    def weights(self) -> Array:
        """The weights with which the next sample is forecast: a copy, in the order of the models, of sum one.

        Where an expert has nothing to say its part goes to the others, in proportion.
        """
        return self._list(self._s, 1).copy()


class Descending(Weighted):
    """A rule that may take the gradient of the loss in place of the loss."""

    gradient: bool = param(
        True, "judge by the slope of the loss at the ensemble's own forecast", kw_only=True, slot=rules.GRADIENT
    )

    _variants: ClassVar[tuple[dict[str, Any], ...]] = ({"gradient": False},)


class ExponentialWeights(Descending):
    r"""The exponentially weighted average: weights fall with the exponential of what an expert has lost.

    .. math::

        w_{k,t} \propto \exp(\eta R_{k,t-1}), \qquad R_{k,t} = \sum_{s \le t} \ell(y_s, \hat y_s) - \ell(y_s, f_{k,s})

    Without an ``eta`` it is that of AdaHedge, ``ln K`` over the sum of the mixability gaps so far: then the weights
    depend neither on the unit of the series nor on its length, and no regret exceeds twice that sum, hence with losses
    that differ by at most S not :math:`S \sqrt{T \ln K} + S(\tfrac43 \ln K + 2)` either.

    With ``gradient`` the loss of an expert is its linear part, :math:`\ell'(\hat y_s) f_{k,s}`: then the bounds hold
    against the best fixed mixture of the experts, without it against the best expert. An expert whose forecast is NaN
    sleeps: its weight is shared among the others and its regret stands still.

    Parameters
    ----------
    models : list of forecasters
        The experts; a filter or a kernel of one's own gets the sample before as its input. Fixed.
    loss : Loss
        By which they are judged. With one whose slope is bounded, such as ``sm.losses.huber``, an outlier does not
        level the weights. Fixed.
    gradient : bool
        Judge by the slope of the loss.
    eta : float, optional
        A fixed learning rate, at least 0, in the unit of one over the loss. Squared loss without gradient on a range M:
        at 1 / (2 M^2) the regret stays below ln K / eta for ever.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = np.tile([1.0, 5.0, 2.0], 20)
    >>> model = sm.ExponentialWeights([sm.Naive(), sm.SeasonalNaive(3)]).fit(y)
    >>> model.weights.round(2) + 0.0, model.forecast(3).round(1)
    (array([0., 1.]), array([1., 5., 2.]))

    References
    ----------
    N. Cesa-Bianchi and G. Lugosi, Prediction, Learning, and Games, 2006, sections 2.2, 2.4 and 3.3. S. de Rooij,
    T. van Erven, P. Grunwald and W. Koolen, "Follow the leader if you can, hedge if you must", JMLR 15, 2014,
    section 2. Y. Freund, R. Schapire, Y. Singer and M. Warmuth, "Using and combining predictors that specialize",
    STOC 1997.
    """

    eta: float | None = param(
        None, "learning rate; None: AdaHedge's", low=0.0, optional=True, kw_only=True, slot=rules.ETA
    )

    _rule = rules.exponential
    _variants = (*Descending._variants, {"eta": 0.01}, *Weighted._long_variants)
    _long_variants = ()
    _probes = {**Descending._probes, "eta": {"eta": 0.05}}


class MLPoly(Descending):
    r"""Polynomially weighted averages with a learning rate for each expert (ML-Poly): nothing to tune.

    .. math::

        w_{k,t} \propto \frac{(R_{k,t-1})_+}{E_{t-1}^2 + \sum_{s<t} r_{k,s}^2}, \qquad
        r_{k,s} = \ell(y_s, \hat y_s) - \ell(y_s, f_{k,s}), \quad R_{k,t} = \sum_{s \le t} r_{k,s}

    For regrets of at most 1 the paper has E = 1, and no regret exceeds
    :math:`\sqrt{K (1 + \ln(1 + T)) (1 + \sum_s r_{k,s}^2)}`. Here E is the largest of them so far and a sample's are
    shrunk to what was the largest before it, so that the weights do not depend on the unit of the series; that costs at
    most E. An expert that is worse than the ensemble has no weight at all.

    With ``gradient`` the loss of an expert is its linear part, and the bounds hold against the best fixed mixture. An
    expert whose forecast is NaN sleeps: its weight is shared among the others and its regret stands still.

    Parameters
    ----------
    models : list of forecasters
        The experts; a filter or a kernel of one's own gets the sample before as its input. Fixed.
    loss : Loss
        By which they are judged. Fixed.
    gradient : bool
        Judge by the slope of the loss at the ensemble's own forecast.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = np.tile([1.0, 5.0, 2.0], 20)
    >>> model = sm.MLPoly([sm.Naive(), sm.SeasonalNaive(3)]).fit(y)
    >>> model.weights, model.forecast(3)
    (array([0., 1.]), array([1., 5., 2.]))

    References
    ----------
    P. Gaillard, G. Stoltz and T. van Erven, "A second-order bound with excess losses", COLT 2014: the algorithm
    ML-Poly and its bound; the reduction for experts that report their confidence is that for experts that sleep.
    """

    _rule = rules.polynomial


class BOA(Descending):
    r"""Bernstein online aggregation: exponential weights that charge an expert for how much it differs.

    .. math::

        w_{k,t} \propto \eta_{k,t-1} \exp\Bigl(\eta_{k,t-1} \sum_{s<t} r_{k,s} (1 - \eta_{k,s-1} r_{k,s})\Bigr), \qquad
        \eta_{k,t}^2 = \frac{\ln K}{4 E_{k,t}^2 \ln K + \sum_{s \le t} r_{k,s}^2}

    r is the regret of one sample as in `MLPoly`, E the largest of this expert so far, and a sample's are shrunk until
    none is larger than its expert's before: the weights do not depend on the unit of the series, and a hopeless expert
    does not slow down the rest. The regret against an expert grows with the square root of its own
    :math:`\sum r_{k,s}^2`, so that it stays small where one expert is clearly the best; for independent data the excess
    risk falls as fast as any aggregation can make it, with high probability.

    With ``gradient`` the loss of an expert is its linear part, and the bounds hold against the best fixed mixture. An
    expert whose forecast is NaN sleeps: its weight is shared among the others and its regret stands still.

    Parameters
    ----------
    models : list of forecasters
        The experts; a filter or a kernel of one's own gets the sample before as its input. Fixed.
    loss : Loss
        By which they are judged. With one whose slope is bounded, such as ``sm.losses.huber``, an outlier does not
        level the weights. Fixed.
    gradient : bool
        Judge by the slope of the loss at the ensemble's own forecast.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = np.tile([1.0, 5.0, 2.0], 20)
    >>> model = sm.BOA([sm.Naive(), sm.SeasonalNaive(3)]).fit(y)
    >>> model.weights.round(2) + 0.0, model.forecast(3).round(1)
    (array([0.02, 0.98]), array([1. , 4.9, 2. ]))

    References
    ----------
    O. Wintenberger, "Optimal learning with Bernstein online aggregation", Machine Learning 106, 2017: the version
    with multiple learning rates.
    """

    _rule = rules.bernstein
    _lists = 6


class BestSoFar(Weighted):
    r"""The expert with the smallest mean loss so far: follow the leader.

    .. math::

        \hat y_t = f_{k^*,t}, \qquad k^* = \arg\min_k \operatorname{mean}_{s<t} \ell(y_s, f_{k,s})

    An expert that slept at times is compared on the samples at which it did not, by what the ensemble lost there beyond
    its own loss. Leaders that are level share; while the leader sleeps, those awake do. No bound holds: where two
    experts take turns at being the better one it may follow the wrong one all the time.

    Parameters
    ----------
    models : list of forecasters
        The experts; a filter or a kernel of one's own gets the sample before as its input. Fixed.
    loss : Loss
        By which they are judged. Fixed.

    Examples
    --------
    >>> import streammse as sm
    >>> model = sm.BestSoFar([sm.Naive(), sm.RunningMean()]).fit([1.0, 2.0, 3.0, 4.0])
    >>> model.weights, model.forecast(1)
    (array([1., 0.]), array([4.]))

    References
    ----------
    N. Cesa-Bianchi and G. Lugosi, Prediction, Learning, and Games, 2006, section 3.2.
    """

    _rule = rules.leader
    #: after an outlier the mean, which is off a little for long, beats in squares what is off by all of it for once
    _probes = {
        **Weighted._probes,
        "loss": {"loss": losses.correntropy, "models": (SeasonalNaive(season=12), RunningMean())},
    }


class Middle(Ensemble):
    """An ensemble that weighs nobody: the mean of the forecasts in the middle."""

    _lists = 1

    def _own_size(self) -> int:
        return super()._own_size() + -(-len(self.models) // rules.LANES) * rules.LANES

    def _fresh(self, s: Array) -> None:
        super()._fresh(s)
        s[super()._own_size() : self._own_size()] = rules.LAST_OF_ALL

    def _kernel(self) -> Function:
        return rules.trimmed

    @property
    def lookback(self) -> float:
        """As far as the expert that looks back farthest."""
        return max(one.lookback if isinstance(one, Forecaster) else float("inf") for one in self.models)


class TrimmedMeanEnsemble(Middle):
    r"""The mean of the forecasts in the middle: those at both ends are left out.

    .. math::

        \hat y_t = \frac{1}{K - 2c} \sum_{i=c+1}^{K-c} f_{(i),t}, \qquad c = \lfloor \text{trim} \cdot K \rfloor

    Nothing is learnt about the experts: hard to beat where they are alike, and no single one does harm. K counts those
    that have something to say.

    Parameters
    ----------
    models : list of forecasters
        The experts; a filter or a kernel of one's own gets the sample before as its input. Fixed.
    trim : float
        The share that is left out at each end, 0 (the plain mean) to 0.5 (the median).

    Examples
    --------
    >>> import streammse as sm
    >>> models = [sm.Naive(), sm.Drift(), sm.RunningMean(), sm.WindowAverage(2)]
    >>> sm.TrimmedMeanEnsemble(models, trim=0.25).fit([1.0, 2.0, 3.0, 6.0]).forecast(1)
    array([5.25])

    References
    ----------
    V. Jose and R. Winkler, "Simple robust averages of forecasts", Int. J. Forecasting 24, 2008, section 2.
    """

    trim: float = param(0.2, "share left out at each end", low=0.0, high=0.5, slot=rules.TRIM)

    _probes = {**Ensemble._probes, "trim": {"trim": 0.4}}


class MedianEnsemble(Middle):
    r"""The median of the forecasts.

    .. math::

        \hat y_t = \operatorname{median}_k f_{k,t}

    Of an even number it is the mean of the two in the middle. Half of the experts may fail without doing harm.

    Parameters
    ----------
    models : list of forecasters
        The experts; a filter or a kernel of one's own gets the sample before as its input. Fixed.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.MedianEnsemble([sm.Naive(), sm.Drift(), sm.RunningMean()]).fit([1.0, 2.0, 6.0]).forecast(2)
    array([6., 6.])

    References
    ----------
    V. Jose and R. Winkler, "Simple robust averages of forecasts", Int. J. Forecasting 24, 2008, section 2.
    """

    def _parameters(self) -> Array:
        p = super()._parameters()
        p[rules.TRIM] = 0.5
        return p
