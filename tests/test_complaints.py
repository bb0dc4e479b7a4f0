"""A call that does not fit and a function that does not compile are told in our words, in one line."""

import contextlib
import functools
import inspect
import sys
from fractions import Fraction

import numpy as np
import pytest

import streammse as sm


def unknown_name(e):
    return nowhere(e)  # noqa: F821


def no_such_member(e):
    return e.nothing


@sm.kernel(state=1)
def TextInState(p, s, x, d):
    s[0] = "a"
    return x


@sm.kernel(state=1)
def WithFile(p, s, x, d):
    with open("x") as file:
        file.read()
    return x


def plain(e):
    return e * e


@sm.kernel(state=1)
def CallsPlain(p, s, x, d):
    return plain(x)


CALLS = {
    "text": (lambda: sm.MSE().update("1", 1), "update(y_true, y_pred) takes numbers, got y_true='1'"),
    "none": (lambda: sm.MSE().update(None, 1), "update(y_true, y_pred) takes numbers, got y_true=None"),
    "one of two": (lambda: sm.MSE().update(1), "update(y_true, y_pred) needs y_pred as well"),
    "nothing": (lambda: sm.NLMS().update(), "update(x, d) needs x as well"),
    "complex": (lambda: sm.NLMS().update(1, 1j), "update(x, d) takes numbers, got d=1j"),
    "array": (lambda: sm.NLMS().update(np.zeros(2), 1), "update(x, d) takes numbers, got x=array([0., 0.])"),
    "a text of numpy's": (lambda: sm.NLMS().update(1, np.str_("4")), "update(x, d) takes numbers, got d=np.str_('4')"),
    "a forecaster": (lambda: sm.HoltWinters(12).update("a"), "update(y) takes numbers, got y='a'"),
    "digits": (lambda: sm.HoltWinters(12).update("4"), "update(y) takes numbers, got y='4'"),
    "bytes": (lambda: sm.ARLS(4).update(b"4"), "update(y) takes numbers, got y=b'4'"),
    "a missing sample is NaN": (lambda: sm.SES().update(None), "update(y) takes numbers, got y=None"),
    "no sample": (lambda: sm.SES().update(), "update(y) needs y as well"),
    "too many": (lambda: sm.SES().update(1, 2), "update(y) takes 1 number, got 2"),
    "far too many": (lambda: sm.NLMS().update(1, 2, 3, d=4), "update(x, d) takes 2 numbers, got 3"),
    "another name": (lambda: sm.MSE().update(1, y=2), "update(y_true, y_pred) has no argument 'y'"),
    "twice": (lambda: sm.NLMS().update(1, x=2), "update(x, d) got x twice"),
    "too many references": (
        lambda: sm.NLMS(references=2).update([1, 2], 3, 4),
        "update() takes from 1 to 2 positional arguments but 3 were given",
    ),
    "no reference": (lambda: sm.NoiseCanceller().update(1), "update(x, reference) needs reference as well"),
    "smoother": (lambda: sm.Smoother().update(), "update(x) needs x as well"),
    "references": (
        lambda: sm.NoiseCanceller(references=2).update("x", [1, 2]),
        "update(x, reference) takes numbers, got x='x'",
    ),
    "weighted": (
        lambda: sm.MSE(weighted=True).update("1", 2, weight=3),
        "update(y_true, y_pred, weight, time) takes numbers, got y_true='1'",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_does_not_fit_names_the_public_arguments(name) -> None:
    call, said = CALLS[name]
    with pytest.raises(TypeError) as error:
        call()
    assert str(error.value) == said


def test_a_call_that_fits_has_no_python_in_between() -> None:
    update = sm.NLMS(taps=4).update
    assert type(update) is functools.partial
    assert type(update.func) is type(len)
    same = sm.NLMS(taps=4).update
    assert [update(np.float32(1), np.int8(2)), update(True), update(1, None), update(x=1.0, d=1.0)] == [
        same(1.0, 2.0),
        same(1.0),
        same(1.0),
        same(1.0, 1.0),
    ]
    assert [update(Fraction(1, 2), d=-1), update(np.array(2.0), np.float64(-1.0)), update(d=3, x=-1)] == [
        same(0.5, -1.0),
        same(2.0, -1.0),
        same(-1.0, 3.0),
    ]
    seen = sm.MSE()
    seen.update(1, 10**400)
    seen.update(-(10**400), 1)
    assert seen.count == 0  # what no float can hold is not known


def test_complaints_keep_nothing() -> None:
    """References are counted by hand in there."""
    update, odd, word = sm.NLMS(taps=4).update, object(), "no such name"
    before = sys.getrefcount(odd), sys.getrefcount(word), sys.getrefcount(None)
    for _ in range(100):
        for given, keywords in (((odd,), {}), ((1, 2, odd), {}), ((1, odd), {}), ((1,), {word: odd}), ((1,), {"d": 2})):
            with contextlib.suppress(TypeError):
                update(*given, **keywords)
        update(1, None)
    after = sys.getrefcount(odd), sys.getrefcount(word), sys.getrefcount(None)
    assert np.abs(np.subtract(after, before)).max() < 50


def line_of(function, word) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(k for k, line in enumerate(lines) if word in line)


@pytest.mark.parametrize(
    ("make", "function", "word", "said"),
    [
        (TextInState, TextInState, 's[0] = "a"', "No implementation of function .* setitem"),
        (WithFile, WithFile, "@sm", "The 'with .*' construct is not supported$"),
        (CallsPlain, CallsPlain, "plain(x)", "Untyped global name 'plain': Cannot determine Numba type"),
        (
            lambda: sm.NLMS(loss=sm.make_loss(plain, unknown_name)),
            unknown_name,
            "def ",
            "NameError: name 'nowhere' is not defined$",
        ),
        (
            lambda: sm.MeanLoss(sm.make_loss(no_such_member, plain)),
            no_such_member,
            "e.nothing",
            "Unknown attribute 'nothing' of type float64$",
        ),
    ],
)
def test_a_function_that_does_not_compile_is_told_in_one_line(make, function, word, said) -> None:
    node = make()
    step = inspect.unwrap(function) if not inspect.isclass(function) else node._kernel().py_func
    with pytest.raises(TypeError, match=said) as error:
        node.update(1.0, 2.0)
    text = str(error.value)
    assert text.startswith(f"{step.__qualname__} (test_complaints.py, line {line_of(step, word)}) does not compile: ")
    assert "\n" not in text
    assert "nopython" in str(error.value.__cause__) or "construct" in str(error.value.__cause__)
