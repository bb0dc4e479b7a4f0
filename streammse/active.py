"""The closed loop of active control, over noise that was recorded: what the error microphones would have heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._jit import loop
from ._jit.instructions import call_step, call_vector_step
from ._jit.vectors import dot
from .filters.filtered_x import FilteredX
from .node import real_array, same_length, signal

Array = NDArray[np.float64]


class Controlled(NamedTuple):
    """What was heard and what was put out: (T,) each, or (T, microphones) and (T, loudspeakers)."""

    error: Array
    output: Array


@loop("void(i8[::1],f8[:,::1],f8[:,::1],f8[::1],f8[::1],f8[:,::1],f8[::1])", allocates=False)
def closed(bound: Any, x: Any, d: Any, path: Any, row: Any, e: Any, y: Any) -> None:
    """``path`` holds the last coefficient of each first, ``y`` for each loudspeaker also what it put out before."""
    samples, microphones = d.shape
    loudspeakers = bound.size
    length = path.size // (loudspeakers * microphones)
    each = y.size // loudspeakers
    for t in range(samples):
        for m in range(microphones):
            total = d[t, m]
            for k in range(loudspeakers):
                total += dot(path, (k * microphones + m) * length, y, k * each + t, length)
            e[t, m] = total
        for r in range(x.shape[1]):
            row[r] = x[t, r]
        for m in range(1, microphones):
            row[x.shape[1] + m - 1] = e[t, m]
        for k in range(loudspeakers):
            if row.size == 1:
                y[k * each + t + length - 1] = call_step(bound[k], row[0], e[t, 0])
            else:
                y[k * each + t + length - 1] = call_vector_step(bound[k], row, e[t, 0])


def _paths(path: ArrayLike, loudspeakers: int, microphones: int) -> Array:
    """The true paths as (loudspeakers, microphones, L)."""
    array = real_array(path, "path")
    wanted = (*(loudspeakers,) * (loudspeakers > 1), *(microphones,) * (loudspeakers > 1 or microphones > 1))
    if array.ndim != 1 + len(wanted) or array.shape[:-1] != wanted or array.size == 0:
        shape = ", ".join(map(str, (*wanted, "L")))
        raise ValueError(f"path must have shape ({shape}{'' if wanted else ','}), got {array.shape}")
    array = np.ascontiguousarray(array.reshape(loudspeakers, microphones, array.shape[-1]))
    if not np.isfinite(array).all():
        raise ValueError("path must be finite")
    if array[..., 0].any():
        raise ValueError("path must begin with 0: what is put out now is heard one sample later at the earliest")
    return array


def active_control(
    controller: FilteredX | Sequence[FilteredX],
    x: ArrayLike,
    d: ArrayLike,
    path: ArrayLike,
    *,
    played: ArrayLike | None = None,
) -> Controlled:
    """Run controllers in their closed loop over recorded noise; they go on learning from where they are.

    At every sample microphone m hears e_m(n) = d_m(n) + sum_k sum_j path_kmj y_k(n-j), each loudspeaker k then gives
    ``y_k(n) = controller_k.update(x(n), e(n))``.

    Parameters
    ----------
    controller : FilteredXLMS or another filtered-x filter, or several
        One for each loudspeaker; all of the same number of references and microphones.
    x : array, shape (T,), or (T, m) for m references
        The reference.
    d : array, shape (T,), or (T, microphones)
        The noise at the error microphones with the loudspeakers silent. Where it is NaN nothing is heard or learnt.
    path : array, shape (L,); (microphones, L); for several loudspeakers (loudspeakers, microphones, L)
        The true impulse responses from loudspeakers to microphones. They begin with 0. What the controllers know of
        them is their own ``secondary``.
    played : array, shape (t,), or (t, loudspeakers), optional
        What was put out before, newest last: the ``output`` of the call before. Silence, if left out.

    Returns
    -------
    error : ndarray, shape of d
        What the microphones hear.
    output : ndarray, shape (T,), or (T, loudspeakers)

    Raises
    ------
    ValueError, TypeError
        When shapes do not fit, or a path does not begin with 0.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> t = np.arange(8000)
    >>> path = [0, 0.8, 0.3]
    >>> f = sm.FilteredXNLMS(taps=8, secondary=path)
    >>> error, output = sm.active_control(f, np.sin(0.3 * t), np.sin(0.3 * t - 2.0), path)
    >>> bool(np.abs(error[-100:]).max() < 1e-6)
    True
    """
    controllers = list(controller) if isinstance(controller, Sequence) else [controller]
    if not controllers or not all(isinstance(one, FilteredX) for one in controllers):
        raise TypeError("controller must be a filtered-x filter such as sm.FilteredXLMS, or several of them")
    if len({id(one) for one in controllers}) < len(controllers):
        raise ValueError("controllers must be as many nodes as there are loudspeakers, got one of them twice")
    shapes = {(one.references, one.errors) for one in controllers}
    if len(shapes) > 1:
        raise ValueError(f"controllers must agree in references and microphones, got {sorted(shapes)}")
    ((references, microphones),) = shapes
    many = len(controllers)
    xs, ds = signal(x, "x", references), signal(d, "d", microphones)
    same_length(xs, ds, "x", "d")
    paths = _paths(path, many, microphones)
    past = paths.shape[2] - 1
    y = np.zeros((many, past + len(ds)))
    if played is not None and past:
        before = signal(played, "played", many).reshape(-1, many)[-past:]
        y[:, past - len(before) : past] = before.T
    e = np.empty((len(ds), microphones))
    words = [one._bound for one in controllers]  # alive until the loop is done
    bound = np.array([one.ctypes.data for one in words], dtype=np.int64)
    row = np.empty(references + microphones - 1)
    last_first = np.ascontiguousarray(paths[..., ::-1]).ravel()
    closed.compiled(bound, xs.reshape(-1, references), ds.reshape(-1, microphones), last_first, row, e, y.reshape(-1))
    output = y[:, past:].T.copy()
    return Controlled(e[:, 0] if microphones == 1 else e, output[:, 0] if many == 1 else output)
