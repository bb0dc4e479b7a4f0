"""The options of a run that goes on whatever comes: queue, dead letters, late rows, logs and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..io import Letters
    from ..runner.telemetry import Metrics

Queue = Annotated[
    int | None, typer.Option(metavar="N", help="How many samples may wait to be worked on; by default two blocks.")
]
Policy = Annotated[
    str, typer.Option(metavar="block|drop-oldest", help="Where the queue is full: make the source wait, or drop.")
]
DeadLetters = Annotated[
    str | None,
    typer.Option(
        "--dead-letters", metavar="FILE", help="Bad records go to the end of this file (NDJSON) and the run goes on."
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first record that --dead-letters would take out.")]
Time = Annotated[
    str | None, typer.Option(metavar="C", help="The column that says when: rows are brought into its order.")
]
Lateness = Annotated[
    float, typer.Option(metavar="S", help="--time: how far a row may lie behind the latest one, in s or units of C.")
]
LogFile = Annotated[
    str | None, typer.Option("--log", metavar="FILE", help="Events as JSON at the end of FILE; - is standard error.")
]
MetricsPort = Annotated[
    str | None, typer.Option("--metrics", metavar="[HOST:]PORT", help="Answer Prometheus while it runs.")
]


def letters(path: str | None, strict: bool) -> Letters | None:
    """Where bad records go; None where nobody asked for it: then the first that cannot be read ends the run."""
    from ..io import Letters

    return Letters(path, strict=strict) if path is not None or strict else None


def metrics(address: str | None) -> Metrics | None:
    """An endpoint that says where it is."""
    from ..runner.telemetry import Metrics
    from .ending import say

    return None if address is None else Metrics(address, lambda url: say(f"metrics at {url}"))


def refused(counts: dict[str, int], path: str | None) -> str | None:
    """What was read and not carried, in one line; None where that is nothing."""
    names = {"dropped": "dropped", "dead": "dead", "late": "late", "duplicates": "duplicate"}
    told = [f"{counts[name]:,} {word}" for name, word in names.items() if counts[name]]
    where = f" (see {path})" if path is not None and counts["dead"] + counts["late"] + counts["duplicates"] else ""
    return f"of {counts['read']:,} rows {', '.join(told)}{where}" if told else None
