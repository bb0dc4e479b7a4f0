"""``node.c_function()``: a node for C, C++, Rust, an audio callback: no GIL, no Python, nothing allocated."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._jit import COMPLEX, VECTOR, Function, plain_c

PROTOTYPE = """\
#ifndef STREAMMSE_H
#define STREAMMSE_H
#include <stdint.h>

typedef struct {
    const double *p; /* parameters */
    int64_t p_size;
    double *s;       /* state: all that the node remembers */
    int64_t s_size;
    int64_t inputs;  /* how many doubles a sample of x has */
    int64_t status;  /* 0; 1 from the first failure on, until you clear it */
} streammse_node;

/* The output for one sample x, with d the desired or observed sample (NaN: not known, nothing is learnt). NaN, and
   status set, where the algorithm raises. */
typedef double streammse_step(streammse_node *node, double x, double d);

/* The same for a node with several inputs: x points to node->inputs doubles. */
typedef double streammse_vector_step(streammse_node *node, const double *x, double d);

/* The same for a complex node: x points to node->inputs complex numbers, d and y to one; each is a pair of doubles, the
   real part first, as double _Complex, std::complex<double> or Fortran's complex(8) lie in memory. d must not be NULL.
   y may be x or d. */
typedef void streammse_complex_step(streammse_node *node, const double *x, const double *d, double *y);

/* n samples: y[t] = step(node, x[t], d[t]), x a sample a row. d may be NULL (not known); y may be x or d. Returns how
   many samples were done: n, or fewer where the algorithm raised. For a complex node all of them are pairs. */
typedef int64_t streammse_block(streammse_node *node, int64_t n, const double *x, const double *d, double *y);

#endif
"""


class CFunction:
    """The plain-C form of a node: addresses of functions, and of what they work on.

    Attributes
    ----------
    address : int
        Of ``double step(streammse_node *node, double x, double d)``; with several inputs ``const double *x``; complex
        ``void step(streammse_node *node, const double *x, const double *d, double *y)``, numbers as pairs.
    block_address : int
        Of ``int64_t block(streammse_node *node, int64_t n, const double *x, const double *d, double *y)``.
    node : int
        The address of the node's ``streammse_node``, the first argument of both.
    p, s : int
        The addresses of its parameters and its state, which the Python node shares: it sees what C has learnt.
    p_size, s_size, inputs : int
        How many numbers there are; ``inputs`` how many a sample of x has.
    prototype : str
        The C header: the struct and the types of the functions.
    step, block : ctypes functions
        The same functions for ``ctypes``, and to pass on to a library that was loaded with it.
    status : int
        0, or 1 from the first failure on; set it to 0 to clear it.

    Notes
    -----
    What x and d are is the contract's affair: of a Predictor the input and the desired sample; of an Estimator the
    prediction and the truth; of a Forecaster twice the sample of the series (or regressors and sample); of a Denoiser
    the reference and the noisy sample, or twice the noisy one.

    A node is one thread's at a time. For a second channel in C copy the struct, and give it an ``s`` of its own: a copy
    of the state. The functions are valid for as long as the process lives; the struct, ``p`` and ``s`` for as long as
    this object, which holds the node. ``fit`` of an ensemble may lay out its arrays anew: take the C form after it.

    Errors: where ``update`` would raise, the output is NaN and ``status`` is set; the state counts the sample as seen.
    Where it would warn nothing is said, since there is no Python to say it to: ``f.diverged`` counts it. (An expert in
    an ensemble is the exception: its warning goes to Python and takes the GIL for it.)
    """

    prototype = PROTOTYPE

    def __init__(
        self, owner: Any, kernel: Function, p: NDArray[np.float64], s: NDArray[np.float64], inputs: int
    ) -> None:
        self._owner, self._arrays = owner, (p, s)
        self.address, self.block_address = plain_c.entries(kernel)
        self.p, self.p_size, self.s, self.s_size, self.inputs = p.ctypes.data, p.size, s.ctypes.data, s.size, inputs
        self._words = np.array([self.p, p.size, self.s, s.size, inputs, 0], dtype=np.int64)
        self.node: int = self._words.ctypes.data
        self._vector, self._pairs = kernel.signatures == (VECTOR,), kernel.signatures == (COMPLEX,)
        pointer = ctypes.POINTER(ctypes.c_double)
        x = pointer if self._vector else ctypes.c_double
        form: tuple[Any, ...] = (ctypes.c_double, ctypes.c_void_p, x, ctypes.c_double)
        if self._pairs:
            form = (None, ctypes.c_void_p, pointer, pointer, pointer)
        self.step = ctypes.CFUNCTYPE(*form)(self.address)
        many = (ctypes.c_void_p, ctypes.c_int64, pointer, pointer, pointer)
        self.block = ctypes.CFUNCTYPE(ctypes.c_int64, *many)(self.block_address)

    def __call__(self, x: ArrayLike, d: complex = math.nan) -> Any:
        """One sample through the C function, for a first try from Python."""
        if not (self._vector or self._pairs):
            return float(self.step(self.node, x, d))
        row: NDArray[Any] = np.ascontiguousarray(x, dtype=np.complex128 if self._pairs else np.float64)
        if self._pairs and row.ndim == 0:
            row = row.reshape(1)
        if row.shape != (self.inputs,):
            raise ValueError(f"a sample has {self.inputs} inputs: expected shape ({self.inputs},), got {row.shape}")
        if not self._pairs:
            return float(self.step(self.node, _pointer(row), d))
        others = np.array([d, math.nan], dtype=np.complex128)
        self.step(self.node, _pointer(row), _pointer(others[:1]), _pointer(others[1:]))
        return complex(others[1])

    def __repr__(self) -> str:
        return f"<the C function of {self._owner!r} at {self.address:#x}>"

    @property
    def status(self) -> int:
        """0, or 1 from the first failure on."""
        return int(self._words[plain_c.STATUS])

    @status.setter
    def status(self, value: int) -> None:
        self._words[plain_c.STATUS] = value


def _pointer(array: NDArray[Any]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
