"""Intermittent demand: many periods without any. Croston's method, its correction, and one that lets demand die out."""

from __future__ import annotations

import math
from typing import ClassVar

from .._jit import Function, ahead_kernel, helper, kernel
from ..kernels.constants import LARGEST
from ..param import param
from .base import SEEN, Forecaster

# p
ALPHA, BETA = range(2)
# s: what a demand is, how many periods apart they come (or how likely one is), how many periods ago the last one was
DEMAND, INTERVAL, SINCE = range(1, 4)
CHANCE = INTERVAL


@helper
def _croston(p, s):  # type: ignore[no-untyped-def]
    return s[DEMAND] / s[INTERVAL] if s[INTERVAL] > 0.0 else 0.0


@helper
def _unbiased(p, s):  # type: ignore[no-untyped-def]
    return (1.0 - 0.5 * p[ALPHA]) * s[DEMAND] / s[INTERVAL] if s[INTERVAL] > 0.0 else 0.0


@helper
def _expected(p, s):  # type: ignore[no-untyped-def]
    return s[CHANCE] * s[DEMAND]


@helper
def _at_demand(p, s, d):  # type: ignore[no-untyped-def]
    """Croston: only a demand teaches anything, its size and the time since the one before."""
    s[SINCE] += 1.0
    if d != 0.0:
        first = s[INTERVAL] == 0.0
        s[DEMAND] = d if first else s[DEMAND] + p[ALPHA] * (d - s[DEMAND])
        s[INTERVAL] = s[SINCE] if first else s[INTERVAL] + p[ALPHA] * (s[SINCE] - s[INTERVAL])
        s[SINCE] = 0.0


@helper
def _at_every_period(p, s, d):  # type: ignore[no-untyped-def]
    """TSB: a period without demand teaches that demand has become less likely."""
    came = 1.0 if d != 0.0 else 0.0
    s[CHANCE] = s[CHANCE] + p[BETA] * (came - s[CHANCE]) if s[SEEN] > 0.0 else came
    if d != 0.0:
        s[DEMAND] = d if s[SINCE] == 0.0 else s[DEMAND] + p[ALPHA] * (d - s[DEMAND])
        s[SINCE] = 1.0  # whether there was a demand yet


def _kernels(value: Function, learn: Function) -> tuple[Function, Function]:
    """The step and the forecasts, which are all the same."""

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        y = value(p, s) if s[SEEN] > 0.0 else math.nan
        if abs(d) < LARGEST:
            learn(p, s, d)
            s[SEEN] += 1.0
        return y

    @ahead_kernel
    def ahead(p, s, out):  # type: ignore[no-untyped-def]
        for k in range(out.size):
            out[k] = value(p, s)

    return step, ahead


class _Intermittent(Forecaster):
    """What the methods share: a step and an ``ahead``."""

    _worst = "1"
    _forms: ClassVar[tuple[Function, Function]]

    def _kernel(self) -> Function:
        return self._forms[0]

    def _ahead(self) -> Function:
        return self._forms[1]

    def _size(self) -> int:
        return SINCE + 1


class Croston(_Intermittent):
    r"""Croston's method: the mean size of a demand over the mean time between two.

    .. math::

        \hat y_{t+h} = z_t / q_t, \qquad
        z_t = z_{t-1} + \alpha (y_t - z_{t-1}),\quad q_t = q_{t-1} + \alpha (i_t - q_{t-1}) \text{ where } y_t \ne 0

    The time i counts periods up to and with the demand. Both begin with the first demand: its size, and the periods up
    to it. Before any demand the forecast is 0. A missing period counts as none at all, neither with demand nor without.

    Parameters
    ----------
    alpha : float
        Weight of the last demand, 0 < alpha <= 1. 0.05 to 0.2 in practice.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.Croston(alpha=0.5).run([0.0, 4.0, 0.0, 0.0, 6.0, 0.0])  # 4 every 2, then 5 every 2.5
    array([nan,  0.,  2.,  2.,  2.,  2.])

    References
    ----------
    J. D. Croston, "Forecasting and stock control for intermittent demands", Operational Research Quarterly 23, 1972,
    pp. 289-303.
    """

    alpha: float = param(0.1, "weight of the last demand", above=0.0, high=1.0, slot=ALPHA)

    _forms = _kernels(_croston, _at_demand)


class SBA(_Intermittent):
    r"""Syntetos and Boylan's correction of Croston's method, which is too high by some alpha / 2.

    .. math::

        \hat y_{t+h} = \left(1 - \frac{\alpha}{2}\right) z_t / q_t

    with z and q as in `Croston`.

    Parameters
    ----------
    alpha : float
        Weight of the last demand, 0 < alpha <= 1. 0.05 to 0.2 in practice.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.SBA(alpha=0.5).run([0.0, 4.0, 0.0, 0.0, 6.0, 0.0])
    array([nan, 0. , 1.5, 1.5, 1.5, 1.5])

    References
    ----------
    A. A. Syntetos and J. E. Boylan, "The accuracy of intermittent demand estimates", International Journal of
    Forecasting 21, 2005, pp. 303-314, equation 5.
    """

    alpha: float = param(0.1, "weight of the last demand", above=0.0, high=1.0, slot=ALPHA)

    _forms = _kernels(_unbiased, _at_demand)


class TSB(_Intermittent):
    r"""Teunter, Syntetos and Babai: how likely a demand is, times its mean size; so a dead article fades to zero.

    .. math::

        \hat y_{t+h} = p_t z_t, \qquad p_t = p_{t-1} + \beta (1_{y_t \ne 0} - p_{t-1}),\quad
        z_t = z_{t-1} + \alpha (y_t - z_{t-1}) \text{ where } y_t \ne 0

    The chance begins with the first period (0 or 1), the size with the first demand; before any, the forecast is 0. A
    missing period teaches nothing.

    Parameters
    ----------
    alpha : float
        Weight of the last demand in its size, 0 < alpha <= 1.
    beta : float
        Weight of the last period in the chance, 0 < beta <= 1: less than alpha, since it learns more often.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.TSB(alpha=0.5, beta=0.5).run([4.0, 0.0, 0.0, 8.0, 0.0])
    array([ nan, 4.  , 2.  , 1.  , 3.75])

    References
    ----------
    R. H. Teunter, A. A. Syntetos and M. Z. Babai, "Intermittent demand: Linking forecasting to inventory obsolescence",
    European Journal of Operational Research 214, 2011, pp. 606-615, equation 1.
    """

    alpha: float = param(0.1, "weight of the last demand in its size", above=0.0, high=1.0, slot=ALPHA)
    beta: float = param(0.05, "weight of the last period in the chance of a demand", above=0.0, high=1.0, slot=BETA)

    _forms = _kernels(_expected, _at_every_period)
