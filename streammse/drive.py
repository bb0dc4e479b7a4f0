"""The loops, compiled once for all algorithms.

Those behind ``update`` for rows of inputs have defaults for all that a caller may forget, only so that the complaint
can name it (``_jit/complaints.py``).

They take a *bound* kernel: five words that say where its machine code, its parameters and its state are. So a call from
Python converts one integer instead of two arrays (a third of the time), and a row of a bank is the single node, bit for
bit, because both run the same machine code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._jit import Function, loop
from ._jit.called import called
from ._jit.instructions import alone, call_ahead, call_complex_step, call_step, call_vector_step

#: One sample holds Python's lock: to let it go and take it back is a fifth of the call, and in a live loop any other
#: thread could then keep it for 5 ms.
ONE: Any = {"allocates": False, "nogil": False}


def bind(step: Function, p: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.int64]:
    """The five words. They hold addresses of ``p`` and ``s``: whoever runs a loop on them keeps both alive."""
    return np.array([step.address, p.ctypes.data, p.size, s.ctypes.data, s.size], dtype=np.int64)


def call(run: Function, bound: NDArray[np.int64], *args: Any) -> Any:
    """One of the loops below on a bound kernel.

    A loop gets the address of the words alone and gives up Python's lock, so nothing in it keeps them alive. This call
    does, until the loop is done: pass the array itself, and nobody else needs its address.
    """
    return run.compiled(bound.ctypes.data, *args)


def calling(run: Callable[..., Any], bound: NDArray[np.int64], *args: Any, keeps: tuple[Any, ...]) -> Any:
    """The same as a C-level partial for many calls, which keeps the words alive, and ``keeps``: p and s."""
    made: Any = partial(run, bound.ctypes.data, *args)
    made.keeps = (bound, *keeps)
    return made


@loop("f8(i8,f8,f8)", **ONE)
def update(bound: int, x: float, d: float) -> Any:
    """One sample from Python: a partial of this is a node's ``update``, with no Python frame between."""
    return call_step(bound, x, d)


@loop("f8(i8,f8[::1],f8)", "f8(i8,f8[::1],omitted)", "f8(i8,f8[::1],none)", allocates=False)
def vector_update(bound: int, x: Any = None, d: Any = None) -> Any:
    """One row of inputs from Python."""
    if d is None:
        return call_vector_step(bound, x, nan)
    return call_vector_step(bound, x, d)


@loop("f8(i8,f8,f8)", **ONE)
def measure(bound: int, y_true: float, y_pred: float) -> Any:
    """One pair from Python, in the order in which people write it: the truth first."""
    return call_step(bound, y_pred, y_true)


@loop("f8(i8,f8,f8[::1])", allocates=False)
def vector_measure(bound: int, y_true: Any = None, x: Any = None) -> Any:
    """The same with a row of inputs."""
    return call_vector_step(bound, x, y_true)


@loop("f8(i8,f8)", **ONE)
def observe(bound: int, x: float) -> Any:
    """One sample that is both input and observation: a noisy one without a reference, the next one of a series."""
    return call_step(bound, x, x)


@loop("f8(i8,f8,f8)", **ONE)
def cancel(bound: int, x: float, reference: float) -> Any:
    """One noisy sample with its reference."""
    return call_step(bound, reference, x)


@loop("f8(i8,f8,f8[::1])", allocates=False)
def vector_cancel(bound: int, x: Any = None, reference: Any = None) -> Any:
    """One noisy sample with a row of references."""
    return call_vector_step(bound, reference, x)


#: what those for numbers call their arguments; NaN stands for one with a question mark where it is left out
_NAMES = {update: "x d?", measure: "y_true y_pred", observe: "x", cancel: "x reference"}


def entry(run: Function, names: str | None = None) -> Any:
    """What ``update`` calls in C, first of all with the address of the words; ``names`` where others are public."""
    return called(run, names or _NAMES[run]) if run in _NAMES else run.compiled


@loop("void(i8,f8[::1],f8[::1],f8[::1])", allocates=False)
def block(bound: int, x: Any, d: Any, y: Any) -> None:
    """y[t] = step(p, s, x[t], d[t])."""
    for t in range(y.size):
        y[t] = call_step(bound, x[t], d[t])


@loop("void(i8,f8[:,::1],f8[::1],f8[::1])", allocates=False)
def vector_block(bound: int, x: Any, d: Any, y: Any) -> None:
    """The same with a row of inputs a sample."""
    for t in range(y.size):
        y[t] = call_vector_step(bound, x[t], d[t])


@loop("void(i8[::1],f8[:,::1],f8[:,::1],f8[:,::1],i8,i8)", allocates=False)
def bank(bound: Any, x: Any, d: Any, y: Any, first: int, last: int) -> None:
    """Rows first to last - 1, each with its own parameters and state."""
    for k in range(first, last):
        for t in range(y.shape[1]):
            y[k, t] = call_step(bound[k], x[k, t], d[k, t])


@loop("void(i8[::1],f8[:,:,::1],f8[:,::1],f8[:,::1],i8,i8)", allocates=False)
def vector_bank(bound: Any, x: Any, d: Any, y: Any, first: int, last: int) -> None:
    """The same with a row of inputs a sample."""
    for k in range(first, last):
        for t in range(y.shape[1]):
            y[k, t] = call_vector_step(bound[k], x[k, t], d[k, t])


@loop("c16(i8,c16,c16)", "c16(i8,c16,omitted)", "c16(i8,c16,none)", **ONE)
def complex_update(bound: int, x: Any = None, d: Any = None) -> Any:
    """One complex sample from Python."""
    if d is None:
        return call_complex_step(bound, alone(x), complex(nan, nan))
    return call_complex_step(bound, alone(x), d)


@loop("c16(i8,c16[::1],c16)", "c16(i8,c16[::1],omitted)", "c16(i8,c16[::1],none)", allocates=False)
def complex_vector_update(bound: int, x: Any = None, d: Any = None) -> Any:
    """One row of complex inputs from Python."""
    if d is None:
        return call_complex_step(bound, x, complex(nan, nan))
    return call_complex_step(bound, x, d)


@loop("c16(i8,c16)", **ONE)
def complex_observe(bound: int, x: Any = None) -> Any:
    """One complex sample that is both input and observation."""
    return call_complex_step(bound, alone(x), x)


@loop("void(i8,c16[:,::1],c16[::1],c16[::1])", allocates=False)
def complex_block(bound: int, x: Any, d: Any, y: Any) -> None:
    """A block of complex samples, a row of inputs each."""
    for t in range(y.size):
        y[t] = call_complex_step(bound, x[t], d[t])


@loop("void(i8[::1],c16[:,:,::1],c16[:,::1],c16[:,::1],i8,i8)", allocates=False)
def complex_bank(bound: Any, x: Any, d: Any, y: Any, first: int, last: int) -> None:
    """Rows first to last - 1 of a bank of complex nodes."""
    for k in range(first, last):
        for t in range(y.shape[1]):
            y[k, t] = call_complex_step(bound[k], x[k, t], d[k, t])


@loop("void(i8,f8[::1])", allocates=False)
def ahead(bound: int, out: Any) -> None:
    """The next values, by the forecaster's own kernel."""
    call_ahead(bound, out)


@loop("void(i8,f8[::1],f8[::1],f8[::1])", allocates=False)
def roll(bound: int, s: Any, scratch: Any, out: Any) -> None:
    """The next values, as what the step gives when every sample is missing; ``bound`` has ``scratch`` for its state."""
    for i in range(s.size):  # spelt out: an assignment of slices takes long to compile
        scratch[i] = s[i]
    for k in range(out.size):
        out[k] = call_step(bound, nan, nan)


@loop("void(i8,f8[::1],f8[::1],f8[:,::1],f8[::1])", allocates=False)
def vector_roll(bound: int, s: Any, scratch: Any, x: Any, out: Any) -> None:
    """The same with a row of known inputs for each of the next values."""
    for i in range(s.size):
        scratch[i] = s[i]
    for k in range(out.size):
        out[k] = call_vector_step(bound, x[k], nan)
