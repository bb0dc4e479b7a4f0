"""NLMS whose update keeps a vector beside the weights, or looks at every weight: one body, and a rule for the update.

``rule(p, s, u, n, e, energy, floor, unit)`` changes the weights for one sample that teaches: e the error, ``energy``
what is in the line and ``floor`` what regularises it, ``unit`` the typical size of a weight, the rms of d over that of
the input. Steps are relative to the energy, squares of errors to the running power of d and weights to their unit, so
every rule works for signals of any scale, where the papers have steps of LMS. n numbers behind the line are its own.
"""

from __future__ import annotations

import math
from functools import cache

from .._jit import Function, helper
from .._jit.passes import attract, fade_and_add, proportion, sum_at_least
from .._jit.vectors import add_scaled, dot, loudest
from . import line
from .bursts import worth_learning
from .constants import LARGEST as HUGE
from .constants import SMALLEST as SMALL
from .line import COUNT, FREE, POWER, REFERENCES, UNLEARNT, WEIGHTS, as_if_full, listen
from .step_rules import OUTLIER, error_power

# p: what a rule takes stands behind
MU, REGULARISER = range(line.OWN, line.OWN + 2)
RATE, FADING, SMALLEST, LARGEST = range(line.OWN + 2, line.OWN + 6)  # of a step that descends
SHARE, EVEN = RATE, FADING  # of gains in proportion
PULL, SLOPE = RATE, FADING  # of attraction
P_SIZE = line.OWN + 6
# s
LEVEL, DESIRED, HEARD, STEP, MISFIT = range(FREE, FREE + 5)

SILENT = SMALL * SMALL  # no more energy in the line than this teaches nothing
LOUD = 3.0  # an error counts for at most so many times the rms of d in a step: a spike must not set it for long
START = 0.01  # weights below so much of their unit all count as large


@cache
def learning(rule: Function) -> Function:
    """``learn(p, s, u, n, d) -> y`` with a rule for the update."""

    @helper
    def learn(p, s, u, n, d):  # type: ignore[no-untyped-def]
        m = int(p[REFERENCES])
        y = dot(s, WEIGHTS, s, u, n)
        energy = dot(s, u, s, u, n)
        e = d - y
        if not worth_learning(s, LEVEL, u + n - m, m, d, e, energy):
            s[UNLEARNT] += 1.0
            return y
        s[DESIRED], s[HEARD] = listen(d, s[DESIRED], s[HEARD])
        lacking = as_if_full(energy, s[POWER], s[COUNT], float(n)) - energy
        floor = lacking + p[REGULARISER] * n * s[POWER]
        if not (energy > SILENT and abs(e) < HUGE * energy):
            s[UNLEARNT] += 1.0
            return y
        rule(p, s, u, n, e, energy, floor, math.sqrt(s[DESIRED] / s[POWER]))
        return y

    return learn


@helper
def own(n: int) -> int:
    """Where the numbers of a rule lie."""
    return WEIGHTS + 3 * n


@helper
def descend(p, s, u, n, e, energy, floor, unit):  # type: ignore[no-untyped-def]
    """The step descends the squared error, whose slope is -e x' psi: psi is how the weights grow with the step.

    Exactly, psi(n+1) = psi(n) + (e - mu x' psi) x / below; where it fades instead, it is not projected.
    """
    at, below = own(n), energy + floor
    most = LOUD * math.sqrt(s[DESIRED])
    heard = max(-most, min(most, e))
    slope = dot(s, at, s, u, n)
    misfit = s[MISFIT]
    agreed = heard * (slope / misfit) if misfit > 0.0 else 0.0
    s[MISFIT] = error_power(misfit, heard)
    step = s[STEP] + p[RATE] * max(-OUTLIER, min(OUTLIER, agreed))
    step = min(max(step, p[SMALLEST]), p[LARGEST])
    s[STEP] = step
    add_scaled(s, WEIGHTS, step * e / below, s, u, n)
    projected = step * slope if p[FADING] == 0.0 else 0.0
    fade_and_add(s, at, 1.0 - p[FADING], (heard - projected) / below, u, n)


@helper
def proportionate(p, s, u, n, e, energy, floor, unit):  # type: ignore[no-untyped-def]
    """Each weight has a step in proportion to its size, or to ``least``, beside an even one for all; one on average."""
    share = p[SHARE]
    least = share * max(START * unit, loudest(s, WEIGHTS, n)) if share > 0.0 else 0.0
    total = sum_at_least(s, WEIGHTS, least, n)
    even, slope = 1.0, 0.0
    if total * HUGE > n:
        even = p[EVEN]
        slope = (1.0 - even) * n / total
    below = proportion(s, own(n), u, WEIGHTS, even, slope, least, n) + floor
    if below > 0.0:
        add_scaled(s, WEIGHTS, p[MU] * e / below, s, own(n), n)


@helper
def attracted(p, s, u, n, e, energy, floor, unit):  # type: ignore[no-untyped-def]
    """NLMS, and each weight pulled towards zero; in a quiet passage, which says nothing of them, it is not."""
    mu, below = p[MU], energy + floor
    pull = mu * p[PULL] / n * unit * (energy / below)
    attract(s, WEIGHTS, mu * e / below, u, pull, p[SLOPE] / unit if unit > SMALL else 0.0, n)
