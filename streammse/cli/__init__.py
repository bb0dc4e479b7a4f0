"""The command ``streammse``: a thin shell over the library.

Exit status: 0 done, 1 a scenario missed its figure or there is a defect of ours, 2 something was asked for or given
that cannot be (one line on stderr says what was expected and what came), 3 there are checkpoints and none can be
believed, 130 after Ctrl-C, 141 when the reader of a
pipe has left, 143 when terminated.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from .backtest import backtest
from .bench import bench
from .catalogue import list_
from .denoise import denoise
from .ending import say
from .scenario import run
from .warmup import warmup

__all__ = ["app", "main"]

app = typer.Typer(
    name="streammse",
    help="Streaming signal processing, one sample at a time, steered by the mean squared error.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command()(denoise)
app.command()(backtest)
app.command()(run)
app.command("list")(list_)
app.command()(warmup)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})(bench)


def main(argv: list[str] | None = None) -> int:
    """Run the command with these arguments and return its exit status."""
    click_error: Any = typer.BadParameter.__mro__[2]  # typer brings its own click or imports it, by version
    try:
        done = app(args=sys.argv[1:] if argv is None else argv, prog_name="streammse", standalone_mode=False)
    except click_error as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())  # noqa: T201
            return 2
        say(error.format_message())
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return done if isinstance(done, int) else 0


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        print(f"streammse {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _app(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
