"""``streammse bench``: this machine against the rivals that are installed."""

from __future__ import annotations

import typer

from .ending import clean_end


def bench(context: typer.Context) -> None:
    """Measure this machine against the rivals that are installed (bench --help tells its options)."""
    with clean_end():
        from .. import stories

        try:
            status = stories.benchmarks().main(context.args)
        except SystemExit as error:  # of its own --help or a wrong option
            status = error.code
    if status:
        raise typer.Exit(status if isinstance(status, int) else 1)
