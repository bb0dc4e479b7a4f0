"""Every algorithm of the catalogue in every form that the laws must hold for, and signals to feed it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

import streammse as sm
from streammse import catalog
from streammse.filters.observer import Observer
from streammse.forecast.base import Forecaster
from streammse.forecast.intermittent import _Intermittent
from streammse.node import Denoiser, Estimator, Node, Predictor

SOAK = os.environ.get("STREAMMSE_SOAK", "") not in ("", "0")


@dataclass(frozen=True)
class Case:
    """An algorithm with parameters."""

    name: str
    params: tuple[tuple[str, Any], ...] = ()

    def make(self) -> Node:
        return catalog.get(self.name)(**dict(self.params))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in self.params)})"


def all_cases() -> list[Case]:
    """The defaults of each algorithm, and the variants that its class names."""
    found = []
    for name in catalog.names():
        cls = catalog.get(name)
        variants = ({}, *cls._variants, *(cls._long_variants if SOAK else ()))
        found += [Case(name, tuple({**cls._needs, **variant}.items())) for variant in variants]
    return found


def signals(node: Node, samples: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Arguments for ``run``: a noise path for filters, a noisy slow wave for denoisers, pairs for estimators, a season
    on a slope for forecasters, or demand in some periods only."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples)
    if isinstance(node, _Intermittent):
        return (np.where(rng.random(samples) < 0.4, 1.0 + rng.poisson(3.0, samples), 0.0),)
    if isinstance(node, Forecaster):
        y = 10.0 + 0.01 * t + 2.0 * np.sin(2.0 * np.pi * t / 12.0) + 0.5 * rng.standard_normal(samples)
        x = rng.standard_normal((samples, node._exogenous()))
        return (y + x.sum(axis=1), x) if node._exogenous() else (y,)
    if isinstance(node, Predictor) and node._is_complex():  # neither circular nor white
        m = node._inputs()
        x = rng.standard_normal((samples, m)) + 1j * rng.standard_normal((samples, m)) + 0.3 * rng.standard_normal()
        paths = [0.8 - 0.3j, -0.4j, 0.2 + 0.1j]
        d = sum(np.convolve(x[:, k], np.roll(paths, k))[:samples] for k in range(m))
        return (x[:, 0] if m == 1 else x, d + 0.1 * (rng.standard_normal(samples) + 1j * rng.standard_normal(samples)))
    if isinstance(node, Predictor):
        m = node._inputs()
        x = rng.standard_normal((samples, m))
        d = sum(np.convolve(x[:, k], [0.8, -0.4, 0.2])[:samples] for k in range(m)) + 0.1 * rng.standard_normal(samples)
        return (x[:, 0] if m == 1 else x, d)
    if isinstance(node, Estimator):
        truth = 2.0 + np.sin(t / 9.0) + 0.3 * rng.standard_normal(samples)
        return truth, truth + 0.4 * rng.standard_normal(samples)
    assert isinstance(node, Denoiser)
    if isinstance(node, Observer):
        m, k = node._observations(), node._controls()
        z = np.cumsum(rng.standard_normal((samples, m)), axis=0) * 0.2 + 0.3 * rng.standard_normal((samples, m))
        u = rng.standard_normal((samples, k))
        z, u = (one[:, 0] if one.shape[1] == 1 else one for one in (z, u))
        return (z, u) if k else (z,)
    if node._is_complex():  # symbols through a channel
        symbols = rng.choice([1 + 1j, 1 - 1j, -1 + 1j, -1 - 1j], samples)
        heard = np.convolve(symbols, [1.0, 0.25 - 0.1j, 0.1j])[:samples]
        return (heard + 0.05 * (rng.standard_normal(samples) + 1j * rng.standard_normal(samples)),)
    m = node._references()
    clean = np.sin(t / 15.0) + 0.2 * np.sin(t / 3.1)
    if m == 0:
        return (clean + 0.3 * np.sin(2 * np.pi * 50.0 / 360.0 * t) + 0.1 * rng.standard_normal(samples),)
    noise = rng.standard_normal((samples, m))
    noisy = clean + sum(np.convolve(noise[:, k], [0.5, 0.3])[:samples] for k in range(m))
    pair = noisy, (noise[:, 0] if m == 1 else noise)
    return pair[::-1] if isinstance(node, sm.EchoCanceller) else pair


def for_kernel(node: Node, x: np.ndarray, d: np.ndarray) -> list[tuple[Any, Any]]:
    """Checked x and d, sample by sample as the kernel of the node takes them."""
    if node._is_complex():
        return [(x[t].reshape(-1), complex(d[t])) for t in range(d.size)]
    return [(x[t] if x.ndim > 1 else float(x[t]), float(d[t])) for t in range(d.size)]


def stream(node: Node, args: tuple[np.ndarray, ...], more: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """The same signals, one by one."""
    more = more or {}
    return np.array(
        [node.update(*(a[t] for a in args), **{k: v[t] for k, v in more.items()}) for t in range(len(args[0]))]
    )


def extras(node: Node, samples: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Weights and time stamps for the estimators that take them."""
    rng = np.random.default_rng(seed)
    params = node.params
    more = {}
    if params.get("weighted"):
        more["weight"] = rng.uniform(0.5, 2.0, samples)
    if params.get("seconds") is not None or params.get("halflife_seconds") is not None:
        more["time"] = np.cumsum(rng.exponential(0.1, samples))
    return more


__all__ = ["Case", "all_cases", "extras", "signals", "sm", "stream"]
