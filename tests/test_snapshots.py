"""Snapshots: whole, readable for good, and refused with the reason in a line when anything is wrong with them."""

from __future__ import annotations

import copy
import importlib.util
import json
import pickle
import struct
import sys
import time
import tracemalloc
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import streammse as sm
from streammse import snapshot
from streammse.node import Node

from .cases import Case, all_cases, extras, signals
from .hostile import VALUES, forged, opened, sealed, survives
from .stored import FOLDER, STORED, series

Y = series(200, 0)


@sm.kernel(state=2, rate=0.1)
def Follower(p, s, x, d):
    """A kernel of one's own whose layout is going to change."""
    y = s[0]
    if d == d:  # noqa: PLR0124  as a user might write it
        s[0] += p[0] * (d - y)
        s[1] += 1.0
    return y


# Old files.


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("version", sorted(one.name for one in FOLDER.iterdir()))
def test_what_older_versions_wrote_is_read(version: str, name: str) -> None:
    _, drive = STORED[name]
    path = FOLDER / version / f"{name}.state"
    after = json.loads((FOLDER / version / "after.json").read_text())[name]
    newer = name == "canceller" and version in ("1", "2")  # its averages reach back less far since
    for node in (sm.load(path), sm.load(path).clone().restore(path.read_bytes())):
        np.testing.assert_allclose(np.ravel(drive(node, 6, 2)), after, rtol=1e-2 if newer else 1e-9)


def test_the_newest_files_are_of_todays_format() -> None:
    newest = max(FOLDER.iterdir(), key=lambda one: int(one.name))
    for name, (make, drive) in STORED.items():
        stored, node = (newest / f"{name}.state").read_bytes(), make()
        drive(node, 50, 1)
        told, body = opened(stored)
        now, state = opened(node.snapshot())
        assert struct.unpack_from("<H", stored, 4)[0] == snapshot.FORMAT, "write new files: see tests/stored.py"
        assert {**told, "params": 0} == {**now, "params": 0}, "write new files: see tests/stored.py"
        np.testing.assert_allclose(np.frombuffer(body), np.frombuffer(state), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_a_header_is_what_json_writes(case: Case) -> None:
    node = case.make()
    told = snapshot.header("µ", 3, node._values, {"s": node._s, "t": np.zeros((2, 3))})
    params = {key: snapshot.plain(value) for key, value in node._values.items()}
    shapes = {"s": node._s.shape, "t": (2, 3)}
    body = {"name": "µ", "layout": 3, "params": params, "arrays": shapes}
    assert told == json.dumps(body, separators=(",", ":")).encode()


def test_nodes_of_one_class_share_a_header_only_where_it_is_the_same() -> None:
    one, two, other = sm.NLMS(taps=4, mu=0.3), sm.NLMS(taps=4, mu=0.3), sm.NLMS(taps=5, mu=0.3)
    for node in (one, two, other, one, sm.NLMS(taps=4, mu=0.25), two, sm.LMS(taps=4), other):
        assert sm.load(node.snapshot()).params == node.params
    assert one._told is two._told
    with pytest.raises(ValueError, match="not JSON compliant"):
        snapshot.header("x", 1, {"a": float("nan")}, {})
    experts = [sm.Naive(), sm.SES(alpha=0.5)]
    sm.BOA(experts).snapshot()
    assert sm.BOA._last_told is None  # it would keep the experts alive


# What is wrong is named.

GOOD = sm.NLMS(taps=3).snapshot()


def test_every_truncation_is_named() -> None:
    for data in (GOOD, sm.bank(sm.SES(), 3).snapshot()):
        for size in range(1, len(data)):
            with pytest.raises(ValueError, match="^the snapshot is truncated: "):
                sm.load(data[:size])


def test_every_flipped_bit_is_refused() -> None:
    for at in range(8 * len(GOOD)):
        bad = bytearray(GOOD)
        bad[at // 8] ^= 1 << at % 8
        words = "not a streammse snapshot" if at < 32 else "the snapshot is (corrupted|truncated)"
        with pytest.raises(ValueError, match=words):
            sm.load(bytes(bad))


NODE = '{"node": "SES", "layout": 1, "size": 4, "params": {}}'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the snapshot is empty"),
        (b"nonsense", "not a streammse snapshot"),
        (GOOD + b"more", "corrupted: 4 bytes behind its end"),
        (sealed("{}", version=3), "from a newer version of streammse: it has format 3, this one reads up to 2"),
        (sealed("{}", version=0), "corrupted"),
        (forged(layout=99), "from a newer version of streammse: it holds NLMS in layout 99"),
        (forged(layout=0), "of an older version of streammse: it holds NLMS in layout 0, this one reads"),
        (forged(name="Nonsense"), "unknown algorithm 'Nonsense'"),
        (forged(name="Non\nsense"), r"unknown algorithm 'Non\\nsense'"),
        (forged(name="bank Nonsense", arrays={"s": [1, 43]}), "unknown algorithm 'Nonsense'"),
        (forged(name="bank NLMS"), "expected a row for each node"),
        (forged(name="subprocess:Popen"), "the kernel 'Popen' in 'subprocess': import it first"),
        (forged(name="streammse.node:Node"), "import it first"),
        (forged(name="tests.test_snapshots:f.<locals>.g"), "inside of a function: build such a node and restore"),
        (forged(name=7), "header makes no sense"),
        (forged(layout=True), "header makes no sense"),
        (forged(layout="1"), "header makes no sense"),
        (forged(params=[]), "header makes no sense"),
        (forged(arrays={"s": [-1]}), "header makes no sense"),
        (forged(arrays={"s": 3}), "header makes no sense"),
        (forged(arrays={"s": []}), "header makes no sense"),
        (forged(arrays={"s": [True]}), "header makes no sense"),
        (forged(arrays={"s": [10**9]}), "asks for more"),
        (forged(arrays={"s": [0, 10**30]}), "asks for more"),
        (forged(arrays={}), "bytes of state"),
        (forged(params={"taps": 10**15}), "would have .* numbers of state"),
        (forged(params={"taps": 4}), r"a state of shape \(43,\), expected \(48,\)"),
        (forged(params={"taps": "x"}), "cannot be built: taps must be a number"),
        (forged(params={"taps": None}), "cannot be built: taps must be a number"),
        (forged(params={"nonsense": 1}), "cannot be built: .*nonsense"),
        (forged(params={"taps": 3, "loss": ["os:system", 1.0, 0.0]}), "the loss 'system' of 'os': import it first"),
        (forged(params={"taps": 3, "loss": ["huber", "x", 0.0]}), "cannot be built"),
        (forged(params={"taps": 3, "loss": {"node": "SES", "params": {}}}), "cannot be built"),
        (sealed("[" * 100_000), "header makes no sense"),
        (sealed('{"name": NaN}'), "header makes no sense: NaN is no JSON"),
        (sealed('{"name": "SES", "name": "SES"}'), "header makes no sense: a key is there twice"),
        (sealed("[]"), "header makes no sense"),
        (sealed('"\ud800"'), "header makes no sense"),
        (sealed('{"name": ' + "9" * 5000 + "}"), "header makes no sense"),
        (forged(name="BOA", params={"models": [json.loads(NODE)] * 20_000}), "numbers of state"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_wrong_is_named(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        sm.load(data)
    told = str(caught.value)
    assert "\n" not in told
    assert len(told) < 400


def test_nodes_within_nodes_end_somewhere() -> None:
    told = json.loads(NODE)
    for _ in range(60):
        told = {"node": "BOA", "layout": 1, "size": 9, "params": {"models": [told]}}
    with pytest.raises(ValueError, match="nodes within nodes"):
        sm.load(forged(name="BOA", params=told["params"]))


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file to load a snapshot from.*nlms\.state"):
        sm.load(tmp_path / "nlms.state")
    with pytest.raises(IsADirectoryError, match="expected the file of a snapshot, got a folder"):
        sm.load(tmp_path)
    empty = tmp_path / "empty.state"
    empty.touch()
    with pytest.raises(ValueError, match=r"empty\.state' is empty"):
        sm.load(str(empty))
    (tmp_path / "other").write_bytes(b"something else" * 1000)
    with pytest.raises(ValueError, match="not a streammse snapshot"):
        sm.load(tmp_path / "other")
    for value in (3, None, 1.5):  # 3 would be an open file
        with pytest.raises(TypeError):
            sm.load(value)  # type: ignore[arg-type]


def test_restoring_leaves_the_state_when_it_refuses() -> None:
    node = sm.NLMS(taps=3)
    node.run(Y, Y)
    before = node._s.copy()
    hostile = sm.NLMS(taps=3)
    hostile.s[0] = np.nan
    for data, words in (
        (hostile.snapshot(), "cannot be"),
        (sm.LMS(3).snapshot(), "expected a snapshot of NLMS, got one of LMS"),
        (sm.NLMS(4).snapshot(), "taps=4 instead of 3"),
        (sm.NLMS(3, loss=sm.losses.huber(2.0)).snapshot(), "loss=.*huber"),
        (forged(params=opened(GOOD)[0]["params"] | {"later": 1}), "later, which is not known here"),
    ):
        with pytest.raises(ValueError, match=words):
            node.restore(data)
        np.testing.assert_array_equal(node._s, before)
    bank = sm.bank(node, 2)
    for told in ({"s": [43, 1]}, {"s": [1, 43]}):
        with pytest.raises(ValueError, match="a state of shape"):
            node.restore(forged(arrays=told))
    for other, words in ((sm.bank(node, 3), "expected 2 rows"), (sm.bank(sm.NLMS(4), 2), "taps=4 instead of 3")):
        with pytest.raises(ValueError, match=words):
            bank.restore(other.snapshot())


# Nothing is run, nothing imported, no memory taken.


def test_nothing_is_imported_and_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    class Nosy(ModuleType):
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return Follower

    class Meta(type):
        def __getattr__(cls, name: str) -> object:
            asked.append(name)
            return Follower

    nosy = Nosy("nosy")
    nosy.Holder = Meta("Holder", (), {})
    monkeypatch.setitem(sys.modules, "nosy", nosy)
    (tmp_path / "lazy_one.py").write_text("raise SystemExit('it was run')")
    spec = importlib.util.spec_from_file_location("lazy_one", tmp_path / "lazy_one.py")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    lazy = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lazy_one", lazy)
    spec.loader.exec_module(lazy)
    monkeypatch.setitem(sys.modules, "no_module", object())
    before = set(sys.modules)
    for module in ("nosy", "lazy_one", "no_module", "antigravity", "os", "sys", "scipy", "__main__"):
        for name in ("Follower", "Holder.Follower", "system", "signal", "modules.nosy", "__class__", "", "."):
            for data in (
                forged(name=f"{module}:{name}"),
                forged(name=f"bank {module}:{name}", arrays={"s": [1, 43]}),
                forged(params={"taps": 3, "loss": [f"{module}:{name}", 0.0, 0.0]}),
                forged(name="BOA", params={"models": [{"node": f"{module}:{name}", "params": {}}]}),
            ):
                with pytest.raises(ValueError, match="import it first"):
                    sm.load(data)
    assert asked == []
    assert {one for one in set(sys.modules) - before if not one.startswith("streammse.")} == set()


HUGE = 10**9
GREEDY = {
    "NLMS": ({"taps": HUGE}, {"references": HUGE}),
    "NoiseCanceller": ({"taps": HUGE},),
    "LineEnhancer": ({"delay": HUGE},),
    "HumCanceller": ({"rate": 1e300, "harmonics": HUGE}, {"rate": 1e300, "mains": 1e-300, "tolerance": 1e-301}),
    "MSE": ({"window": HUGE}, {"window": HUGE, "steady": True}, {"seconds": 1.0, "capacity": HUGE}),
    "TrimmedMSE": ({"window": HUGE}, {"seconds": 1.0, "capacity": HUGE}),
    "MedianOfMeansMSE": ({"blocks": HUGE}, {"window": 9 * HUGE}),
    "MASE": ({"season": HUGE},),
    "SeasonalNaive": ({"season": HUGE},),
    "HoltWinters": ({"season": HUGE},),
    "Theta": ({"season": HUGE},),
    "ARLS": ({"lags": HUGE}, {"lags": [HUGE]}, {"exogenous": HUGE}),
    "ARNLS": ({"lags": HUGE}, {"lags": [HUGE]}),
    "ARIMA": ({"order": [HUGE, 0, 0]}, {"order": [0, HUGE, 0]}, {"seasonal": [1, 1, 1, HUGE]}, {"exogenous": HUGE}),
    "BasicStructural": ({"season": HUGE},),
    "Structural": ({"season": HUGE}, {"season": 2 * HUGE, "harmonics": HUGE}, {"exogenous": HUGE}),
    "ConformalInterval": ({"scores": HUGE},),
}


def test_no_memory_is_taken_that_the_snapshot_does_not_take() -> None:
    whole = sm.LiveBacktest(sm.Naive(), horizon=2, start=3, metrics=[sm.MSE()]).snapshot()
    told, body = opened(whole)
    greedy = [sealed(told | {"params": told["params"] | {key: HUGE}}, body) for key in ("horizon", "gap", "season")]
    scores = {"node": "ConformalInterval", "layout": 1, "size": 9, "params": {"scores": 2000}}  # each horizon has some
    more = [{"window": HUGE}, {"level": scores}, {"level": 0.9}, {"metrics": [scores]}, {"metrics": None}]
    greedy += [sealed(told | {"params": told["params"] | one}, body) for one in more]
    greedy += [forged(name=how + name, params=one) for how in ("", "bank ") for name in GREEDY for one in GREEDY[name]]
    greedy += [
        sealed(opened(data)[0] | {"arrays": {"s": [1, len(opened(data)[1]) // 8]}}, opened(data)[1]) for data in greedy
    ]
    inner = [{"node": name, "layout": 1, "size": 9, "params": one} for name in GREEDY for one in GREEDY[name]]
    greedy += [forged(name="MedianEnsemble", params={"models": [one]}) for one in inner]
    some = {"node": "MSE", "layout": 1, "size": 9, "params": {"window": 400}}  # so much is free for one of them
    many = ({"models": [[some]] * 3000}, {f"models {k}": some for k in range(3000)}, {"models": [some] * 3000})
    greedy += [forged(name="MedianEnsemble", params=one) for one in many]
    sm.load(whole)  # whatever is imported or compiled is there now
    tracemalloc.start()
    begun = time.monotonic()
    for data in greedy:
        with pytest.raises(ValueError):
            sm.load(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6, peak
    assert time.monotonic() - begun < 20.0


def test_how_large_a_state_is_can_be_told_beforehand() -> None:
    for case in all_cases():
        node = case.make()
        assert type(node)._foretold(node.params) == node._s.size, case


def test_a_bank_shares_its_parameters() -> None:
    """So many rows of few numbers and a node of many parameters: their product is not allocated."""
    one = sm.StateSpace(beta=np.ones(2000))
    data = sm.bank(one, 2000).snapshot()
    tracemalloc.start()
    sm.load(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * len(data)


# Anything at all in a header.


@cache
def honest() -> list[bytes]:
    """Snapshots of all kinds of things that have learnt."""
    live = sm.LiveBacktest(sm.SES(alpha=0.3), horizon=2, start=4, metrics=[sm.MSE(window=3)], level=0.5)
    live.run(Y[:30])
    nodes = [
        sm.NLMS(taps=2, loss=sm.losses.huber(0.5)),
        sm.HoltWinters(season=2).fit(Y),
        sm.AutoETS(season=2).fit(Y[:40]),
        sm.BOA([sm.Naive(), sm.SeasonalNaive(2), sm.NLMS(2)]),
        sm.MedianEnsemble([sm.MedianEnsemble([sm.Naive()]), sm.Drift()]),
        sm.LocalLevel(1.0, 0.5),
        sm.ARLS(2),
        Follower(),
        sm.bank(sm.SES(), 2),
    ]
    for node in nodes:
        node.run(Y, *([Y] if isinstance(node, (sm.NLMS, Follower)) else []))
    metrics = [sm.TrimmedMSE(0.2, window=5), sm.MSE(seconds=2.0, capacity=4), sm.MedianOfMeansMSE(blocks=3, window=6)]
    for node in metrics:
        node.run(*signals(node, 30), **extras(node, 30))
    interval = sm.AdaptiveConformal(0.5, scores=5)
    interval.run(Y)
    return [one.snapshot() for one in (*nodes, *metrics, interval, live)]


NAMES = ["NLMS", "SES", "BOA", "bank SES", "LiveBacktest", "AdaptiveConformal", "os:system", "scipy:signal", "", "A\nB"]
NUMBERS = st.sampled_from([0, 1, 2, -1, 10**9, 10**400, 2**63, 0.5, -0.0, 1e308, -1e308, 5e-324, True, None])
LEAVES = NUMBERS | st.sampled_from(NAMES) | st.sampled_from(["add", "mul", "A", "M", "N", "ct", "linear", "noise"])
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["node", "params", "layout", "size", "s", "models", "taps"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)


def places(told: object, at: tuple = ()) -> list[tuple]:
    """Every place in a header."""
    found = [at] if at else []
    inner = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for key, value in inner:
        found += places(value, (*at, key))
    return found


def changed(told: dict, at: tuple, value: object, how: str) -> None:
    """Put something in a place, beside it, or nothing."""
    for key in at[:-1]:
        told = told[key]
    if how == "away":
        del told[at[-1]]
    elif how == "beside" and isinstance(told, dict):
        told["beside"] = value
    else:
        told[at[-1]] = value


def outcome(data: bytes) -> str:
    """What ``load`` does with it: a node that does no harm, or ValueError with a line."""
    try:
        node = sm.load(data)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert len(str(error)) < 400  # noqa: PT017
        return "refused"
    if isinstance(node, Node) and node._inputs() == 1:
        args = (Y[:6],) if isinstance(node, (sm.SES, sm.AdaptiveConformal)) else signals(node, 6)
        survives(node, args, {})
        node.reset()  # to a start that the parameters may hold
        survives(node, args, {})
    return "taken"


def any_header(data: st.DataObject) -> None:
    """Something else in the header, something else in the state, under right checksums."""
    told, body = opened(data.draw(st.sampled_from(honest())))
    for _ in range(data.draw(st.integers(0, 3))):
        found = places(told)
        if found:
            how = data.draw(st.sampled_from(["there", "there", "away", "beside"]))
            changed(told, data.draw(st.sampled_from(found)), data.draw(JSON), how)
    s = np.frombuffer(body).copy()
    for _ in range(data.draw(st.integers(0, 3))):
        s[data.draw(st.integers(0, s.size - 1))] = data.draw(st.sampled_from(VALUES))
    outcome(sealed(told, s.tobytes()))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_header_and_any_state_is_refused_or_harmless(data: st.DataObject) -> None:
    any_header(data)


def test_a_start_in_the_parameters_is_looked_at_too() -> None:
    """What ``fit`` found becomes the state again at every reset."""
    node = sm.HoltWinters(season=3).fit(Y)
    for phase in (7.0, -1.0, 0.5, 1e300):
        fitted = list(node.fitted)
        fitted[5] = phase
        with pytest.raises(ValueError, match=r"s\[1\] must be a whole number from 0 to 2"):
            sm.HoltWinters(season=3, fitted=tuple(fitted))
    told, body = opened(sm.AutoETS(season=1).fit(Y).snapshot())
    for kind in (1.0, 2.0, 9.0):  # of a season, where there is no room for one
        told["params"]["fitted"][2] = kind
        with pytest.raises(ValueError, match="fitted must be what fit found"):
            sm.load(sealed(told, body))


# Layouts that change.


def grown(self: Node, layout: int, s: np.ndarray) -> np.ndarray:
    """Layout 1 had a number less."""
    assert layout == 1
    if s.size != 2:
        raise ValueError(f"expected 2 numbers, got {s.size}")
    return np.concatenate([s, [7.0]])


def as_in_format_1(told: Any) -> Any:
    """A header without the layouts and sizes of the nodes within."""
    if isinstance(told, dict):
        drop = ("layout", "size") if "node" in told else ()
        return {key: as_in_format_1(one) for key, one in told.items() if key not in drop}
    return [as_in_format_1(one) for one in told] if isinstance(told, list) else told


def test_an_older_layout_is_carried_over_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> list:
        live = sm.LiveBacktest(Follower(), horizon=2, start=3)
        ensemble = sm.MedianEnsemble([sm.Naive(), Follower(), sm.BOA([Follower(rate=0.3), sm.Drift()])])
        return [Follower(), sm.bank(Follower(), 3), ensemble, sm.bank(ensemble, 2), live]

    def drive(node: Any, a: int, b: int) -> np.ndarray:
        filters = isinstance(node._one if hasattr(node, "__len__") else node, Follower)  # they take d as well
        return node.run(*([Y[a:b]] * (1 + filters)))

    nodes = made()
    for node in nodes:
        drive(node, 0, 40)
    stored = [node.snapshot() for node in nodes]
    expected = [drive(node, 40, 60) for node in nodes]

    monkeypatch.setattr(Follower, "_layout", 2)
    monkeypatch.setattr(Follower, "_size", lambda self: 3)
    for data in stored:
        with pytest.raises(ValueError, match="of an older version of streammse: it holds .*Follower in layout 1"):
            sm.load(data)
    monkeypatch.setattr(Follower, "_migrate", grown)
    for data, wanted, fresh in zip(stored[:], expected, made(), strict=True):
        for node in (sm.load(data), fresh.restore(data)):
            np.testing.assert_array_equal(drive(node, 40, 60), wanted)
        np.testing.assert_array_equal(drive(sm.load(node.snapshot()), 60, 70), drive(node, 60, 70))
        stored.append(node.snapshot())
    for data in stored[2:4]:  # format 1 says neither layout nor size of the nodes within
        told, body = opened(data)
        with pytest.raises(ValueError, match="no part of the state|expected 2 numbers"):
            sm.load(sealed(as_in_format_1(told), body, version=1))
    monkeypatch.setattr(Follower, "_size_at_first", lambda self: 2)
    for data, wanted in zip(stored[2:4], expected[2:4], strict=True):
        told, body = opened(data)
        node = sm.load(sealed(as_in_format_1(told), body, version=1))
        np.testing.assert_array_equal(drive(node, 40, 60), wanted)
    monkeypatch.setattr(Follower, "_layout", 1)
    for data in stored[len(nodes) :]:
        with pytest.raises(ValueError, match="newer version of streammse: it holds .*Follower in layout 2"):
            sm.load(data)


# Compositions.

X = np.random.default_rng(1).standard_normal((200, 2))
LIVES = {
    "fitted": lambda: sm.LiveBacktest(sm.HoltWinters(season=4).fit(Y[:60]), horizon=5, start=20),
    "filter": lambda: sm.LiveBacktest(sm.NLMS(taps=4), horizon=3, start=20, gap=2, stride=3),
    "window": lambda: sm.LiveBacktest(sm.BOA([sm.Naive(), sm.Drift()]), horizon=3, start=20, window=15),
    "scored": lambda: sm.LiveBacktest(
        sm.Naive(), horizon=4, start=10, level=0.5, metrics=[sm.TrimmedMSE(window=8), sm.MSE(window=5)]
    ),
    "regressors": lambda: sm.LiveBacktest(sm.ARLS(2, exogenous=2), horizon=2, start=20, x_known=False),
    "own": lambda: sm.LiveBacktest(Follower(rate=0.3), horizon=2, start=5),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_backtest_in_flight_goes_on(name: str) -> None:
    def drive(live: sm.LiveBacktest, first: int, last: int) -> list[float]:
        return [live.update(Y[t], *([X[t]] if name == "regressors" else [])) for t in range(first, last)]

    live, fresh = LIVES[name](), LIVES[name]()
    drive(live, 0, 90)
    data = live.snapshot()
    others = [sm.load(data), fresh.restore(data), pickle.loads(pickle.dumps(live)), copy.deepcopy(live)]
    expected = drive(live, 90, 150)
    for other in others:
        np.testing.assert_array_equal(drive(other, 90, 150), expected)
        np.testing.assert_array_equal(other.forecasts, live.forecasts)
        assert other.snapshot() == live.snapshot()
        assert [*map(str, other.scores.to_dict().items())] == [*map(str, live.scores.to_dict().items())]
    assert sm.load(live.reset().snapshot()).count == 0


def test_a_backtest_takes_over_none_but_its_own() -> None:
    live = LIVES["fitted"]()
    live.run(Y[:50])
    before = live.snapshot()
    other = sm.LiveBacktest(sm.Naive(), horizon=5, start=20)
    hostile = LIVES["fitted"]()
    hostile._work.b[0] = np.nan
    sick = LIVES["fitted"]()
    sick._work.s[1] = 1e9

    def without(key: str) -> bytes:
        told, body = opened(before)
        del told["params"]["model"][key]
        return sealed(told, body)

    for data, words in (
        (other.snapshot(), "made with another model"),
        (sm.LiveBacktest(live._model, horizon=3, start=20).snapshot(), "made with another horizon"),
        (sm.Naive().snapshot(), "expected a snapshot of a LiveBacktest, got one of Naive"),
        (hostile.snapshot(), r"s\[0\] must be a whole number"),
        (sick.snapshot(), r"s\[1\] must be a whole number from 0 to 3"),
        (before[:-40], "truncated"),
        (sealed({**opened(before)[0], "layout": 2}, opened(before)[1]), "newer version"),
        (without("size"), "cannot be built: 'size'"),
        (without("layout"), "cannot be built: 'layout'"),
    ):
        with pytest.raises(ValueError, match=words):
            live.restore(data)
        assert live.snapshot() == before


def test_what_is_set_on_the_callers_model_is_none_of_the_backtests() -> None:
    model = sm.NLMS(taps=4, mu=0.5)
    live = sm.LiveBacktest(model, horizon=2, start=5)
    model.mu = 0.1
    expected = live.run(Y)
    np.testing.assert_array_equal(sm.load(live.reset().snapshot()).run(Y), expected)


def test_every_kind_of_composition_goes_on() -> None:
    """Denoisers, ensembles of ensembles, banks of them, a user's kernel and loss inside; models from elsewhere."""
    from statsmodels import api

    borrowed = sm.from_statsmodels(api.tsa.SARIMAX(Y[:80], order=(1, 0, 1), trend="c").fit(disp=False))
    ensemble = sm.MLPoly([borrowed, Follower(rate=0.2), sm.BOA([sm.SES(), sm.Naive()], loss=OWN)])
    for node in (borrowed, ensemble, sm.bank(ensemble, 2), sm.LineEnhancer(taps=4, delay=2), sm.bank(sm.Smoother(), 2)):
        node.run(Y[:100])
        data = node.snapshot()
        expected = node.run(Y[100:])
        np.testing.assert_array_equal(sm.load(data).run(Y[100:]), expected)
        np.testing.assert_array_equal(node.reset().restore(data).run(Y[100:]), expected)


def _value(e):
    return abs(e) ** 1.5


def _score(e):
    return 1.5 * np.sign(e) * abs(e) ** 0.5


OWN = sm.make_loss(_value, _score)
