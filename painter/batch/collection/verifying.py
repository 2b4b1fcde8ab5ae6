"""Checks that a collection's folder contains exactly the files that its recipe and its ledger describe."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from painter.batch.collection.derived import CONTACT, derive
from painter.batch.collection.finishing import edition_of, sheet_digest
from painter.batch.collection.ledger_meta import CollectionLedger
from painter.batch.collection.recipe import Recipe
from painter.batch.collection.sampling import Token
from painter.batch.collection.tokens import file_names
from painter.batch.ledger import NAME as LEDGER
from painter.system.fingerprint import sha256_of

LEDGER_FILES = (LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm")
MISSING, CHANGED, FOREIGN = "missing", "changed", "foreign"


@dataclass(frozen=True)
class Finding:
    """A file that is not as it should be."""

    kind: str  # MISSING, CHANGED or FOREIGN
    name: str  # relative to the folder
    why: str = ""


def verify(
    recipe: Recipe,
    tokens: Sequence[Token],
    folder: Path,
    ledger: CollectionLedger,
    on_file: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Hash every file again.

    Paintings must match the digests in the ledger, all other files must be what is derived from them. Hidden files,
    which begin with a dot, are ignored: killed runs and file managers leave them.

    Args:
        on_file: called after each file with the number of files checked so far and in all.

    Returns:
        The findings by kind, then in the order of tokens.
    """
    edition = edition_of(recipe, tokens, ledger)
    rows = ledger.rows()
    expected: dict[str, str] = {}
    findings = []
    for token in tokens:
        for name in file_names(recipe.output, token.number):
            if name in edition.digests:
                expected[name] = edition.digests[name]
            else:
                row = rows.get(str(token.number))
                failed = row is not None and row.state == "failed"
                why = f"it failed: {row.reason}" if failed and row is not None else "it is not painted yet"
                findings.append(Finding(MISSING, name, why))
    painted = set(expected)
    expected |= {name: hashlib.sha256(content).hexdigest() for name, content in derive(edition).items()}
    if edition.painted:
        expected[CONTACT] = sheet_digest(ledger) or ""
    for k, (name, digest) in enumerate(expected.items(), 1):
        finding = _check(folder, name, digest, name in painted)
        if finding is not None:
            findings.append(finding)
        if on_file is not None:
            on_file(k, len(expected))
    known = {*expected, *(finding.name for finding in findings), *LEDGER_FILES}
    findings += [Finding(FOREIGN, name) for name in _files(folder) if name not in known]
    return sorted(findings, key=lambda finding: (MISSING, CHANGED, FOREIGN).index(finding.kind))


def _check(folder: Path, name: str, digest: str, painted: bool) -> Finding | None:
    remedy = f"run the collection again to {'repaint' if painted else 'rewrite'} it"
    try:
        found = sha256_of(folder / name)
    except FileNotFoundError:
        return Finding(MISSING, name, remedy)
    except OSError as error:
        return Finding(CHANGED, name, f"it cannot be read: {error.strerror}")
    return None if found == digest else Finding(CHANGED, name, remedy)


def _files(folder: Path) -> Iterator[str]:
    """The names of all files in a folder that are not hidden, relative to it, in sorted order."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                with suppress(ValueError):
                    yield (Path(parent) / name).relative_to(folder).as_posix()
