"""Plain C, compiled here and now: gcc -O3 -march=native -ffast-math."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .timing import Call, Unavailable
from .workloads import MU, complex_identification, identification, pairs

FLAGS = ("-O3", "-march=native", "-ffast-math")
SOURCES = Path(__file__).parent / "c"


@cache
def library(name: str, flags: tuple[str, ...] = FLAGS) -> ctypes.CDLL:
    """The compiled form of ``c/<name>.c``, in a temporary folder that is gone again once it is loaded."""
    gcc = shutil.which("gcc")
    if gcc is None:
        raise Unavailable("gcc is not installed")
    with tempfile.TemporaryDirectory() as folder:
        code, target = Path(folder) / f"{name}.o", Path(folder) / f"{name}.so"
        # Linked without the flags: with -ffast-math gcc adds code that switches subnormals off for the whole process.
        for command in (
            [gcc, *flags, "-fPIC", "-c", str(SOURCES / f"{name}.c"), "-o", str(code)],
            [gcc, "-shared", str(code), "-o", str(target)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable(f"gcc cannot compile {name}.c: {done.stderr.strip().splitlines()[-1]}")
        return ctypes.CDLL(str(target))


def _at(array: np.ndarray[Any, Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def nlms(taps: int, samples: int) -> dict[str, Call]:
    """Both ways to have the energy; the output array is allocated anew each time, as ours is."""
    data = identification(taps, samples)
    x, d = data.padded, data.d

    def caller(function: Any) -> Any:
        w = np.zeros(taps)

        def call() -> Any:
            y = np.empty(samples)
            sizes = (ctypes.c_size_t(samples), ctypes.c_size_t(taps), ctypes.c_double(MU), ctypes.c_double(1e-3))
            function(_at(x), _at(d), _at(y), _at(w), *sizes)
            return y

        return call

    code = library("nlms")
    return {
        "recursive energy": Call(caller(code.nlms_recursive), samples),
        "energy in the same pass": Call(caller(code.nlms_same_pass), samples),
    }


def complex_nlms(taps: int, samples: int) -> dict[str, Call]:
    """The same for complex signals whose parts lie apart, as a C program would keep them."""
    parts = complex_identification(taps, samples).parts

    def caller(function: Any) -> Any:
        w = np.zeros((2, taps))

        def call() -> Any:
            y = np.empty((2, samples))
            sizes = (ctypes.c_size_t(samples), ctypes.c_size_t(taps), ctypes.c_double(MU), ctypes.c_double(1e-3))
            function(*map(_at, parts), _at(y[0]), _at(y[1]), _at(w[0]), _at(w[1]), *sizes)
            return y

        return call

    code = library("complex_nlms")
    return {
        "recursive energy": Call(caller(code.complex_nlms_recursive), samples),
        "energy in the same pass": Call(caller(code.complex_nlms_same_pass), samples),
    }


def read_both(samples: int) -> dict[str, Call]:
    """The sum of both arrays."""
    a, b = pairs(samples)
    function = library("sum").sum_both
    function.restype = ctypes.c_double
    return {"": Call(lambda: function(_at(a), _at(b), ctypes.c_size_t(samples)), samples)}
