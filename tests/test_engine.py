"""Kernels, their cache, and a user's own step."""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import streammse as sm
from streammse._jit import Function, helper, kernel
from streammse._jit.cache import fingerprint


@sm.kernel(state=lambda taps: 2 * taps, taps=8, mu=0.01)
def OwnLMS(p, s, x, d):
    """LMS as a user would write it."""
    taps, mu = int(p[0]), p[1]
    w, u = s[:taps], s[taps:]
    u[1:] = u[:-1].copy()
    u[0] = x
    y = np.dot(w, u)
    if not math.isnan(d):
        w += mu * (d - y) * u
    return y


@kernel
def hoards(p, s, x, d):
    """What no kernel may do."""
    return np.zeros(3)[0] + x


@sm.kernel(state=2, estimator=True)
def OwnMSE(p, s, x, d):
    s[0] += (d - x) ** 2
    s[1] += 1.0
    return s[0] / s[1]


@sm.kernel(state=1, limit=1.0)
def Breaks(p, s, x, d):
    if x > p[0]:
        raise ValueError("above the limit")
    s[0] += x
    return s[0]


@sm.kernel(state=lambda m: m, inputs=3, m=3, mu=0.1)
def Mixer(p, s, x, d):
    y = 0.0
    for k in range(3):
        y += s[k] * x[k]
    if d == d:  # noqa: PLR0124  as a user might write it
        for k in range(3):
            s[k] += p[1] * (d - y) * x[k]
    return y


@sm.kernel(state=1)
def Outside(p, s, x, d):
    s[3] = x
    return x


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).standard_normal(2000)
    return x, np.convolve(x, [0.5, -0.3, 0.1])[:2000]


def test_own_kernel_equals_the_shipped_filter(data) -> None:
    x, d = data
    own, ours = OwnLMS(taps=4, mu=0.02), sm.LMS(taps=4, mu=0.02)
    np.testing.assert_allclose(own.run(x, d), ours.run(x, d), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(own._s[:4], ours.weights, rtol=1e-9, atol=1e-15)


def test_own_kernel_gets_every_form(data) -> None:
    x, d = data
    a, b = OwnLMS(taps=4), OwnLMS(taps=4)
    y = a.run(x, d)
    np.testing.assert_array_equal(y, [b.update(i, j) for i, j in zip(x, d, strict=True)])
    bank = sm.bank(a, 2).run(np.stack([x, x]), np.stack([d, d]))
    np.testing.assert_array_equal(bank, [y, y])
    for other in (sm.load(a.snapshot()), pickle.loads(pickle.dumps(a)), OwnLMS(taps=4).restore(a.snapshot())):
        assert type(other) is OwnLMS
        np.testing.assert_array_equal(other._s, a._s)
    assert OwnMSE().run([1.0, 2.0], [1.0, 4.0]).tolist() == [0.0, 2.0]
    rows = np.random.default_rng(1).standard_normal((500, 3))
    m = Mixer()
    m.run(rows, rows @ [1.0, -2.0, 0.5])
    np.testing.assert_allclose(m._s, [1.0, -2.0, 0.5], atol=1e-3)


def test_an_error_in_a_kernel_leaves_the_state_as_it_was() -> None:
    node = Breaks()
    node.run([0.5, 0.25])
    with pytest.raises(ValueError, match="above the limit"):
        node.run([0.5, 0.5, 2.0, 0.5])
    assert node._s[0] == 0.75
    bank = sm.bank(node, 2)
    with pytest.raises(ValueError, match="above the limit"):
        bank.run([[0.5, 0.5], [0.5, 2.0]])
    assert not bank._s.any()
    with pytest.raises(ValueError, match="above the limit"):
        node.update(3.0)
    assert node._s[0] == 0.75


def test_an_integer_compiles_no_second_copy() -> None:
    node = sm.NLMS(taps=4)
    node.update(1, 2)
    node.update(np.float32(1), 2.0)
    node.run([1, 2, 3], [1, 2, 3])
    assert len(node._kernel().compiled.overloads) == 1


def test_parameters_are_set_live_and_checked(data) -> None:
    x, d = data
    f = sm.NLMS(taps=4, mu=0.5)
    f.run(x[:100], d[:100])
    f.mu = 0.0
    before = f.weights
    f.run(x[100:200], d[100:200])
    np.testing.assert_allclose(f.weights, before, rtol=1e-12)
    with pytest.raises(ValueError, match=r"mu must be 0 <= mu <= 2, got 5"):
        f.mu = 5
    assert f.mu == 0.0
    with pytest.raises(TypeError, match="taps is fixed"):
        f.taps = 3


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sm.NLMS(taps=0), ValueError, "taps must be 1 <= taps, got 0"),
        (lambda: sm.NLMS(taps=2.5), ValueError, "taps must be an integer, got 2.5"),
        (lambda: sm.NLMS(mu="fast"), TypeError, "mu must be a number, got 'fast'"),
        (lambda: sm.NLMS(taps="5"), TypeError, "taps must be a number, got '5'"),
        (lambda: sm.NLMS(mu=math.nan), ValueError, "mu must be 0 <= mu <= 2, got nan"),
        (lambda: sm.NLMS(steps=3), TypeError, "its parameters: taps, mu"),
        (lambda: sm.NLMS().run([1.0, 2.0], [1.0]), ValueError, "same length, got 2 and 1"),
        (lambda: sm.NLMS().run([["a"]], [1.0]), TypeError, "x must be an array of real numbers"),
        (lambda: sm.NLMS().run([1j], [1.0]), TypeError, "x must be an array of real numbers, got list"),
        (lambda: sm.NLMS().run(np.zeros((5, 2)), np.zeros(5)), ValueError, r"x must have shape \(T,\)"),
        (lambda: sm.NLMS(references=2).run(np.zeros(5), np.zeros(5)), ValueError, r"x must have shape \(T, 2\)"),
        (lambda: sm.NLMS(references=2).update(np.zeros(3), 0.0), ValueError, r"expected shape \(2,\), got \(3,\)"),
        (lambda: sm.bank(sm.NLMS, 2), TypeError, r"a node such as sm.NLMS\(\), got the class"),
        (lambda: sm.bank(sm.NLMS(), 2).update(1.0, 2.0), ValueError, "a sample for each of 2 rows"),
        (lambda: setattr(sm.NLMS(), "nu", 0.5), AttributeError, "NLMS has no parameter 'nu': it has taps, mu"),
        (lambda: setattr(sm.bank(sm.NLMS(), 2)[0], "mu", 0.1), TypeError, "mu of a row is that of its bank"),
        (lambda: sm.kernel(lambda p, s, x, d: 0.0), TypeError, r"write @sm.kernel\(state="),
        (lambda: sm.kernel(state=1)(lambda p, s, x: 0.0), TypeError, r"must be a step\(p, s, x, d\)"),
        (lambda: sm.kernel(state=1, run=1.0), ValueError, "cannot be called 'run'"),
        (lambda: sm.kernel(state=1, inputs=2, estimator=True), ValueError, "an estimator takes one prediction"),
        (sm.kernel(state=lambda n: n, n=0)(lambda p, s, x, d: 0.0), ValueError, "at least one number, got 0"),
        (lambda: Outside().run([1.0]), IndexError, "out of bounds"),
        (lambda: Outside().update(1.0), IndexError, "out of bounds"),
        (
            lambda: sm.bank(sm.NLMS(6), 2).restore(sm.bank(sm.NLMS(6, mu=0.1), 2).snapshot()),
            ValueError,
            "mu=0.1 instead of 0.5",
        ),
        (lambda: sm.bank(sm.NLMS(), 0), ValueError, "k must be a positive integer, got 0"),
        (lambda: sm.bank(sm.NLMS(), 2).run(np.zeros((3, 5)), np.zeros((2, 5))), ValueError, r"shape \(2, T\) or"),
        (lambda: sm.kernel(state=lambda n: n)(lambda p, s, x, d: 0.0), TypeError, "state depends on n"),
        (lambda: sm.kernel(state=0), ValueError, "state must be a positive integer"),
    ],
)
def test_bad_input_says_what_was_expected(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()


def test_read_only_and_foreign_arrays_are_taken(data) -> None:
    x, d = data
    expected = sm.NLMS(4).run(x, d)
    frozen = x.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(sm.NLMS(4).run(frozen, d), expected)
    np.testing.assert_array_equal(sm.NLMS(4).run(np.repeat(x, 2)[::2], d.tolist()), expected)


def test_an_omitted_truth_works_from_the_cache_too() -> None:
    code = "from streammse import NLMS; print(NLMS(taps=2).update(1.0), NLMS(2, references=2).update([1.0, 2.0]))"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["0.0", "0.0"]


def test_a_masked_sample_is_missing(data) -> None:
    x, d = data
    holes = np.arange(d.size) % 7 == 0
    expected = sm.NLMS(4).run(x, np.where(holes, np.nan, d))
    np.testing.assert_array_equal(sm.NLMS(4).run(x, np.ma.masked_array(d, holes)), expected)


def test_arguments_have_the_same_names_in_both_verbs() -> None:
    assert sm.NLMS().update(x=1.0, d=None) == sm.NLMS().run(x=[1.0], d=[np.nan])[0]
    assert sm.MSE().update(y_true=1.0, y_pred=3.0) == 4.0
    assert np.isfinite(sm.Smoother().update(x=1.0))
    assert np.isfinite(sm.NoiseCanceller(taps=2).update(x=1.0, reference=2.0))
    assert np.isfinite(sm.NoiseCanceller(taps=2, references=2).update(x=1.0, reference=[2.0, 3.0]))


def test_a_subclass_may_name_another_default() -> None:
    class Slow(sm.NLMS):
        """NLMS with a small step."""

        mu = 0.1

    assert Slow(4)._p[1] == Slow(4).mu == 0.1
    assert sm.NLMS(4).mu == 0.5


def test_a_bank_tells_what_its_rows_tell() -> None:
    bank = sm.bank(sm.MSE(), 3)
    bank.update([1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
    assert bank.value.tolist() == [1.0, 4.0, 9.0]
    weighted = sm.bank(sm.MSE(weighted=True), 2)
    assert weighted.update([1.0, 2.0], [0.0, 0.0], weight=[1.0, 3.0]).tolist() == [1.0, 4.0]
    with pytest.raises(AttributeError, match="a bank of MSE has no attribute 'nothing'"):
        bank.nothing  # noqa: B018


def test_compiling_in_threads_never_waits_for_itself() -> None:
    code = """
import threading, numba, streammse as sm
huber = sm.losses.huber.value

def user():
    numba.njit(lambda e: huber(e, 1.0, 0.0))(2.0)

threads = [threading.Thread(target=user, daemon=True)]
threads += [threading.Thread(target=lambda: sm.NLMS(taps=3).update(1.0, 1.0), daemon=True)]
for t in threads: t.start()
for t in threads: t.join(60)
print([t.is_alive() for t in threads])
"""
    environment = {**os.environ, "STREAMMSE_CACHE": "off"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[False, False]"


def test_an_update_outlives_its_node() -> None:
    update = sm.NLMS(taps=64).update
    other = [sm.NLMS(taps=64) for _ in range(50)]  # would reuse the memory
    assert update(1.0, 1.0) == 0.0
    assert len(other) == 50


def test_a_helper_has_no_entry_from_python() -> None:
    with pytest.raises(TypeError, match="only inside of kernels"):
        helper(lambda a: a + 1.0).compiled  # noqa: B018


def test_threads_share_the_compiler() -> None:
    results = []

    def work() -> None:
        results.append(sm.NLMS(taps=5).run(np.ones(10), np.ones(10)).sum())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 4
    assert len(set(results)) == 1


# What the cache tells apart (what it survives is in test_cache.py).


def made(constant: float, inner: float) -> Function:
    @helper
    def add(a):
        return a + inner

    @kernel
    def step(p, s, x, d):
        return add(x) * constant

    return step


def test_the_fingerprint_sees_everything_that_a_kernel_names() -> None:
    marks = {fingerprint(made(c, i)) for c in (1.0, 2.0) for i in (1.0, 2.0)}
    assert len(marks) == 4
    assert fingerprint(made(1.0, 1.0)) == fingerprint(made(1.0, 1.0))
    assert None not in marks


def test_the_fingerprint_tells_arguments_apart_that_come_again() -> None:
    def three(f, g, h):
        @kernel
        def step(p, s, x, d):
            return f(x) + 2.0 * g(x) + 4.0 * h(x)

        return step

    one, two = helper(lambda x: x), helper(lambda x: -x)
    orders = [three(*(one if k >> i & 1 else two for i in range(3))) for k in range(8)]
    assert len({fingerprint(step) for step in orders}) == 8


def test_the_fingerprint_looks_into_modules() -> None:
    settings = ModuleType("settings")
    space = {"settings": settings, "kernel": kernel}
    marks = set()
    for settings.GAIN in (1.0, 2.0):
        exec("@kernel\ndef step(p, s, x, d):\n    return settings.GAIN * x", space)
        marks.add(fingerprint(space["step"]))
    assert len(marks) == 2


TOLD_APART = """
import sys
import streammse as sm

nodes = [eval("sm." + text) for text in sys.argv[1:]]
for node in nodes:
    node._kernel().compiled
for node in nodes:
    node.update(1.0, 0.5)
    print(node.update(3.0, 1.0))
"""


def test_kernels_stored_by_other_processes_are_told_apart(tmp_path: Path) -> None:
    # Each is the first function that its process compiles, and both are closures of one name.
    env = {**os.environ, "STREAMMSE_CACHE": str(tmp_path / "cache")}

    def told(*nodes: str) -> list[float]:
        ran = subprocess.run([sys.executable, "-c", TOLD_APART, *nodes], env=env, capture_output=True, check=True)
        return [float(line) for line in ran.stdout.split()]

    kinds = ["RMSE(window=10)", "MAE(window=10)", "MSE(window=10)"]
    alone = [told(kind)[0] for kind in kinds]
    assert alone == [math.sqrt(2.125), 1.25, 2.125]
    assert told(*kinds) == alone


def test_a_kernel_that_allocates_is_refused_when_it_is_compiled_but_for_a_users_own() -> None:
    with pytest.raises(Exception, match=r"NRT required|zeros"):
        _ = hoards.compiled
    own = sm.kernel(state=1)(hoards.py_func)
    assert own().update(2.0) == 2.0


def test_a_forecaster_takes_whatever_is_a_number_one_by_one() -> None:
    node = sm.SES(alpha=0.5)
    node.update(2)
    assert node.update(np.float32(4.0)) == 2.0
    assert node.update(True) == 3.0
    before = node.snapshot()
    for wrong in ("four", None, [4.0], 1j):
        with pytest.raises(TypeError):
            node.update(wrong)
    with pytest.raises(TypeError):
        node.update()
    assert node.snapshot() == before
