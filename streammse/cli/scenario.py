"""``streammse run``: a short story on real data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .ending import RefusedError, clean_end


def run(
    scenario: Annotated[str | None, typer.Argument(help="A name (--list), or the path of a Python file.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for its files; by default out/SCENARIO."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
) -> None:
    """Run a scenario: a short story on real data, with a table, files and a picture."""
    with clean_end(ours_only=False):
        from .. import stories

        if show or scenario is None:
            for name, line in stories.names().items():
                print(f"{name:24}{line}")  # noqa: T201
            return
        path = stories.find(scenario)
        folder = output or Path("out") / path.stem.replace("_", "-")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RefusedError(f"cannot make the folder {folder}: {error.strerror}; name one with -o DIR") from None
        status = stories.play(path, folder)
    if status:
        raise typer.Exit(status)
