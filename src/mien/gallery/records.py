"""The embedded store: SQLite in one private folder. The only importer of apsw.

Why apsw and not the standard library: it carries a SQLite without the WAL-reset bug, whatever the machine
has (3.7.0 to 3.51.2 can lose or corrupt committed pages when a checkpoint races a writer;
sqlite.org/wal.html#walresetbug). WAL with synchronous=FULL: an acknowledged enrolment survives a power cut;
NORMAL does not promise that. secure_delete and a truncating checkpoint leave no erased byte in the files.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import apsw

from mien.core.errors import InputError, StoreCorrupt, StoreError
from mien.gallery.index import Index
from mien.gallery.schema import STEPS, steps_after
from mien.gallery.sql import SqlRecords

APPLICATION_ID = 0x4D49454E  # "MIEN"
DATABASE = "gallery.db"
LOCK = "write.lock"
LOCK_SECONDS = 60.0
# A bulk of this many rows touches most pages of the two indexes over fingerprints: with room for them in
# memory, and a log that takes several transactions, each page is written once a checkpoint, not once a group.
BULK_ROWS = 4_000
_CACHE_KIB, _CHECKPOINT_PAGES = (16_384, 65_536), (4_000, 40_000)  # (usual, in a bulk)
_TYPES = {"blob": "BLOB", "int": "INTEGER", "real": "REAL"}


class SqliteRecords(SqlRecords):
    """`mien.gallery.rows.Records` in a folder; safe for several threads and processes at once.

    vfs, exclusive: for crash tests, which put their own file system under SQLite.
    """

    serves = False

    def __init__(self, folder: Path, vfs: str | None = None, exclusive: bool = False) -> None:
        _require_fixed_sqlite()
        self.folder = folder
        self._thread = threading.RLock()
        self._writing = False
        _make_private(folder)
        self._path = folder / DATABASE
        with _named_errors(), _locked(folder / LOCK):
            self._db = apsw.Connection(str(self._path), vfs=vfs)
            try:
                self._configure(exclusive)
                self._migrate()
                self._finish_erasures()
            except BaseException:
                self._db.close(True)
                raise

    def _configure(self, exclusive: bool) -> None:
        self._db.set_busy_timeout(int(LOCK_SECONDS * 1000))
        if exclusive:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        for setting in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "secure_delete = ON",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "temp_store = MEMORY",  # a temporary file elsewhere could be full, or keep what is erased here
        ):
            self._db.execute(f"PRAGMA {setting}")
        self._bulk = True
        self._expect(bulk=False)

    def _expect(self, bulk: bool) -> None:
        """Make room for large transactions, or give it back."""
        if bulk != self._bulk:
            self._bulk = bulk
            self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB[bulk]}")
            self._db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES[bulk]}")

    def _migrate(self) -> None:
        version, owner = self._pragma("user_version"), self._pragma("application_id")
        if version > len(STEPS):
            raise StoreError(f"the gallery was written by a newer mien (step {version}): update mien")
        if owner not in (0, APPLICATION_ID) or (owner == 0 and version == 0 and self._tables()):
            raise StoreError(f"{self._path.name} is another program's database: name another folder")
        if version == len(STEPS):
            return
        with self._transaction():
            for statement in steps_after(version, **_TYPES):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {len(STEPS)}")

    def _finish_erasures(self) -> None:
        """Fold in a log that a killed process left: it may hold bytes of somebody who was being erased."""
        log = self._path.with_name(self._path.name + "-wal")
        if log.exists() and log.stat().st_size:
            # Where another process is reading, that process's next erasure or close does it.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _pragma(self, name: str) -> int:
        return int(str(self._db.execute(f"PRAGMA {name}").fetchall()[0][0]))

    def _tables(self) -> int:
        return int(str(self._db.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0]))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if not self._db.get_autocommit():
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._thread, _named_errors(), _locked(self.folder / LOCK), self._transaction():
            self._writing, before = True, self._db.total_changes()
            try:
                yield
            finally:
                self._writing = False
            self._expect(bulk=self._db.total_changes() - before > BULK_ROWS)

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._thread:
            try:
                return self._db.execute(sql, values).fetchall()
            except apsw.Error as error:
                raise _named(error) from error

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        if not self._writing:
            raise StoreError("a write outside of `writing`: report this as a bug of mien")
        try:
            self._db.executemany(sql, rows)
        except apsw.Error as error:
            raise _named(error) from error

    def server_index(self, model: str, dimension: int) -> Index | None:
        return None

    def wipe_traces(self) -> None:
        with self._thread, _named_errors(), _locked(self.folder / LOCK):
            busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
            if busy:
                raise StoreError(
                    "it is erased, but another process reads the gallery, so bytes may remain in its log: "
                    "close the other process, then open the gallery again (`mien people check`), which "
                    "empties the log"
                )

    def check(self) -> list[str]:
        with self._thread:
            try:
                words = [row[0] for row in self._db.execute("PRAGMA integrity_check(20)")]
                return [] if words == ["ok"] else words
            except apsw.Error as error:
                return [str(error)]

    def files(self) -> list[Path]:
        return [path for path in sorted(self.folder.iterdir()) if path.is_file() and path.name != LOCK]

    def backup(self, path: Path) -> None:
        """A whole copy or none: it has its name once it is complete."""
        partial = path.with_name(path.name + ".part")
        try:
            if path.is_dir() or path.absolute().parent.resolve() == self.folder.resolve():
                raise InputError(f"{path} is no place for a backup: name a new file in another folder")
            partial.unlink(missing_ok=True)
            with self._thread, _named_errors():
                _touch_private(partial)
                self._copy_to(partial)
            os.replace(partial, path)
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}): choose another place") from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    def _copy_to(self, path: Path) -> None:
        target = apsw.Connection(str(path))
        try:
            with target.backup("main", self._db, "main") as copying:
                while not copying.done:
                    copying.step(1000)
        finally:
            target.close()

    def close(self) -> None:
        with self._thread, _named_errors():
            self._db.close()


def _require_fixed_sqlite() -> None:
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < (3, 51, 3):
        raise StoreError(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt a gallery: install apsw 3.51.3 or newer"
        )


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (folder / DATABASE).exists():
            # SQLite gives its log and shared memory the mode of the database.
            folder.chmod(0o700)
            _touch_private(folder / DATABASE)
    except OSError as error:
        raise StoreError(f"{folder} cannot hold a gallery ({error.strerror}): name another folder") from error


def _touch_private(path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder's one write lock; waits in short steps, so that Ctrl-C works."""
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    except OSError as error:
        raise StoreError(f"the gallery cannot be locked ({error.strerror}): check its folder") from error
    with file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(file):
            if time.monotonic() > deadline:
                raise StoreError(f"another process wrote for {LOCK_SECONDS:.0f} s: try again later")
            time.sleep(0.002)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    if os.name != "posix":
        return True  # SQLite's own lock and busy timeout serve there
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise _named(error) from error


def _named(error: apsw.Error) -> StoreError:
    match error:
        case apsw.CorruptError() | apsw.NotADBError():
            return StoreCorrupt(f"the gallery's database is damaged ({error}): restore it from a backup")
        case apsw.FullError():
            return StoreError("the disk is full and nothing was stored: make room and repeat")
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return StoreError(f"the gallery cannot be written ({error}): check its owner and mode")
        case apsw.BusyError() | apsw.LockedError():
            return StoreError("another process holds the gallery: try again later")
    return StoreError(f"the gallery's database refused ({type(error).__name__}: {error}): check the disk")
