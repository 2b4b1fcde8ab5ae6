"""The ledger of many paintings: which jobs there are, and which are done. An SQLite file in the output folder.

A painting's files are on the disk before its row says that it is done, and each row is on the disk before the next
painting is recorded. So however a run ends, the files of every job that is 'done' are there. SQLite is in WAL mode, so
that other programs can read while a run writes; a lock on a file beside it allows one writing run at a time.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from painter.errors import LedgerError, one_line
from painter.system.atomic import replacing
from painter.system.locks import exclusive_lock

NAME = "ledger.sqlite"
VERSION = 1  # of the tables; to be raised whenever an older program could not read them
APPLICATION = 0x494D5041  # 'IMPA', in the file's header: SQLite's application_id

_HEADER = struct.Struct(">16s44xI4xI")  # magic, user_version at byte 60, application_id at byte 68
_MAGIC = b"SQLite format 3\0"
_BUSY = 10.0  # seconds to wait for another connection

_TABLES = f"""
    PRAGMA application_id = {APPLICATION};
    PRAGMA user_version = {VERSION};
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE jobs (
        key TEXT PRIMARY KEY,
        digest TEXT NOT NULL,                    -- sha256 of all that decides the files' bytes
        state TEXT NOT NULL DEFAULT 'waiting'
            CHECK (state IN ('waiting', 'running', 'done', 'failed')),
        attempts INTEGER NOT NULL DEFAULT 0,     -- of all runs
        worker TEXT NOT NULL DEFAULT '',         -- host and process of the last attempt
        seconds REAL NOT NULL DEFAULT 0,         -- that the last attempt took
        figures TEXT NOT NULL DEFAULT '{{}}',      -- JSON
        reason TEXT NOT NULL DEFAULT ''          -- why it failed
    );
    CREATE TABLE files (
        name TEXT PRIMARY KEY,                   -- relative to the output folder, with /
        key TEXT NOT NULL REFERENCES jobs (key),
        sha256 TEXT,                             -- NULL until it is written
        size INTEGER,
        mtime_ns INTEGER
    );
    CREATE INDEX files_of_jobs ON files (key);
"""


@dataclass(frozen=True)
class WrittenFile:
    """A file as a job wrote it."""

    sha256: str
    size: int  # bytes
    mtime_ns: int  # as os.stat has it

    def is_at(self, path: Path) -> bool:
        """Whether a file with this size and time is there; its content is not read."""
        with suppress(OSError, ValueError):
            found = path.stat()
            return (found.st_size, found.st_mtime_ns) == (self.size, self.mtime_ns)
        return False


@dataclass(frozen=True)
class Row:
    """One job in the ledger."""

    key: str
    digest: str
    state: str  # 'waiting', 'running', 'done' or 'failed'
    attempts: int  # of all runs
    worker: str  # host and process of the last attempt
    seconds: float  # that the last attempt took
    figures: dict[str, float]
    reason: str  # why it failed, in one line
    files: dict[str, WrittenFile]  # by name, relative to the output folder


class Ledger:
    """The ledger of one output folder; `open` creates or opens it. To be closed, or used in `with`.

    Args:
        connection: to the database, whose header has been checked.
        folder: the output folder.
        lock: closed with the ledger.
        is_new: whether the file was created just now.
        durable: see `open`.
    """

    def __init__(
        self, connection: sqlite3.Connection, folder: Path, lock: ExitStack, is_new: bool, durable: bool = True
    ) -> None:
        self.folder = folder
        self._connection, self._lock, self._is_new, self._durable = connection, lock, is_new, durable

    @staticmethod
    def open(folder: str | os.PathLike[str], durable: bool = True) -> Ledger:
        """Open the ledger of an existing folder, or create it; no other run can open it until it is closed.

        Jobs that were running when an earlier run was killed become waiting again.

        Args:
            durable: whether each row is on the disk at once; otherwise a power cut may undo the last ones.

        Raises:
            LedgerError: another run has it open, or the file is damaged, of another version or not a ledger; the file
                is left unchanged.
        """
        folder = Path(folder)
        path = folder / NAME
        with ExitStack() as stack:
            with _ledger_errors(path):
                if not stack.enter_context(exclusive_lock(folder / f".{NAME}.lock")):
                    raise LedgerError(
                        f"{path}: another run is writing here; wait until it ends or choose another folder"
                    )
                is_new = not os.path.lexists(path)
                if is_new:
                    _create(path)
                else:
                    _check_header(path)
                connection = stack.enter_context(_connected(path))
                connection.execute("UPDATE jobs SET state = 'waiting' WHERE state = 'running'")
            return Ledger(connection, folder, stack.pop_all(), is_new, durable)

    def close(self) -> None:
        self._lock.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        # If an error came before any job was added, leave no file behind.
        unused = False
        if error is not None and self._is_new:
            with suppress(LedgerError):
                unused = not self.rows()
        if unused:
            with suppress(OSError):
                (self.folder / f".{NAME}.lock").unlink()
        self.close()
        if unused:
            with suppress(OSError):
                (self.folder / NAME).unlink()

    # --- texts about all jobs ---

    def meta(self, key: str) -> str | None:
        """The text that `set_meta` has kept under this name; None if there is none."""
        with self._ledger_errors():
            found = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def set_meta(self, key: str, value: str) -> None:
        """Keep a text under a name."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # --- jobs ---

    def row(self, key: str) -> Row | None:
        """One job; None if the ledger does not have it."""
        return self._rows("WHERE key = ?", (key,)).get(key)

    def rows(self) -> dict[str, Row]:
        """All jobs by key, in the order in which they were added."""
        return self._rows("", ())

    def done(self) -> dict[str, Row]:
        """The jobs that are done, by key, in the order in which they were added."""
        return self._rows("WHERE state = 'done'", ())

    def file_names(self) -> dict[str, str]:
        """All files that were written or are planned, and the keys of their jobs."""
        with self._ledger_errors():
            return dict(self._connection.execute("SELECT name, key FROM files"))

    def add(self, jobs: Iterable[tuple[str, str, Collection[str]]]) -> None:
        """Add jobs as waiting, all in one transaction: keys, digests and names of files.

        A job that is there already gets the new digest and becomes waiting; what is known of its files is kept.
        """
        jobs = list(jobs)
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO jobs (key, digest) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET "
                "digest = excluded.digest, state = 'waiting', reason = ''",
                ((key, digest) for key, digest, _ in jobs),
            )
            # A name that moves from one job to another counts as not written; within a job it stays as it is.
            self._connection.executemany(
                "INSERT INTO files (name, key) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
                "key = excluded.key, sha256 = NULL, size = NULL, mtime_ns = NULL WHERE key <> excluded.key",
                ((name, key) for key, _, names in jobs for name in names),
            )

    def requeue(self, keys: Iterable[str]) -> None:
        """Set jobs to waiting, because their files are not there."""
        with self._transaction():
            self._connection.executemany("UPDATE jobs SET state = 'waiting' WHERE key = ?", ((key,) for key in keys))

    def begin(self, key: str) -> None:
        """Set a job to running. This does not wait for the disk: a power cut may undo it, a kill does not."""
        with self._transaction(durable=False):
            self._connection.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, reason = '' WHERE key = ?", (key,)
            )

    def finish(
        self, key: str, files: Mapping[str, WrittenFile], figures: Mapping[str, float], seconds: float, worker: str
    ) -> dict[str, WrittenFile]:
        """Set a job to done; its files must be on the disk.

        Returns:
            The files that an earlier version of the job wrote and this one does not; the ledger drops them.
        """
        with self._transaction():
            query = "SELECT name, sha256, size, mtime_ns FROM files WHERE key = ?"
            known = {name: about for name, *about in self._connection.execute(query, (key,)) if name not in files}
            self._connection.executemany("DELETE FROM files WHERE name = ?", ((name,) for name in known))
            self._connection.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                ((name, key, file.sha256, file.size, file.mtime_ns) for name, file in files.items()),
            )
            self._connection.execute(
                "UPDATE jobs SET state = 'done', figures = ?, seconds = ?, worker = ?, reason = '' WHERE key = ?",
                (json.dumps(dict(figures)), seconds, worker, key),
            )
        return {name: WrittenFile(*about) for name, about in known.items() if about[0] is not None}

    def fail(self, key: str, reason: str, worker: str) -> None:
        """Set a job to failed."""
        with self._transaction():
            self._connection.execute(
                "UPDATE jobs SET state = 'failed', reason = ?, worker = ? WHERE key = ?", (reason, worker, key)
            )

    def _rows(self, where: str, values: tuple[str, ...]) -> dict[str, Row]:
        columns = "key, digest, state, attempts, worker, seconds, figures, reason"
        written = "name, sha256, size, mtime_ns"
        with self._ledger_errors():
            files: dict[str, dict[str, WrittenFile]] = {}
            query = f"SELECT key, {written} FROM files WHERE sha256 IS NOT NULL"
            for key, name, *about in self._connection.execute(query + " AND key = ?" * bool(values), values):
                files.setdefault(key, {})[name] = WrittenFile(*about)
            rows = {}
            for key, digest, state, attempts, worker, seconds, figures, reason in self._connection.execute(
                f"SELECT {columns} FROM jobs {where} ORDER BY rowid", values
            ):
                parsed = json.loads(figures)
                row = Row(key, digest, state, attempts, worker, seconds, parsed, reason, files.get(key, {}))
                rows[key] = _checked(row)
        return rows

    @contextmanager
    def _transaction(self, durable: bool = True) -> Iterator[None]:
        """One transaction; if `durable`, on the disk when this ends. It is rolled back on any error."""
        with self._ledger_errors():
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable and self._durable else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _ledger_errors(self) -> AbstractContextManager[None]:
        return _ledger_errors(self.folder / NAME)


def _create(path: Path) -> None:
    """Create an empty ledger atomically."""
    with replacing(path) as temporary:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.executescript(f"BEGIN; {_TABLES} COMMIT;")
        finally:
            connection.close()


def _check_header(path: Path) -> None:
    """Raise LedgerError unless the file begins as our ledgers do. SQLite itself may write to a file that it opens."""
    if not path.is_file():
        raise LedgerError(f"{path}: it is not a regular file; choose another folder")
    with open(path, "rb") as file:
        head = file.read(_HEADER.size)
    magic, version, application = _HEADER.unpack(head) if len(head) == _HEADER.size else (b"", 0, 0)
    if magic != _MAGIC or application != APPLICATION:
        raise LedgerError(f"{path}: not a ledger of Impasto; it was left unchanged; choose another folder")
    if version != VERSION:
        wrong = f"it has version {version}, but this Impasto reads version {VERSION}"
        raise LedgerError(f"{path}: {wrong}; use the Impasto that created it")


def _checked(row: Row) -> Row:
    """The row. Raises ValueError if its values are of other types than those that were written: it is damaged."""
    texts = (row.key, row.digest, row.state, row.worker, row.reason)
    numbers = (row.attempts, row.seconds, *row.figures.values()) if isinstance(row.figures, dict) else (None,)
    files = [(one.sha256, one.size, one.mtime_ns) for one in row.files.values()]
    good = all(isinstance(text, str) for text in (*texts, *(sha256 for sha256, _, _ in files)))
    good = good and all(isinstance(value, int | float) for value in numbers)
    if not good or not all(isinstance(value, int) for _, *about in files for value in about):
        raise ValueError("a row has values of other types")
    return row


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(" ".join(str(found[0]).replace("*** in database main ***", "").split()))
        connection.execute("PRAGMA journal_mode = WAL")
        yield connection
    finally:
        connection.close()


@contextmanager
def _ledger_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the system into LedgerError."""
    try:
        yield
    except sqlite3.OperationalError as error:  # a full disk, no permission, a lock
        if "UTF-8" in str(error):
            raise _damaged(path, error) from error
        raise LedgerError(f"{path}: {error}; free some space, or change its permissions, and run again") from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path, error) from error
    except ValueError as error:  # text that is not UTF-8, figures that are not JSON
        raise _damaged(path, error) from error
    except OSError as error:
        raise LedgerError(f"{path}: {error.strerror or error}; choose another folder with -o") from error


def _damaged(path: Path, error: Exception) -> LedgerError:
    remedy = "it was left unchanged; restore a copy, or move it and the paintings away to start over"
    return LedgerError(f"{path}: it is damaged ({one_line(str(error))}); {remedy}")
