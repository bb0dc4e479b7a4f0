"""``streammse backtest``: which forecast would have been right."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .abreast import models_abreast
from .ending import RefusedError, clean_end, say

if TYPE_CHECKING:
    from ..backtesting import Result
    from ..backtesting.series import Series


def backtest(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="CSV, NDJSON or Parquet with a row a sample; - is CSV from a pipe.")
    ],
    models: Annotated[
        str,
        typer.Option(
            "--models",
            "-m",
            metavar="M,M,...",
            help="Names with their parameters: naive,seasonal-naive:12,ets:12; ensembles: 'boa(naive,ets:12)'.",
        ),
    ],
    horizon: Annotated[int, typer.Option("--horizon", metavar="H", help="Samples ahead.")] = 12,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="C", help="Column that names the series; by default unique_id.")
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="C", help="Column that says when; by default ds, else as they come.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="C", help="Column to forecast; by default y, or the only one of numbers."),
    ] = None,
    regressors: Annotated[
        list[str] | None,
        typer.Option("--x", metavar="C", help="A column known beside every sample, also ahead; may be repeated."),
    ] = None,
    unknown: Annotated[
        bool, typer.Option("--x-unknown", help="The columns of --x are not known ahead: their last row stands for it.")
    ] = False,
    start: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Samples before the first forecast; by default 100, or half the shortest series, or what models need.",
        ),
    ] = None,
    stride: Annotated[int, typer.Option(metavar="N", help="Samples from one origin to the next.")] = 1,
    gap: Annotated[int, typer.Option(metavar="N", help="Samples between an origin and its first forecast.")] = 0,
    window: Annotated[
        int | None, typer.Option(metavar="N", help="Learn the last N samples alone; by default all so far.")
    ] = None,
    refit: Annotated[
        int | None, typer.Option(metavar="N", help="Estimate parameters again every N origins; by default once.")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="Only origins with the whole horizon in the data.")
    ] = False,
    skip_short: Annotated[
        bool, typer.Option("--skip-short", help="Leave out series that end before a first forecast could be scored.")
    ] = False,
    skip_failed: Annotated[
        bool, typer.Option("--skip-failed", help="Leave out series on which a model fails, in place of an end.")
    ] = False,
    level: Annotated[
        float | None, typer.Option(metavar="L", help="Intervals for this share of the truths, such as 0.9.")
    ] = None,
    season: Annotated[
        int | None, typer.Option(metavar="N", help="Season that scales MASE and RMSSE; by default that of the models.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="Scores by model and horizon: .csv, .json, .parquet, or -."),
    ] = None,
    forecasts: Annotated[
        str | None, typer.Option(metavar="OUT", help="Every forecast beside its truth: .csv, .json or .parquet.")
    ] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="P.png", help="A picture (.png, .svg, .pdf): forecasts, MSE, rolling MSE.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print ranking and scores as JSON.")] = False,
    separator: Annotated[
        str | None, typer.Option(metavar="S", help="CSV: one character, or tab; by default the first line tells.")
    ] = None,
    decimal: Annotated[str, typer.Option(metavar="S", help="CSV: the decimal mark, . or a comma.")] = ".",
) -> None:
    """Try models on the past: from every origin forecast the next values, and score them as their truth arrives.

    Each sample is forecast before it is learnt. A model with parameters to estimate is fitted to the samples before
    the first origin. The ranking goes to standard output, or to standard error where the scores go there.
    """
    with clean_end():
        from ..io.tables import check_target, read_table, write_table

        for place in (output, forecasts):
            if place is not None:
                check_target(place)
        if plot is not None:
            _picture_format(plot)
        _apart(source, output, forecasts, plot)
        from .. import named
        from ..backtesting import backtest as function
        from ..backtesting.series import gather
        from ..io.columns import columns

        try:
            field = named.models(models)
            table = read_table(source, separator, decimal)
            names = columns(table, id_, time, target, regressors or [])
            series = gather(table, regressors or None, names.id, names.time, names.target)
            least = max(getattr(model, "needs", 1) for model in field.values())
            beyond = gap + (horizon if complete else 1)
            series, first = _first_origin(series, start, least, beyond, skip=skip_short)
            with models_abreast(models):
                result = function(
                    series,
                    field,
                    horizon=horizon,
                    start=first,
                    stride=stride,
                    gap=gap,
                    window=window,
                    refit=refit,
                    complete=complete,
                    keep_errors=plot is not None or forecasts is not None,
                    level=level,
                    x_known=not unknown,
                    season=season,
                    errors="skip" if skip_failed else "raise",
                )
        except (ValueError, TypeError) as error:
            short = "samples" in str(error) and not skip_short
            hint = " (--start says how many come before, --skip-short leaves short series out)" if short else ""
            raise RefusedError(f"{error}{hint}") from None
        if plot is not None:
            _save(result.plot(), plot)
        if forecasts is not None:
            write_table(result.forecasts, forecasts)
        _tell_scores(result, first, as_json, sys.stderr if "-" in (output, forecasts) else sys.stdout)
        if output is not None:
            write_table(result.scores, output)


def _first_origin(series: Series, start: int | None, least: int, beyond: int, *, skip: bool) -> tuple[Series, int]:
    """How many samples come before the first forecast, and the series, where asked for without those too short.

    A model needs ``least`` samples that are not missing, and ``beyond`` of them come after the first origin at least.
    """
    import numpy as np

    from ..backtesting.checks import known

    long = series.lengths >= (start or least) + beyond
    there = series.only(long) if skip and long.any() else series
    shortest = int(there.lengths.min())
    if start is None:
        roomy = min(least + least // 2, shortest - beyond)  # some samples may be missing, and few make a poor start
        start = max(least, roomy, min(100, shortest // 2, shortest - beyond))
    if skip:
        enough = long & (known(series, start) >= least)
        short = [name for name, fine in zip(series.names, enough, strict=True) if not fine]
        if len(short) == len(series):
            raise RefusedError(f"every series is too short: {start + beyond} samples are needed, {least} of them known")
        if short:
            told = ", ".join(map(str, short[:5])) + (", ..." if len(short) > 5 else "")
            say(f"{len(short)} series too short, left out: {told}")
            series = series.only(np.asarray(enough))
    return series, start


def _picture_format(plot: str) -> None:
    from ..plot import FORMATS

    if Path(plot).suffix.lower().removeprefix(".") not in FORMATS:
        raise RefusedError(f"a picture must end in .png, .svg or .pdf, got {plot}")


def _apart(source: str, *targets: str | None) -> None:
    """Refuse to write over what is read, and one thing over the other."""
    places = [os.path.realpath(one) for one in (source, *targets) if one not in (None, "-")]
    doubled = [one for one in targets if one not in (None, "-") and places.count(os.path.realpath(one)) > 1]
    if doubled:
        raise RefusedError(f"{doubled[0]} would be read or written twice: choose another name")


def _save(figure: Any, plot: str) -> None:
    import io as memory

    from ..io.tables import write_bytes

    drawn = memory.BytesIO()
    figure.savefig(drawn, format=Path(plot).suffix.lower().removeprefix("."), dpi=120)
    write_bytes(drawn.getbuffer(), plot, "a picture")


def _tell_scores(result: Result, start: int, as_json: bool, place: Any) -> None:
    """The ranking for people, or everything for the next program."""
    if as_json:
        import json

        told = {
            "series": len(result.series) - len({one.series for one in result.failures}),
            "start": start,
            "horizon": result.mse.shape[1],
            "ranking": list(result.ranking.rows()),
            "scores": list(result.scores.rows()),
        }
        print(json.dumps(told), file=place)
        return
    from ..scalar import counted

    n = int(result.scores["n"].sum()) // len(result.models)
    left = len({one.series for one in result.failures})
    several = counted(len(result.series) - left, "series").replace("seriess", "series")
    print(f"{several}, {counted(n, 'error')} a model, the first forecast after {counted(start, 'sample')}", file=place)
    print(result.ranking, file=place)
