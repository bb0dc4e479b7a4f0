"""Node, Predictor, Estimator, Denoiser: the whole public behaviour of every algorithm, written once.

A class says which parameters it has (``param``), which kernel it runs and how large its state is; streaming, blocks,
checks, snapshots, copies and banks follow from here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property, wraps
from operator import is_
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast, dataclass_transform

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import drive, snapshot
from ._jit import Function
from .c_function import CFunction
from .param import Param
from .scalar import shown
from .snapshot import Stored

Array = NDArray[np.float64]

#: where in the state a whole number stands (or several), the least and the largest that it can be
Index = tuple[int | slice, float, float]

#: parameters, the size of the state, and the header of a snapshot that says both
Told = tuple[tuple[Any, ...], int, bytes]


def _read_only(told: property) -> property:
    """The same property, whose arrays cannot be written to: they are copies, and writing would change nothing."""
    get = told.fget
    if get is None or "Array" not in str(get.__annotations__.get("return", "Array")):
        return told

    @wraps(get)
    def getter(node: Any) -> Any:
        found = get(node)
        if isinstance(found, np.ndarray):
            found = found.view()
            found.flags.writeable = False
        return found

    return property(getter, told.fset, told.fdel, told.__doc__)


class _Update:
    """``node.update``: on first use a C-level partial of the compiled call, kept on the node itself."""

    def __init__(self, words: str = "") -> None:
        self.words = words

    def __set_name__(self, owner: type, name: str) -> None:
        self.__doc__ = f"""One sample: the same as ``run`` over a block of one, in a fraction of a microsecond.

        {self.words}
        """

    def __get__(self, node: Any, owner: type) -> Any:
        if node is None:
            return self
        call = drive.calling(self._call(node), node._bound, keeps=(node._p, node._s))
        if node._inputs() > 1:
            kind = np.complex128 if node._is_complex() else np.float64
            call = (_checked_input if isinstance(node, Predictor) else _checked_reference)(call, node._inputs(), kind)
        node.__dict__["update"] = call
        return call

    def _call(self, node: Any) -> Any:
        """What is called with the bound kernel and the sample."""
        return drive.entry(node._entry())


def _row(x: ArrayLike, m: int, kind: Any = np.float64) -> Any:
    """A row of inputs must be contiguous, of one kind and of m values: machine code does not look."""
    if type(x) is np.ndarray and x.shape == (m,) and x.dtype == kind and x.flags.carray:
        return x
    array = np.array(x, dtype=kind)
    if array.shape != (m,):
        raise ValueError(f"a sample has {m} inputs: expected shape ({m},), got {array.shape}")
    return array


def _checked_input(call: Callable[..., float], m: int, kind: Any) -> Callable[..., float]:
    def update(x: ArrayLike, d: float | None = None) -> float:
        return call(_row(x, m, kind), d)

    return named_update(update)


def _checked_reference(call: Callable[..., float], m: int, kind: Any) -> Callable[..., float]:
    def update(x: float, reference: ArrayLike) -> float:
        return call(x, _row(reference, m, kind))

    return named_update(update)


def named_update(update: Callable[..., float]) -> Callable[..., float]:
    """The function under the name by which it is called: a complaint of Python's names no place in here."""
    update.__qualname__ = update.__name__ = "update"
    return update


@dataclass_transform()
class Node:
    """Parameters ``p``, a state ``s`` and a compiled ``y = step(p, s, x, d)``."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _params: ClassVar[dict[str, Param]] = {}
    #: where each field lies in ``p``, and how long ``p`` is at least
    _slots: ClassVar[dict[str, int]] = {}
    _p_size: ClassVar[int] = 0
    #: layout of the state; raised when an old snapshot can no longer be read as it stands (``_migrate`` reads it then)
    _layout: ClassVar[int] = 1
    #: what the worst single update grows with, in the names of the parameters: shown as O(...), held by a law
    _worst: ClassVar[str] = ""
    #: further parameters in which the laws are tried, where they select another kernel
    _variants: ClassVar[tuple[dict[str, Any], ...]] = ()
    #: the same, for `make soak` alone: what takes long to compile
    _long_variants: ClassVar[tuple[dict[str, Any], ...]] = ()
    #: values for parameters that have no default, so that the laws can build it
    _needs: ClassVar[dict[str, Any]] = {}
    #: parameters of its base that a class does not have
    _omits: ClassVar[tuple[str, ...]] = ()
    #: for the law that no parameter is dead: parameters with another value of the one named, where a double or a half
    #: of it is not permitted or would not show
    _probes: ClassVar[dict[str, dict[str, Any]]] = {}
    #: what the last node of this class told of itself
    _last_told: ClassVar[Told | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found: dict[str, Param] = {}
        for base in reversed(cls.__mro__):
            for name, value in list(vars(base).items()):
                if isinstance(value, Param):
                    found[name] = value
                elif name in found:  # a subclass names another default
                    found[name] = found[name].with_default(value)
                    setattr(base, name, found[name])
        found = {name: one for name, one in found.items() if name not in cls._omits}
        for name, value in list(vars(cls).items()):
            if isinstance(value, property) and not name.startswith("_"):
                setattr(cls, name, _read_only(value))
        cls._params = found
        cls._fields = tuple(found)
        cls._slots = {name: k if one.slot is None else one.slot for k, (name, one) in enumerate(found.items())}
        ordered = sorted(found.values(), key=lambda one: one.kw_only)  # stable: declaration order within each kind
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        cls.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(one.name, kinds[one.kw_only], default=one.default) for one in ordered]
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            given = inspect.signature(type(self)).bind(*args, **kwargs).arguments
        except TypeError as error:
            known = ", ".join(self._fields) or "none"
            raise TypeError(f"{type(self).__name__}: {error} (its parameters: {known})") from None
        self._values = {name: one.check(given.get(name, one.default)) for name, one in self._params.items()}
        try:
            self._check()
            self._p = np.zeros(max(self._p_size, len(self._fields)))
            for name, one in self._params.items():
                one.store(self._p, self._slots[name], self._values[name])
            self._s: Array = on_a_line(1, self._size(), self._largest)[0]
            self._start(self._s)
        except (MemoryError, OverflowError) as error:  # before its state could be counted
            raise ValueError(f"{self._largest} needs more memory than there is room for") from error

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name.startswith("_") or hasattr(type(self), name)):
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}: it has {', '.join(self._fields)}")
        object.__setattr__(self, name, value)

    # What an algorithm defines.

    def _kernel(self) -> Function:
        """The compiled step for these parameters."""
        raise NotImplementedError

    def _size(self) -> int:
        """How many float64 the state holds."""
        raise NotImplementedError

    def _start(self, s: Array) -> None:
        """Fill a zeroed state with what it holds before the first sample."""

    def _check(self) -> None:
        """Conditions that tie several parameters together."""

    def _inputs(self) -> int:
        """How many inputs a sample has; more than one asks for a vector kernel."""
        return 1

    def _is_complex(self) -> bool:
        """Whether inputs, desired samples and outputs are complex; that asks for a complex kernel."""
        return False

    def _block(self) -> Function | None:
        """A block kernel ``(p, s, x, d, y)`` of the family's own, x (T, m), where the generic loop costs too much."""
        return None

    def _entry(self) -> Function:
        """The compiled call behind ``update``."""
        if self._is_complex():
            return drive.complex_update if self._inputs() == 1 else drive.complex_vector_update
        return drive.update if self._inputs() == 1 else drive.vector_update

    def _indices(self) -> list[Index]:
        """The slots of the state in which whole numbers stand, and from where to where they go.

        All that a kernel uses as a place or as a count belongs here: machine code does not look where it reads, so a
        stored state with another number in such a slot is refused.
        """
        return []

    def _migrate(self, layout: int, s: Array) -> Array:  # noqa: ARG002
        """A state that an older version stored, with its layout, as this one has it.

        A family that raises ``_layout`` says here how, and in ``_size_at_first`` how large layout 1 was; it looks at
        the size of ``s`` itself. What comes back is checked like any stored state. Without it old snapshots are
        refused.
        """
        raise ValueError(
            f"the snapshot is of an older version of streammse: it holds {type(self)._name()} in layout {layout}, "
            f"this one reads {self._layout}"
        )

    def _size_at_first(self) -> int:
        """How many float64 the state held in layout 1: snapshots of format 1 do not say it of nodes within nodes."""
        return self._size()

    # What follows for all.

    @property
    def params(self) -> dict[str, Any]:
        """The public parameters by name."""
        return dict(self._values)

    @property
    def p(self) -> Array:
        """The parameters as the kernel has them: the array itself, for a loop of one's own."""
        return self._p

    @property
    def s(self) -> Array:
        """The state as the kernel has it: the array itself, for a loop of one's own."""
        return self._s

    @property
    def _largest(self) -> str:
        """The whole number that makes the state so large."""
        sizes = {name: value for name, value in self._values.items() if type(value) is int}
        name = max(sizes, key=sizes.__getitem__, default="")
        return f"{name}={shown(sizes[name])}" if name else repr(self)

    @cached_property
    def _bound(self) -> NDArray[np.int64]:
        return drive.bind(self._kernel(), self._p, self._s)

    def _through(self, x: Array, d: Array) -> Array:
        """Checked arrays through the kernel; on an error the state is as it was before."""
        y = np.empty(d.size, d.dtype)
        if not self._fallible:
            self._run_block(x, d, y)
            return y
        before = self._s.copy()
        try:
            self._run_block(x, d, y)
        except BaseException:
            self._s[:] = before
            raise
        return y

    def _run_block(self, x: Array, d: Array, y: Array) -> None:
        own = self._block()
        if own is not None:
            own.compiled(self._p, self._s, x.reshape(d.size, self._inputs()), d, y)
        elif self._is_complex():
            drive.call(drive.complex_block, self._bound, x.reshape(d.size, self._inputs()), d, y)
        else:
            loop = drive.block if x.ndim == 1 else drive.vector_block
            drive.call(loop, self._bound, x, d, y)

    #: whether the kernel can raise; then a block keeps a copy of the state to go back to
    _fallible: ClassVar[bool] = False

    def reset(self) -> Self:
        """Forget everything learnt; the parameters stay. Returns self."""
        self._s[:] = 0.0
        self._start(self._s)
        return self

    def clone(self) -> Self:
        """A fresh node with the same parameters that has learnt nothing (``copy.deepcopy`` keeps what was learnt)."""
        return type(self)(**self._values)

    def snapshot(self) -> bytes:
        """Parameters and state as bytes, without pickle; ``restore`` or ``sm.load`` goes on from there, bit for bit."""
        values = tuple(self._values.values())
        told: Told | None = self.__dict__.get("_told")
        if told is None or not all(map(is_, told[0], values)):  # half of the time of a small one
            told = self._told = self._tell(values)
        return snapshot.seal(told[2], (self._s,))

    def _tell(self, values: tuple[Any, ...]) -> Told:
        """The header for these parameters, that of the last node of this class where it had the very same."""
        cls, size = type(self), self._s.size
        last: Told | None = cls.__dict__.get("_last_told")
        if last is not None and last[1] == size and all(map(is_, last[0], values)):
            return last
        told = values, size, snapshot.header(cls._name(), self._layout, self._values, {"s": self._s})
        if all(map(snapshot.small, values)):  # a class keeps no nodes alive
            cls._last_told = told
        return told

    def restore(self, data: bytes) -> Self:
        """Take over a snapshot of a node of the same class and parameters. Returns self.

        Raises ValueError when the bytes are damaged or belong to another algorithm or other parameters, or when no
        such node could have got into this state; the state is then as it was.
        """
        return self._take_over(snapshot.parse(data))

    def _take_over(self, stored: Stored) -> Self:
        with snapshot.refusing(stored.name):
            self._expect(stored, type(self)._name())
            snapshot.fill(self._s, self._current(stored.layout, stored.params, stored.arrays["s"][None])[0])
        return self

    def _expect(self, stored: Stored, name: str) -> None:
        """A snapshot must be of this name and of these parameters; one that it does not know had its default then."""
        if stored.name != name:
            snapshot.refuse(f"expected a snapshot of {name}, got one of {stored.name}")
        values, mine = stored.params, {key: snapshot.plain(value) for key, value in self._values.items()}
        if values == mine:
            return
        theirs = {
            key: snapshot.completed(self._values[key], values[key])
            if key in values
            else snapshot.plain(self._params[key].default)
            for key in mine
        }
        what = [
            f"{key}={theirs[key]!r} instead of {mine[key]!r}"
            for key in mine
            if not snapshot.alike(mine[key], theirs[key])
        ]
        what += [f"{key}, which is not known here" for key in values if key not in mine]
        if what:
            words = ", ".join(what)
            snapshot.refuse(f"the snapshot was made with other parameters: {words}; sm.load builds a matching node")

    def _current(self, layout: int, params: dict[str, Any], s: Array) -> Array:
        """A stored state, a row a node, in today's layout and such as a node like this can have."""
        s = self._today(layout, params, s)
        if s.shape != (len(s), self._s.size):
            raise ValueError(f"the snapshot holds a state of shape {s.shape[1:]}, expected ({self._s.size},)")
        self._inspect(s)
        return s

    def _today(self, layout: int, params: dict[str, Any], s: Array) -> Array:  # noqa: ARG002  nodes within nodes need it
        """The same in today's layout."""
        if layout > self._layout:
            raise ValueError(
                f"the snapshot is from a newer version of streammse: it holds {type(self)._name()} in layout {layout}, "
                f"this one reads up to {self._layout}"
            )
        return s if layout == self._layout else np.stack([self._migrate(layout, row) for row in s])

    def _inspect(self, s: Array) -> None:
        """ValueError where a stored state, a row a node, would lead the kernel out of it or never let it go."""
        for where, low, high in self._indices():
            snapshot.whole(s, where, low, high)

    @classmethod
    def _foretold(cls, values: dict[str, Any]) -> int:
        """How many float64 the state of such a node would take, before any is allocated."""
        blank = object.__new__(cls)
        blank._values = {name: one.check(values.get(name, one.default)) for name, one in cls._params.items()}
        return blank._size()

    @classmethod
    def _name(cls) -> str:
        """The name in snapshots: of the class alone for ours, with the module for a user's."""
        ours = cls.__module__.startswith("streammse.")
        return cls.__name__ if ours else f"{cls.__module__}:{cls.__qualname__}"

    def _sharing(self, p: Array, s: Array) -> Self:
        """A node of these parameters on somebody else's arrays: a row of a bank, whose parameters are those of all."""
        made = object.__new__(type(self))
        made._values, made._p, made._s = cast("dict[str, Any]", MappingProxyType(self._values)), p, s
        return made

    def compiled(self) -> Any:
        """The step ``(p, s, x, d) -> y`` for a user's own ``@njit`` loop, of which it becomes a part."""
        return self._kernel().inlined

    def c_function(self) -> CFunction:
        """The step as a plain C function, with the addresses of what it works on: no GIL, no Python, no allocation."""
        return CFunction(self, self._kernel(), self._p, self._s, self._inputs())

    def __reduce__(self) -> Any:
        return _revive, (type(self), dict(self._values), self._s.copy())

    def __repr__(self) -> str:
        default = {name: one.default for name, one in self._params.items()}
        told = [f"{k}={v!r}" for k, v in self._values.items() if v is not default[k] and v != default[k]]
        return f"{type(self).__name__}({', '.join(told)})"

    def _arrange(self, *args: Any, **kwargs: Any) -> tuple[Array, Array]:
        """The arguments of ``run``, checked and in the kernel's order (x, d); ``rows`` for a bank of so many."""
        raise NotImplementedError


def _revive(cls: type[Node], values: dict[str, Any], s: Array) -> Node:
    node = cls(**values)
    node._s[:] = s
    return node


def on_a_line(rows: int, size: int, cause: str = "") -> Array:
    """Zeros of shape (rows, size), every row beginning on a cache line of 64 bytes.

    Raises ValueError, which names the ``cause``, where there is no such room.
    """
    stride = -(-size // 8) * 8
    try:
        raw = np.zeros(rows * stride + 7)
    except (MemoryError, ValueError, OverflowError):
        raise ValueError(
            f"{cause} needs a state of {8.0 * rows * size:.4g} bytes, more than there is room for"
        ) from None
    first = -raw.ctypes.data // 8 % 8
    return raw[first : first + rows * stride].reshape(rows, stride)[:, :size]


class _Borrowed:
    """A read-only array as the kernels' signatures want it; they never write to their inputs."""

    def __init__(self, array: Array) -> None:
        self.array = array  # alive as long as the view of it
        self.__array_interface__ = dict(array.__array_interface__, data=(array.ctypes.data, False))


def real_array(values: ArrayLike, name: str) -> Array:
    """A contiguous float64 array, or an error that names the argument."""
    made: Array = _numbers(values, name, "fiub", np.float64, "real")
    return made


def complex_array(values: ArrayLike, name: str) -> NDArray[np.complex128]:
    """A contiguous complex128 array, or an error that names the argument."""
    made: NDArray[np.complex128] = _numbers(values, name, "cfiub", np.complex128, "complex or real")
    return made


def _numbers(values: ArrayLike, name: str, kinds: str, wanted: Any, words: str) -> Any:
    try:
        if isinstance(values, np.ma.MaskedArray):  # what is masked is missing
            values = np.ma.filled(values.astype(wanted), np.nan)
        array = np.asarray(values)
        if array.dtype.kind not in kinds and array.dtype != object:
            raise ValueError
        array = np.ascontiguousarray(array, dtype=wanted)
        return array if array.flags.writeable else np.asarray(_Borrowed(array))
    except (TypeError, ValueError):
        kind = getattr(values, "dtype", type(values).__name__)
        raise TypeError(f"{name} must be an array of {words} numbers, got {kind}") from None


def signal(
    values: ArrayLike, name: str, inputs: int = 1, rows: int | None = None, *, in_complex: bool = False
) -> Array:
    """A signal in its checked form: (T,), or (T, m) for m inputs; (k, T) or (k, T, m) for k rows.

    A bank takes one signal for all its rows as well. ``in_complex``: an array of complex numbers.
    """
    array: Array = (complex_array if in_complex else real_array)(values, name)  # type: ignore[assignment]
    tail = () if inputs == 1 else (inputs,)
    words = ", ".join(["T", *map(str, tail)]) + ("," if not tail else "")
    if inputs == 1 and rows is None and array.ndim == 2 and array.shape[1] == 1:
        array = array.reshape(-1)
    if array.ndim == 1 + len(tail) and array.shape[1:] == tail:
        return array if rows is None else np.repeat(array[None], rows, axis=0)
    if rows is None:
        raise ValueError(f"{name} must have shape ({words}), a sample a row, got {array.shape}")
    if array.ndim != 2 + len(tail) or array.shape[0] != rows or array.shape[2:] != tail:
        raise ValueError(f"{name} must have shape ({rows}, {words.rstrip(',')}) or ({words}), got {array.shape}")
    return array


def same_length(a: Array, b: Array, a_name: str, b_name: str, rows: int | None = None) -> None:
    """Both must have as many samples."""
    axis = 0 if rows is None else 1
    if a.shape[axis] != b.shape[axis]:
        raise ValueError(f"{a_name} and {b_name} must have the same length, got {a.shape[axis]} and {b.shape[axis]}")


class Predictor(Node):
    """A node whose output is computed before the desired sample is learnt, so that ``d - y`` is an honest error."""

    #: whether what it takes for d is an error that its own outputs have changed: then ``d - y`` says nothing
    _closed_loop: ClassVar[bool] = False

    update: Callable[..., float] = _Update(  # type: ignore[assignment]
        "``update(x, d) -> y``; d left out, None or NaN: give the output, learn nothing."
    )

    @property
    def latency(self) -> int:
        """How many samples after its desired sample an output comes."""
        return 0

    def run(self, x: ArrayLike, d: ArrayLike | None = None) -> Array:
        """Filter a block: exactly ``[update(x[t], d[t]) for t in range(T)]``.

        Parameters
        ----------
        x : array, shape (T,), or (T, m) for m inputs
        d : array, shape (T,), optional
            The desired samples. NaN, or left out: give the output, learn nothing.

        Returns
        -------
        y : ndarray, shape (T,)

        Raises
        ------
        ValueError, TypeError
            When a shape or a type is wrong; nothing is learnt then.
        """
        return self._through(*self._arrange(x, d))

    def _arrange(self, x: ArrayLike, d: ArrayLike | None = None, *, rows: int | None = None) -> tuple[Array, Array]:
        m, in_complex = self._inputs(), self._is_complex()
        xs = signal(x, "x", m, rows, in_complex=in_complex)
        if d is None:
            ds = np.full(xs.shape[: xs.ndim - (m > 1)], np.nan, xs.dtype)
        else:
            ds = signal(d, "d", rows=rows, in_complex=in_complex)
        same_length(xs, ds, "x", "d", rows)
        return xs, ds


def adaptive_filter(value: Any, asked: str) -> Predictor:
    """An adaptive filter whose error is ``d - y``, or a TypeError: ``asked``, what was expected, and what came."""
    if isinstance(value, type) and issubclass(value, Node):
        raise TypeError(f"{asked} a filter such as {value.__name__}(), got the class")
    if not isinstance(value, Predictor) or hasattr(value, "forecast"):
        raise TypeError(f"{asked} an adaptive filter such as NLMS(taps=32), got {value!r}")
    open_loop(type(value))
    return value


def open_loop(cls: type[Predictor]) -> None:
    """Refuse a filter that works only in a closed loop, where recorded signals are to be filtered."""
    if cls._closed_loop:
        raise TypeError(
            f"{cls.__name__} hears its own output: its d is the error microphone, not a desired sample; "
            "sm.active_control runs it"
        )


class Estimator(Node):
    """A node that holds a value over the pairs (truth, prediction) seen so far."""

    update: Callable[..., float] = _Update(  # type: ignore[assignment]
        "``update(y_true, y_pred) -> value``, this pair included."
    )

    def _entry(self) -> Function:
        return drive.measure

    def run(self, y_true: ArrayLike, y_pred: ArrayLike) -> Array:
        """The value after each pair: exactly ``[update(y_true[t], y_pred[t]) for t in range(T)]``.

        Parameters
        ----------
        y_true, y_pred : array, shape (T,)

        Returns
        -------
        value : ndarray, shape (T,)
        """
        return self._through(*self._arrange(y_true, y_pred))

    def _arrange(self, y_true: ArrayLike, y_pred: ArrayLike, *, rows: int | None = None) -> tuple[Array, Array]:
        truth, prediction = signal(y_true, "y_true", rows=rows), signal(y_pred, "y_pred", rows=rows)
        same_length(truth, prediction, "y_true", "y_pred", rows)
        return prediction, truth


class Denoiser(Node):
    """A node that takes a noisy sample (and references) and gives the clean one, this sample included."""

    update: Callable[..., float] = _Update(  # type: ignore[assignment]
        "``update(x) -> clean``, or ``update(x, reference)``; NaN: a missing sample."
    )

    def _references(self) -> int:
        """How many reference inputs stand beside the noisy signal."""
        return 0

    def _inputs(self) -> int:
        return max(1, self._references())

    def _from(self, noisy: Array, reference: Array) -> Array:
        """``run``, whichever of the two it takes first."""
        return self.run(noisy, reference)

    def _entry(self) -> Function:
        if self._references() == 0:
            return drive.complex_observe if self._is_complex() else drive.observe
        return drive.cancel if self._references() == 1 else drive.vector_cancel

    def run(self, x: ArrayLike, reference: ArrayLike | None = None) -> Array:
        """Clean a block: exactly the samples that ``update`` would give one by one.

        Parameters
        ----------
        x : array, shape (T,)
            The noisy signal; NaN marks a missing sample, where the output is what the filter believes.
        reference : array, shape (T,), or (T, m) for m references
            Only for a denoiser that has references.

        Returns
        -------
        clean : ndarray, shape (T,)
        """
        return self._through(*self._arrange(x, reference))

    def _arrange(
        self, x: ArrayLike, reference: ArrayLike | None = None, *, rows: int | None = None
    ) -> tuple[Array, Array]:
        noisy = signal(x, "x", rows=rows, in_complex=self._is_complex())
        if self._references() == 0:
            if reference is not None:
                raise TypeError(f"{type(self).__name__} takes no reference")
            return noisy, noisy
        if reference is None:
            raise TypeError(f"{type(self).__name__} needs the reference beside x")
        references = signal(reference, "reference", self._references(), rows)
        same_length(noisy, references, "x", "reference", rows)
        return references, noisy
