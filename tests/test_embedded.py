"""A node inside of somebody else's loop: in C, in Numba, in a thread, between two garbage collections."""

from __future__ import annotations

import copy
import ctypes
import gc
import os
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numba
import numpy as np
import pytest

import streammse as sm
from streammse import _jit
from streammse._jit import collector, kernel, rare, silent
from streammse._jit.instructions import warn
from streammse.node import Node

from .cases import Case, all_cases, extras, signals
from .test_house import ROOT, blocks

SOAK = os.environ.get("STREAMMSE_SOAK", "") not in ("", "0")
POINTER = ctypes.POINTER(ctypes.c_double)


def in_kernel_order(node: Node, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """The checked x and d of a block."""
    return node._arrange(*signals(node, samples), **extras(node, samples))


def pointer(a: np.ndarray) -> object:
    return a.ctypes.data_as(POINTER)


@pytest.fixture
def library(tmp_path):
    """Compile C against the header that a node brings, or skip."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed")

    def build(code: str) -> ctypes.CDLL:
        (tmp_path / "streammse.h").write_text(sm.MSE().c_function().prototype)
        (tmp_path / "filter.c").write_text(code)
        flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]
        subprocess.run([gcc, *flags, "filter.c", "-o", "filter.so"], cwd=tmp_path, check=True)
        return ctypes.CDLL(str(tmp_path / "filter.so"))

    return build


def test_the_c_program_of_the_docs_filters_a_million_samples(library, tmp_path, monkeypatch):
    page = ROOT / "docs" / "realtime.md"
    (code,) = blocks(page, "c")
    library(code)
    monkeypatch.chdir(tmp_path)
    f = sm.NLMS(taps=32, mu=0.5)
    f.run(np.ones(50), np.ones(50))
    same = copy.deepcopy(f)
    names = {"f": f, "np": np}
    for block in blocks(page, "py"):
        exec(block, names)
    wanted = same.run(names["x"], names["d"])
    assert wanted.size == 1_000_000
    np.testing.assert_array_equal(names["y"], wanted)
    np.testing.assert_array_equal(f.s, same.s)
    assert names["power"] == pytest.approx(np.mean((names["d"] - wanted) ** 2), rel=1e-9)
    assert names["c"].status == 0


VECTOR_LOOP = """
#include "streammse.h"

void filter(streammse_vector_step *step, streammse_node *node, int64_t n, const double *x, const double *d, double *y)
{
    for (int64_t t = 0; t < n; t++)
        y[t] = step(node, x + t * node->inputs, d[t]);
}
"""


def test_a_vector_node_from_c(library):
    f, same = sm.NLMS(taps=4, references=3), sm.NLMS(taps=4, references=3)
    x, d = signals(f, 500)
    y, c = np.empty(500), f.c_function()
    library(VECTOR_LOOP).filter(
        *map(ctypes.c_void_p, (c.address, c.node)), ctypes.c_int64(500), pointer(x), pointer(d), pointer(y)
    )
    np.testing.assert_array_equal(y, same.run(x, d))


def _kinds() -> list[Case]:
    """One of every kind; the soak goes through all."""
    few = [
        Case("NLMS", (("references", 3),)),
        Case("NLMS", (("complex", True),)),
        Case("LMS", (("complex", True), ("references", 2))),
        Case("MSE", (("window", 16),)),
        Case("MSE", (("weighted", True),)),
        Case("NoiseCanceller"),
        Case("HoltWinters", (("season", 4),)),
        Case("MedianEnsemble", tuple(sm.MedianEnsemble._needs.items())),
    ]
    return all_cases() if SOAK else few


def _firsts() -> list[Case]:
    """Every algorithm, once."""
    return list({one.name: one for one in reversed(all_cases())}.values())


@pytest.mark.parametrize("case", _kinds(), ids=str)
def test_a_block_in_c_is_run(case: Case) -> None:
    node, same = case.make(), case.make()
    x, d = in_kernel_order(node, 200)
    y, c = np.empty(200, d.dtype), node.c_function()
    assert c.block(c.node, 150, pointer(x), pointer(d), pointer(y)) == 150
    assert c.block(c.node, 50, pointer(x[150:]), pointer(d[150:]), pointer(y[150:])) == 50
    np.testing.assert_array_equal(y, same._through(x, d))
    np.testing.assert_array_equal(node.s, same.s)
    assert c.status == 0


def test_without_a_desired_sample_nothing_is_learnt() -> None:
    f = sm.NLMS(taps=4)
    f.run(np.ones(20), np.ones(20))
    same, x, y, c = copy.deepcopy(f), np.arange(8.0), np.empty(8), f.c_function()
    assert c.block(c.node, 8, pointer(x), None, pointer(y)) == 8
    np.testing.assert_array_equal(y, same.run(x))
    assert c(2.0) == same.update(2.0)


@sm.kernel(state=lambda size: size, size=3)
def Sums(p, s, x, d):
    for k in range(len(s)):  # the size of its state comes from the struct
        s[k] += x
    if x > 100.0:
        raise ValueError("above the limit", x)  # with a value of its own: memory that nobody may lose
    return s[int(x)]


def test_a_kernel_of_ones_own_knows_its_sizes_and_its_errors_are_a_status() -> None:
    f = Sums(size=5)
    c = f.c_function()
    assert [c(1.0), c(2.0)] == [1.0, 3.0]
    assert c.status == 0
    assert np.isnan(c(7.0))  # beyond the end: an IndexError in Python
    assert c.status == 1
    c.status = 0
    y, x = np.zeros(4), np.array([1.0, 200.0, 1.0, 1.0])
    assert c.block(c.node, 4, pointer(x), None, pointer(y)) == 1
    assert (y[0], c.status) == (11.0, 1)
    with pytest.raises(ValueError, match="above the limit"):
        Sums(size=2).update(200.0)


@pytest.mark.parametrize("policy", ["raise", "reset", "hold"])
def test_a_divergence_in_c_is_counted_and_says_nothing(policy: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Warnings are errors here: one that reached Python would end the test."""
    rng = np.random.default_rng(0)
    f = sm.LMS(taps=8, mu=100.0, on_divergence=policy)
    c, x = f.c_function(), rng.standard_normal(50)
    y = np.zeros(50)
    done = c.block(c.node, 50, pointer(x), pointer(x), pointer(y))
    assert f.diverged >= 1
    if policy == "raise":
        assert done < 50
        assert c.status == 1
        assert f.diverged == 1  # it stopped at the first
    else:
        assert (done, c.status) == (50, 0)
    assert capfd.readouterr() == ("", "")


def test_an_expert_that_warns_into_an_error_leaves_no_exception_behind() -> None:
    """Its machine code is the one of Python: what it raises ends in the status, and the next call is as any other."""
    f = sm.MedianEnsemble([sm.LMS(taps=2, mu=100.0, on_divergence="hold"), sm.Naive()])
    y = 1e-3 * np.random.default_rng(0).standard_normal(300)
    y[200:] *= np.cumprod(np.full(100, 9.0))
    c, out = f.c_function(), np.empty(300)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = c.block(c.node, 300, pointer(y), pointer(y), pointer(out))
    assert 200 <= done < 300
    assert c.status == 1
    assert np.isfinite(c.step(c.node, 1.0, 1.0))


def test_no_python_in_the_machine_code_for_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMMSE_CACHE", "off")  # numba shows no code that was loaded

    @rare
    def complain(x):
        warn("this went wrong")
        return x

    @kernel
    def step(p, s, x, d):
        return complain(x) if x > 1.0 else x

    def speaks(inline: bool) -> bool:
        (made,) = step._machine(inline=inline).overloads.values()
        return "PyErr_WarnEx" in "".join(one.get_llvm_str() for one in (made.library, *made.library._linking_libraries))

    assert speaks(inline=False)
    before = silent.set(True)
    try:
        assert not speaks(inline=True)
    finally:
        silent.reset(before)


def test_the_c_function_keeps_its_node_alive() -> None:
    c = sm.NLMS(taps=64).c_function()
    gc.collect()
    others = [sm.NLMS(taps=64) for _ in range(50)]  # would reuse the memory
    assert c(1.0, 1.0) == 0.0
    assert c(1.0, 1.0) > 0.0
    assert len(others) == 50


def test_a_row_of_a_bank_from_c() -> None:
    rows = sm.bank(sm.NLMS(taps=3), 2)
    c = rows[1].c_function()
    c(1.0, 1.0)
    assert rows[1].s.any()
    np.testing.assert_array_equal(rows[0].s, sm.NLMS(taps=3).s)


@pytest.mark.parametrize(
    "case", [Case("NLMS"), Case("MSE", (("window", 8),)), Case("HoltWinters", (("season", 4),))], ids=str
)
def test_inlined_in_a_loop_it_is_run_and_counts_no_reference(case: Case) -> None:
    node, same = case.make(), case.make()
    x, d = in_kernel_order(node, 300)
    step = node.compiled()

    @numba.njit
    def loop(p, s, x, d, y):
        for t in range(x.size):
            y[t] = step(p, s, x[t], d[t])

    y = np.empty(300)
    loop(node.p, node.s, x, d, y)
    np.testing.assert_array_equal(y, same._through(x, d))
    np.testing.assert_array_equal(node.s, same.s)
    (text,) = loop.inspect_llvm().values()
    body = text.split("define ")[1]  # of the loop itself
    counted = [line for line in body.splitlines() if "NRT_incref" in line or "NRT_decref" in line]
    assert len(counted) <= 10  # of the five arguments, outside of the loop
    assert all("arg." in line for line in counted)


def test_the_step_is_called_from_python_too_and_given_as_an_argument() -> None:
    f, g = sm.NLMS(taps=2), sm.NLMS(taps=2)
    step = f.compiled()
    assert step(f.p, f.s, 1.0, 2.0) == g.update(1.0, 2.0)
    assert "step" in repr(step)

    @numba.njit
    def twice(step, p, s):
        step(p, s, 1, 2)  # integers are numbers as well
        return step(p, s, 1.0, 2.0)

    twice(step, f.p, f.s)
    g.update(1.0, 2.0)
    g.update(1.0, 2.0)
    np.testing.assert_array_equal(f.s, g.s)


def test_realtime_keeps_the_collector_out_and_puts_it_back() -> None:
    frozen = gc.get_freeze_count()
    f = sm.NLMS(taps=4)
    assert gc.isenabled()
    with sm.realtime(f, sm.bank(sm.MSE(), 2), sm.NLMS(taps=2, references=2)):
        assert not gc.isenabled()
        inside = gc.get_freeze_count()
        assert inside > 1000 or frozen
        assert "update" in vars(f)
        with sm.realtime():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
    np.testing.assert_array_equal(f.s, sm.NLMS(taps=4).s)
    with pytest.raises(KeyError), sm.realtime():
        raise KeyError
    assert gc.isenabled()
    with pytest.raises(TypeError, match="takes nodes and banks, got 3"), sm.realtime(3):
        pass
    assert gc.isenabled()


def test_realtime_leaves_alone_what_was_off_or_frozen() -> None:
    gc.disable()
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with sm.realtime():
            gc.enable()
        assert not gc.isenabled()
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()
        gc.enable()


def in_another_thread(enter: Callable[[], AbstractContextManager[None]]) -> Callable[[], None]:
    """Another thread is inside from now on; what is returned lets it leave, and waits until it has."""
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with enter():
            inside.set()
            leave.wait(30)

    def left() -> None:
        leave.set()
        other.join(30)

    other = threading.Thread(target=work)
    other.start()
    assert inside.wait(30)
    return left


def test_whoever_compiles_beside_it_puts_nothing_back_too_soon() -> None:
    compiled = in_another_thread(collector.kept_out)
    with sm.realtime():
        compiled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_nothing_is_collected_while_a_kernel_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []

    @contextmanager
    def watched() -> Iterator[None]:
        with collector.kept_out():
            states.append(gc.isenabled())
            yield

    monkeypatch.setattr(_jit, "kept_out", watched)
    assert kernel(lambda p, s, x, d: 2.0 * x).compiled(np.zeros(1), np.zeros(1), 3.0, 0.0) == 6.0
    assert states == [False]
    assert gc.isenabled()


def test_realtime_of_several_threads_ends_with_the_last() -> None:
    with sm.realtime():
        left = in_another_thread(sm.realtime)
    assert not gc.isenabled()
    left()
    assert gc.isenabled()


@pytest.fixture(scope="class")
def quiet() -> Iterator[None]:
    """One ``realtime`` around all: it collects whatever the suite holds, which is not asked for at every node."""
    with sm.realtime():
        yield


@pytest.mark.usefixtures("quiet")
class TestCalls:
    """What a call leaves behind."""

    @pytest.mark.parametrize("case", _firsts(), ids=str)
    def test_no_call_allocates(self, case: Case) -> None:
        """What Python allocates during a thousand calls and does not give back: nothing."""
        node = case.make()
        more = extras(node, 200)
        arguments = [
            tuple(column)
            for column in zip(*(a.tolist() if a.ndim == 1 else list(a) for a in signals(node, 200)), strict=True)
        ]
        assert not more
        update = node.update
        for one in arguments:
            update(*one)
        with sm.realtime(node):
            tracemalloc.start()
            try:
                for one in arguments[:50]:
                    update(*one)
                before, _ = tracemalloc.get_traced_memory()
                for _ in range(5):
                    for one in arguments:
                        update(*one)
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert after - before < 512  # two floats that a loop variable may hold, not something for each of 1000 calls


def test_resident_memory_stays(tmp_path: Path) -> None:
    """Over a few million samples; the soak takes 1e8."""
    samples = 100_000_000 if SOAK else 2_000_000
    code = f"""
import resource, numpy as np, streammse as sm
nodes = [sm.NLMS(8), sm.MSE(window=100), sm.HoltWinters(12, alpha=0.3, beta=0.1, gamma=0.1)]
block = np.random.default_rng(0).standard_normal(10_000)
rows = block.tolist()
def go(n):
    f, m, h = nodes
    for _ in range(n // 20_000):
        for x in rows[:1000]:
            m.update(x, f.update(x, x)); h.update(x)
        f.run(block, block); m.run(block, block); h.run(block)
go(400_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
go({samples})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1024  # KiB


def test_a_long_block_lets_another_thread_go_on() -> None:
    """Not timed: while the block runs, the other thread counts; with the GIL held it could not."""
    f = sm.NLMS(taps=512)
    x = np.random.default_rng(0).standard_normal(300_000)
    f.run(x[:10], x[:10])
    counts, running, done = [0], threading.Event(), threading.Event()

    def count() -> None:
        running.set()
        while not done.is_set():
            counts[0] += 1
            time.sleep(0)  # gives the GIL away

    other = threading.Thread(target=count)
    other.start()
    running.wait(30)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # so nobody has to give the GIL: whoever has it keeps it until it lets go
    try:
        before = counts[0]
        f.run(x, x)
        after = counts[0]
    finally:
        sys.setswitchinterval(interval)
        done.set()
        other.join(30)
    assert after > before
