"""``sm.kernel``: a user's own ``step(p, s, x, d)`` becomes a node with every form that ours have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from . import _jit
from .node import Array, Estimator, Node, Predictor
from .param import param

Step = Callable[[Any, Any, Any, float], float]


def kernel(
    state: int | Callable[..., int],
    *,
    inputs: int = 1,
    estimator: bool = False,
    start: Callable[[Any, Any], None] | None = None,
    boundscheck: bool = True,
    **params: float,
) -> Callable[[Step], type[Node]]:
    """Turn one sample's arithmetic into an algorithm: stream, block, bank, snapshot, clone and checks follow.

    The decorated function is ``step(p, s, x, d) -> y`` in the subset of Python that Numba compiles: ``p`` holds the
    parameters in the order in which they are declared, ``s`` the state, both flat float64 arrays; ``x`` is a float
    (or an array of ``inputs`` of them), ``d`` the desired sample, NaN when not known: then give the output and learn
    nothing. What comes back is a class; its instances behave as every other node.

    Parameters
    ----------
    state : int or callable
        How many float64 the state holds, or a function of the parameters (by name) that says so.
    inputs : int
        Inputs a sample; with more than one ``x`` is an array.
    estimator : bool
        False: a predictor, ``update(x, d)``, whose output must not depend on this ``d``.
        True: an estimator, ``update(y_true, y_pred)``, with ``x`` the prediction and ``d`` the truth.
    start : callable, optional
        ``start(p, s)`` fills the zeroed state before the first sample; plain Python.
    boundscheck : bool
        True: an index outside of an array raises IndexError. False: it reads or writes foreign memory, and a kernel
        that is known to be right is somewhat faster.
    **params
        The public parameters with their defaults. Those on which the size of the state depends are fixed once built;
        the others can be set at any moment.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> @sm.kernel(state=2, rate=0.1)
    ... def Level(p, s, x, d):
    ...     y = s[0]
    ...     if d == d:
    ...         s[0] += p[0] * (d - y)
    ...     return y
    >>> Level(rate=0.5).run(np.zeros(4), [1.0, 1.0, 1.0, 1.0]).tolist()
    [0.0, 0.5, 0.75, 0.875]
    """
    if callable(state) and len(inspect.signature(state).parameters) == 4 and not params:
        raise TypeError("write @sm.kernel(state=...): say how many float64 the state holds")
    if isinstance(inputs, bool) or int(inputs) != inputs or inputs < 1:
        raise ValueError(f"inputs must be a positive integer, got {inputs!r}")
    if estimator and inputs > 1:
        raise ValueError(f"an estimator takes one prediction: expected inputs=1, got {inputs}")
    if not callable(state) and (int(state) != state or state < 1):
        raise ValueError(f"state must be a positive integer or a function of the parameters, got {state!r}")
    base: type[Node] = Estimator if estimator else Predictor
    for name, value in params.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"the default of {name} must be a number, got {value!r}")
        if name.startswith("_") or hasattr(base, name):
            raise ValueError(f"a parameter cannot be called {name!r}: every node has that already")
    shaping = tuple(inspect.signature(state).parameters) if callable(state) else ()
    unknown = [name for name in shaping if name not in params]
    if unknown:
        known = ", ".join(params) or "none"
        raise TypeError(f"state depends on {', '.join(unknown)}, which is no parameter (there are: {known})")

    def decorate(step: Step) -> type[Node]:
        if len(inspect.signature(step).parameters) != 4:
            raise TypeError(f"{step.__name__} must be a step(p, s, x, d) that returns y")
        compiled = (_jit.kernel if inputs == 1 else _jit.vector_kernel)(step, allocates=True, boundscheck=boundscheck)

        def _size(self: Node) -> int:
            size = int(state(*(self._values[name] for name in shaping))) if callable(state) else int(state)
            if size < 1:
                raise ValueError(f"the state of {step.__name__} must hold at least one number, got {size}")
            return size

        def _start(self: Node, s: Array) -> None:
            if start is not None:
                start(self._p, s)

        body: dict[str, Any] = {
            name: param(
                value if name in shaping else float(value), f"parameter of {step.__name__}", fixed=name in shaping
            )
            for name, value in params.items()
        }
        body |= {
            "__doc__": step.__doc__,
            "__module__": step.__module__,
            "__qualname__": step.__qualname__,
            "_kernel": lambda self: compiled,
            "_inputs": lambda self: inputs,
            "_size": _size,
            "_start": _start,
            "_fallible": True,  # the user's code may raise
            "_worst": "?",  # as its step has it
        }
        return type(step.__name__, (base,), body)

    return decorate
