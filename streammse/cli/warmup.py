"""``streammse warmup``: kernels compiled before they are needed, for containers and read-only systems."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .catalogue import _known
from .ending import RefusedError, clean_end, say

if TYPE_CHECKING:
    from ..warm import Piece


def warmup(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these algorithms; by default all.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="M,M,...", help="Only what a backtest of these models needs.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="csv|ndjson", help="Only what reading and writing this text needs.")
    ] = None,
) -> None:
    """Compile ahead: every algorithm in every form, kept in the kernel cache (STREAMMSE_CACHE names its folder).

    What is there already is not compiled again, and what was compiled before Ctrl-C stays. Fill a folder that
    everybody may read and only you may write to, and it serves read-only, on the same kind of CPU.
    """
    with clean_end():
        from .. import named, warm
        from .._jit import cache
        from ..io import TEXT

        problem = cache.trouble()
        if problem is not None:
            raise RefusedError(f"there is no kernel cache to fill: {problem}")
        begun, before = time.perf_counter(), len(cache.written)
        if models is not None:
            try:
                field = list(named.models(models).values())
            except ValueError as error:
                raise RefusedError(str(error)) from None
            wanted = [warm.Piece(models, lambda: warm.for_backtest(field))]
        elif text is not None:
            if text not in TEXT:
                raise RefusedError(f"--text is {' or '.join(TEXT)}, got {text}")
            wanted = [warm.Piece(text, lambda: warm.for_text(text))]
        else:
            wanted = warm.pieces([_known(name) for name in names] if names else None)
        failed = 0
        try:
            for piece in _shown(wanted):
                try:
                    piece.make()
                except Exception as error:  # noqa: BLE001  one that fails must not keep the others cold
                    failed += 1
                    say(f"defect: {piece.name}: {type(error).__name__}: {error} (this is ours: please report it)")
        except BaseException:
            say("stopped early: what is compiled stays, and the next warmup goes on from there")
            raise
        finally:
            _tell(len(cache.written) - before, time.perf_counter() - begun)
        problem = cache.trouble()
        if problem is not None:
            raise RefusedError(f"the kernel cache could not be filled: {problem}")
    if failed:
        raise typer.Exit(1)


def _shown(wanted: Sequence[Piece]) -> Iterator[Piece]:
    """One piece after another, with a bar on a terminal and a line for each elsewhere."""
    if not sys.stderr.isatty():
        from .._jit import cache

        for number, piece in enumerate(wanted, 1):
            begun, before = time.perf_counter(), len(cache.written)
            yield piece
            made, took = len(cache.written) - before, time.perf_counter() - begun
            if made:
                print(f"{number}/{len(wanted)} {piece.name}: {made} compiled, {took:.1f} s", flush=True)  # noqa: T201
        return
    with _bar(len(wanted)) as step:
        for number, piece in enumerate(wanted):
            step(number, piece.name)
            yield piece
        step(len(wanted), "")


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done, name: bar.update(task, completed=done, description=name)


def _tell(made: int, seconds: float) -> None:
    from .._jit import cache

    sizes = cache.entries().values()
    told = f"{made} compiled in {seconds:.1f} s; {len(sizes)} kernels, {sum(sizes) / 1e6:.1f} MB, in {cache.folder()}"
    print(told)  # noqa: T201
