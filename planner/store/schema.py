"""The tables. Revisions, signatures, prints and the audit trail are append-only, and the database itself says so.

Blobs lie in the database and not beside it: a packed mask is a few kB, and in the same file it is in the same
transaction, the same backup and the same copy as the revision that needs it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

SCHEMA_VERSION = 1
"""Of the tables. A library with a higher one is refused; from the first release on, Alembic migrates lower ones."""

APPLICATION_ID = 0x53454C44
"""``SELD``, in the header of an SQLite library: tells it from any other database."""

metadata = MetaData()

schema_info = Table(
    "schema_info",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

case_head = Table(
    "case_head",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("head_revision", Integer, nullable=False),
    Column("row_version", Integer, nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("issuer", Text),
    Column("birth_date", String(10)),
    Column("search_text", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("updated_at", String(40), nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Index("case_head_by_patient", "patient_id"),
    Index("case_head_by_time", "updated_at"),
)

case_revision = Table(
    "case_revision",
    metadata,
    Column("case_id", String(64), ForeignKey("case_head.case_id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("parent", Integer),
    Column("schema", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("workstation", Text, nullable=False),
    Column("saved_at", String(40), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("rule_set", String(64), nullable=False),
    Column("software", String(32), nullable=False),
)

blob = Table(
    "blob",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("stored_at", String(40), nullable=False),
)

revision_blob = Table(
    "revision_blob",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("sha256", String(64), ForeignKey("blob.sha256"), primary_key=True),
    ForeignKeyConstraint(["case_id", "revision"], ["case_revision.case_id", "case_revision.revision"]),
    Index("revision_blob_by_blob", "sha256"),
)

signature = Table(
    "signature",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("session_id", String(64), primary_key=True),
    Column("stage", String(64), primary_key=True),
    Column("meaning", String(32), primary_key=True),
    Column("signed_by", String(255), primary_key=True),
    Column("signed_at", String(40), primary_key=True),
    Column("role", Text, nullable=False),
    Column("inputs_digest", String(64), nullable=False),
    ForeignKeyConstraint(["case_id", "revision"], ["case_revision.case_id", "case_revision.revision"]),
)

audit = Table(
    "audit",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("counter", Integer, primary_key=True),
    Column("at", String(40), nullable=False),
    Column("user", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("workstation", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("object", Text, nullable=False),
    Column("object_digest", String(64)),
    Column("reason", String(32), nullable=False),
    Column("software", String(32), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("case_id", "hash"),
)

print_log = Table(
    "print_log",
    metadata,
    Column("case_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("what", Text, nullable=False),
    Column("document_sha256", String(64), nullable=False),
    Column("printed_at", String(40), nullable=False),
    Column("printed_by", Text, nullable=False),
    Column("workstation", Text, nullable=False),
    ForeignKeyConstraint(["case_id", "revision"], ["case_revision.case_id", "case_revision.revision"]),
)

lease = Table(
    "lease",
    metadata,
    Column("case_id", String(64), ForeignKey("case_head.case_id"), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("workstation", Text, nullable=False),
    Column("token", String(64), nullable=False),
    Column("since", String(40), nullable=False),
    Column("until", String(40), nullable=False),
)

series_index = Table(
    "series_index",
    metadata,
    Column("case_id", String(64), ForeignKey("case_head.case_id"), primary_key=True),
    Column("series_uid", String(64), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("files_root", Text),
    Column("managed_folder", Text),
    Column("fingerprint", String(64)),
    Column("noted_at", String(40), nullable=False),
)

APPEND_ONLY = (case_revision, revision_blob, signature, audit, print_log)

_SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$
"""

_POSTGRESQL_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def _guard(table: Table, connection: Connection, **options: Any) -> None:
    """Make the database refuse changes of rows that exist."""
    del options
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(_SQLITE_TRIGGER.format(table=table.name, verb=verb))
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_POSTGRESQL_FUNCTION)
        connection.exec_driver_sql(_POSTGRESQL_TRIGGER.format(table=table.name))


for _table in APPEND_ONLY:
    event.listen(_table, "after_create", _guard)
