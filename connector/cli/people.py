"""The commands to look at records and to act: conflicts, dead-letters, links, explain."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.common import (
    CONFIG,
    DONE,
    ERROR,
    PARTLY,
    ConfigOption,
    JsonOption,
    SyncsArgument,
    opened,
    ran_code,
    ran_data,
    show_ran,
)
from connector.cli.output import complain, counted, emit, few, moment, named, plain, say, table
from connector.errors import ConfigError
from connector.model.rows import WHY_FROZEN

if TYPE_CHECKING:
    from connector.app.explain import Story
    from connector.app.people import Conflict, Resolved

ConflictIds = Annotated[list[str], typer.Argument(help="Ids as `conflicts list` shows them.", metavar="ID...")]

conflicts = typer.Typer(help="What waits for a person to decide.", no_args_is_help=True)
dead_letters = typer.Typer(help="Records a system refused, and the way back.", no_args_is_help=True)
links = typer.Typer(help="Which records belong together.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(explain)
    app.add_typer(conflicts, name="conflicts")
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(links, name="links")


# ------------------------------------------------------------------------------------------------ conflicts


@conflicts.command("list")
def conflicts_list(syncs: SyncsArgument = None, config: ConfigOption = CONFIG, json: JsonOption = False) -> int:
    """Everything that waits, with what both systems show now."""
    from connector.app.people import conflicts as read

    with opened(config) as app:
        found = read(app, syncs or [])
    if json:
        emit({"conflicts": [_conflict_data(conflict) for conflict in found]})
        return DONE
    _show_conflicts(found)
    return DONE


@conflicts.command("show")
def conflicts_show(ids: ConflictIds, config: ConfigOption = CONFIG, json: JsonOption = False) -> int:
    """One or several conflicts."""
    from connector.app.people import conflicts as read

    with opened(config) as app:
        found = read(app, ids=ids)
    if json:
        emit({"conflicts": [_conflict_data(conflict) for conflict in found]})
        return DONE
    _show_conflicts(found)
    return DONE


def _conflict_data(found: Conflict) -> dict[str, object]:
    return {
        **{name: getattr(found, name) for name in ("id", "sync", "entity", "unit", "reason", "label", "note")},
        "since": moment(found.since),
        "keys": dict(zip(found.systems, found.keys, strict=True)),
        "values": {found.systems[side]: values for side, values in found.values.items()},
        "choice": named(found.systems, found.choice),
    }


def _show_conflicts(found: list[Conflict]) -> None:
    if not found:
        say("Nothing waits for a decision.")
        return
    rows = []
    for entry in found:
        shown = [f"{entry.systems[side]}: {_words(values)}" for side, values in entry.values.items()]
        keys = " = ".join(str(key) for key in entry.keys if key)
        reason = WHY_FROZEN.get(entry.reason, entry.reason)
        rows.append([entry.id, entry.sync, entry.label, keys, "\n".join(shown), reason, moment(entry.since)])
    table(["id", "sync", "record", "keys", "values now", "why", "since"], rows)
    for note in sorted({entry.note for entry in found if entry.note}):
        complain(note)
    say("Decide with: connector conflicts resolve ID... --take SYSTEM")


def _words(values: dict[str, str | None]) -> str:
    if len(values) == 1:
        return str(next(iter(values.values())) or "(empty)")
    return ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in values.items() if value) or "(empty)"


@conflicts.command("resolve")
def conflicts_resolve(
    ids: ConflictIds,
    take: Annotated[str, typer.Option("--take", help="The system whose value stays.", metavar="SYSTEM")],
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Take one system's value and carry it out at once."""
    from connector.app.people import resolve

    with opened(config) as app:
        found, ran = resolve(app, ids, take)
    if json:
        emit({"resolved": found, "runs": ran_data(ran)})
    else:
        for entry in found:
            say(_resolved_sentence(entry))
        for failed in ran:
            if failed.error is not None:
                complain(str(failed.error))
    failed_code = ran_code([entry for entry in ran if entry.error is not None])
    return failed_code or (PARTLY if any(entry.open for entry in found) else DONE)


def _resolved_sentence(entry: Resolved) -> str:
    if entry.open:
        return f"{entry.id} {entry.label}: still open: {entry.note}"
    now = f"{_words(entry.values)} ({entry.taken})"
    return f"{entry.id} {entry.label}: {entry.unit} is now {now}, was {_words(entry.replaced)}"


# --------------------------------------------------------------------------------------------- dead letters

DeadIds = Annotated[
    list[int] | None, typer.Argument(help="Numbers as `dead-letters list` shows them.", metavar="ID...")
]
AllDead = Annotated[bool, typer.Option("--all", help="All of them.")]


@dead_letters.command("list")
def dead_list(
    syncs: SyncsArgument = None,
    labels: Annotated[bool, typer.Option("--labels", help="Ask the systems for the records' names.")] = False,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Every parked record with its reason."""
    from connector.app.people import dead_labels
    from connector.app.people import dead_letters as read

    with opened(config) as app:
        found = read(app, syncs or [])
        names = dead_labels(app, found) if labels else {}
    if json:
        emit({"dead_letters": [{**plain(entry), "label": names.get(entry.id)} for entry in found]})
    elif found:
        rows = []
        for e in found:
            record = f"{e.system} {e.key} {names.get(e.id, '')}".rstrip()
            rows.append([e.id, e.sync, record, e.op, e.reason, e.attempts, moment(e.since)])
        table(["id", "sync", "record", "action", "reason", "tries", "since"], rows)
        say("After correcting the data: connector dead-letters retry ID...")
    else:
        say("There are no dead letters.")
    return DONE


@dead_letters.command("retry")
def dead_retry(
    ids: DeadIds = None, every: AllDead = False, config: ConfigOption = CONFIG, json: JsonOption = False
) -> int:
    """Take parked records up again, now."""
    from connector.app.people import retry

    if not _chosen(ids, every):
        return ERROR
    with opened(config) as app:
        found, ran = retry(app, ids or [])
    if json:
        emit({"retried": found, "runs": ran_data(ran)})
        return ran_code(ran)
    say(f"{counted(len(found), 'dead letter')} taken up again.")
    return show_ran(ran, json=False) if ran else DONE


@dead_letters.command("drop")
def dead_drop(
    ids: DeadIds = None, every: AllDead = False, config: ConfigOption = CONFIG, json: JsonOption = False
) -> int:
    """Forget parked records; each is looked at again when it next changes in its system."""
    from connector.app.people import drop

    if not _chosen(ids, every):
        return ERROR
    with opened(config) as app:
        found = drop(app, ids or [])
    if json:
        emit({"dropped": found})
    else:
        say(f"{counted(len(found), 'dead letter')} forgotten.")
    return DONE


def _chosen(ids: list[int] | None, every: bool) -> bool:
    if bool(ids) == every:
        complain("Name the dead letters by their ids, or say --all.")
        return False
    return True


# ---------------------------------------------------------------------------------------------------- links


@links.command("list")
def links_list(
    sync: Annotated[str, typer.Argument(help="The sync.")],
    key: Annotated[str | None, typer.Option("--key", help="Only the link of this key.", metavar="KEY")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many.", min=1, max=100_000)] = 100,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """Links of a sync: the keys on both sides and their state."""
    from connector.app.links import links as read

    with opened(config, quiet=True) as app:
        found = read(app, sync, key=key, limit=limit)
        systems = app.sync_config(sync).between
    if json:
        emit({"links": found})
        return DONE
    table(["link", systems.left, systems.right, "state"], [[e.id, e.keys.left, e.keys.right, e.state] for e in found])
    return DONE


@links.command("unlink")
def links_unlink(
    ids: Annotated[list[int], typer.Argument(help="Numbers as `links list` shows them.", metavar="ID...")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """End links: both records stay, and the sync leaves them alone from now on."""
    from connector.app.links import unlink

    with opened(config, quiet=True) as app:
        if not yes:
            complain("Both records of each link stay as they are. The sync will not touch, link or make them again.")
            if not sys.stdin.isatty():
                raise ConfigError("Nothing was done. Say --yes to end the links.")
            typer.confirm(f"End {counted(len(ids), 'link')}?", abort=True, err=True)
        found = unlink(app, ids)
    if json:
        emit({"unlinked": found})
    else:
        for entry in found:
            say(f"{entry.id}: {entry.keys.left} and {entry.keys.right} are independent now.")
    return DONE


# -------------------------------------------------------------------------------------------------- explain


def explain(
    entity: Annotated[str, typer.Argument(help="account, contact, product, order, invoice, payment or balance.")],
    key: Annotated[str, typer.Argument(help="The record's id in either system.")],
    field: Annotated[str | None, typer.Argument(help="One field.")] = None,
    system: Annotated[str | None, typer.Option("--system", help="The system the key is of.", metavar="SYSTEM")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Events shown.", min=1, max=10_000)] = 50,
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> int:
    """What happened to a record or field, when, by which line of configuration, and why not."""
    from connector.app.explain import explain as read

    with opened(config) as app:
        stories = read(app, entity, key, field, system=system, limit=limit)
    if json:
        emit({"stories": [_story_data(story) for story in stories]})
        return DONE
    for story in stories:
        _show_story(story)
    return DONE


def _story_data(story: Story) -> dict[str, object]:
    link = story.link
    return {
        "sync": story.sync,
        "label": story.label,
        "link": link.id if link else None,
        "state": link.state.value if link else None,
        "keys": dict(zip(story.systems, story.keys, strict=True)),
        "values": {story.systems[side]: values for side, values in story.values.items()},
        "rules": story.rules,
        "why": story.why,
        "events": [{**plain(event), "at": moment(event.at)} for event in story.events],
    }


def _show_story(story: Story) -> None:
    keys = ", ".join(f"{name} {key}" for name, key in zip(story.systems, story.keys, strict=True) if key)
    state = f"link {story.link.id}, {story.link.state}" if story.link else "no link"
    say(f"{story.label or story.sync}: {keys} ({story.sync}, {state})")
    for side, values in story.values.items():
        say(f"  {story.systems[side]} shows {_words(values)}")
    if len(story.rules) == 1:
        say(f"  rule: {next(iter(story.rules.values()))}")
    for sentence in story.why:
        say(f"  {sentence}")
    if story.events:
        rows = []
        for e in story.events:
            rows.append([moment(e.at), e.event, e.system, few(e.fields), e.rule, _before(e.before) or e.detail])
        table(["when", "event", "in", "fields", "rule", "detail"], rows)


def _before(before: dict[str, str]) -> str:
    """What was there, an empty value in words. Of a group (an address, say) the empty parts say nothing."""
    groups = {name.partition(".")[0] for name, value in before.items() if value and "." in name}
    return ", ".join(
        f"{name} was {value or '(empty)'}"
        for name, value in before.items()
        if value or name.partition(".")[0] not in groups
    )
