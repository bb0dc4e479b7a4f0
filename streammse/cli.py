"""The command ``streammse``: a thin shell over the library.

Exit status: 0 done, 1 a scenario missed its figure or there is a defect of ours, 2 something was asked for or given
that cannot be (one line on stderr says what was expected and what came), 130 after Ctrl-C, 141 when the reader of a
pipe has left, 143 when terminated.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .backtesting import Result
    from .io import Block, Sink, Source
    from .node import Node
    from .report import Report

app = typer.Typer(
    name="streammse",
    help="Streaming signal processing, one sample at a time, steered by the mean squared error.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

#: methods of ``denoise`` and the classes behind them
METHODS = {"cancel": "NoiseCanceller", "enhance": "LineEnhancer", "hum": "HumCanceller", "smooth": "Smoother"}


class _Terminated(BaseException):
    """SIGTERM or SIGHUP came: end as after Ctrl-C, with nothing left half-written."""


class _RefusedError(Exception):
    """What was asked for cannot be; the message is one line."""


def main(argv: list[str] | None = None) -> int:
    """Run the command with these arguments and return its exit status."""
    click_error: Any = typer.BadParameter.__mro__[2]  # typer brings its own click or imports it, by version
    try:
        done = app(args=sys.argv[1:] if argv is None else argv, prog_name="streammse", standalone_mode=False)
    except click_error as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())  # noqa: T201
            return 2
        _say(error.format_message())
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return done if isinstance(done, int) else 0


def _say(message: str) -> None:
    """One line on stderr."""
    with contextlib.suppress(OSError):
        print(f"streammse: {' '.join(message.split())}", file=sys.stderr, flush=True)  # noqa: T201


@contextlib.contextmanager
def _clean_end(ours_only: bool = True) -> Iterator[None]:
    """Errors of the data end in one line, signals in their status, a defect of ours in a line that asks to report it.

    Where the code of somebody else runs inside (``ours_only`` is false) a defect shows its traceback.
    """
    import warnings

    from .io.block import DataError

    def warn(message: Warning | str, *_: Any, **__: Any) -> None:
        _say(f"warning: {message}")

    def terminated(number: int, _: object) -> None:
        raise _Terminated(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    ours = [
        number for number in numbers if signal.getsignal(number) is signal.SIG_DFL
    ]  # what nohup ignores stays ignored
    for number in ours:
        signal.signal(number, terminated)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = warn
            yield
            sys.stdout.flush()
    except (DataError, _RefusedError, FloatingPointError) as error:
        _say(str(error))
        raise typer.Exit(2) from None
    except BrokenPipeError:
        _close_stdout()
        raise typer.Exit(141) from None
    except OSError as error:
        place = "standard output" if error.errno == errno.ENOSPC else "input or output"
        _say(f"{error.filename or place}: {error.strerror or error}")
        _close_stdout()
        raise typer.Exit(2) from None
    except Exception as error:
        if not ours_only or os.environ.get("STREAMMSE_TRACEBACK"):
            raise
        _say(
            f"defect: {type(error).__name__}: {error} (this is ours: please report it; "
            "STREAMMSE_TRACEBACK=1 shows the traceback)"
        )
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except _Terminated as error:
        raise typer.Exit(128 + error.args[0]) from None
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _close_stdout() -> None:
    """Python flushes stdout once more at the end: into nothing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        print(f"streammse {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _app(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def denoise(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="CSV, NDJSON, Parquet, WAV or FLAC; - is a live pipe of CSV or NDJSON.")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="OUT", help="Where the clean signal goes; - is standard output.")
    ] = "-",
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            "-c",
            metavar="C",
            help="The noisy column; not needed where only one holds numbers. Audio: a channel, from 1.",
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            "-r",
            metavar="R",
            help="A column that hears the noise, or FILE or FILE:COLUMN; may be repeated.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method", "-m", metavar="|".join(METHODS), help="By default cancel with a reference, else smooth."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="HZ", help="Samples a second; audio files say it themselves.")
    ] = None,
    mains: Annotated[float | None, typer.Option(metavar="HZ", help="hum: the mains frequency, 50 or 60.")] = None,
    taps: Annotated[int | None, typer.Option(metavar="N", help="cancel, enhance: how many taps.")] = None,
    mu: Annotated[float | None, typer.Option(metavar="MU", help="cancel, enhance: the step size.")] = None,
    delay: Annotated[
        int | None, typer.Option(metavar="N", help="enhance: samples after which noise is forgotten.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="signal|noise", help="enhance: keep what is predictable, or what is not.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any other parameter of the method (streammse list); may be repeated."
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A new column for the clean signal; by default it replaces the noisy one."),
    ] = None,
    truth: Annotated[
        str | None, typer.Option(metavar="T", help="A column to compare with: prints the gain in SNR and MSE.")
    ] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="P.png", help="A picture (.png, .svg, .pdf): before, after, truth, error.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            metavar="F", help="Format of IN where the suffix does not say it: csv, ndjson, parquet, wav, flac."
        ),
    ] = None,
    output_format: Annotated[
        str | None, typer.Option(metavar="F", help="Format of OUT; by default its suffix, and for a pipe that of IN.")
    ] = None,
    separator: Annotated[
        str | None, typer.Option(metavar="S", help="CSV: one character, or tab; by default the first line tells.")
    ] = None,
    decimal: Annotated[str, typer.Option(metavar="S", help="CSV: the decimal mark, . or a comma.")] = ".",
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="CSV: whether the first line names the columns.")
    ] = True,
) -> None:
    """Clean a noisy signal, from a file or while it arrives.

    The clean signal takes the place of the noisy column; all other columns pass through as they are. A missing sample
    (an empty cell, NaN, null) stays in its place: there the output says what the filter believes, and nothing is
    learnt from it.

    The report (--truth, --json) goes to standard output, or to standard error where the data go to standard output.
    """
    with _clean_end():
        from . import io
        from .io.block import counted
        from .report import Report
        from .runner import Runner

        _distinct(source, reference or [], output, plot)
        name = _method(method, reference)
        opened = io.source(
            source, column, reference or (), truth, format=format, separator=separator, decimal=decimal, header=header
        )
        if rate is not None:
            opened.rate = rate
        given = {"taps": taps, "mu": mu, "delay": delay, "keep": keep, "mains": mains}
        node = _node(name, opened, {key: value for key, value in given.items() if value is not None}, parameter or [])
        report = Report()
        sinks: list[Sink] = []
        try:
            sinks.append(io.sink(output, opened, format=output_format, into=into))
            if plot is not None:
                from .plot import Picture

                title = f"{Path(opened.name).name}, {opened.column}: {name} ({METHODS[name]})"
                sinks.insert(0, Picture(plot, opened.rate, title))  # drawing takes a while: the output comes last
            if sys.stderr.isatty() and not (output == "-" and sys.stdout.isatty()):
                sinks.append(_Progress(opened))
            Runner(node, opened, io.Tee(*sinks, report)).run()
        except BaseException as error:
            for sink in sinks:
                sink.abort()
            if output != "-" and isinstance(error, (KeyboardInterrupt, _Terminated)):
                word = "interrupted" if isinstance(error, KeyboardInterrupt) else "terminated"
                _say(f"{word}: nothing written")
            raise
        if report.beyond:
            _say(f"warning: {counted(report.beyond, 'sample')} beyond 1e100 taken as missing")
        if name == "hum":
            _hint(report.power_ratio, node.params["mains"])
        _tell(report, name, node, opened, output, as_json, truth is not None)


def _distinct(source: str, references: list[str], output: str, plot: str | None) -> None:
    """Refuse to write over what is read, and one thing over the other."""
    from .io import file_of

    read = {source: "the noisy signal", **{file_of(name) or "": "the reference" for name in references}}
    for target, what in ((output, "the clean one"), (plot, "the picture")):
        for file, role in read.items():
            if target and os.path.isfile(target) and os.path.isfile(file) and os.path.samefile(target, file):
                raise _RefusedError(f"{target} would replace {role} by {what}: choose another name")
    if plot is not None and output != "-" and os.path.realpath(plot) == os.path.realpath(output):
        raise _RefusedError(f"{plot} would replace the clean signal by the picture: choose another name")


def _hint(ratio: float | None, mains: float) -> None:
    """Where next to nothing was removed, the hum may be elsewhere."""
    if ratio is not None and ratio > 0.97:
        other = 60 if mains < 55.0 else 50
        _say(f"hint: little was removed near {mains:g} Hz; if the hum can still be heard, try --mains {other}")


def _method(given: str | None, reference: list[str] | None) -> str:
    name = given or ("cancel" if reference else "smooth")
    if name not in METHODS:
        raise _RefusedError(f"unknown method {name!r}: expected one of {', '.join(METHODS)}")
    if name == "cancel" and not reference:
        raise _RefusedError("method cancel subtracts what a reference explains: name its column with --reference")
    if name != "cancel" and reference:
        raise _RefusedError(f"method {name} takes no reference, got {' '.join(reference)}; method cancel does")
    return name


def _node(method: str, source: Source, given: dict[str, Any], more: list[str]) -> Node:
    """The denoiser with the parameters that were given; the others keep their defaults."""
    from . import catalog
    from .param import typed

    cls = catalog.get(METHODS[method])
    for setting in more:
        key, equals, value = setting.partition("=")
        if not equals:
            raise _RefusedError(f"--set expects NAME=VALUE, got {setting!r}")
        given[key.strip()] = typed(value)
    if "references" in cls._params:
        given["references"] = source.references
    if "rate" in cls._params:
        if source.rate is None:
            raise _RefusedError(
                f"method {method} needs the samples a second, and {source.name} does not say them: give --rate"
            )
        given["rate"] = source.rate
    unknown = [key for key in given if key not in cls._params]
    if unknown:
        known = ", ".join(key for key in cls._params if key not in ("rate", "references"))
        raise _RefusedError(f"method {method} has no parameter {unknown[0]!r}: its parameters are {known}")
    try:
        return cls(**given)
    except (ValueError, TypeError) as error:
        raise _RefusedError(str(error)) from None


def _tell(report: Report, method: str, node: Node, source: Source, output: str, as_json: bool, has_truth: bool) -> None:
    """Print the report where it does not mix with the data."""
    place = sys.stderr if output == "-" else sys.stdout
    if as_json:
        import json

        params = {
            key: value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)
            for key, value in node.params.items()
        }
        head = {"input": source.name, "output": output, "column": source.column, "method": method, "parameters": params}
        print(json.dumps(head | report.figures), file=place)
    elif has_truth or place.isatty():
        print(report.text(), file=place)


class _Progress:
    """A sink that shows how far it is, on stderr."""

    def __init__(self, source: Source) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        from .io.block import counted

        ends = (BarColumn(), TimeRemainingColumn()) if source.total is not None else (TimeElapsedColumn(),)
        self._bar = Progress(
            TextColumn("{task.description}"),
            *ends,
            TextColumn("{task.fields[samples]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(Path(source.name).name, total=source.total, samples="")
        self._samples, self._counted = 0, counted
        self._bar.start()

    def write(self, block: Block) -> None:
        self._samples += len(block.signal)
        self._bar.update(self._task, completed=block.done, samples=self._counted(self._samples, "sample"))

    def commit(self) -> None:
        self._bar.stop()

    def abort(self) -> None:
        self._bar.stop()


@app.command()
def backtest(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="CSV, NDJSON or Parquet with a row a sample; - is CSV from a pipe.")
    ],
    models: Annotated[
        str,
        typer.Option(
            "--models", "-m", metavar="M,M,...", help="Names with their parameters: naive,seasonal-naive:12,ets:12."
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
) -> None:
    """Try models on the past: from every origin forecast the next values, and score them as their truth arrives.

    Each sample is forecast before it is learnt. A model with parameters to estimate is fitted to the samples before
    the first origin. The ranking goes to standard output, or to standard error where the scores go there.
    """
    with _clean_end():
        from .io.tables import check_target, read_table, write_table

        for place in (output, forecasts):
            if place is not None:
                check_target(place)
        if plot is not None:
            _picture_format(plot)
        _apart(source, output, forecasts, plot)
        from . import named
        from .backtesting import backtest as function
        from .io.columns import columns

        try:
            field = named.models(models)
            table = read_table(source, separator)
            names = columns(table.schema, id_, time, target, regressors or [])
            least = max(getattr(model, "needs", 1) for model in field.values())
            table, first = _first_origin(table, names.id, start, least, gap, skip=skip_short)
            result = function(
                table,
                field,
                horizon=horizon,
                start=first,
                stride=stride,
                gap=gap,
                window=window,
                refit=refit,
                x=regressors or None,
                complete=complete,
                keep_errors=plot is not None or forecasts is not None,
                level=level,
                season=season,
                id=names.id,
                time=names.time,
                target=names.target,
            )
        except (ValueError, TypeError) as error:
            short = "samples" in str(error) and not skip_short
            hint = " (--start says how many come before, --skip-short leaves short series out)" if short else ""
            raise _RefusedError(f"{error}{hint}") from None
        if plot is not None:
            _save(result.plot(), plot)
        if forecasts is not None:
            write_table(result.forecasts, forecasts)
        _tell_scores(result, first, as_json, sys.stderr if "-" in (output, forecasts) else sys.stdout)
        if output is not None:
            write_table(result.scores, output)


def _first_origin(table: Any, column: str, start: int | None, least: int, gap: int, *, skip: bool) -> tuple[Any, int]:
    """How many samples come before the first forecast, and the table, where asked for without what is shorter."""
    from .io.columns import lengths, without

    found = lengths(table, column)
    if skip:
        short = [name for name, number in found.items() if number <= (start or least) + gap]
        found = {name: number for name, number in found.items() if name not in short}
        if short and found:
            table = without(table, column, short)
            told = ", ".join(map(str, short[:5])) + (", ..." if len(short) > 5 else "")
            _say(f"{len(short)} series too short, left out: {told}")
    shortest = min(found.values(), default=0)
    if start is not None:
        return table, start
    roomy = min(least + least // 2, shortest - gap - 1)  # some samples may be missing, and few make a poor start
    return table, max(least, roomy, min(100, shortest // 2))


def _picture_format(plot: str) -> None:
    from .plot import FORMATS

    if Path(plot).suffix.lower().removeprefix(".") not in FORMATS:
        raise _RefusedError(f"a picture must end in .png, .svg or .pdf, got {plot}")


def _apart(source: str, *targets: str | None) -> None:
    """Refuse to write over what is read, and one thing over the other."""
    places = [os.path.realpath(one) for one in (source, *targets) if one not in (None, "-")]
    doubled = [one for one in targets if one not in (None, "-") and places.count(os.path.realpath(one)) > 1]
    if doubled:
        raise _RefusedError(f"{doubled[0]} would be read or written twice: choose another name")


def _save(figure: Any, plot: str) -> None:
    import io as memory

    from .io.tables import write_bytes

    drawn = memory.BytesIO()
    figure.savefig(drawn, format=Path(plot).suffix.lower().removeprefix("."), dpi=120)
    write_bytes(drawn.getbuffer(), plot, "a picture")


def _tell_scores(result: Result, start: int, as_json: bool, place: Any) -> None:
    """The ranking for people, or everything for the next program."""
    if as_json:
        import json

        told = {
            "series": len(result.series),
            "start": start,
            "horizon": result.mse.shape[1],
            "ranking": list(result.ranking.rows()),
            "scores": list(result.scores.rows()),
        }
        print(json.dumps(told), file=place)
        return
    from .io.block import counted

    n = int(result.scores["n"].sum()) // len(result.models)
    print(f"{counted(len(result.series), 'series').replace('seriess', 'series')}, {n:,} errors a model", file=place)
    print(result.ranking, file=place)


@app.command()
def run(
    scenario: Annotated[str | None, typer.Argument(help="A name (--list), or the path of a Python file.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for its files; by default out/SCENARIO."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
) -> None:
    """Run a scenario: a short story on real data, with a table, files and a picture."""
    with _clean_end(ours_only=False):
        from . import stories

        if show or scenario is None:
            for name, line in stories.names().items():
                print(f"{name:24}{line}")  # noqa: T201
            return
        path = stories.find(scenario)
        folder = output or Path("out") / path.stem.replace("_", "-")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _RefusedError(f"cannot make the folder {folder}: {error.strerror}; name one with -o DIR") from None
        status = stories.play(path, folder)
    if status:
        raise typer.Exit(status)


@app.command("list")
def list_(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these.")] = None,
) -> None:
    """List every algorithm with its equation and its parameters."""
    with _clean_end():
        from . import catalog

        known = catalog.names()
        if names:
            for name in [_known(name, known) for name in names]:
                print(_card(name, catalog.get(name)))  # noqa: T201
            return
        rooms: dict[str, list[str]] = {"denoise": [], "filters": [], "metrics": []}
        for name in known:
            rooms.setdefault((catalog.where(name) or "").split(".")[0], []).append(name)
        for k, (room, members) in enumerate((room, members) for room, members in rooms.items() if members):
            every = [line for name in members for line in _parameters(catalog.get(name))]
            shared = [line for line in dict.fromkeys(every) if 2 * every.count(line) > len(members) > 1]
            print(("\n" if k else "") + f"# {room}\n")  # noqa: T201
            if shared:
                print("\n".join(["Parameters that most of them have:", *shared, ""]))  # noqa: T201
            for name in members:
                print(_card(name, catalog.get(name), shared))  # noqa: T201


def _known(name: str, known: list[str]) -> str:
    """The algorithm by this name, however its letters are written."""
    import difflib

    by_letters = {one.lower(): one for one in known}
    if name.lower() not in by_letters:
        close = difflib.get_close_matches(name.lower(), by_letters, 1)
        hint = f"; did you mean {by_letters[close[0]]}?" if close else ""
        raise _RefusedError(f"unknown algorithm {name!r}: expected one of {', '.join(known)}{hint}")
    return by_letters[name.lower()]


def _parameters(cls: type[Node]) -> list[str]:
    """A line for each parameter."""
    lines = []
    for one in cls._params.values():
        plain = one.choices is not None or not (one.range.startswith("any") or isinstance(one.default, bool))
        lines.append(f"      {f'{one.name} = {one.shown}':28}{one.doc}{f' ({one.range})' if plain else ''}")
    return lines


def _card(name: str, cls: type[Node], known: Sequence[str] = ()) -> str:
    """An algorithm in a few lines: what it is, its equation, its parameters; of those known already the names."""
    import inspect

    from .equations import readable

    lines = (inspect.getdoc(cls) or "").splitlines()
    text = [f"{name}: {lines[0] if lines else ''}"]
    body = lines[1 : lines.index("Parameters") if "Parameters" in lines else None]
    start = next((k for k, line in enumerate(body) if line.startswith("    ")), None)
    if start is not None:
        stop = next((k for k in range(start, len(body)) if body[k] and not body[k].startswith(" ")), len(body))
        text += [readable(line.rstrip()) for line in body[start:stop]]
        while not text[-1]:
            text.pop()
    lines = _parameters(cls)
    above = [line.split()[0] for line in lines if line in known]
    text += [f"      {', '.join(above)}: as above"] if above else []
    return "\n".join(text + [line for line in lines if line not in known])


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def bench(context: typer.Context) -> None:
    """Measure this machine against the rivals that are installed (bench --help tells its options)."""
    with _clean_end():
        from . import stories

        try:
            status = stories.benchmarks().main(context.args)
        except SystemExit as error:  # of its own --help or a wrong option
            status = error.code
    if status:
        raise typer.Exit(status if isinstance(status, int) else 1)
