"""Machine code on disk: private, checked before it is believed, and never a reason to fail.

Numba's own cache serves stale code when a helper in another file changes and dies on a damaged file. Here an entry's
name is a digest of everything that went into it: the bytecode of the function and of all that it calls, its constants,
its signature and options, this room's own sources, and the versions of Python, numba, llvmlite and the CPU. So an edit
anywhere makes another name, and an entry is never stale. It carries a checksum of name and content, looked at before
anything else, because a flipped byte in machine code aborts the process.

Processes that need the same kernel at the same time wait for the one that began (``turn.py``).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import secrets
import sys
import time
import types
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Self

from . import Function, Step
from .turn import Turn

VARIABLE = "STREAMMSE_CACHE"
DAY = 86400.0
UNUSED_DAYS = 60
ABANDONED = r"\.(new|turn)-[\w-]+"
ENTRY = r"[\w-]+\.[0-9a-f]{40}"


def folder() -> Path | None:
    """The cache folder: ``$STREAMMSE_CACHE``, else the user's cache; None when switched off (``off``)."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        try:
            return None if chosen in ("", "off", "0") else Path(chosen).expanduser()
        except RuntimeError:  # ~ of somebody without a home
            return Path(chosen)
    base = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "streammse"
    except RuntimeError:  # no home at all
        return None


@cache
def _environment() -> str:
    import llvmlite
    import numba
    import numpy as np
    from llvmlite import binding

    return repr(
        (
            sys.version_info[:3],
            sys.implementation.cache_tag,
            numba.__version__,
            llvmlite.__version__,
            np.__version__,
            binding.get_default_triple(),
            binding.get_host_cpu_name(),
            binding.get_host_cpu_features().flatten(),
            sorted((k, v) for k, v in os.environ.items() if k.startswith("NUMBA_")),
            _room(),
        )
    )


def _room() -> list[str]:
    """A digest of each file of this room: options and instructions of its own go into every kernel."""
    try:
        files = sorted(Path(__file__).parent.glob("*.py"))
        return [hashlib.sha256(one.read_bytes()).hexdigest() for one in files]
    except OSError:  # installed without its sources
        return []


def fingerprint(function: Any) -> str | None:
    """A digest over a function and all that it names; None when something in it cannot be told by its value."""
    digest = hashlib.sha256()
    try:
        _feed(digest, function, {})
    except TypeError:
        return None
    return digest.hexdigest()


def _feed(digest: Any, value: Any, seen: dict[int, int]) -> None:
    """Add one value: functions by their bytecode and everything that this names, the rest by type and content.

    ``seen`` numbers the functions: one that comes again is told by its number, so that (f, g, f) is not (f, g, g).
    """
    if id(value) in seen:
        digest.update(b"again %d;" % seen[id(value)])
        return
    if isinstance(value, Step):
        digest.update(b"the step of ")
        value = value.kernel
    if hasattr(value, "py_func"):
        seen[id(value)] = len(seen)
        ours = isinstance(value, Function)
        options = value.options if ours else value.targetoptions
        options = {k: sorted(v) if isinstance(v, (set, frozenset)) else v for k, v in options.items()}
        digest.update(repr((value.signatures if ours else None, sorted(options.items(), key=str))).encode())
        value = value.py_func
        if not ours and not _named_once(value):
            raise TypeError(f"a kernel calls {value!r}, whose name is not unique across processes")
    elif hasattr(value, "build"):  # one of our instructions
        seen[id(value)] = len(seen)
        value = value.build
    if isinstance(value, types.FunctionType):
        seen[id(value)] = len(seen)
        _feed_code(digest, value.__code__, value.__globals__, seen)
        _feed(digest, [cell.cell_contents for cell in value.__closure__ or ()], seen)
        _feed(digest, value.__defaults__ or (), seen)
    elif isinstance(value, types.ModuleType):
        digest.update(f"module {value.__name__};".encode())
    elif isinstance(value, (tuple, list)):
        digest.update(b"(%d:" % len(value))
        for item in value:
            _feed(digest, item, seen)
    elif isinstance(value, frozenset):
        digest.update(repr(sorted(value, key=repr)).encode())
    elif value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        digest.update(f"{type(value).__name__}:{value!r};".encode())
    elif isinstance(value, (type, types.BuiltinFunctionType)) or hasattr(value, "__qualname__"):
        digest.update(f"{value.__module__}.{value.__qualname__};".encode())
    elif type(value).__module__.split(".")[0] == "numpy":  # a dtype, a ufunc, a constant array
        digest.update(type(value).__name__.encode() + pickle.dumps(value))
    else:
        raise TypeError(f"a kernel names {value!r}, which has no digest")


def _named_once(value: types.FunctionType) -> bool:
    """Whether a user's own njit function has a name that no other content can have: see ``_marked``."""
    module = sys.modules.get(value.__module__)
    return "<locals>" not in value.__qualname__ and getattr(module, "__file__", None) is not None


def _feed_code(digest: Any, code: types.CodeType, names: dict[str, Any], seen: dict[int, int]) -> None:
    digest.update(repr((code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_argcount)).encode())
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            _feed_code(digest, item, names, seen)
        else:
            _feed(digest, item, seen)
    modules = []
    for name in code.co_names:
        if name in names:
            digest.update(f"{name}=".encode())
            _feed(digest, names[name], seen)
            if isinstance(names[name], types.ModuleType):
                modules.append(names[name])
    for module in modules:  # numba compiles the value of ``settings.GAIN`` in: whatever may be an attribute is told too
        for name in code.co_names:
            if name in vars(module):
                value = vars(module)[name]
                digest.update(f"{module.__name__}.{name}=".encode())
                _feed(digest, value, seen)
                if isinstance(value, types.ModuleType) and value not in modules:
                    modules.append(value)


class DiskCache:
    """What numba's dispatcher asks for machine code before it compiles, and gives it to afterwards.

    As a context it lets go, at its end, of the turn to compile.
    """

    cache_path = None

    def __init__(self, function: Any, signature: str, mark: str | None) -> None:
        self.ours = function.__module__.split(".")[0] == "streammse"
        root = folder()
        key = hashlib.sha256(f"{_environment()}{mark}{signature}".encode()).hexdigest()[:40]
        name = "".join(c if c.isalnum() else "-" for c in function.py_func.__qualname__)[-60:]
        self.path = root / f"{name}.{key}" if root is not None and mark is not None else None
        self.turn: Turn | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.turn is not None:
            self.turn.over()

    def load_overload(self, _sig: Any, target: Any) -> Any:
        if self.path is None:
            return None
        if self.ours:  # what our own kernels call is known: no need to wait for all that numba could offer
            from numba.core.runtime import rtsys

            rtsys.initialize(target)
        else:
            target.refresh()
        found = self._look(target)
        if found is None and self.path is not None and _ready(self.path.parent):
            self.turn = Turn(self.path.with_name(f".turn-{self.path.name[-40:]}"))
            if self.turn.waited_for(self.path):
                found = self._look(target)
        return found

    def _look(self, target: Any) -> Any:
        """The entry, or None where there is none that can be believed."""
        assert self.path is not None
        try:
            _check_private(self.path.parent)
            body = checked(self.path.name, _read(self.path))
            from numba.core.compiler import CompileResult

            found = CompileResult._rebuild(target, *pickle.loads(body))
            with suppress(OSError):
                if time.time() - self.path.stat().st_mtime > DAY:  # a mark of use for the sweep, at most once a day
                    os.utime(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._give_up(error)
            return None
        except Exception as error:  # noqa: BLE001  any defect means: compile again
            _complain(f"kernel cache entry {self.path} is damaged ({error}); compiled again")
            return None
        return found

    def save_overload(self, _sig: Any, made: Any) -> None:
        if self.path is None or made.objectmode or made.lifted or made.library.has_dynamic_globals:
            return
        from numba.core import serialize

        try:
            body = serialize.dumps(made._reduce())
            _ready(self.path.parent, strict=True)
            write(self.path, signed(self.path.name, body))
            written.append(self.path.name)
            _sweep(self.path.parent)
        except Exception as error:  # noqa: BLE001  the kernel is there: not keeping it is no reason to fail
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.path = None
        _complain(f"kernel cache not used ({error}); set {VARIABLE} to a private folder or to off")

    def flush(self) -> None:
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def signed(name: str, body: bytes) -> bytes:
    """An entry: a digest over its name and content, then the content."""
    return hashlib.sha256(name.encode() + b"\0" + body).digest() + body


def checked(name: str, raw: bytes) -> bytes:
    """The content of an entry of this name; ValueError when it is not what was written under it."""
    if signed(name, raw[32:]) != raw:
        raise ValueError("checksum does not match")
    return raw[32:]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        info = os.fstat(file.fileno())
        if os.name == "posix" and (info.st_uid not in (os.geteuid(), 0) or info.st_mode & 0o022):
            raise PermissionError(f"{path} belongs to somebody else or others may write to it")
        return file.read()


def write(path: Path, raw: bytes) -> None:
    """All of it under its name, or nothing at all."""
    temporary = path.with_name(f".new-{secrets.token_hex(8)}")
    # readable by whom the folder lets in, so that a folder filled by root serves others
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


#: the entries that this process has written
written: list[str] = []

_complained = False


def _complain(text: str) -> None:
    """One warning a process is enough."""
    global _complained  # noqa: PLW0603
    if not _complained:
        _complained = True
        warnings.warn(text, stacklevel=2)


def _ready(where: Path, *, strict: bool = False) -> bool:
    """Make the folder where it is missing; False, or an error where ``strict``, when it cannot be written to."""
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(where)
    except OSError:
        if strict:
            raise
        return False
    return True


def _check_private(where: Path) -> None:
    """An entry is a pickle: a folder that others can write to is not believed."""
    if os.name != "posix":
        return
    info = where.stat()
    if info.st_uid not in (os.geteuid(), 0) or info.st_mode & 0o022:
        raise PermissionError(f"{where} belongs to somebody else or others may write to it")


@cache
def _sweep(where: Path) -> None:
    """Remove, once a process, what nobody has used for two months: entries of old versions and abandoned files."""
    now = time.time()
    with suppress(OSError):
        for entry in list(where.iterdir()):
            days = (
                UNUSED_DAYS if re.fullmatch(ENTRY, entry.name) else 1 if re.fullmatch(ABANDONED, entry.name) else None
            )
            with suppress(OSError):
                if days is not None and entry.is_file() and entry.stat().st_mtime < now - days * DAY:
                    entry.unlink()


def holds(function: Function) -> bool:
    """Whether all forms of a function are in the cache, so that it need not be compiled."""
    mark = function.mark()
    paths = [DiskCache(function, signature, mark).path for signature in function.signatures]
    return all(path is not None and path.exists() for path in paths)


def entries() -> dict[str, int]:
    """The entries in the folder and their sizes; none where there is no folder."""
    where = folder()
    found: dict[str, int] = {}
    with suppress(OSError):
        for entry in [] if where is None else list(where.iterdir()):
            if re.fullmatch(ENTRY, entry.name):
                with suppress(OSError):
                    found[entry.name] = entry.stat().st_size
    return found


def trouble() -> str | None:
    """Why nothing can be kept, in one line; None where all is well."""
    where = folder()
    if where is None:
        switched_off = os.environ.get(VARIABLE) is not None
        return f"{VARIABLE} switches it off" if switched_off else f"there is no home: {VARIABLE} may name a folder"
    probe = where / f"probe.{secrets.token_hex(20)}"
    try:
        _ready(where, strict=True)
        write(probe, bytes(65536))
        probe.unlink()
    except OSError as error:
        return str(error)
    return None
