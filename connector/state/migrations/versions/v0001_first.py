"""Everything the first version of the store needs. Frozen: later changes are later migrations.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from connector.state.migrations import triggers_v0001

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SMALL = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
BLOB = sa.LargeBinary()


def upgrade() -> None:
    """Create every table, the triggers, and the counter of link ids."""
    _shared()
    _links()
    _work()
    _people()
    _matching()
    triggers_v0001.create(op.get_bind())
    op.execute("INSERT INTO counter (name, value) VALUES ('link', 0)")


def downgrade() -> None:
    """There is nothing before the first version."""
    raise NotImplementedError("the first version of the store cannot be taken back; restore a backup instead")


def _shared() -> None:
    """What every other table leans on."""
    op.create_table(
        "meta",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "counter",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "kind",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="kind_name"),
        sqlite_strict=True,
    )
    op.create_table(
        "run",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("sync", TEXT, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("started", TIME, nullable=False),
        sa.Column("ended", TIME),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("counts", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("run_by_sync", "run", ["sync", "started", "id"], unique=False)
    op.create_index("run_by_time", "run", ["started", "id"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("owner", TEXT),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("expires", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "inbox_raw",
        sa.Column("side", TEXT, nullable=False),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("body", BLOB),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("side", "event"),
        sqlite_strict=True,
    )
    op.create_index("inbox_raw_by_time", "inbox_raw", ["at"], unique=False)


def _links() -> None:
    """Links and what belongs to them."""
    op.create_table(
        "link",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("state", SMALL, nullable=False),
        sa.Column("l_id", TEXT),
        sa.Column("r_id", TEXT),
        sa.Column("gen", sa.Integer(), nullable=False),
        sa.Column("l_seen", TEXT),
        sa.Column("r_seen", TEXT),
        sa.Column("l_print", BLOB),
        sa.Column("r_print", BLOB),
        sa.Column("layout", sa.Integer(), nullable=False),
        sa.Column("canon", sa.Integer(), nullable=False),
        sa.CheckConstraint("l_id <> '' AND r_id <> ''", name="link_key_not_empty"),
        sa.CheckConstraint("state <> 0 OR ((l_id IS NULL) <> (r_id IS NULL))", name="link_half_has_one_key"),
        sa.CheckConstraint("state <> 1 OR (l_id IS NOT NULL AND r_id IS NOT NULL)", name="link_linked_has_both_keys"),
        sa.CheckConstraint("state <> 2 OR l_id IS NOT NULL OR r_id IS NOT NULL", name="link_held_has_a_key"),
        sa.CheckConstraint("state BETWEEN 0 AND 3", name="link_state"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("link_by_state", "link", ["kind", "state", "id"], unique=False)
    op.create_table(
        "base",
        sa.Column("link", BIG, autoincrement=False, nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"]),
        sa.PrimaryKeyConstraint("link"),
        sqlite_strict=True,
    )
    op.create_table(
        "identity",
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("link", BIG, nullable=False),
        sa.Column("alias", SMALL, nullable=False),
        sa.CheckConstraint("alias IN (0, 1)", name="identity_alias"),
        sa.CheckConstraint("side IN (0, 1)", name="identity_side"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("kind", "side", "key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "layout",
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("units", TEXT, nullable=False),
        sa.CheckConstraint("number > 0", name="layout_number"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("kind", "number"),
        sa.UniqueConstraint("kind", "units", name="layout_units"),
        sqlite_strict=True,
    )
    op.create_table(
        "tombstone",
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.CheckConstraint("side IN (0, 1)", name="tombstone_side"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("kind", "side", "key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _work() -> None:
    """What is under way."""
    op.create_table(
        "cursor",
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("feed", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.CheckConstraint("side IN (0, 1)", name="cursor_side"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("kind", "side", "feed"),
        sqlite_strict=True,
    )
    op.create_table(
        "hint",
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("version", TEXT),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("due", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("waits", TEXT),
        sa.Column("first", TIME, nullable=False),
        sa.CheckConstraint("side IN (0, 1)", name="hint_side"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("kind", "side", "key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "hint_waits",
        "hint",
        ["waits"],
        unique=False,
        sqlite_where=sa.text("waits IS NOT NULL"),
        postgresql_where=sa.text("waits IS NOT NULL"),
    )
    op.create_table(
        "intent",
        sa.Column("token", TEXT, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("link", BIG, nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("op", SMALL, nullable=False),
        sa.Column("target", TEXT),
        sa.Column("external", TEXT),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("context", BLOB, nullable=False),
        sa.Column("fields", TEXT, nullable=False),
        sa.Column("pre_version", TEXT),
        sa.Column("state", SMALL, nullable=False),
        sa.Column("first_sent", TIME),
        sa.Column("sent", TIME),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.CheckConstraint("op = 0 OR target IS NOT NULL", name="intent_has_target"),
        sa.CheckConstraint("op BETWEEN 0 AND 2", name="intent_op"),
        sa.CheckConstraint("state BETWEEN 0 AND 5", name="intent_state"),
        sa.CheckConstraint(
            "state NOT BETWEEN 1 AND 2 OR (first_sent IS NOT NULL AND sent IS NOT NULL)",
            name="intent_sent_has_time",
        ),
        sa.CheckConstraint("side IN (0, 1)", name="intent_side"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.ForeignKeyConstraint(["link"], ["link.id"]),
        sa.PrimaryKeyConstraint("token"),
        sqlite_strict=True,
    )


def _people() -> None:
    """What people look at."""
    op.create_table(
        "conflict",
        sa.Column("link", BIG, nullable=False),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("l_print", BLOB),
        sa.Column("r_print", BLOB),
        sa.Column("since", TIME, nullable=False),
        sa.Column("choice", SMALL),
        sa.Column("body", BLOB),
        sa.CheckConstraint("unit <> ''", name="conflict_unit"),
        sa.CheckConstraint("choice IN (0, 1)", name="conflict_choice"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.ForeignKeyConstraint(["link"], ["link.id"]),
        sa.PrimaryKeyConstraint("link", "unit"),
        sqlite_strict=True,
    )
    op.create_table(
        "journal",
        sa.Column("seq", BIG, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("run", TEXT, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("link", BIG),
        sa.Column("side", SMALL),
        sa.Column("key", TEXT),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("fields", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("body", BLOB),
        sa.CheckConstraint("side IN (0, 1)", name="journal_side"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_strict=True,
    )
    op.create_index(
        "journal_bodies",
        "journal",
        ["at"],
        unique=False,
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    )
    op.create_index("journal_by_link", "journal", ["link", "seq"], unique=False)
    op.create_index("journal_by_run", "journal", ["run", "seq"], unique=False)
    op.create_index(
        "journal_deletes",
        "journal",
        ["kind", "at"],
        unique=False,
        sqlite_where=sa.text("event = 'delete'"),
        postgresql_where=sa.text("event = 'delete'"),
    )
    op.create_table(
        "dead",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("op", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("version", TEXT),
        sa.Column("link", BIG),
        sa.Column("body", BLOB),
        sa.CheckConstraint("side IN (0, 1)", name="dead_side"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "side", "key", name="dead_key"),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )


def _matching() -> None:
    """First link."""
    op.create_table(
        "candidate",
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("version", TEXT),
        sa.Column("partner", TEXT),
        sa.Column("own", SMALL, nullable=False),
        sa.CheckConstraint("own IN (0, 1)", name="candidate_own"),
        sa.CheckConstraint("side IN (0, 1)", name="candidate_side"),
        sa.ForeignKeyConstraint(["kind"], ["kind.id"]),
        sa.PrimaryKeyConstraint("kind", "side", "key"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "candidate_by_partner",
        "candidate",
        ["kind", "side", "partner"],
        unique=False,
        sqlite_where=sa.text("partner IS NOT NULL"),
        postgresql_where=sa.text("partner IS NOT NULL"),
    )
    op.create_table(
        "candidate_print",
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("side", SMALL, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("rule", SMALL, nullable=False),
        sa.Column("print", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["kind", "side", "key"], ["candidate.kind", "candidate.side", "candidate.key"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kind", "side", "key", "rule"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("candidate_print_by_rule", "candidate_print", ["kind", "side", "rule", "print"], unique=False)
