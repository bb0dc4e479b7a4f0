"""The table: what is measured, against whom, and what the figure must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .timing import Contestant, Times


class Bound(NamedTuple):
    """What a figure must be: ``figure`` makes it out of our times and theirs."""

    text: str
    figure: Callable[[Times, Times | None], float]
    holds: Callable[[float], bool]
    show: Callable[[float], str]


def seconds(value: float) -> str:
    for unit, size in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)):
        if abs(value) < 999.5 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} s"


def _times(value: float) -> str:
    return f"{value:.2f}x" if value < 20.0 else f"{value:.0f}x"


def _against(theirs: Times | None) -> float:
    assert theirs is not None
    return theirs.best


def at_most(limit: float) -> Bound:
    """Our time over theirs."""
    return Bound(f"<= {limit:g}x", lambda a, b: a.best / _against(b), lambda x: x <= limit, _times)


def faster(limit: float) -> Bound:
    """Their time over ours."""
    return Bound(f"{limit:g}x faster", lambda a, b: _against(b) / a.best, lambda x: x >= limit, _times)


def below(limit: float) -> Bound:
    """The median of our own rounds."""
    return Bound(f"< {seconds(limit)} (median)", lambda a, _: a.median, lambda x: x < limit, seconds)


def at_once(limit: float) -> Bound:
    """Our own best."""
    return Bound(f"< {seconds(limit)}", lambda a, _: a.best, lambda x: x < limit, seconds)


def more(limit: float) -> Bound:
    """Our best less theirs."""
    return Bound(f"< {seconds(limit)} more", lambda a, b: a.best - _against(b), lambda x: x < limit, seconds)


def aim(limit: float) -> Bound:
    """Not a promise: shown, and never missed."""
    return Bound(f"aim {limit:g}x", lambda a, b: a.best / _against(b), lambda _: True, _times)


Entry = Callable[[], "dict[str, Contestant]"]


@dataclass(frozen=True)
class Against:
    """One rival in a race; of several variants of it the fastest counts."""

    name: str
    bounds: tuple[Bound, ...]
    enter: Entry | None = None  # None: a figure of our own, against nobody


@dataclass(frozen=True)
class Race:
    """Contestants that take turns."""

    what: str
    enter: Entry
    against: tuple[Against, ...]
    heavy: bool = False  # each round takes seconds: a few of them must do


def _entry(where: str, what: str, *args: Any) -> Entry:
    """``what(*args)`` out of the module ``where``, which is imported only when it is that rival's turn."""

    def enter() -> dict[str, Contestant]:
        found: dict[str, Contestant] = getattr(import_module(f".{where}", __package__), what)(*args)
        return found

    return enter


def table(part: float = 1.0) -> list[Race]:
    """All races, with this part of the samples."""
    from . import gradient, least_squares, recursive

    ours, processes = partial(_entry, "ours"), partial(_entry, "processes")

    def some(samples: float, least: int = 1024) -> int:
        return max(least, int(samples * part))

    block, short, large, rows = some(1e5), some(2000, 200), some(1e7), some(1e6)
    beyond_cache = min(some(1e8), int(1e7))  # a first look, too, must read it from memory
    races = []
    for taps, c_aim, slow in ((8, (), 200), (32, (), 200), (128, (aim(0.75),), 150), (512, (aim(0.75),), 45)):
        against = [
            Against("plain C", (at_most(1.0), *c_aim), _entry("rival_c", "nlms", taps, block)),
            Against("padasip", (faster(slow),), _entry("rival_padasip", "nlms", taps, short)),
        ]
        if taps == 32:
            against.append(Against("cmsisdsp float32", (at_most(1.0),), _entry("rival_cmsisdsp", "nlms", taps, block)))
        races.append(Race(f"NLMS block, {taps} taps", ours("nlms", taps, block), tuple(against)))

    for taps in (32, 128):
        c = Against("plain C, parts apart", (at_most(1.1),), _entry("rival_c", "complex_nlms", taps, block))
        races.append(Race(f"complex NLMS block, {taps} taps", ours("complex_nlms", taps, block), (c,)))

    for family in (least_squares, gradient, recursive):
        races += family.races(part)

    calls = some(20_000)
    padasip = Against("padasip predict+adapt", (faster(10),), _entry("rival_padasip", "nlms_one_by_one", 32, short))
    clock = Against("the clock", (below(500e-9),))
    races.append(Race("NLMS one by one, 32 taps", ours("nlms_one_by_one", 32, calls), (padasip, clock)))

    river = _entry("rival_river", "mse_one_by_one", calls)
    races += [
        Race("MSE.update one by one", ours("mse_one_by_one", calls), (Against("river", (at_most(1.5),), river),)),
        Race(
            "MSE in blocks of 512",
            ours("mse_in_blocks", some(1e5), True),
            (Against("river one by one", (faster(20),), river),),
        ),
        Race(
            "MSE in blocks of 512, last value only",
            ours("mse_in_blocks", some(1e5), False),
            (Against("river one by one", (faster(20),), river),),
        ),
    ]

    for window in (10, 1000, 100_000):
        rolling = [
            Against("naive subtracting", (at_most(1.4),), _entry("rival_naive_numba", "rolling_mse", window, large))
        ]
        rolling += [
            Against(name, (faster(1),), _entry(f"rival_{name}", "rolling_mse", window, large))
            for name in ("bottleneck", "numbagg", "pandas", "polars")
        ]
        races.append(Race(f"rolling MSE, W={window}", ours("rolling_mse", window, large), tuple(rolling)))

    races += [
        Race(
            "one MSE of all pairs",
            ours("one_mse", beyond_cache),
            (
                Against("reading both (C sum)", (at_most(1.3),), _entry("rival_c", "read_both", beyond_cache)),
                Against("np.mean((a-b)**2)", (faster(2),), _entry("rival_numpy", "one_mse", beyond_cache)),
            ),
        ),
        Race(
            "bank of 64 NLMS-32",
            ours("bank", 64, 32, some(10_000, 5000)),
            (Against("one after another", (faster(1.7),), ours("one_after_another", 64, 32, some(10_000, 5000))),),
        ),
        *(
            Race(
                f"{rule} of 60 Holt-Winters",
                ours(entry, 60, some(10_000)),
                (Against("60 times one", (at_most(1.5),), ours("so_many_times_one", 60, some(10_000))),),
            )
            for rule, entry in (("exponential weights", "ensemble"), ("median", "median_ensemble"))
        ),
        Race(
            "ARIMA(1,1,1) given, each sample",
            ours("arima", some(10_000)),
            (
                Against(
                    "statsmodels append", (faster(5000),), _entry("rival_statsmodels", "arima_append", some(10_000))
                ),
                Against(
                    "statsforecast forward",
                    (faster(2000),),
                    _entry("rival_statsforecast", "arima_forward", some(10_000)),
                ),
                Against(
                    "statsmodels in one block", (aim(0.02),), _entry("rival_statsmodels", "arima_block", some(10_000))
                ),
            ),
            heavy=True,
        ),
        Race(
            "ARIMA(1,1,1) one by one",
            ours("arima_one_by_one", some(10_000)),
            (Against("river SNARIMAX", (faster(10),), _entry("rival_river", "arima_one_by_one", some(2000, 200))),),
        ),
        Race(
            "snapshot of a bank of 10,000 NLMS-32",
            ours("snapshots", 10_000, 32, True),
            (
                Against("the clock", (at_once(0.1),)),
                Against("SHA-256 of as many bytes", (aim(2.0),), ours("digest", 10_000, 32)),
            ),
        ),
        Race(
            "10,000 snapshots of an NLMS-32 each",
            ours("snapshots", 10_000, 32, False),
            (Against("the clock", (at_once(0.1),)),),
        ),
        *_fits(part),
        *_backtests(part),
        *_embedded(part),
        *_frequency(part),
        *_kalman(part),
        Race(
            "import streammse",
            processes("python", "import streammse"),
            (Against("import numpy", (at_most(1.25),), processes("python", "import numpy")),),
        ),
        Race(
            "import streammse, then sm.NLMS",
            processes("python", "import streammse as sm; sm.NLMS"),
            (Against("import numpy", (aim(1.25),), processes("python", "import numpy")),),
        ),
        Race("first NLMS, empty cache", processes("first_nlms"), (Against("the clock", (at_once(4.0),)),), heavy=True),
        Race(
            "NLMS in a second process",
            processes("second_nlms"),
            (Against("import numba", (more(0.6),), processes("python", "import numba")),),
        ),
        Race(
            f"denoise a CSV of {rows} rows",
            processes("csv_denoise", rows),
            (Against("pyarrow read+write", (at_most(2.0),), processes("csv_copy", rows)),),
        ),
    ]
    races += [
        Race(
            f"streammse backtest, 10 x 144, 5 models, {cache} cache",
            processes("csv_backtest", cold),
            (Against("the clock", (at_once(limit),)),),
            heavy=True,
        )
        for cache, cold, limit in (("empty", True, 8.0), ("warm", False, 2.0))
    ]
    return races


def _fits(part: float) -> list[Race]:
    """Parameters from history, and one sample at a time."""
    samples, calls, few = max(1000, int(9000 * part)), max(1000, int(20_000 * part)), max(20, int(200 * part))
    case = (samples, 24)
    races = [
        Race(
            f"fit Holt-Winters, {samples} samples, season 24",
            _entry("ours", "fit_holt_winters", *case),
            tuple(
                Against(name, (faster(20),), _entry(f"rival_{name}", "fit_holt_winters", *case))
                for name in ("statsmodels", "statsforecast")
            ),
            heavy=True,
        ),
        Race(
            "Holt-Winters one by one",
            _entry("ours", "holt_winters_one_by_one", calls),
            (
                Against("river", (faster(10),), _entry("rival_river", "holt_winters_one_by_one", calls, True)),
                Against(
                    "river, learning alone", (aim(1.0),), _entry("rival_river", "holt_winters_one_by_one", calls, False)
                ),
            ),
        ),
    ]
    for model, auto in (("Holt-Winters", False), ("AutoETS", True)):
        many = (few if not auto else max(10, few // 10), auto)
        races.append(
            Race(
                f"fit {model} to {many[0]} monthly series of M3",
                _entry("ours", "fit_m3", *many),
                (Against("statsforecast", (faster(10),), _entry("rival_statsforecast", "fit_m3", *many)),),
                heavy=True,
            )
        )
    return races


def _backtests(part: float) -> list[Race]:
    """Rolling origins of Holt-Winters, against cross_validation(refit=False) on the same origins."""
    races = []
    for rows, samples, season, horizon, arrays, fitted, frames in (
        (1, max(1000, int(10_000 * part)), 24, 24, 5000, 1000, 400),
        (max(50, int(1000 * part)), 200, 12, 12, 3000, 10, 300),
    ):
        case = (rows, samples, season, horizon)
        what = f"backtest of {rows} x {samples}, h={horizon}"
        theirs = _entry("rival_statsforecast", "cross_validation", *case)
        for form, entry, limit in (
            ("arrays", "backtest", faster(arrays)),
            ("arrays, fitted too", "backtest_fitted", faster(fitted)),
            ("long frames", "backtest_frames", faster(frames)),
        ):
            race = Race(
                f"{what}, {form}", _entry("ours", entry, *case), (Against("statsforecast", (limit,), theirs),), True
            )
            races.append(race)
    many = (max(50, int(1000 * part)), 200, 12, 12)
    two, one = _entry("ours", "backtest", *many, 2), _entry("ours", "backtest", *many, 1)
    races.append(Race("backtest of many series, two threads", two, (Against("one thread", (faster(1.7),), one),)))
    return races


def _embedded(part: float) -> list[Race]:
    """One sample at a time inside of somebody else's loop."""
    samples, calls = max(2048, int(200_000 * part)), max(1024, int(20_000 * part))
    entry = partial(_entry, "embedded")
    cases = (("NLMS-32", ("nlms",)), ("Holt-Winters, season 12", ("hw",)), ("MSE, window 1000", ("mse",)))
    races = []
    for name, (what,) in cases:
        bare = Against("bare njit step(p, s, x, d)", (at_most(1.4),), entry("bare_njit", what, calls))
        empty = Against("njit call of nothing", (aim(1.4),), entry("empty_njit", what, calls))
        races.append(Race(f"update of {name}", entry("update", what, calls), (bare, empty)))
    for name, case in (*cases, ("Holt-Winters, season 24", ("hw", 24))):
        where = (case[0], samples, *case[1:])
        against = [Against("by hand", (at_most(1.3),), entry("by_hand", *where))]
        if case[0] == "hw":
            textbook = entry("by_hand", case[0], samples, where[2] if len(where) > 2 else 12, True)
            against.append(Against("as in the textbook", (aim(1.3),), textbook))
        races.append(Race(f"{name} in an njit loop", entry("in_a_loop", *where), tuple(against)))
        plain = Against("plain C", (at_most(1.2),), entry("plain_c", *where))
        races.append(Race(f"{name} called from C", entry("from_c", *where), (plain,)))
    one = Against("one after the other", (faster(1.9),), entry("two_blocks", samples, 1))
    races.append(Race("two NLMS-128 in two threads", entry("two_blocks", samples, 2), (one,)))
    return races


def _frequency(part: float) -> list[Race]:
    """Thousands of taps, block by block, and the transform beneath them."""
    taps, block, samples, short = 4096, 256, max(2048, int(65_536 * part)), max(2048, int(16_384 * part))
    entry = partial(_entry, "frequency")
    plain = Against("plain C NLMS", (faster(15),), _entry("rival_c", "nlms", taps, short))
    late = Against("255 samples late", (aim(2.0),), entry("late", taps, block, samples))
    theirs = Against("adafilt FDAF", (faster(20),), _entry("rival_adafilt", "fdaf", taps, block, short))
    races = [
        Race("PBFDAF, 4096 taps, block 256", entry("on_time", taps, block, samples), (plain, theirs, late)),
        Race(
            "FDAF, 4096 taps and block",
            entry("fdaf", taps, samples),
            (Against("adafilt FDAF", (aim(1.0),), _entry("rival_adafilt", "fdaf", taps, taps, short)),),
        ),
    ]
    for size in (256, 512, 4096):
        times = max(100, int(4e6 * part / size))
        races.append(
            Race(
                f"transform of {size} numbers, there and back",
                entry("transform", size, times),
                (
                    Against("rocket-fft", (faster(2),), _entry("rival_rocket_fft", "transform", size, times)),
                    Against("scipy.fft from Python", (faster(1),), entry("scipy_fft", size, max(20, times // 10))),
                ),
            )
        )
    return races


def _kalman(part: float) -> list[Race]:
    """A target in the plane: 4 states, 2 observations."""
    samples, calls, short = max(2048, int(100_000 * part)), max(1024, int(20_000 * part)), max(200, int(2000 * part))
    entry = partial(_entry, "kalman")
    c, twin = entry("plain_c", samples, True), entry("numpy_loop", short, True)
    return [
        Race(
            "Kalman 4 states, 2 observed, with gaps",
            entry("ours", samples, True),
            (Against("plain C", (at_most(1.1),), c), Against("numpy, as filterpy", (faster(50),), twin)),
        ),
        Race(
            "the same, square-root form",
            entry("ours", samples, True, True),
            (Against("plain C, not square-root", (aim(2.0),), c),),
        ),
        Race(
            "Kalman 4 states, 2 observed, without gaps",
            entry("ours", samples, False),
            (
                Against("plain C", (at_most(1.1),), entry("plain_c", samples, False)),
                Against("plain C with the gain given", (aim(1.1),), entry("steady_c", samples)),
            ),
        ),
        Race("Kalman one by one, 2 observed", entry("one_by_one", calls), (Against("the clock", (below(1e-6),)),)),
    ]
