"""The tables, as a list of steps: a store at step n runs the steps after n, all in one transaction.

One dialect for SQLite and PostgreSQL: {blob}, {int} and {real} become each one's type.
"""

from __future__ import annotations

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value {blob} NOT NULL)",
        """CREATE TABLE people (
            id {int} PRIMARY KEY, tag {blob}, key {blob} NOT NULL, sealed {blob} NOT NULL,
            seen {int} NOT NULL, expires {int}, withdrawn {int}, merged {int}, revision {int} NOT NULL)""",
        "CREATE UNIQUE INDEX people_tag ON people (tag) WHERE tag IS NOT NULL",
        "CREATE INDEX people_revision ON people (revision)",
        """CREATE TABLE faces (
            id {int} PRIMARY KEY, person {int} NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            model TEXT NOT NULL, photo {blob} NOT NULL, sealed {blob} NOT NULL)""",
        "CREATE UNIQUE INDEX faces_once ON faces (person, model, photo)",
        """CREATE TABLE audit (
            seq {int} PRIMARY KEY, at {real} NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
            subject {int}, detail TEXT NOT NULL, mac {blob} NOT NULL)""",
    ),
    (
        """CREATE TABLE links (
            id {int} PRIMARY KEY, a {int} NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            b {int} NOT NULL REFERENCES people (id) ON DELETE CASCADE)""",
        "CREATE INDEX links_a ON links (a)",
        "CREATE INDEX links_b ON links (b)",
        """CREATE TABLE edits (
            id {int} PRIMARY KEY, at {int} NOT NULL, kind TEXT NOT NULL, people {blob} NOT NULL,
            sealed {blob} NOT NULL, undone {int} NOT NULL)""",
        "CREATE INDEX people_merged ON people (merged) WHERE merged IS NOT NULL",
    ),
    (
        "CREATE TABLE gone (person {int} PRIMARY KEY, revision {int} NOT NULL)",
        "CREATE INDEX gone_revision ON gone (revision)",
        "CREATE INDEX faces_photo ON faces (photo)",
    ),
)


def steps_after(version: int, **types: str) -> list[str]:
    """Every statement that a store at this version still needs.

    >>> len(steps_after(len(STEPS), blob="BLOB", int="INTEGER", real="REAL"))
    0
    """
    return [statement.format(**types) for step in STEPS[version:] for statement in step]
