"""Kernels compiled ahead of their first use, by using every algorithm in every form on a few samples.

What a form needs is found out by using it, so that no list here can fall behind: a new algorithm in the catalogue is
warmed like all others. What is in the cache already is only loaded, so a warming that was cut off goes on where it was.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from . import catalog
from ._jit import Function
from .node import Array, Denoiser, Estimator, Node, Predictor

#: where there are compiled functions that no algorithm brings along: the loops over all of them, and readers of text
SHARED = ("drive", "backtesting.loop", "backtesting.intervals", "io.digits", "io.scan")
SAMPLES = 96


class Piece(NamedTuple):
    """Something to warm: what it is called, and what does it."""

    name: str
    make: Callable[[], object]


def pieces(names: Iterable[str] | None = None) -> list[Piece]:
    """What there is to warm: the shared loops, then each algorithm (these, or all) with each of its variants."""
    classes = [(name, catalog.get(name)) for name in (catalog.names() if names is None else names)]
    return [
        *shared(),
        *(
            Piece(_called(name, variant), _forms(cls, {**cls._needs, **variant}))
            for name, cls in classes
            for variant in ({}, *cls._variants, *cls._long_variants)
        ),
    ]


def _called(name: str, variant: dict[str, Any]) -> str:
    told = ", ".join(f"{key}={value!r}" for key, value in variant.items())
    return f"{name}({told})" if len(told) < 40 else f"{name}({told[:36]} ...)"


def shared() -> Iterator[Piece]:
    """The compiled functions of the rooms that serve all algorithms."""
    for place in SHARED:
        for name, one in vars(import_module(f"streammse.{place}")).items():
            if isinstance(one, Function) and one.signatures and one.__module__ == f"streammse.{place}":
                yield Piece(f"{place}.{name}", partial(getattr, one, "compiled"))


def for_backtest(models: Iterable[Predictor]) -> None:
    """What a backtest of these models needs, begun at the other end: beside the backtest itself it halves the wait."""
    from .backtesting import loop

    loop.rows.compiled  # noqa: B018  compiled by being asked for
    for model in list(models)[::-1]:
        own = getattr(model, "_ahead", lambda: None)()
        for kernel in (model._kernel(), own):
            if kernel is not None:
                kernel.compiled  # noqa: B018
        if hasattr(model, "fit"):
            with suppress(ValueError):  # a series too short for it: then it is compiled when it is needed
                _quietly(partial(_fit, model))


def for_text(kind: str) -> None:
    """What a pass over text of this format needs, from the second on: beside the pass itself it halves the wait."""
    from .io import digits, scan

    for one in (digits.read, scan.splice, {"csv": scan.csv_rows, "ndjson": scan.ndjson_rows}[kind]):
        one.compiled  # noqa: B018  compiled by being asked for


def _fit(model: Any) -> None:
    model.clone().fit(*example(model, _long_enough(model))[0])


def _forms(cls: type[Node], params: dict[str, Any]) -> Callable[[], None]:
    """The algorithm in every form: update, run, merge, bank, and for a forecaster forecast, fit and backtest."""

    def use() -> None:
        from .banks import bank

        node: Any = cls(**params)
        args, named = example(node, _long_enough(node))
        node.run(*args, **named)
        node.update(*(one[0] for one in args), **{name: one[-1] for name, one in named.items()})
        bank(node, 2).run(*(one[:8] for one in args), **{name: one[:8] for name, one in named.items()})
        if isinstance(node, Estimator):
            _read(node, args, named)
        if isinstance(node, Predictor) and not node._is_complex():
            _backtest(node, args)

    return lambda: _quietly(use)


def _read(node: Any, args: tuple[Array, ...], named: dict[str, Array]) -> None:
    """What an estimator does beside: its value alone, after a block or at any time, and the value of two parts."""
    getattr(node, "value", None)
    if "curve" in inspect.signature(node.run).parameters:
        node.run(*args, **{name: one + one.size for name, one in named.items()}, curve=False)
    if hasattr(node, "merge"):
        with suppress(TypeError, ValueError):  # not with these parameters
            node.merge(node.clone())


def _backtest(node: Predictor, args: tuple[Array, ...]) -> None:
    from .backtesting import backtest

    y = args[0] if hasattr(node, "forecast") else args[-1]
    beside = args[1] if hasattr(node, "forecast") and len(args) > 1 else None
    if hasattr(node, "forecast"):
        node.forecast(2, *(() if beside is None else (beside[:2],)))
        _fit(node)
    elif node._inputs() > 1:
        beside = args[0]
    backtest(y, [node.clone()], horizon=2, start=len(y) - 6, x=beside, progress=False)


def _long_enough(node: Node) -> int:
    needs = getattr(node, "needs", 1)
    return max(SAMPLES, 3 * needs if needs < 10_000 else needs + SAMPLES)


def example(node: Node, samples: int) -> tuple[tuple[Array, ...], dict[str, Array]]:
    """Arguments for ``run``: a season on a slope, and noise beside it; positive, so that logarithms exist."""
    rng = np.random.default_rng(0)
    t = np.arange(float(samples))
    y = 10.0 + 0.01 * t + 2.0 * np.sin(2.0 * np.pi * t / 12.0) + 0.3 * rng.standard_normal(samples)
    if isinstance(node, Estimator):
        beside: tuple[str, ...] = getattr(node, "_extras", tuple)()
        return (y, y + 0.1 * rng.standard_normal(samples)), dict.fromkeys(beside, 1.0 + t)
    m = node._inputs()
    if node._is_complex():
        y = y + 1j * np.roll(y, 3)
    noise: Array = rng.standard_normal(samples) if m == 1 else rng.standard_normal((samples, m))
    if hasattr(node, "_controls"):  # of a hidden state: observations, then control inputs
        both = np.split(noise.reshape(samples, m), [m - node._controls()], axis=1)
        return tuple(one[:, 0] if one.shape[1] == 1 else one for one in both if one.size), {}
    if isinstance(node, Denoiser):
        return ((y, noise) if node._references() else (y,)), {}
    if hasattr(node, "_exogenous"):
        return ((y, noise.reshape(samples, m)) if node._exogenous() else (y,)), {}
    return (noise, y), {}


def _quietly(use: Callable[[], object]) -> None:
    """Of what becomes of the few samples nothing is said; that the cache is not used is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        use()
