"""The triggers of version 0001: what the database forbids beyond constraints. Frozen like the migration itself.

identity  kept in step with the keys of `link`; the key of a live link never becomes an alias, a key that leads to
          another link never becomes live again by reopening its old one, and an owner cannot be taken away.
          It leads to links that are there.
link      id and kind never change; one that has a key is never removed.
journal   lines are never changed nor removed; only a body may be emptied.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_RAISE = "SELECT RAISE(ABORT, '{}')"
_TWICE = "a key leads to another link already: its old link cannot be live again"
_LIVE = "the key of a live link cannot become an alias or change hands"
_OWNED = "the owner of a key cannot be removed while its link has the key"
_NO_LINK = "a key can only lead to a link that is there"
_KEYED = "a link that has a key cannot be removed"
_FIXED = "id and kind of a link never change"
_JOURNAL = "the journal is append only"


def _release(side: int, row: str, column: str, alias: int) -> str:
    """What the link had under this key: as its own (the key it gives up), or as an alias (the key it takes)."""
    return (
        f"DELETE FROM identity WHERE kind = NEW.kind AND side = {side} AND key = {row}.{column} "
        f"AND link = NEW.id AND alias = {alias};"
    )


def _retake(side: int, column: str) -> str:
    """A link that is live again has its key for itself, whatever became of it meanwhile."""
    same = f"kind = NEW.kind AND side = {side} AND key = NEW.{column}"
    return (
        f"UPDATE identity SET alias = 0 WHERE {same} AND alias = 1; "
        "INSERT INTO identity (kind, side, key, link, alias) "
        f"SELECT NEW.kind, {side}, NEW.{column}, NEW.id, 0 WHERE NOT EXISTS (SELECT 1 FROM identity WHERE {same});"
    )


def _keys_of(side: int, column: str) -> list[str]:
    """SQLite: the triggers that keep `identity` in step with one key column of `link`."""
    insert = (
        "INSERT INTO identity (kind, side, key, link, alias) "
        f"SELECT NEW.kind, {side}, NEW.{column}, NEW.id, 0 WHERE NEW.{column} IS NOT NULL;"
    )
    return [
        f"CREATE TRIGGER link_{column}_new AFTER INSERT ON link WHEN NEW.{column} IS NOT NULL BEGIN {insert} END",
        f"CREATE TRIGGER link_{column}_changed AFTER UPDATE OF {column} ON link "
        f"WHEN OLD.{column} IS NOT NEW.{column} BEGIN "
        f"{_release(side, 'OLD', column, 0)} {_release(side, 'NEW', column, 1)} {insert} END",
        f"CREATE TRIGGER link_{column}_retaken AFTER UPDATE OF state ON link WHEN OLD.state = 3 AND NEW.state <> 3 "
        f"AND OLD.{column} IS NEW.{column} AND NEW.{column} IS NOT NULL BEGIN {_retake(side, column)} END",
    ]


SQLITE = [
    *_keys_of(0, "l_id"),
    *_keys_of(1, "r_id"),
    "CREATE TRIGGER link_reopened BEFORE UPDATE OF state ON link WHEN OLD.state = 3 AND NEW.state <> 3 AND EXISTS "
    "(SELECT 1 FROM identity WHERE kind = NEW.kind AND link <> NEW.id "
    "AND ((side = 0 AND key = NEW.l_id) OR (side = 1 AND key = NEW.r_id))) "
    f"BEGIN {_RAISE.format(_TWICE)}; END",
    f"CREATE TRIGGER link_fixed BEFORE UPDATE OF id, kind ON link BEGIN {_RAISE.format(_FIXED)}; END",
    "CREATE TRIGGER link_removed BEFORE DELETE ON link WHEN OLD.l_id IS NOT NULL OR OLD.r_id IS NOT NULL "
    f"BEGIN {_RAISE.format(_KEYED)}; END",
    *(
        f"CREATE TRIGGER identity_{what} BEFORE {event} ON identity WHEN NOT EXISTS (SELECT 1 FROM link "
        f"WHERE id = NEW.link) BEGIN {_RAISE.format(_NO_LINK)}; END"
        for what, event in (("led", "INSERT"), ("led_elsewhere", "UPDATE OF link"))
    ),
    "CREATE TRIGGER identity_taken BEFORE UPDATE ON identity WHEN OLD.alias = 0 "
    "AND (SELECT state FROM link WHERE id = OLD.link) <> 3 "
    f"BEGIN {_RAISE.format(_LIVE)}; END",
    "CREATE TRIGGER identity_removed BEFORE DELETE ON identity WHEN OLD.alias = 0 AND EXISTS (SELECT 1 FROM link "
    "WHERE id = OLD.link AND OLD.key = CASE OLD.side WHEN 0 THEN l_id ELSE r_id END) "
    f"BEGIN {_RAISE.format(_OWNED)}; END",
    "CREATE TRIGGER journal_changed BEFORE UPDATE ON journal WHEN NEW.body IS NOT NULL OR NEW.seq <> OLD.seq "
    "OR NEW.at <> OLD.at OR NEW.run <> OLD.run OR NEW.kind <> OLD.kind OR NEW.link IS NOT OLD.link "
    "OR NEW.side IS NOT OLD.side OR NEW.key IS NOT OLD.key OR NEW.event <> OLD.event OR NEW.rule <> OLD.rule "
    "OR NEW.fields <> OLD.fields OR NEW.detail <> OLD.detail "
    f"BEGIN {_RAISE.format(_JOURNAL)}; END",
    f"CREATE TRIGGER journal_removed BEFORE DELETE ON journal BEGIN {_RAISE.format(_JOURNAL)}; END",
]


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _refuse(reason: str) -> str:
    return f"RAISE EXCEPTION '{reason}' USING ERRCODE = 'integrity_constraint_violation';"


def _trigger(name: str, when: str, table: str, function: str) -> str:
    return f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"


def _own(side: int, column: str) -> str:
    return (
        f"IF NEW.{column} IS NOT NULL THEN INSERT INTO identity (kind, side, key, link, alias) "
        f"VALUES (NEW.kind, {side}, NEW.{column}, NEW.id, 0); END IF;"
    )


def _move(side: int, column: str) -> str:
    return (
        f"IF OLD.{column} IS DISTINCT FROM NEW.{column} THEN "
        f"{_release(side, 'OLD', column, 0)} {_release(side, 'NEW', column, 1)} {_own(side, column)} END IF;"
    )


# FOR SHARE: another transaction may be reopening the link at this moment; whoever comes second sees the first.
POSTGRES = [
    _function("link_new", _own(0, "l_id") + _own(1, "r_id") + "RETURN NULL;"),
    _trigger("link_new", "AFTER INSERT", "link", "link_new"),
    _function("link_changed", _move(0, "l_id") + _move(1, "r_id") + "RETURN NULL;"),
    _trigger("link_changed", "AFTER UPDATE OF l_id, r_id", "link", "link_changed"),
    _function(
        "link_reopened",
        "IF OLD.state = 3 AND NEW.state <> 3 AND EXISTS (SELECT 1 FROM identity WHERE kind = NEW.kind "
        "AND link <> NEW.id AND ((side = 0 AND key = NEW.l_id) OR (side = 1 AND key = NEW.r_id))) "
        f"THEN {_refuse(_TWICE)} END IF; RETURN NEW;",
    ),
    _trigger("link_reopened", "BEFORE UPDATE OF state", "link", "link_reopened"),
    _function(
        "link_retaken",
        "IF OLD.state = 3 AND NEW.state <> 3 THEN "
        + "".join(
            f"IF NEW.{column} IS NOT NULL AND OLD.{column} = NEW.{column} THEN {_retake(side, column)} END IF; "
            for side, column in enumerate(("l_id", "r_id"))
        )
        + "END IF; RETURN NULL;",
    ),
    _trigger("link_retaken", "AFTER UPDATE OF state", "link", "link_retaken"),
    _function(
        "link_fixed",
        f"IF OLD.id <> NEW.id OR OLD.kind <> NEW.kind THEN {_refuse(_FIXED)} END IF; RETURN NEW;",
    ),
    _trigger("link_fixed", "BEFORE UPDATE OF id, kind", "link", "link_fixed"),
    _function(
        "link_removed",
        f"IF OLD.l_id IS NOT NULL OR OLD.r_id IS NOT NULL THEN {_refuse(_KEYED)} END IF; RETURN OLD;",
    ),
    _trigger("link_removed", "BEFORE DELETE", "link", "link_removed"),
    _function(
        "identity_led",
        f"IF NOT EXISTS (SELECT 1 FROM link WHERE id = NEW.link) THEN {_refuse(_NO_LINK)} END IF; RETURN NEW;",
    ),
    _trigger("identity_led", "BEFORE INSERT OR UPDATE OF link", "identity", "identity_led"),
    _function(
        "identity_taken",
        "IF OLD.alias = 0 AND (SELECT state FROM link WHERE id = OLD.link FOR SHARE) <> 3 "
        f"THEN {_refuse(_LIVE)} END IF; RETURN NEW;",
    ),
    _trigger("identity_taken", "BEFORE UPDATE", "identity", "identity_taken"),
    _function(
        "identity_removed",
        "IF OLD.alias = 0 AND EXISTS (SELECT 1 FROM link WHERE id = OLD.link "
        "AND OLD.key = CASE OLD.side WHEN 0 THEN l_id ELSE r_id END) "
        f"THEN {_refuse(_OWNED)} END IF; RETURN OLD;",
    ),
    _trigger("identity_removed", "BEFORE DELETE", "identity", "identity_removed"),
    _function(
        "journal_changed",
        "IF NEW.body IS NOT NULL OR (NEW.seq, NEW.at, NEW.run, NEW.kind, NEW.link, NEW.side, NEW.key, NEW.event, "
        "NEW.rule, NEW.fields, NEW.detail) IS DISTINCT FROM (OLD.seq, OLD.at, OLD.run, OLD.kind, OLD.link, OLD.side, "
        f"OLD.key, OLD.event, OLD.rule, OLD.fields, OLD.detail) THEN {_refuse(_JOURNAL)} END IF; RETURN NEW;",
    ),
    _trigger("journal_changed", "BEFORE UPDATE", "journal", "journal_changed"),
    _function("journal_removed", _refuse(_JOURNAL)),
    _trigger("journal_removed", "BEFORE DELETE", "journal", "journal_removed"),
    "CREATE TRIGGER journal_emptied BEFORE TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION journal_removed()",
]


def create(connection: Connection) -> None:
    """Create the triggers of this version for the connection's dialect."""
    for statement in POSTGRES if connection.dialect.name == "postgresql" else SQLITE:
        connection.execute(text(statement.replace(":", "\\:")))
