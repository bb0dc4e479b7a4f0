"""A call that does not fit and a function that does not compile are told in our words, in one line."""

import functools
import inspect

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
    "array of none": (lambda: sm.NLMS().update(np.array(2.0), 1), "update(x, d) takes numbers, got x=array(2.)"),
    "array": (lambda: sm.NLMS().update(np.zeros(2), 1), "update(x, d) takes numbers, got array([0., 0.]), 1"),
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
    assert type(update.func).__name__ == "CPUDispatcher"
    same = sm.NLMS(taps=4).update
    assert [update(np.float32(1), np.int8(2)), update(True), update(1, None), update(x=1.0, d=1.0)] == [
        same(1.0, 2.0),
        same(1.0),
        same(1.0),
        same(1.0, 1.0),
    ]


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
