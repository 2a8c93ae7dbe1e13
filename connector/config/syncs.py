"""Reads `syncs:`: which two systems are kept in step for which entity, and by which rules."""

from __future__ import annotations

import re
from collections.abc import Mapping as Fields
from dataclasses import replace

from connector.config.mappings import MappingFiles
from connector.config.model import BOTH, DELETES, MANUAL, NEWEST, FieldConfig, SyncConfig, SystemConfig
from connector.config.systems import check_name
from connector.config.values import duration, limit
from connector.mapping.located import Document, Node, Reader, listed, nearest
from connector.mapping.translate import Mapping
from connector.merge.functions import FUNCTIONS
from connector.merge.guards import Limit, Limits
from connector.merge.rules import Drift
from connector.model.entities import ENTITIES, Entity
from connector.model.values import Sides

Systems = Fields[str, SystemConfig]

_ARROW = re.compile(r"(\S+)\s*->\s*(\S+)")
LEAST_EVERY = 1.0


def read_syncs(top: Reader, names: Fields[str, object], systems: Systems, files: MappingFiles) -> dict[str, SyncConfig]:
    """Every sync that can be used. names: every system of the file; systems: those without mistakes."""
    section = top.section("syncs", required=True)
    found: dict[str, SyncConfig] = {}
    for name, node in section or ():
        assert section is not None
        check_name(top.document, section.place(name), name, "sync")
        sync = _SyncReader(top.document, name, node, names, systems, files).read()
        if sync is None:
            continue
        for other in found.values():
            _compare(section, sync, other)
        found[name] = sync
    return found


def _compare(section: Reader, sync: SyncConfig, other: SyncConfig) -> None:
    """Two syncs between the same systems: one per entity, and the same one left (references are found by that)."""
    if set(other.pair) != set(sync.pair):
        return
    place = section.place(sync.name)
    if other.entity.name == sync.entity.name:
        expected = f"one sync per entity and pair of systems; `{other.name}` has these"
        section.document.problem(place, f"`{sync.name}`", expected)
    elif other.pair != sync.pair:
        expected = f"[{other.between.left}, {other.between.right}], the order `{other.name}` has"
        section.document.problem(place, f"`{sync.name}` between {sync.between.left} and {sync.between.right}", expected)


class _SyncReader:
    """Reads one entry of `syncs:`."""

    def __init__(
        self,
        document: Document,
        name: str,
        node: Node,
        names: Fields[str, object],
        systems: Systems,
        files: MappingFiles,
    ) -> None:
        self.document = document
        self.name = name
        self.node = node
        self.names = names
        self.systems = systems
        self.files = files
        self.reader = document.reader_of(node, f"sync `{name}`")

    def read(self) -> SyncConfig | None:
        """None when it cannot be used; everything that can be checked is, even then."""
        reader = self.reader
        entity_name = reader.choice("entity", ENTITIES, required=True)
        between = self._between()
        direction = self._direction(between)
        every, cron = self._schedule()
        policies = (*between, MANUAL, NEWEST) if between else ()
        conflicts = self._policy(reader, "conflicts", policies) or MANUAL
        initial = self._policy(reader, "initial", policies) or conflicts
        on_remap = self._policy(reader, "on_remap", policies)
        deletes, most = self._deletes()
        limits = self._guards(most)
        settle = duration(reader, "settle", 900.0) or 0.0
        margin = duration(reader, "margin", 60.0) or 0.0
        mappings = self._mappings(entity_name, between)
        entity = self._entity(entity_name, mappings)
        match = self._match(entity)
        fields = self._fields(entity, between, direction)
        reader.finish()
        if entity is None or between is None or mappings is None:
            return None
        place = f"{self.document.file}:{self.node.place.line}:{self.node.place.column}"
        return SyncConfig(
            *(self.name, entity, between, mappings, direction, every, cron, match, conflicts, initial),
            *(fields, deletes, limits, settle, margin, place, on_remap),
        )

    def _between(self) -> Sides[str] | None:
        reader = self.reader
        if reader.get("between", required=True) is None:
            return None
        texts = reader.texts("between")
        if len(texts) != 2 or texts[0] == texts[1]:
            reader.problem("between", listed(texts) if texts else "nothing", "two different systems: [left, right]")
            return None
        nodes = reader.items("between")
        for text, node in zip(texts, nodes, strict=False):
            if text not in self.names:
                self.document.unknown(node, text, "one of the systems", list(self.names))
        return Sides(texts[0], texts[1]) if all(text in self.names for text in texts) else None

    def _direction(self, between: Sides[str] | None) -> str:
        text = self.reader.text("direction", BOTH)
        if between is None or text is None or text == BOTH:
            return BOTH
        found = _ARROW.fullmatch(text)
        if found is None or {found[1], found[2]} != set(between):
            ways = [BOTH, f"{between.left} -> {between.right}", f"{between.right} -> {between.left}"]
            self.reader.problem("direction", f"`{text}`", f"{listed(ways)} for `direction`", nearest(text, ways))
            return BOTH
        return found[1]

    def _schedule(self) -> tuple[float | None, str | None]:
        reader = self.reader
        every = duration(reader, "every", 300.0, least=LEAST_EVERY)
        cron = reader.text("cron")
        if cron is None:
            return every, None
        if "every" in reader:
            reader.problem("cron", "`cron` beside `every`", "one of the two")
        from apscheduler.triggers.cron import CronTrigger  # only a file with `cron` pays for it

        try:
            CronTrigger.from_crontab(cron, timezone="UTC")
        except ValueError:
            reader.problem("cron", f"`{cron}`", 'five fields such as "*/5 * * * *" for `cron`')
        return None, cron

    def _policy(self, reader: Reader, key: str, choices: tuple[str, ...]) -> str | None:
        if not choices:
            reader.get(key)
            return None
        return reader.choice(key, choices)

    def _deletes(self) -> tuple[str, Limit | None]:
        reader = self.reader.section("deletes")
        if reader is None:
            return "ask", None
        policy = reader.choice("policy", DELETES, "ask") or "ask"
        most = limit(reader, "max", None)
        reader.finish()
        return policy, most

    def _guards(self, most: Limit | None) -> Limits:
        default = Limits()
        limits = replace(default, deletes=most)
        reader = self.reader.section("guards")
        if reader is None:
            return limits
        limits = replace(
            limits,
            creates=limit(reader, "creates", default.creates),
            updates=limit(reader, "updates", default.updates),
            shrank=limit(reader, "shrank", default.shrank),
        )
        reader.finish()
        return limits

    # ----------------------------------------------------------------------------------- entity and match

    def _mappings(self, entity: str | None, between: Sides[str] | None) -> Sides[Mapping] | None:
        if entity is None or between is None:
            return None
        found = [self._mapping(entity, name) for name in between]
        left, right = found
        return Sides(left, right) if left is not None and right is not None else None

    def _mapping(self, entity: str, name: str) -> Mapping | None:
        system = self.systems.get(name)
        if system is None:
            return None  # its own mistakes are reported
        path = self.files.find(system, entity)
        if path is not None:
            return self.files.load(path, entity)
        known = self.files.entities(system.adapter, system.mappings)
        expected = f"a file mappings/{system.adapter}/{entity}.yaml; mapped are {listed(known)}"
        self.reader.problem("entity", f"no mapping of `{entity}` for system `{name}`", expected)
        return None

    def _entity(self, name: str | None, mappings: Sides[Mapping] | None) -> Entity | None:
        """The entity with the custom fields of both mappings."""
        if name is None:
            return None
        entity = ENTITIES[name]
        if mappings is None:
            return entity
        both = {**entity.fields, **mappings.left.entity.fields, **mappings.right.entity.fields}
        for field, left in mappings.left.entity.fields.items():
            right = mappings.right.entity.fields.get(field)
            if right is not None and right.type is not left.type:
                expected = f"one type for it in both mappings; they say {left.type} and {right.type}"
                self.document.problem(self.node, f"custom field `{field}`", expected)
        return replace(entity, fields=both)

    def _match(self, entity: Entity | None) -> tuple[tuple[str, ...], ...]:
        rules = []
        for node in self.reader.items("match"):
            parts = node.value if isinstance(node.value, list) else [node]
            names = [self.reader.as_text(part, "the name of a field") for part in parts]
            for part, name in zip(parts, names, strict=True):
                if entity is not None and name is not None and name not in entity.fields:
                    self.document.unknown(part, name, "a field of the entity", list(entity.fields))
            rules.append(tuple(name for name in names if name is not None))
        return tuple(rule for rule in rules if rule)

    # ---------------------------------------------------------------------------------------------- fields

    def _fields(self, entity: Entity | None, between: Sides[str] | None, direction: str) -> dict[str, FieldConfig]:
        section = self.reader.section("fields")
        if section is None or entity is None:
            return {}
        valid = {name for name, field in entity.fields.items() if not field.computed} | set(entity.atomic_groups)
        found: dict[str, FieldConfig] = {}
        for name, node in section:
            if name not in valid:
                self.document.unknown(section.place(name), name, "a field or group of the entity", sorted(valid))
                continue
            found[name] = self._field(name, node, entity, between, direction)
        for name in found:
            group = entity.fields[name].group if name in entity.fields else None
            if group in entity.atomic_groups and (group not in found or found[group].atomic is not False):
                expected = f"a rule for `{group}`, which merges as one, or `{group}: {{atomic: false}}`"
                self.document.problem(section.place(name), f"a rule for `{name}`", expected)
        return found

    def _field(self, name: str, node: Node, entity: Entity, between: Sides[str] | None, direction: str) -> FieldConfig:
        reader = self.document.reader_of(node, f"field `{name}`")
        systems = tuple(between) if between else ()
        owner = self._policy(reader, "owner", systems)
        if owner is not None and direction not in (BOTH, owner):
            reader.problem("owner", f"owner `{owner}`", f"`{direction}`, where this sync's records come from")
        policies = (*systems, MANUAL, NEWEST) if systems else ()
        is_group = name in entity.atomic_groups
        if "atomic" in reader and not is_group:
            reader.problem("atomic", "`atomic`", f"it on a group of fields: {listed(sorted(entity.atomic_groups))}")
        merge = reader.choice("merge", FUNCTIONS)
        base = reader.choice("base", ("sealed", "fingerprint"))
        if merge is not None and (is_group or name == "lines"):
            reader.problem("merge", f"`merge` on `{name}`", "it on a single field")
        if merge is not None and base == "fingerprint":
            reader.problem("base", "`base: fingerprint`", "`sealed`: a merge function needs the value last agreed on")
        drift = reader.choice("drift", [d.value for d in Drift])
        config = FieldConfig(
            name,
            owner,
            self._policy(reader, "conflicts", policies),
            self._policy(reader, "initial", policies),
            reader.boolean("atomic", True) if "atomic" in reader else None,
            Drift(drift) if drift else None,
            merge,
            base == "sealed" if base else None,
            reader.boolean("fill_empty", True) if "fill_empty" in reader else None,
        )
        reader.finish()
        return config
