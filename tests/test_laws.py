"""The laws of the design, over every algorithm of the catalogue."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import streammse as sm
from streammse import catalog
from streammse.filters.recursive import RecursiveFilter
from streammse.forecast.base import Forecaster
from streammse.kernels import recursive
from streammse.node import Denoiser, Estimator, Node, Predictor
from streammse.scalar import counted

from .cases import Case, all_cases, extras, for_kernel, signals, stream

CASES = all_cases()
every = pytest.mark.parametrize("case", CASES, ids=str)
T = 300


def part(args: tuple[np.ndarray, ...], more: dict[str, np.ndarray], a: int, b: int | None = None):
    return tuple(one[a:b] for one in args), {k: v[a:b] for k, v in more.items()}


def run(node: Node, args, more) -> np.ndarray:
    return node.run(*args, **more)


def same(a: Node, b: Node) -> bool:
    return np.array_equal(a._s, b._s, equal_nan=True)


def learnt(case: Case, samples: int = T) -> Node:
    node = case.make()
    run(node, signals(node, samples), extras(node, samples))
    return node


@every
def test_1_block_is_stream(case: Case) -> None:
    a, b = case.make(), case.make()
    args, more = signals(a, T), extras(a, T)
    np.testing.assert_array_equal(run(a, args, more), stream(b, args, more))
    assert same(a, b)


@every
def test_2_any_chunking(case: Case) -> None:
    a, b = case.make(), case.make()
    args, more = signals(a, 2 * T), extras(a, 2 * T)
    whole = run(a, args, more)
    edges = [0, 0, 1, 2, 17, 17, 140, 2 * T - 1, 2 * T]
    pieces = []
    for first, last in pairwise(edges):
        cut, also = part(args, more, first, last)
        pieces.append(run(b, cut, also))
    np.testing.assert_array_equal(whole, np.concatenate(pieces))
    assert same(a, b)


@every
def test_3_reset_and_copies_resume(case: Case) -> None:
    node, fresh = learnt(case), case.make()
    args, more = signals(node, T, seed=5), extras(node, T)
    copies = {
        "snapshot": case.make().restore(node.snapshot()),
        "load": sm.load(node.snapshot()),
        "pickle": pickle.loads(pickle.dumps(node)),
        "deepcopy": copy.deepcopy(node),
    }
    assert same(node.clone(), fresh)
    expected = run(node, args, more)
    for how, other in copies.items():
        np.testing.assert_array_equal(run(other, args, more), expected, err_msg=how)
        assert same(other, node), how
    node.reset()
    assert same(node, fresh)
    np.testing.assert_array_equal(run(node, args, more), run(fresh, args, more))


PARTS = 8  # of the catalogue, one process each: with an empty cache several compile at once, and none alone for long


@pytest.mark.parametrize("part", range(PARTS))
def test_3_a_new_process_resumes(part: int, tmp_path: Path) -> None:
    cases = CASES[part::PARTS]
    names = [f"{k}" for k, _ in enumerate(cases)]
    expected = {}
    for name, case in zip(names, cases, strict=True):
        node = learnt(case)
        (tmp_path / f"{name}.state").write_bytes(node.snapshot())
        expected[name] = run(node, signals(node, 50, seed=7), extras(node, 50))
    code = """
import sys, numpy as np
sys.path.insert(0, sys.argv[2])
import streammse as sm
from tests.cases import signals, extras
out = {}
for k in range(int(sys.argv[3])):
    node = sm.load(f"{sys.argv[1]}/{k}.state")
    out[str(k)] = node.run(*signals(node, 50, seed=7), **extras(node, 50))
np.savez(sys.argv[1] + "/out.npz", **out)
"""
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code, tmp_path, root, str(len(cases))], check=True, timeout=200)
    with np.load(tmp_path / "out.npz") as got:
        for name, case in zip(names, cases, strict=True):
            np.testing.assert_array_equal(got[name], expected[name], err_msg=str(case))


@every
def test_4_no_peeking(case: Case) -> None:
    a, b = case.make(), case.make()
    args, more = signals(a, T), extras(a, T)
    k = 2 * T // 3
    changed = tuple(one.copy() for one in args)
    if isinstance(a, Predictor):  # the output at k may not even know d[k]
        changed[0 if isinstance(a, Forecaster) else 1][k:] += 3.0
        known = k + 1
    else:
        for one in changed:
            one[k:] += 3.0
        known = k
    np.testing.assert_array_equal(run(a, args, more)[:known], run(b, changed, more)[:known])


@every
def test_5_inputs_are_neither_written_nor_kept(case: Case) -> None:
    node, other = case.make(), case.make()
    args, more = signals(node, T), extras(node, T)
    before = [one.copy() for one in args]
    for one in args:
        one.flags.writeable = False
    run(node, args, more)
    for one, old in zip(args, before, strict=True):
        np.testing.assert_array_equal(one, old)
        one.flags.writeable = True
        one[:] = 1e6  # a kept reference would see this
    run(other, tuple(before), more)
    again = signals(node, T, seed=3)
    np.testing.assert_array_equal(run(node, again, more), run(other, again, more))


@every
def test_5_what_a_node_tells_cannot_be_written_to(case: Case) -> None:
    """Its arrays are copies: writing to one would be lost without a word. Those that count are ``p`` and ``s``."""
    node = case.make()
    for name in dir(type(node)):
        if not name.startswith("_") and name not in ("p", "s") and isinstance(getattr(type(node), name), property):
            told = getattr(node, name, None)
            assert not (isinstance(told, np.ndarray) and told.flags.writeable), name


@every
def test_6_interpreted_is_compiled(case: Case) -> None:
    node, plain = case.make(), case.make()
    samples = 120
    args, more = signals(node, samples), extras(node, samples)
    got = interpreted(plain, args, more)
    expected = run(node, args, more)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(expected)))
    np.testing.assert_allclose(plain._s, node._s, rtol=1e-8, atol=1e-9 * np.nanmax(np.abs(node._s)))


@every
def test_7_a_row_of_a_bank_is_the_node(case: Case) -> None:
    one = case.make()
    rows, samples = 3, 280  # long enough for a family's own block
    each = [signals(one, samples, seed=k) for k in range(rows)]
    also = [extras(one, samples, seed=k) for k in range(rows)]
    stacked = tuple(np.stack(group) for group in zip(*each, strict=True))
    more = {k: np.stack([row[k] for row in also]) for k in also[0]}
    bank = sm.bank(one, rows)
    y = bank.run(*stacked, **more)
    short = sm.bank(one, rows)
    z = short.run(*(group[:, :90] for group in stacked), **{k: v[:, :90] for k, v in more.items()})
    for row in range(rows):
        node = case.make()
        np.testing.assert_array_equal(run(node, each[row], also[row]), y[row])
        np.testing.assert_array_equal(z[row], y[row, :90])
        assert np.array_equal(bank._s[row], node._s, equal_nan=True)
    resumed = sm.load(bank.snapshot())
    assert np.array_equal(resumed._s, bank._s, equal_nan=True)


@every
def test_8_a_missing_truth_teaches_nothing(case: Case) -> None:
    node = learnt(case)
    args, more = signals(node, 40, seed=9), extras(node, 40)
    if isinstance(node, Forecaster):
        missing = (np.full(40, np.nan), *args[1:])
        assert np.isfinite(run(node, missing, more)).all()
    elif isinstance(node, Predictor):
        before = copy.deepcopy(node)
        silent = node.run(args[0])
        np.testing.assert_array_equal(silent, before.run(args[0], np.full(40, np.nan)))
        assert np.isfinite(silent).all()
        if hasattr(node, "weights"):
            np.testing.assert_allclose(node.weights, learnt(case).weights, rtol=1e-12, atol=1e-15)
    elif isinstance(node, Denoiser):
        missing = (np.full_like(args[0], np.nan), *args[1:])
        if isinstance(node, sm.EchoCanceller):  # the microphone comes second
            missing = (args[0], np.full(40, np.nan))
        believed = run(node, missing, more)
        assert np.isfinite(believed).all()
        if hasattr(node, "weights"):
            np.testing.assert_allclose(node.weights, learnt(case).weights, rtol=1e-12, atol=1e-15)
    elif node.params.get("window") is None and node.params.get("seconds") is None:
        before = node.value
        run(node, (np.full(5, np.nan), args[1][:5]), {k: v[:5] for k, v in more.items()})
        assert node.value == pytest.approx(before, rel=1e-12)


@every
def test_8_dirt_does_not_stay(case: Case) -> None:
    node = case.make()
    samples = 3000
    args, more = signals(node, samples), extras(node, samples)
    for one in args:
        for at, dirt in ((200, np.nan), (230, np.inf), (260, -np.inf), (261, np.inf)):
            one[at] = dirt
    y = run(node, args, more)
    assert np.isfinite(node._s).all()
    assert np.isfinite(y[-100:]).all()


@every
def test_8_silence_makes_no_nan(case: Case) -> None:
    node = case.make()
    args, more = signals(node, T), extras(node, T)
    zeros = tuple(np.zeros_like(one) for one in args)
    y = run(node, zeros, more)
    if not isinstance(node, Estimator):  # an estimator's ratio may be undefined for silence, its state may not
        unknown = node.needs if isinstance(node, Forecaster) else 0
        if isinstance(node, Forecaster) and node._s[0] == 0:  # what multiplies: silence is missing to it
            missing = case.make()
            gone = tuple(np.full_like(one, np.nan) for one in args)
            np.testing.assert_array_equal(y, run(missing, gone, more))
            np.testing.assert_array_equal(node._s, missing._s)
        else:
            assert np.isfinite(y[unknown:]).all()
            assert np.isfinite(node._s).all()
    else:
        assert np.isfinite(node._s).all()
    assert np.isfinite(run(node, args, {k: v + (1e3 if k == "time" else 0) for k, v in more.items()})[-1])


@every
def test_9_what_left_the_window_is_forgotten(case: Case) -> None:
    node = case.make()
    window = node.params.get("window") if isinstance(node, Estimator) else None
    if window is None:
        return
    other = case.make()
    dirty = signals(node, T, seed=11)
    dirty[0][:] *= 1e9
    dirty[0][-1] = np.inf
    other_past = signals(node, T, seed=12)
    run(node, dirty, extras(node, T))
    run(other, other_past, extras(node, T))
    clean = signals(node, 2 * window, seed=13)
    more = {k: v + 1e3 for k, v in extras(node, 2 * window).items()}
    a, b = run(node, clean, more), run(other, clean, more)
    # MASE and RMSSE look `season` samples further back than the window
    reach = window + int(node.params.get("season", 0) or 0)
    np.testing.assert_array_equal(a[reach:], b[reach:])


FORECASTERS = [case for case in CASES if isinstance(case.make(), Forecaster)]


@pytest.mark.parametrize("case", FORECASTERS, ids=str)
def test_10_ahead_is_the_step_over_missing_samples(case: Case) -> None:
    node = learnt(case)
    horizon = 30
    args = signals(node, horizon, seed=4)
    before = node._s.copy()
    forecast = node.forecast(horizon, *args[1:])
    np.testing.assert_array_equal(node._s, before)
    missing = copy.deepcopy(node)
    believed = missing.run(np.full(horizon, np.nan), *args[1:])
    np.testing.assert_allclose(forecast, believed, rtol=1e-9)
    assert node.forecast(1, *(one[:1] for one in args[1:]))[0] == pytest.approx(forecast[0], rel=1e-12)
    assert forecast[0] == pytest.approx(node.run(*(one[:1] for one in args))[0], rel=1e-12)


@pytest.mark.parametrize("case", FORECASTERS, ids=str)
def test_10_a_bank_forecasts_its_rows(case: Case) -> None:
    node = learnt(case)
    future = signals(node, 7)[1:]
    bank = sm.bank(node, 2)
    for row in bank._s:
        row[:] = node._s
    ahead = bank.forecast(7, *(np.stack([one, one]) for one in future))
    np.testing.assert_array_equal(ahead, [node.forecast(7, *future)] * 2)


@pytest.mark.parametrize("case", FORECASTERS, ids=str)
def test_10_a_series_too_short_is_named(case: Case) -> None:
    node = case.make()
    assert node.needs_to_fit >= node.needs
    short = tuple(one[: node.needs_to_fit - 1] for one in signals(node, node.needs_to_fit))
    with pytest.raises(ValueError, match=rf"needs .*\b{counted(node.needs_to_fit, 'sample')}\b"):
        node.fit(*short)
    with pytest.raises(ValueError, match=rf"needs .*\b{counted(node.needs, 'sample')}\b"):
        node.forecast(3, *(one[:3] for one in signals(node, 3)[1:]))
    enough = signals(node, 4 * node.needs + 30)
    assert np.isfinite(case.make().fit(*enough).forecast(3, *(one[:3] for one in enough[1:]))).all()


def probe(node: Node, name: str) -> dict[str, object]:
    """Parameters in which this one has another permitted value; those beside it go to both sides."""
    if name in node._probes:
        return node._probes[name]
    field, value = node._params[name], node.params[name]
    if field.choices is not None:
        return {name: next(one for one in field.choices if one != value)}
    if isinstance(field.default, bool):
        return {name: not value}
    for candidate in (value * 2 if value else 0.3, value / 2, value + 1):
        try:
            field.check(candidate)
        except (TypeError, ValueError):
            continue
        return {name: candidate}
    raise AssertionError(f"no other value of {name} found: name one in _probes")


SOAK = os.environ.get("STREAMMSE_SOAK", "") not in ("", "0")  # every kernel of every class: twice the compiling


def interpreted(node: Node, args: tuple[np.ndarray, ...], more: dict[str, np.ndarray]) -> np.ndarray:
    """What its kernel gives in plain Python; nothing is compiled."""
    step = node._kernel()
    with np.errstate(all="ignore"):
        return np.array([step(node._p, node._s, *one) for one in for_kernel(node, *node._arrange(*args, **more))])


PLAIN = [case for case in CASES if dict(case.params) == catalog.get(case.name)._needs]
PARAMETERS = [(case, name) for case in PLAIN for name in case.make().params]


def astray(node: Node) -> None:
    """Far from where it should be, for nothing else makes a normalised filter diverge."""
    if isinstance(node, RecursiveFilter):  # whose poles must lie in a circle, and which looks for longer
        node.weights = np.r_[np.full(node.taps, 1e12), np.zeros(node.poles)]
        node._s[recursive.STRAYED] = 1.0
    else:
        node.weights = np.full(node.weights.shape, 1e102 if getattr(node, "_closed_loop", False) else 1e12)


@pytest.mark.parametrize(("case", "name"), PARAMETERS, ids=str)
@pytest.mark.filterwarnings("ignore:the adaptive filter diverged", "ignore:more pairs came within the seconds")
def test_11_no_dead_parameter(case: Case, name: str) -> None:
    cls = type(case.make())
    params = probe(case.make(), name)
    base, changed = (
        cls(**{**cls._needs, **{k: v for k, v in params.items() if k != name}}),
        cls(**{**cls._needs, **params}),
    )
    if changed._inputs() != base._inputs():
        return  # it changes what goes in: nothing dead about that
    # one that selects another kernel is looked at in plain Python: to compile them all takes as long as all the rest
    plain = changed._kernel() is not base._kernel() and not SOAK
    for samples in (300, 1500) if plain else (1500,):
        args = signals(base, samples)
        at = 7 * samples // 15
        args[0][at : at + 3] *= 1e6  # an outlier, for what guards against outliers
        results = []
        for node in (base.reset(), changed.reset()):
            if name == "on_divergence":
                astray(node)
            try:
                results.append((interpreted if plain else run)(node, args, extras(node, samples)))
            except FloatingPointError:
                results.append(np.array([]))
        if not np.array_equal(results[0], results[1], equal_nan=True):
            return
    if isinstance(base, Forecaster):  # it may tell what fit is to make least
        results = [node.fit(*signals(base, 200)).reset().run(*signals(base, 200)) for node in (base, changed)]
    assert not np.array_equal(results[0], results[1], equal_nan=True), f"{params} changes nothing"
