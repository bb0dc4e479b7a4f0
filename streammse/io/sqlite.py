"""SQLite: a table ``clean`` with the rows, and the checkpoint of the run in the same transaction as they.

The columns are those of the source, in its order, with the types INTEGER, REAL and TEXT; a missing value is NULL, and
``rowid`` counts the rows from 1. The table ``streammse`` (key, value) says that the file is ours, and holds the
checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from .block import Block, CheckpointError, DataError, Source
from .convert import types_again, types_of
from .files import FILES
from .output import Atomic
from .parquet import with_clean

TABLE = "clean"
_OURS = "CREATE TABLE streammse (key TEXT PRIMARY KEY, value BLOB)"


class SqliteSink:
    """Rows into the table ``clean``.

    Without a checkpoint the file appears when it is complete. With one, ``<name>.partial`` is a database in WAL mode
    that others may read meanwhile; each commit holds the rows, the state of the node and the offsets together, so that
    after a crash none of them is ahead of the others.
    """

    format = "sqlite"

    def __init__(self, output: Any, source: Source, into: str | None) -> None:
        if not isinstance(output, Atomic):
            raise DataError("sqlite cannot be written to a device: name an output file")
        self._output, self._column, self._into = output, source.column, into
        self._dialect: Any = getattr(source, "dialect", None)
        self._base: Any = None
        self._insert = ""
        self._rows = 0
        self._keeps = self._complete = False
        self.name = output.target
        self.identity = {"output": output.target, "into": into}
        if os.path.exists(self.name) and not self._ours(self.name):
            raise DataError(f"{self.name} exists and was not written by streammse: choose another name")

    def write(self, block: Block) -> None:
        """Insert the rows of a block."""
        assert block.clean is not None
        if not len(block.clean):
            return
        table = with_clean(block.rest.table(), self._column, self._into, block.clean)
        with self._errors():
            if self._base is None:  # nothing is kept: speed alone counts
                self._connect(self._output.path, "journal_mode=OFF", "synchronous=OFF").execute(_OURS)
            if not self._insert:
                self._prepare(table.schema)
            self._base.executemany(self._insert, zip(*map(_plain, table.columns), strict=True))
        self._rows += len(block.clean)

    def _prepare(self, schema: Any) -> None:
        def quoted(name: str) -> str:
            return '"' + name.replace('"', '""') + '"'

        columns = ", ".join(f"{quoted(one.name)} {_type(one.type)}" for one in schema)
        self._base.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})")
        self._insert = f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(schema))})"  # noqa: S608 - question marks

    def commit(self) -> None:
        """The database is complete: one file, without a journal."""
        if self._complete:
            return
        with self._errors():
            if self._base is None:
                raise DataError(f"{self.name} would hold no rows")
            self._base.execute("COMMIT")
            if self._keeps:
                self._base.execute("PRAGMA journal_mode=DELETE")
            self._close()
        if self._keeps:
            FILES.rename(self._output.partial, self.name)
            FILES.sync_folder(os.path.dirname(self.name))
        else:
            self._output.commit()

    def abort(self) -> None:
        """Leave what was committed with a checkpoint, and nothing where there is none."""
        self._close()
        self._output.abort()

    def offset(self) -> list[Any]:
        """How many rows, and the types that the first ones gave to the columns; ``save`` commits them."""
        return [self._rows, *types_of(self._dialect)]

    def truncate(self, offset: list[Any] | None) -> None:
        """Go on after so many rows; what was not committed is not there."""
        self._keeps = True
        partial = self._output.partial
        if offset is None:
            for end in ("", "-wal", "-shm"):
                FILES.remove(partial + end)
        elif not os.path.exists(partial):
            self._complete = True  # what ``saved`` has read is the complete one
            return
        with self._errors():
            self._connect(partial, "journal_mode=WAL", "synchronous=FULL")
            if offset is None:
                self._base.execute(_OURS)
                return
            rows, *types = offset
            there = self._base.execute(f"SELECT MAX(rowid) FROM {TABLE}").fetchone()[0] if rows else 0  # noqa: S608
        if there != rows:
            raise DataError(f"{partial} holds {there} rows, its checkpoint says {rows}")
        types_again(self._dialect, types)
        self._rows = rows

    def save(self, data: bytes) -> None:
        """Commit the rows so far, and this with them."""
        with self._errors():
            self._base.execute("INSERT OR REPLACE INTO streammse VALUES ('checkpoint', ?)", [data])
            self._base.execute("COMMIT")
            self._base.execute("BEGIN IMMEDIATE")

    def saved(self) -> bytes | None:
        """What was saved last; None where nothing was. Raises CheckpointError where the file is damaged."""
        import sqlite3

        path = next((one for one in (self._output.partial, self.name) if os.path.exists(one)), None)
        if path is None:
            return None
        try:
            with contextlib.closing(sqlite3.connect(path)) as base:
                tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
                found = None
                if "streammse" in tables:
                    found = base.execute("SELECT value FROM streammse WHERE key = 'checkpoint'").fetchone()
        except sqlite3.DatabaseError as error:
            raise CheckpointError(
                f"{path} holds no checkpoint that can be believed ({error}): remove it to start from the beginning"
            ) from None
        return None if found is None else bytes(found[0])

    def _ours(self, path: str) -> bool:
        import sqlite3

        with contextlib.suppress(sqlite3.Error), contextlib.closing(_read_only(path)) as base:
            return bool(base.execute("SELECT 1 FROM sqlite_master WHERE name = 'streammse'").fetchone())
        return False

    def _connect(self, path: str, *pragmas: str) -> Any:
        """In a transaction, which keeps other writers out."""
        import sqlite3

        self._base = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        for pragma in pragmas:
            self._base.execute(f"PRAGMA {pragma}")
        self._base.execute("BEGIN IMMEDIATE")
        return self._base

    def _close(self) -> None:
        base, self._base = self._base, None
        if base is not None:
            base.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """What SQLite refuses, in one line."""
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OverflowError) as error:
            busy = "another run writes there" if "locked" in str(error) else error
            raise DataError(f"cannot write {self.name}: {busy}") from None


def _read_only(path: str) -> Any:
    import sqlite3

    return sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)


def _type(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return "INTEGER"
    return "REAL" if pa.types.is_floating(kind) else "TEXT"


def _plain(column: Any) -> list[Any]:
    """Values as SQLite has them; what it does not know becomes text."""
    import pyarrow as pa

    values: list[Any] = column.to_pylist()
    known = pa.types
    if any(test(column.type) for test in (known.is_floating, known.is_integer, known.is_boolean, known.is_string)):
        return values
    if known.is_nested(column.type):
        return [None if one is None else json.dumps(one, default=str) for one in values]
    return [one if one is None or isinstance(one, (bytes, str)) else str(one) for one in values]
