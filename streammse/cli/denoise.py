"""``streammse denoise``: a noisy signal in, the clean one out, from a file or while it arrives."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import flow
from .abreast import text_abreast
from .ending import RefusedError, Terminated, clean_end, say

if TYPE_CHECKING:
    from ..io import Block, Sink, Source
    from ..node import Node
    from ..report import Report

#: methods and the classes behind them
METHODS = {
    "cancel": "NoiseCanceller",
    "echo": "EchoCanceller",
    "enhance": "LineEnhancer",
    "hum": "HumCanceller",
    "smooth": "Smoother",
}
#: those that take a reference, and what they do with it
REFERRED = {
    "cancel": "subtracts what a reference explains",
    "echo": "subtracts what the microphone hears of the loudspeaker, which is the reference",
}


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
    filter: Annotated[  # noqa: A002
        str | None,
        typer.Option(
            metavar="NAME:N",
            help="cancel: by this adaptive filter, such as rls:32 or nlms:32:mu=0.1 (streammse list); by default three "
            "NLMS side by side, which choose the step.",
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
    time: flow.Time = None,
    lateness: flow.Lateness = 0.0,
    dead_letters: flow.DeadLetters = None,
    strict: flow.Strict = False,
    queue: flow.Queue = None,
    policy: flow.Policy = "block",
    log: flow.LogFile = None,
    metrics: flow.MetricsPort = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="A folder: killed and started again, the same command goes on where it was."),
    ] = None,
    every: Annotated[float, typer.Option(metavar="S", help="Seconds between two checkpoints.")] = 5.0,
) -> None:
    """Clean a noisy signal, from a file or while it arrives.

    The clean signal takes the place of the noisy column; all other columns pass through as they are. A missing sample
    (an empty cell, NaN, null) stays in its place: there the output says what the filter believes, and nothing is
    learnt from it.

    The report (--truth, --json) goes to standard output, or to standard error where the data go to standard output.
    """
    with clean_end(), text_abreast(source, format):
        from .. import io
        from ..report import Report
        from ..runner import Runner
        from ..scalar import counted

        _distinct(source, reference or [], output, plot, checkpoint, dead_letters, log)
        name = _method(method, reference)
        if filter is not None and name != "cancel":
            raise RefusedError(f"--filter is for method cancel, got {name}: name what hears the noise with --reference")
        letters = flow.letters(dead_letters, strict)
        opened = io.source(
            source,
            column,
            reference or (),
            truth,
            format=format,
            separator=separator,
            decimal=decimal,
            header=header,
            time=time,
            lateness=lateness,
            letters=letters,
        )
        if rate is not None:
            opened.rate = _rate(rate)
        given = {"taps": taps, "mu": mu, "delay": delay, "keep": keep, "mains": mains}
        given = {key: value for key, value in given.items() if value is not None}
        if filter is None:
            node = _node(name, opened, given, parameter or [])
        else:
            node = _by_filter(filter, opened, [*given, *(parameter or [])])
        report = Report()
        sinks: list[Sink] = []
        runner: Runner | None = None

        def tell() -> None:
            assert runner is not None
            if report.beyond:
                say(f"warning: {counted(report.beyond, 'sample')} beyond 1e100 taken as missing")
            if report.missing == report.rows > report.beyond:
                what = "the only sample is" if report.rows == 1 else f"all {counted(report.rows, 'sample')} are"
                say(f"warning: {what} missing in column {opened.column!r} of {opened.name}: nothing was learnt")
            if (told := flow.refused(runner.counts, dead_letters)) is not None:
                say(told)
            if name == "hum":
                _hint(report.power_ratio, node.params["mains"])
            _tell(report, name, node, opened, output, as_json, truth is not None, runner.counts)

        try:
            sinks.append(io.sink(output, opened, format=output_format, into=into))
            if plot is not None:
                from ..plot import Picture

                title = f"{Path(opened.name).name}, {opened.column}: {name} ({filter or METHODS[name]})"
                sinks.insert(0, Picture(plot, opened.rate, title))  # drawing takes a while: the output comes last
            sinks.append(report)
            if sys.stderr.isatty() and not (output == "-" and sys.stdout.isatty()):
                sinks.append(_Progress(opened, report))
            runner = Runner(
                node,
                opened,
                io.Tee(*sinks),
                checkpoint=checkpoint,
                every=every,
                queue=queue,
                policy=policy,
                log=log,
                metrics=flow.metrics(metrics),
            )
            begun = runner.begin()
            if begun:
                left = f"finished, nothing to do; remove {checkpoint} to run it again" if runner.ended else "going on"
                say(f"{checkpoint}: {counted(begun, 'sample')} done, {left}")
            runner.run()
        except BaseException as error:
            for sink in sinks:
                sink.abort()
            if output != "-" and isinstance(error, (KeyboardInterrupt, Terminated)):
                word = "interrupted" if isinstance(error, KeyboardInterrupt) else "terminated"
                kept = checkpoint is not None
                say(f"{word}: {'the same command goes on from here' if kept else 'nothing written'}")
            elif isinstance(error, KeyboardInterrupt) and opened.total is None and report.rows and runner is not None:
                tell()  # the usual end of what is live: all that was seen has been written
            raise
        tell()


def _rate(given: float) -> float:
    """Samples a second, whoever needs them: the method, an audio file, the picture."""
    if not 0.0 < given < float("inf"):
        raise RefusedError(f"--rate must be a positive number of samples a second, got {given:g}")
    return given


def _distinct(
    source: str,
    references: list[str],
    output: str,
    plot: str | None,
    checkpoint: str | None,
    letters: str | None,
    log: str | None,
) -> None:
    """Refuse to write over what is read, and one thing over the other."""
    from ..io import file_of
    from ..io.output import PARTIAL

    if checkpoint is not None and output == "-":
        raise RefusedError("standard output cannot be cut back to a checkpoint: name an output file with -o")
    partial = None if checkpoint is None else output + PARTIAL

    read = {source: "the noisy signal", **{file_of(name) or "": "the reference" for name in references}}
    whats = ("the clean one", "the picture", "the clean one", "the dead letters", "the log")
    targets = [(name, what) for name, what in zip((output, plot, partial, letters, log), whats, strict=True) if name]
    for k, (target, what) in enumerate(targets):
        for file, role in read.items():
            if os.path.isfile(target) and os.path.isfile(file) and os.path.samefile(target, file):
                raise RefusedError(f"{target} would replace {role} by {what}: choose another name")
        for other, before in targets[:k]:
            if target != "-" and os.path.realpath(target) == os.path.realpath(other):
                first = before.replace("one", "signal")
                raise RefusedError(f"{target} would replace {first} by {what}: choose another name")


def _hint(ratio: float | None, mains: float) -> None:
    """Where next to nothing was removed, the hum may be elsewhere."""
    if ratio is not None and ratio > 0.97:
        other = 60 if mains < 55.0 else 50
        say(f"hint: little was removed near {mains:g} Hz; if the hum can still be heard, try --mains {other}")


def _method(given: str | None, reference: list[str] | None) -> str:
    name = given or ("cancel" if reference else "smooth")
    if name not in METHODS:
        raise RefusedError(f"unknown method {name!r}: expected one of {', '.join(METHODS)}")
    if name in REFERRED and not reference:
        raise RefusedError(f"method {name} {REFERRED[name]}: name its column with --reference")
    if name not in REFERRED and reference:
        raise RefusedError(f"method {name} takes no reference, got {' '.join(reference)}; method cancel does")
    return name


def _node(method: str, source: Source, given: dict[str, Any], more: list[str]) -> Node:
    """The denoiser with the parameters that were given; the others keep their defaults."""
    from .. import catalog
    from ..param import typed

    cls = catalog.get(METHODS[method])
    for setting in more:
        key, equals, value = setting.partition("=")
        if not equals:
            raise RefusedError(f"--set expects NAME=VALUE, got {setting!r}")
        given[key.strip()] = typed(value)
    if "references" in cls._params:
        given["references"] = source.references
    elif source.references > 1:
        raise RefusedError(f"method {method} takes one reference, got {source.references}")
    if "rate" in cls._params:
        if source.rate is None:
            raise RefusedError(
                f"method {method} needs the samples a second, and {source.name} does not say them: give --rate, "
                "1 / (the seconds from one row to the next)"
            )
        given["rate"] = source.rate
    unknown = [key for key in given if key not in cls._params]
    if unknown:
        known = ", ".join(key for key in cls._params if key not in ("rate", "references"))
        raise RefusedError(f"method {method} has no parameter {unknown[0]!r}: its parameters are {known}")
    try:
        return cls(**given)
    except (ValueError, TypeError) as error:
        raise RefusedError(str(error)) from None


def _by_filter(text: str, source: Source, others: list[str]) -> Node:
    """A canceller by the filter that was named."""
    from .. import catalog
    from ..named import adaptive_filter
    from ..scalar import counted

    if others:
        raise RefusedError(f"with --filter the parameters stand behind its name, as in {text}:mu=0.1; got {others[0]}")
    try:
        made = adaptive_filter(text, references=source.references)
        if made._inputs() != source.references:
            raise RefusedError(f"{text} takes {counted(made._inputs(), 'reference')}, got {source.references}")
        return catalog.get("FilterCanceller")(made)
    except (ValueError, TypeError) as error:
        raise RefusedError(str(error)) from None


def _tell(
    report: Report,
    method: str,
    node: Node,
    source: Source,
    output: str,
    as_json: bool,
    has_truth: bool,
    counts: dict[str, int],
) -> None:
    """Print the report where it does not mix with the data."""
    place = sys.stderr if output == "-" else sys.stdout
    if as_json:
        import json

        params = {
            key: value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)
            for key, value in node.params.items()
        }
        head = {"input": source.name, "output": output, "column": source.column, "method": method, "parameters": params}
        print(json.dumps(head | report.figures | counts), file=place)
    elif has_truth or place.isatty():
        print(report.text(), file=place)


class _Progress:
    """A sink that shows how far it is, on stderr."""

    #: nothing of it is kept
    offset = None

    def __init__(self, source: Source, report: Report) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        from ..scalar import counted

        ends = (BarColumn(), TimeRemainingColumn()) if source.total is not None else (TimeElapsedColumn(),)
        self._bar = Progress(
            TextColumn("{task.description}"),
            *ends,
            TextColumn("{task.fields[samples]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(Path(source.name).name, total=source.total, samples="")
        self._report, self._counted = report, counted
        self._bar.start()

    def write(self, block: Block) -> None:
        self._bar.update(self._task, completed=block.done, samples=self._counted(self._report.rows, "sample"))

    def commit(self) -> None:
        self._bar.stop()

    def abort(self) -> None:
        self._bar.stop()
