"""The only room that imports numba: what a kernel is, when it is compiled, and where the result is kept.

A few decorators, none of which compiles or imports anything by itself:

- ``@helper``: a small function that is inlined into every kernel that calls it;
- ``@kernel``: one sample's arithmetic, ``y = step(p, s, x, d)`` (``x`` a float64);
- ``@vector_kernel``: the same with ``x`` a float64 vector;
- ``@complex_kernel``: ``x`` a vector of complex numbers, ``d`` and ``y`` complex; ``p`` and ``s`` stay float64;
- ``@ahead_kernel``: a forecaster's next values, ``ahead(p, s, out)``;
- ``@loop(signature)``: anything else that Python calls, with its signature spelt out.

Called from Python the decorated function stays plain Python, which is what the tests hold the machine code against;
``.compiled`` is the machine code, made at the first use and kept on disk by ``cache.py``. A few instructions that numba
has no word for are in ``instructions.py``. ``.inlined`` is the step for a user's own loop, and ``plain_c.py`` its form
for C.

What does not allocate is compiled without numba's runtime: no reference to ``p`` or ``s`` is counted (at a branch that
calls a ``rare`` function numba counted four times a sample, a third of the time of a step), a slice costs nothing, and
the compiler has less to do. Whoever calls holds the arrays for as long as the call takes; an allocation, or an array of
its own that a function gives back, is refused when it is compiled. Kernels do not allocate, a loop says so. A user's
kernel may, and borrows its arrays (``borrowed.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import cache as _once  # ``cache`` is a module of this room
from importlib import import_module
from types import FunctionType
from typing import Any

from . import complaints
from .collector import kept_out

SCALAR = "f8(f8[::1],f8[::1],f8,f8)"
VECTOR = "f8(f8[::1],f8[::1],f8[::1],f8)"
COMPLEX = "c16(f8[::1],f8[::1],c16[::1],c16)"
AHEAD = "void(f8[::1],f8[::1],f8[::1])"

#: whether machine code is being made for C, where nobody hears a warning: in it, and in all that it calls, ``warn`` is
#: nothing
silent: ContextVar[bool] = ContextVar("silent", default=False)


@_once
def _numba() -> Any:
    """The compiler, without the quarter of a second that scipy.linalg takes to import.

    Numba imports it at its start merely to see whether there is a BLAS; whoever compiles ``np.dot`` asks again.
    """
    import numba
    from numba.np import linalg

    ask = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        arraymath: Any = import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = ask
    arraymath.ensure_blas = ask
    return numba


class Function:
    """A Python function and, from its first use on, its machine code."""

    def __init__(self, py_func: Callable[..., Any], *signatures: str, **options: Any) -> None:
        self.py_func = py_func
        self.signatures = signatures
        self.options = options
        self._made: dict[tuple[bool, bool], Any] = {}
        self.__doc__ = py_func.__doc__
        self.__name__ = py_func.__name__
        self.__module__ = py_func.__module__

    def __call__(self, *args: Any) -> Any:
        return self.py_func(*args)

    def __repr__(self) -> str:
        return f"<{self.py_func.__module__}.{self.py_func.__qualname__}>"

    def __deepcopy__(self, memo: object) -> Function:
        return self

    def __reduce__(self) -> str:
        return self.py_func.__qualname__  # pickled by its name, as functions are

    @property
    def compiled(self) -> Any:
        """Machine code behind numba's argument conversion; compiled or loaded at the first use."""
        if not self.signatures:
            raise TypeError(f"{self!r} is machine code only inside of kernels: call it as it is")
        return self._machine()

    def _machine(self, *, inline: bool = False) -> Any:
        """The machine code, by default such as is called; ``inline`` such as becomes a part of its caller."""
        form = (inline, silent.get())
        if form not in self._made:
            numba = _numba()
            from numba.core.compiler_lock import global_compiler_lock

            # Numba's own lock and no other: its compiler asks for ours while it holds it, and with two a thread of the
            # user's that compiles and one that builds a node would wait for each other.
            with global_compiler_lock:
                if form not in self._made:
                    self._made[form] = self._make(numba, *form)
        return self._made[form]

    @property
    def _borrows(self) -> bool:
        """Whether its arrays come without an owner."""
        return self.options.get("_nrt", True) and bool(set(self.signatures) & {SCALAR, VECTOR, AHEAD})

    def mark(self, *, inline: bool = False, silently: bool = False) -> str | None:
        """The digest of one of its forms, by which the cache knows it; None where it has none."""
        from .borrowed import borrowing
        from .cache import fingerprint

        return fingerprint((self, inline, silently, borrowing if self._borrows else None))

    def _make(self, numba: Any, inline: bool, silently: bool) -> Any:
        from .borrowed import borrowing
        from .cache import DiskCache
        from .compiler import Inlined, Lean

        borrows = self._borrows
        mark = self.mark(inline=inline, silently=silently)
        # Entries that nobody calls are a third of the time of a build: those from C, and for what only kernels call
        # also those from Python and the machine code itself.
        options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **self.options}
        function = _marked(self.py_func, mark)
        alone: dict[str, Any] = {"no_cpython_wrapper": True}
        if self.__module__.split(".")[0] == "streammse":  # what others write may be anything
            options["pipeline_class"] = Lean
            alone["pipeline_class"] = Inlined
        if borrows:
            body = numba.njit(forceinline=True, **options | alone)(function)
            function = _marked(borrowing(body, self.signatures[0]), mark, self.py_func)
        if inline:
            options["forceinline"] = True
        if not self.signatures:
            options |= alone
        elif inline:
            options["no_cpython_wrapper"] = True
        made = numba.njit(**options)(function)
        for signature in self.signatures:
            with DiskCache(self, signature, mark) as made._cache:
                _compile(made, self.py_func, _parse(signature))
        if self.signatures:
            made.disable_compile()
            complaints.explain(made)
        return made

    @property
    def inlined(self) -> Step:
        """The step for a user's own loop."""
        return Step(self)

    @property
    def address(self) -> int:
        """Where the machine code begins, in numba's own calling convention: what the loops of ``drive.py`` take."""
        (made,) = self.compiled.overloads.values()
        return int(made.library.get_pointer_to_function(made.fndesc.llvm_func_name))

    @property
    def _numba_type_(self) -> Any:
        # Numba asks any global that a kernel names for its type by this attribute: helpers compile when first needed.
        from numba import types

        return types.Dispatcher(self._machine())


class Step:
    """A kernel for a user's own ``@njit`` loop, of which it becomes a part; from Python it is called as it is."""

    def __init__(self, kernel: Function) -> None:
        self.kernel = kernel
        self.__doc__ = kernel.__doc__

    def __call__(self, *args: Any) -> Any:
        return self.kernel.compiled(*args)

    def __repr__(self) -> str:
        return f"<the step of {self.kernel!r}>"

    @property
    def _numba_type_(self) -> Any:
        from numba import types

        return types.Dispatcher(self.kernel._machine(inline=True))


def _compile(made: Any, py_func: Callable[..., Any], signature: Any) -> None:
    """Compile; for a user's function that does not, one line in the place of numba's many.

    Of what a compiler makes most lasts until its end, and in looking for the rest a tenth of the time would go.
    """
    try:
        with kept_out():
            made.compile(signature)
    except Exception as error:
        told = complaints.translated(py_func, error)
        if told is None:
            raise
        raise told from error


def _marked(py_func: Callable[..., Any], mark: str | None, around: Callable[..., Any] | None = None) -> Any:
    """The function under a name that no other content has; ``around`` another one, under the name of that one.

    Numba tells functions of one name apart by a number that counts from 1 in every process, and looks machine code up
    by name: two closures, stored by two processes, would be taken for one another in a third.
    """
    made = FunctionType(
        py_func.__code__, py_func.__globals__, py_func.__name__, py_func.__defaults__, py_func.__closure__
    )
    named = py_func if around is None else around
    made.__doc__, made.__module__ = named.__doc__, named.__module__
    made.__qualname__ = named.__qualname__ if mark is None else f"{named.__qualname__}.{mark[:32]}"
    if around is not None:
        made.__qualname__ += ".borrowing"
    complaints.functions[made.__qualname__] = py_func
    return made


def helper(py_func: Callable[..., Any], *, allocates: bool = False) -> Function:
    """A function inlined into the kernels that call it."""
    return Function(py_func, forceinline=True, _nrt=allocates)


def rare(py_func: Callable[..., Any]) -> Function:
    """A function that kernels call but seldom: kept out of line, so that it costs the common path no register."""
    return Function(py_func, _nrt=False)


def kernel(py_func: Callable[..., Any], *, allocates: bool = False, **options: Any) -> Function:
    """``y = step(p, s, x, d)`` with one input."""
    return Function(py_func, SCALAR, _nrt=allocates, **options)


def vector_kernel(py_func: Callable[..., Any], *, allocates: bool = False, **options: Any) -> Function:
    """``y = step(p, s, x, d)`` with a vector of inputs."""
    return Function(py_func, VECTOR, _nrt=allocates, **options)


def complex_kernel(py_func: Callable[..., Any]) -> Function:
    """``y = step(p, s, x, d)`` with a vector of complex inputs, complex ``d`` and ``y``."""
    return Function(py_func, COMPLEX, _nrt=False)


def ahead_kernel(py_func: Callable[..., Any]) -> Function:
    """``ahead(p, s, out)``: fills the next values of a forecaster and leaves ``s`` as it was."""
    return Function(py_func, AHEAD, _nrt=False)


def loop(*signatures: str, allocates: bool = True, nogil: bool = True) -> Callable[[Callable[..., Any]], Function]:
    """A compiled function with signatures of its own; ``omitted`` stands for a last argument left out, None."""
    return lambda py_func: Function(py_func, *signatures, _nrt=allocates, nogil=nogil)


def _parse(signature: str) -> Any:
    from numba import types
    from numba.core import sigutils

    head, omitted, _ = signature.partition(",omitted")
    if not omitted:
        return signature
    atypes, rtype = sigutils.normalize_signature(head + ")")
    return rtype(*atypes, types.Omitted(None))
