"""Configuration, mappings and the systems' own descriptions, compiled into what the engine runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connector.config import FieldConfig, SyncConfig
from connector.config.model import BOTH, MANUAL, NEWEST
from connector.engine.spec import SyncSpec, SystemSpec, children_of
from connector.errors import ConfigError
from connector.mapping.translate import Mapping
from connector.merge.rules import Drift, Flow, Policy, Unit
from connector.model.entities import Entity, Field
from connector.model.values import Side, Sides
from connector.ports import Description, ObjectSchema

_NOTHING = FieldConfig("")


def compile_sync(sync: SyncConfig, descriptions: Sides[Description], all_: Iterable[SyncConfig] = ()) -> SyncSpec:
    """What the engine needs to run one sync; without `units` there is nothing to run.

    all_: every sync of the configuration: those between the same systems may hold records that refer to this one's.
    Raises ConfigError when a system lacks the object its mapping names.
    """
    systems = Sides(_system(sync, Side.LEFT, descriptions.left), _system(sync, Side.RIGHT, descriptions.right))
    objects = Sides(_object(sync, Side.LEFT, descriptions.left), _object(sync, Side.RIGHT, descriptions.right))
    return SyncSpec(
        sync.name,
        sync.entity,
        systems,
        tuple(_units(sync)),
        _creates(sync, objects),
        sync.match,
        sync.deletes,
        sync.limits,
        sync.settle,
        sync.margin,
        on_remap=_policy(sync, sync.on_remap) if sync.on_remap is not None else None,
        children=children_of(sync.entity.name, [(s.entity, s.mappings) for s in all_ if s.pair == sync.pair]),
    )


# ------------------------------------------------------------------------------------------------ systems


def _object(sync: SyncConfig, side: Side, description: Description) -> ObjectSchema:
    mapping = sync.mappings[side]
    found = description.objects.get(mapping.object)
    if found is None:
        raise ConfigError(
            f"{mapping.spec.file}: system `{sync.between[side]}` has no object `{mapping.object}`, or this connection "
            "may not see it; run `connector check`."
        )
    return found


def _system(sync: SyncConfig, side: Side, description: Description) -> SystemSpec:
    mapping, name = sync.mappings[side], sync.between[side]
    schema = _object(sync, side, description)
    return SystemSpec(name, mapping.object, mapping, schema.capabilities, description.principal, schema.deletable)


def _creates(sync: SyncConfig, objects: Sides[ObjectSchema]) -> frozenset[Side]:
    """The sides on which the direction, the mapping and the system all allow new records."""
    if sync.entity.projects is not None:
        return frozenset()
    way = _way(sync)
    return frozenset(
        side
        for side in Side
        if way.allows(side)
        and not sync.mappings[side].read_only
        and sync.mappings[side].writable
        and objects[side].creatable
    )


# -------------------------------------------------------------------------------------------------- units


def _units(sync: SyncConfig) -> Iterator[Unit]:
    """What merges, in the order of the entity: single fields, groups as one, `lines` as one."""
    done: set[str] = set()
    for name, field in sync.entity.fields.items():
        group = field.group
        if group in sync.entity.atomic_groups and sync.fields.get(str(group), _NOTHING).atomic is not False:
            if group in done:
                continue
            done.add(str(group))
            unit = _unit(sync, str(group), tuple(_parts(sync, sync.entity, str(group))))
        else:
            unit = _unit(sync, name, (name,) if _shared(sync, field) else ())
        if unit is not None:
            yield unit


def _shared(sync: SyncConfig, field: Field) -> bool:
    """Shown by both systems, and not derived by each for itself."""
    return not field.computed and all(field.name in mapping.readable for mapping in sync.mappings)


def _parts(sync: SyncConfig, entity: Entity, group: str) -> Iterator[str]:
    return (name for name, field in entity.fields.items() if field.group == group and _shared(sync, field))


def _unit(sync: SyncConfig, name: str, fields: tuple[str, ...]) -> Unit | None:
    """The unit and its rule; None when nothing of it can travel."""
    if not fields:
        return None
    rule, source = _rule(sync, name, fields)
    flow = _narrowed(_flow(sync, rule), fields, sync.mappings)
    if flow is Flow.NONE:
        return None
    conflicts = rule.conflicts or sync.conflicts
    # A rule for one field that says how its conflicts end also says how it begins, unless it says otherwise.
    initial = rule.initial or rule.conflicts or sync.initial
    return Unit(
        name,
        fields,
        flow,
        _policy(sync, conflicts),
        _policy(sync, initial),
        rule.merge,
        True if rule.fill_empty is None else rule.fill_empty,
        rule.drift or Drift.RESTORE,
        rule.merge is not None or bool(rule.sealed),
        source,
    )


def _rule(sync: SyncConfig, name: str, fields: tuple[str, ...]) -> tuple[FieldConfig, str]:
    """The rule for a unit and where it stands: its own, its group's, or the sync's."""
    group = sync.entity.fields[fields[0]].group if fields[0] in sync.entity.fields else None
    for key in (name, group):
        if key is not None and key in sync.fields:
            return sync.fields[key], f"syncs.{sync.name}.fields.{key}"
    return _NOTHING, f"syncs.{sync.name}.{'conflicts' if sync.direction == BOTH else 'direction'}"


def _way(sync: SyncConfig) -> Flow:
    if sync.direction == BOTH:
        return Flow.BOTH
    return Flow.L2R if sync.direction == sync.between.left else Flow.R2L


def _flow(sync: SyncConfig, rule: FieldConfig) -> Flow:
    """From the owner of the field, else from the direction of the sync."""
    if rule.owner is None:
        return _way(sync)
    return Flow.L2R if rule.owner == sync.between.left else Flow.R2L


def _narrowed(flow: Flow, fields: tuple[str, ...], mappings: Sides[Mapping]) -> Flow:
    """Without the ways into a system whose mapping cannot write every field of the unit."""
    ways = [side for side in Side if flow.allows(side) and all(name in mappings[side].writable for name in fields)]
    if len(ways) == 2:
        return Flow.BOTH
    if not ways:
        return Flow.NONE
    return Flow.L2R if ways[0] is Side.RIGHT else Flow.R2L


def _policy(sync: SyncConfig, word: str) -> Policy:
    if word == MANUAL:
        return Policy.MANUAL
    if word == NEWEST:
        return Policy.NEWEST
    return Policy.LEFT if word == sync.between.left else Policy.RIGHT
