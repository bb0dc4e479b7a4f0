"""Numbers from a caller: what is taken, what is refused, and in which words."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from typer.testing import CliRunner

import streammse as sm
from streammse import catalog
from streammse.cli import app
from streammse.scalar import real, shown, whole

from .cases import all_cases

HUGE = 10**400


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.float32(3), np.uint64(3), Decimal(3), Fraction(3)])
def test_every_kind_of_number_is_one(value) -> None:
    assert real(value) == 3.0
    assert whole("k", value) == 3
    assert type(whole("k", value)) is int


@pytest.mark.parametrize(
    "value", [True, np.True_, np.array(3), np.array([3]), [3], "3", b"3", None, 3j, object(), {"a": 3}]
)
def test_what_is_no_number_is_refused(value) -> None:
    with pytest.raises(TypeError):
        real(value)
    for make in (lambda: sm.NLMS(taps=value), lambda: sm.NLMS(mu=value), lambda: sm.Smoother(patience=value)):
        with pytest.raises(TypeError, match="must be a number, got"):
            make()
    with pytest.raises(TypeError, match="k must be a positive integer, got"):
        sm.bank(sm.NLMS(), value)
    if value is not None:
        with pytest.raises(TypeError, match="window must be an integer of at least 1 or None, got"):
            sm.MSE(window=value)


def test_what_is_too_large_is_told_in_one_short_line() -> None:
    assert real(HUGE) == np.inf
    assert real(-HUGE) == -np.inf
    assert len(shown(10**30000)) < 60
    for make, name in (
        (lambda: sm.NLMS(taps=HUGE), "taps"),
        (lambda: sm.NLMS(mu=-HUGE), "mu"),
        (lambda: sm.Smoother(patience=np.inf), "patience"),
        (lambda: sm.LineEnhancer(delay=np.nan), "delay"),
        (lambda: sm.MSE(window=HUGE), "window"),
        (lambda: sm.MSE(window=np.inf), "window"),
        (lambda: sm.ARLS(lags=HUGE), "lags"),
        (lambda: sm.bank(sm.NLMS(), HUGE), "k"),
        (lambda: sm.Naive().forecast(np.inf), "horizon"),
    ):
        with pytest.raises(ValueError, match=f"^{name} must be ") as error:
            make()
        assert len(str(error.value)) < 160


def whole_numbers() -> list[tuple[str, str, dict]]:
    """Every parameter that is a whole number and shapes the state, with what else is needed beside it."""
    found = {}
    for case in all_cases():
        cls = catalog.get(case.name)
        for name, one in cls._params.items():
            if one.fixed and type(dict(case.params).get(name, one.default)) is int:
                found.setdefault((case.name, name), dict(case.params))
    return [(name, key, params) for (name, key), params in found.items()]


@pytest.mark.parametrize(("name", "key", "params"), whole_numbers(), ids=lambda one: one if type(one) is str else "")
def test_a_state_that_has_no_room_names_the_parameter(name, key, params) -> None:
    for size in (10**14, 10**30):
        try:
            made = catalog.get(name)(**{**params, key: size})
        except ValueError as error:
            assert key in str(error)  # noqa: PT017 - some keep their state small
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert made._s.size < 10**6


def test_a_bank_is_made_of_a_node() -> None:
    for given in (3, "NLMS", None, sm.bank(sm.NLMS(taps=2), 2)):
        with pytest.raises(TypeError, match=r"expected a node such as sm.NLMS\(\) and how many rows, got "):
            sm.bank(given, 2)
    with pytest.raises(ValueError, match="k=10{13} needs a state of .* bytes"):
        sm.bank(sm.NLMS(), 10**13)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--method smooth --set patience=inf", "patience must be"),
        ("--method enhance --taps 1000000000000", "taps=1000000000000 needs a state of 4e+13 bytes"),
        ("--method enhance --set delay=1e12", "delay=1000000000000 needs a state of 8e+12 bytes"),
        ("--method enhance --set taps=1e30", "needs a state of 4e+31 bytes"),
        ("--method enhance --set taps=true", "taps must be a number, got True"),
        ("--rate nan --plot r.png", "--rate must be a positive number of samples a second, got nan"),
        ("--rate 0", "--rate must be a positive number of samples a second, got 0"),
        ("--rate -3", "--rate must be a positive number of samples a second, got -3"),
    ],
)
def test_bad_numbers_end_in_one_line(options, said, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("v\n1\n2\n")
    done = CliRunner().invoke(app, ["denoise", "in.csv", "-o", "out.csv", *options.split()])
    assert done.exit_code == 2
    assert done.stderr.startswith("streammse: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]
