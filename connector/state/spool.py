"""Scratch space of one run: a temporary SQLite file of records, sealed under a key that lives only in this process.

A crash leaves a file nobody can read; the next run does not look at it. Memory stays flat however much is read.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.model.records import Key, Record, Version
from connector.model.values import Side, Sides
from connector.ports import Found

_SCHEMA = """
create table linked(link integer, side text, key text, version text, merged integer, body blob,
                    primary key(link, side)) without rowid;
create table lone(seq integer primary key autoincrement, side text, key text, own integer, partner text, mate integer,
                  doubt text, version text, merged integer, body blob, unique(side, key));
create index lone_partner on lone(partner) where partner is not null;
create table print(seq integer, rule integer, side text, print blob, primary key(seq, rule)) without rowid;
create index print_by on print(rule, print, side);
create trigger gone after delete on lone begin
  update lone set mate = null where seq = old.mate;
  delete from print where seq = old.seq;
end;
create table found(a integer, b integer);
create table doubtful(seq integer primary key);
create table listed(side text, link integer, primary key(side, link)) without rowid;
"""

_PAIRS = """
select l.seq, r.seq from
  (select p.print as print, min(p.seq) as seq, count(*) as n, count(o.doubt) as doubts
   from print p join lone o on o.seq = p.seq
   where p.rule = :rule and p.side = 'left' and o.mate is null group by p.print) l
join
  (select p.print as print, min(p.seq) as seq, count(*) as n, count(o.doubt) as doubts
   from print p join lone o on o.seq = p.seq
   where p.rule = :rule and p.side = 'right' and o.mate is null group by p.print) r
on l.print = r.print where l.n = 1 and r.n = 1 and l.doubts = 0 and r.doubts = 0
"""

# A record may be in one pair only; prints are per rule, so a record has one print and this holds.
_SEVERAL = """
select p.seq from print p join lone o on o.seq = p.seq where p.rule = :rule and o.mate is null
 and p.print in (select l.print from print l join lone o1 on o1.seq = l.seq
   join print r on r.rule = l.rule and r.print = l.print and r.side = 'right'
   join lone o2 on o2.seq = r.seq
   where l.rule = :rule and l.side = 'left' and o1.mate is null and o2.mate is null
   group by l.print having count(distinct l.seq) > 1 or count(distinct r.seq) > 1)
"""

# A record made by us from a third one belongs to that: who carries its key is a copy of it, and stays alone.
# What was merged away takes no part, but for that: the image of such a one is no source either.
_CLAIMS = """
select min(o.seq) as a, s.seq as b from lone o join lone s on s.key = o.partner and s.side <> o.side
where o.own = 1 and o.mate is null and s.mate is null and not o.merged and not s.merged
 and not exists (select 1 from lone t where s.own = 1 and t.key = s.partner
   and t.side = case s.side when 'left' then 'right' else 'left' end and t.mate is null and t.seq <> o.seq)
group by s.seq having count(*) {count}
"""

_MATE = """
update lone set mate = pair.other from (select a as seq, b as other from found union all select b, a from found) as pair
where lone.seq = pair.seq
"""

_TABLES = ("linked", "lone", "print", "found", "doubtful", "listed")
# Where versions do not tell, what was merged away is the newest: it does not come back.
_ADD_LINKED = """
insert into linked(link, side, key, version, merged, body) values (?, ?, ?, ?, ?, ?) on conflict(link, side) do update
set key = excluded.key, version = excluded.version, merged = excluded.merged, body = excluded.body
where case when {sorts} and version is not null and excluded.version is not null then excluded.version >= version
 when merged <> excluded.merged and key = excluded.key then excluded.merged else {otherwise} end
"""

# A row that is replaced is a new one: its mate is free again. A record that was not found has no version.
_ADD_UNLINKED = """
insert or replace into lone(side, key, own, partner, version, merged, body) select ?1, ?2, ?3, ?4, ?5, ?6, ?7
where not exists (select 1 from lone where side = ?1 and key = ?2 and version <> ''
 and case when {sorts} then version > ?5 when merged <> ?6 then merged else {stays} end)
"""

_DROP_LINKED = """
delete from linked where link = ?1 and side = ?2
 and not case when {sorts} and version is not null then version > ?3 else merged end
"""

_DROP_UNLINKED = """
delete from lone where side = ?1 and key = ?2 and not merged
 and not (version <> '' and case when {sorts} then version > ?3 else {stays} end)
"""

_CHUNK = 500
_PACKED, _PICKLED = b"m", b"p"


class FileSpool:
    """See `ports.Spool`."""

    def __init__(self, folder: Path | None = None) -> None:
        handle, self._path = tempfile.mkstemp(prefix="connector-", suffix=".spool", dir=folder)
        os.close(handle)
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "pragma journal_mode=off; pragma synchronous=off; pragma cache_size=-2000; pragma temp_store=file;"
            "pragma recursive_triggers=on;" + _SCHEMA  # without it, a row that is replaced fires no delete trigger
        )
        self._cipher = AESGCM(AESGCM.generate_key(128))
        self._count = 0
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder()

    # records to sealed bytes and back; the nonce is a counter, the key is used by this spool alone
    def _seal(self, record: Record | None) -> bytes | None:
        if record is None:
            return None
        self._count += 1
        nonce = self._count.to_bytes(12, "big")
        row = (
            record.key,
            record.version,
            record.fields,
            record.modified.isoformat() if record.modified else None,
            record.created_by,
            record.modified_by,
            record.deleted,
            record.merged_into,
        )
        try:
            plain = _PACKED + self._encoder.encode(row)
        except (UnicodeEncodeError, OverflowError):
            # JSON can hold half a character and a number of any length. The mapping says what is wrong with it.
            plain = _PICKLED + pickle.dumps(row)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def _open(self, body: bytes | None) -> Record | None:
        if body is None:
            return None
        plain = self._cipher.decrypt(body[:12], body[12:], None)
        # Nobody but this process could have sealed it, so unpickling is safe.
        row: list[Any] = self._decoder.decode(plain[1:]) if plain[:1] == _PACKED else list(pickle.loads(plain[1:]))
        row[3] = datetime.fromisoformat(row[3]) if row[3] else None
        return Record(*row)

    def add_linked(
        self,
        side: Side,
        rows: Sequence[tuple[int, Record | None, Key]],
        *,
        replacing: bool = True,
        sorts: bool = False,
    ) -> None:
        with self._write():
            self._db.executemany(
                _ADD_LINKED.format(otherwise=int(replacing), sorts=int(sorts)),
                [
                    (link, side.value, key, record.version if record else None, _is_merged(record), self._seal(record))
                    for link, record, key in rows
                ],
            )

    def add_unlinked(
        self,
        side: Side,
        rows: Sequence[tuple[Record, bool, Key | None]],
        *,
        replacing: bool = True,
        sorts: bool = False,
    ) -> None:
        with self._write():
            self._db.executemany(
                _ADD_UNLINKED.format(stays=int(not replacing), sorts=int(sorts)),
                [
                    (side.value, record.key, own, partner, record.version, _is_merged(record), self._seal(record))
                    for record, own, partner in rows
                ],
            )

    def drop_linked(self, side: Side, rows: Sequence[tuple[int, Version]], *, sorts: bool = False) -> None:
        with self._write():
            self._db.executemany(
                _DROP_LINKED.format(sorts=int(sorts)), [(link, side.value, version) for link, version in rows]
            )

    def drop_unlinked(
        self, side: Side, rows: Sequence[tuple[Key, Version]], *, replacing: bool = True, sorts: bool = False
    ) -> None:
        with self._write():
            self._db.executemany(
                _DROP_UNLINKED.format(stays=int(not replacing), sorts=int(sorts)),
                [(side.value, key, version) for key, version in rows],
            )

    def add_prints(self, rows: Sequence[tuple[int, tuple[bytes, ...]]]) -> None:
        with self._write():
            self._db.executemany("delete from print where seq = ?", [(seq,) for seq, _ in rows])
            self._db.executemany(
                "insert or replace into print select seq, ?2, side, ?3 from lone where seq = ?1 and not merged",
                [(seq, rule, value) for seq, prints in rows for rule, value in enumerate(prints) if value],
            )

    def lonely(self, after: int, limit: int) -> list[tuple[int, Side, Key]]:
        rows = self._db.execute(
            "select link, min(side), min(key) from linked where link > ? group by link having count(*) = 1"
            " order by link limit ?",
            (after, limit),
        )
        return [(link, Side(side), key) for link, side, key in rows]

    def linked(self, after: int, limit: int) -> list[tuple[int, Sides[tuple[Key, Record | None] | None]]]:
        rows = self._db.execute(
            "select link, side, key, body from linked where link in"
            " (select distinct link from linked where link > ? order by link limit ?) order by link",
            (after, limit),
        )
        found: dict[int, dict[str, tuple[Key, Record | None]]] = {}
        for link, side, key, body in rows:
            found.setdefault(link, {})[side] = (key, self._open(body))
        return [(link, Sides(both.get("left"), both.get("right"))) for link, both in found.items()]

    def match(self, rule: int) -> None:
        with self._write():
            self._db.execute("delete from found")
            self._db.execute("insert into found " + _PAIRS, {"rule": rule})
            self._db.execute("insert or ignore into doubtful " + _SEVERAL, {"rule": rule})
            self._db.execute(_MATE)
            self._db.execute(
                "update lone set doubt = ? where doubt is null and seq in (select seq from doubtful)",
                (f"match rule {rule + 1} fits several records",),
            )
            self._db.execute("delete from doubtful")

    def match_partners(self) -> None:
        with self._write():
            self._db.execute("delete from found")
            self._db.execute("insert into found " + _CLAIMS.format(count="= 1"))
            self._db.execute("insert into doubtful select b from (" + _CLAIMS.format(count="> 1") + ")")
            self._db.execute(_MATE)
            self._db.execute(
                "update lone set doubt = ? where seq in (select seq from doubtful)",
                ("several records we made carry its key",),
            )
            self._db.execute("delete from doubtful")

    def pairs(self, after: int, limit: int) -> list[tuple[Found, Found]]:
        rows = self._db.execute(  # `+`: by number, not by an index on the side, which would sort the rest on every page
            "select l.seq, l.own, l.partner, l.doubt, l.body, r.seq, r.own, r.partner, r.doubt, r.body"
            " from lone l join lone r on r.seq = l.mate where +l.side = 'left' and l.seq > ? order by l.seq limit ?",
            (after, limit),
        )
        return [(self._found(row[:5]), self._found(row[5:])) for row in rows]

    def singles(self, side: Side, after: int, limit: int) -> list[Found]:
        rows = self._db.execute(
            "select seq, own, partner, doubt, body from lone where +side = ? and mate is null and seq > ?"
            " order by seq limit ?",
            (side.value, after, limit),
        )
        return [self._found(row) for row in rows]

    def _found(self, row: tuple[Any, ...]) -> Found:
        seq, own, partner, doubt, body = row
        record = self._open(body)
        assert record is not None
        return Found(seq, record, bool(own), partner, doubt)

    def promote(self, side: Side, links: Mapping[Key, tuple[int, Key]]) -> None:
        rows = [(link, side.value, key) for key, (link, _) in links.items()]
        rows += [(link, side.other.value, other) for link, other in links.values()]
        with self._write():
            self._db.executemany(
                "insert or replace into linked(link, side, key, version, merged, body)"
                " select ?1, side, key, version, merged, body from lone where side = ?2 and key = ?3",
                rows,
            )
            self._db.executemany("delete from lone where side = ?2 and key = ?3 and ?1 > 0", rows)

    def doubt(self, side: Side, keys: Collection[Key], reason: str) -> None:
        with self._write():
            self._db.executemany(
                "update lone set doubt = ? where side = ? and key = ?", [(reason, side.value, key) for key in keys]
            )

    def note_listed(self, side: Side, links: Collection[int]) -> None:
        with self._write():
            self._db.executemany("insert or ignore into listed values (?, ?)", [(side.value, link) for link in links])

    def unlisted(self, side: Side, links: Collection[int]) -> set[int]:
        missing = set(links)
        for part in _chunks(list(links)):
            rows = self._db.execute(
                f"select link from listed where side = ? and link in ({_marks(part)})", (side.value, *part)
            )
            missing.difference_update(link for (link,) in rows)
        return missing

    def counts(self) -> tuple[int, Sides[int]]:
        (links,) = self._db.execute("select count(distinct link) from linked").fetchone()
        lone = dict(self._db.execute("select side, count(*) from lone group by side").fetchall())
        return links, Sides(lone.get("left", 0), lone.get("right", 0))

    def count_pairs(self) -> int:
        (pairs,) = self._db.execute("select count(*) from lone where mate is not null").fetchone()
        return int(pairs) // 2

    def clear(self) -> None:
        with self._write():
            for table in _TABLES:
                self._db.execute(f"drop table {table}")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()
        Path(self._path).unlink(missing_ok=True)

    def _write(self) -> sqlite3.Connection:
        self._db.execute("begin")
        return self._db


def _is_merged(record: Record | None) -> bool:
    return record is not None and record.merged_into is not None


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
