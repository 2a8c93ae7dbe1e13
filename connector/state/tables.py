"""Every table of the state store. No column here is meant for a plain customer value.

Columns named body or context hold bytes the engine sealed; prints are keyed fingerprints. Codes of state, side and
operation are small integers (see `STATES` and its neighbours): they repeat in every row, index and check. `l_` and
`r_` are left and right. Key columns use the C collation on PostgreSQL: keyset paging and "later versions compare
greater" need byte order. Triggers, which belong to these tables too, live in the migrations.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import REAL, TypeEngine

from connector.model.rows import IntentState, LinkState
from connector.model.values import Side

SIDES: dict[Side, int] = {Side.LEFT: 0, Side.RIGHT: 1}
STATES: dict[LinkState, int] = {LinkState.HALF: 0, LinkState.LINKED: 1, LinkState.HELD: 2, LinkState.CLOSED: 3}
INTENT_STATES: dict[IntentState, int] = {
    IntentState.PLANNED: 0,
    IntentState.SENT: 1,
    IntentState.ACKED: 2,
    IntentState.DONE: 3,
    IntentState.STALE: 4,
    IntentState.DEAD: 5,
}
OPS: dict[str, int] = {"create": 0, "update": 1, "delete": 2}

TEXT: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
SMALL: TypeEngine[int] = SmallInteger().with_variant(Integer(), "sqlite")
BIG: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
TIME: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")
BLOB: TypeEngine[bytes] = LargeBinary()

metadata = MetaData()


def _table(name: str, *parts: SchemaItem, clustered: bool = False, autoincrement: bool = False) -> Table:
    """autoincrement: no number is given twice. clustered: rows live in the primary key's tree; only for small rows,
    long ones would spill to extra pages."""
    options: dict[str, Any] = {"sqlite_with_rowid": not clustered, "sqlite_autoincrement": autoincrement}
    table: Table = Table(name, metadata, *parts, sqlite_strict=True, **options)
    return table


def _side(table: str) -> CheckConstraint:
    return CheckConstraint("side IN (0, 1)", name=f"{table}_side")


meta = _table("meta", Column("name", TEXT, primary_key=True), Column("value", TEXT, nullable=False))

counter = _table("counter", Column("name", TEXT, primary_key=True), Column("value", BIG, nullable=False))

kind = _table(
    "kind",
    Column("id", Integer, primary_key=True),
    Column("name", TEXT, nullable=False),
    UniqueConstraint("name", name="kind_name"),
)

link = _table(
    "link",
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("state", SMALL, nullable=False),
    Column("l_id", TEXT),
    Column("r_id", TEXT),
    Column("gen", Integer, nullable=False),
    Column("l_seen", TEXT),
    Column("r_seen", TEXT),
    Column("l_print", BLOB),
    Column("r_print", BLOB),
    Column("layout", Integer, nullable=False),
    Column("canon", Integer, nullable=False),
    CheckConstraint("state BETWEEN 0 AND 3", name="link_state"),
    CheckConstraint("state <> 0 OR ((l_id IS NULL) <> (r_id IS NULL))", name="link_half_has_one_key"),
    CheckConstraint("state <> 1 OR (l_id IS NOT NULL AND r_id IS NOT NULL)", name="link_linked_has_both_keys"),
    CheckConstraint("state <> 2 OR l_id IS NOT NULL OR r_id IS NOT NULL", name="link_held_has_a_key"),
    CheckConstraint("l_id <> '' AND r_id <> ''", name="link_key_not_empty"),
    Index("link_by_state", "kind", "state", "id"),
)

base = _table(
    "base",
    Column("link", BIG, ForeignKey("link.id"), primary_key=True, autoincrement=False),
    Column("body", BLOB, nullable=False),
)

identity = _table(
    "identity",
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("side", SMALL, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("link", BIG, nullable=False),  # of `link`: a trigger sees to it; a foreign key would need an index by link
    Column("alias", SMALL, nullable=False),
    PrimaryKeyConstraint("kind", "side", "key"),
    _side("identity"),
    CheckConstraint("alias IN (0, 1)", name="identity_alias"),
    clustered=True,
)
"""Who owns a key: the link that has it, or (alias = 1) the link it was merged into. Triggers keep it in step with
`link`, so its primary key is what forbids one key in two links, or in a link and an alias."""

layout = _table(
    "layout",
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("units", TEXT, nullable=False),
    PrimaryKeyConstraint("kind", "number"),
    UniqueConstraint("kind", "units", name="layout_units"),
    CheckConstraint("number > 0", name="layout_number"),
)

tombstone = _table(
    "tombstone",
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("side", SMALL, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("at", TIME, nullable=False),
    PrimaryKeyConstraint("kind", "side", "key"),
    _side("tombstone"),
    clustered=True,
)

hint = _table(
    "hint",
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("side", SMALL, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("version", TEXT),
    Column("reason", TEXT, nullable=False),
    Column("due", TIME, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("waits", TEXT),
    Column("first", TIME, nullable=False),
    PrimaryKeyConstraint("kind", "side", "key"),
    _side("hint"),
    clustered=True,
)
Index("hint_waits", hint.c.waits, sqlite_where=text("waits IS NOT NULL"), postgresql_where=text("waits IS NOT NULL"))

cursor = _table(
    "cursor",
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("side", SMALL, nullable=False),
    Column("feed", TEXT, nullable=False),
    Column("value", TEXT, nullable=False),
    PrimaryKeyConstraint("kind", "side", "feed"),
    _side("cursor"),
)

intent = _table(
    "intent",
    Column("token", TEXT, primary_key=True),
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("link", BIG, ForeignKey("link.id"), nullable=False),
    Column("side", SMALL, nullable=False),
    Column("op", SMALL, nullable=False),
    Column("target", TEXT),
    Column("external", TEXT),
    Column("body", BLOB, nullable=False),
    Column("context", BLOB, nullable=False),
    Column("fields", TEXT, nullable=False),
    Column("pre_version", TEXT),
    Column("state", SMALL, nullable=False),
    Column("first_sent", TIME),
    Column("sent", TIME),
    Column("epoch", BIG, nullable=False),
    Column("attempts", Integer, nullable=False),
    _side("intent"),
    CheckConstraint("op BETWEEN 0 AND 2", name="intent_op"),
    CheckConstraint("op = 0 OR target IS NOT NULL", name="intent_has_target"),
    CheckConstraint("state BETWEEN 0 AND 5", name="intent_state"),
    CheckConstraint(
        "state NOT BETWEEN 1 AND 2 OR (first_sent IS NOT NULL AND sent IS NOT NULL)", name="intent_sent_has_time"
    ),
)

conflict = _table(
    "conflict",
    Column("link", BIG, ForeignKey("link.id"), nullable=False),
    Column("unit", TEXT, nullable=False),
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("l_print", BLOB),
    Column("r_print", BLOB),
    Column("since", TIME, nullable=False),
    Column("choice", SMALL),
    Column("body", BLOB),
    PrimaryKeyConstraint("link", "unit"),
    CheckConstraint("choice IN (0, 1)", name="conflict_choice"),
    CheckConstraint("unit <> ''", name="conflict_unit"),
)

journal = _table(
    "journal",
    Column("seq", BIG, primary_key=True, autoincrement=True),
    Column("at", TIME, nullable=False),
    Column("run", TEXT, nullable=False),
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("link", BIG),
    Column("side", SMALL),
    Column("key", TEXT),
    Column("event", TEXT, nullable=False),
    Column("rule", TEXT, nullable=False),
    Column("fields", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False),
    Column("body", BLOB),
    _side("journal"),
    Index("journal_by_link", "link", "seq"),
    Index("journal_by_run", "run", "seq"),
)
for _name, _columns, _where in (
    ("journal_deletes", ("kind", "at"), "event = 'delete'"),
    ("journal_bodies", ("at",), "body IS NOT NULL"),
):
    Index(_name, *(journal.c[c] for c in _columns), sqlite_where=text(_where), postgresql_where=text(_where))

dead = _table(
    "dead",
    Column("id", BIG, primary_key=True, autoincrement=True),
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("side", SMALL, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("op", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("since", TIME, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("version", TEXT),
    Column("link", BIG),
    Column("body", BLOB),
    UniqueConstraint("kind", "side", "key", name="dead_key"),
    _side("dead"),
    autoincrement=True,  # people name dead letters by number
)

candidate = _table(
    "candidate",
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("side", SMALL, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("version", TEXT),
    Column("partner", TEXT),
    Column("own", SMALL, nullable=False),
    PrimaryKeyConstraint("kind", "side", "key"),
    _side("candidate"),
    CheckConstraint("own IN (0, 1)", name="candidate_own"),
    clustered=True,
)
Index(
    "candidate_by_partner",
    *(candidate.c[c] for c in ("kind", "side", "partner")),
    sqlite_where=text("partner IS NOT NULL"),
    postgresql_where=text("partner IS NOT NULL"),
)

candidate_print = _table(
    "candidate_print",
    Column("kind", Integer, nullable=False),
    Column("side", SMALL, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("rule", SMALL, nullable=False),
    Column("print", TEXT, nullable=False),
    PrimaryKeyConstraint("kind", "side", "key", "rule"),
    ForeignKeyConstraint(
        ["kind", "side", "key"], ["candidate.kind", "candidate.side", "candidate.key"], ondelete="CASCADE"
    ),
    Index("candidate_print_by_rule", "kind", "side", "rule", "print"),
    clustered=True,
)
"""print is hex text, '' for an empty value (never looked for): text lists bind alike on both databases."""

inbox_raw = _table(
    "inbox_raw",
    Column("side", TEXT, nullable=False),
    Column("event", TEXT, nullable=False),
    Column("body", BLOB),
    Column("at", TIME, nullable=False),
    PrimaryKeyConstraint("side", "event"),
    Index("inbox_raw_by_time", "at"),
)

lease = _table(
    "lease",
    Column("name", TEXT, primary_key=True),
    Column("owner", TEXT),
    Column("epoch", BIG, nullable=False),
    Column("expires", TIME, nullable=False),
)

run = _table(
    "run",
    Column("id", TEXT, primary_key=True),
    Column("sync", TEXT, nullable=False),
    Column("kind", Integer, ForeignKey("kind.id"), nullable=False),
    Column("started", TIME, nullable=False),
    Column("ended", TIME),
    Column("status", TEXT, nullable=False),
    Column("counts", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False),
    Index("run_by_sync", "sync", "started", "id"),
    Index("run_by_time", "started", "id"),
)
