"""`python -m connector.testing.simulator`: plays one seed, one script, or a campaign, and says what was found."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from connector.testing.simulator.campaign import Totals, run_campaign, tasks
from connector.testing.simulator.people import ScriptError
from connector.testing.simulator.play import Setup, check_names, read_script

FOUND, WRONG = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 nothing found, 1 something found, 2 wrong arguments."""
    options = _parser().parse_args(arguments)
    try:
        if options.seeds is not None:
            return _campaign(options)
        return _one(*_chosen(options), options)
    except ScriptError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    except BrokenPipeError:
        # Who reads what is printed has enough of it (`| head`); Python would say so once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG


def _chosen(options: argparse.Namespace) -> tuple[Setup, list[str]]:
    """What one play is played with, and its lines. Raises ScriptError."""
    if options.script is not None:
        if options.seed is not None:
            raise ScriptError("--seed and --script: one of them, a script is no seed")
        return read_script(Path(options.script), options.profile, options.policy)
    seed = options.seed or 0
    if options.spread:
        setup = tasks(range(seed, seed + 1), *_named(options), spread=True)[0].setup
    else:
        setup = Setup(options.profile or "cuis", options.policy or "manual", sqlite=options.sqlite)
    check_names(setup.profile, setup.policy)
    return setup, setup.seed(seed)


def _named(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Profiles and policies of a campaign, told by comma."""
    profiles, policies = ([name for name in text.split(",") if name] for text in (options.profile, options.policy))
    return profiles, policies


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m connector.testing.simulator", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--seed", type=_number, help="play this seed; 0 if not given")
    parser.add_argument("--profile", default="", help="what both systems can do; a campaign takes several, by comma")
    parser.add_argument("--policy", default="", help="what the syncs are told; a campaign takes several, by comma")
    parser.add_argument("--script", help="play this file instead of a seed")
    parser.add_argument("--sqlite", action="store_true", help="keep the state in a file instead of in memory")
    parser.add_argument("--shrink", action="store_true", help="print the shortest script that finds the same")
    parser.add_argument("--log", action="store_true", help="print everything that happens")
    parser.add_argument("--print", action="store_true", help="print the script before it is played")
    parser.add_argument("--seeds", help="play a campaign, A:B, every profile and policy unless some are named")
    parser.add_argument("--spread", action="store_true", help="each seed in one profile and policy, as the proof does")
    parser.add_argument("--workers", type=int, default=1, help="processes of a campaign")
    parser.add_argument("--json", action="store_true", help="print all figures of a campaign")
    return parser


def _one(setup: Setup, lines: list[str], options: argparse.Namespace) -> int:
    if options.shrink:
        shrunk = setup.shrunk(lines)
        if not shrunk:
            _say(f"nothing found in {len(lines)} lines, nothing to shrink")
            return 0
        lines = shrunk
    if options.shrink or options.print:
        _say(f"# profile: {setup.profile}", f"# policy: {setup.policy}", *lines)
    played = setup.play(lines, keep_log=options.log)
    # With a script before it, what is said stands in comments: the whole is a script again.
    mark = "# " if options.shrink or options.print else ""
    _say(*(f"{mark}{line}" for line in played.log))
    for rule, what in played.findings:
        _say(f"{mark}{rule}: {what}")
    if not played.findings:
        _say(f"{mark}nothing found in {len(lines)} lines; log {played.digest}")
    return FOUND if played.findings else 0


def _campaign(options: argparse.Namespace) -> int:
    first, colon, last = options.seeds.partition(":")
    if not (colon and first.isdigit() and last.isdigit()):
        raise ScriptError(f"--seeds {options.seeds}: expected A:B, for example 0:100")
    if int(last) <= int(first):
        raise ScriptError(f"--seeds {options.seeds} holds no seed; write {last}:{int(first) + 1}")
    chosen = tasks(range(int(first), int(last)), *_named(options), spread=options.spread)
    totals = run_campaign(chosen, options.workers)
    if options.json:
        _say(totals.as_json())
    else:
        _summary(totals)
    return FOUND if totals.findings else 0


def _summary(totals: Totals) -> None:
    operations = sum(totals.operations.values())
    _say(f"{totals.seeds} seeds, {operations} user operations, {totals.failed} seeds with findings")
    for kind in sorted(totals.findings.values(), key=lambda kind: -kind.count):
        command, what = kind.examples[0]
        _say(f"{kind.count} x {kind.rule}: {what}", f"    {command}")
    if totals.findings:
        _say("Add --shrink to one of these for the few lines that matter, --log for everything that happens.")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, for example 7")
    return int(text)


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
