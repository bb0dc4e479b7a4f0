"""How a command ends: errors of the data in one line, signals in their status, nothing left half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import typer


class Terminated(BaseException):
    """SIGTERM or SIGHUP came: end as after Ctrl-C, with nothing left half-written."""


class RefusedError(Exception):
    """What was asked for cannot be; the message is one line."""


def say(message: str) -> None:
    """One line on stderr, whatever bytes the data hold."""
    line = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in " ".join(message.split()))
    with contextlib.suppress(OSError):
        print(f"streammse: {line}", file=sys.stderr, flush=True)  # noqa: T201


@contextlib.contextmanager
def clean_end(ours_only: bool = True) -> Iterator[None]:
    """Errors of the data end in one line, signals in their status, a defect of ours in a line that asks to report it.

    Where the code of somebody else runs inside (``ours_only`` is false) a defect shows its traceback.
    """
    import warnings

    from ..io.block import CheckpointError, DataError

    def warn(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"warning: {message}")

    def terminated(number: int, _: object) -> None:
        raise Terminated(number)

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
    except (DataError, RefusedError, FloatingPointError) as error:
        say(str(error))
        raise typer.Exit(2) from None
    except CheckpointError as error:
        say(str(error))
        raise typer.Exit(3) from None
    except BrokenPipeError:
        _close_stdout()
        raise typer.Exit(141) from None
    except OSError as error:
        place = "standard output" if error.errno == errno.ENOSPC else "input or output"
        say(f"{error.filename or place}: {error.strerror or error}")
        _close_stdout()
        raise typer.Exit(2) from None
    except Exception as error:
        if not ours_only or os.environ.get("STREAMMSE_TRACEBACK"):
            raise
        say(
            f"defect: {type(error).__name__}: {error} (this is ours: please report it; "
            "STREAMMSE_TRACEBACK=1 shows the traceback)"
        )
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Terminated as error:
        raise typer.Exit(128 + error.args[0]) from None
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _close_stdout() -> None:
    """Python flushes stdout once more at the end: into nothing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
