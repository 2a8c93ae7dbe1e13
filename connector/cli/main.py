"""`connector`: finds the command, runs it, and turns every error into one sentence and an exit code."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Sequence

import typer

from connector.cli import people, runs, setup, status
from connector.cli.common import ERROR, HALTED
from connector.cli.output import complain
from connector.errors import ConfigError, ConnectorError, Halted

INTERRUPTED = 130
STOPPED = "Stopped. What was begun is settled by the next run."

# typer brings its own copy of click or uses the installed one, depending on its version; both have this root.
ClickError = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="connector",
    help="Keeps a CRM and an ERP in step, both ways, and can move one into the other once.\n\n"
    "Exit codes: 0 done and clean; 1 error; 2 `plan` or `verify` found differences; 3 halted by a guard; "
    "4 finished, but some records were held or parked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
setup.register(app)
runs.register(app)
status.register(app)
people.register(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Never raises for what a person or a network did."""
    try:
        code = int(app(list(arguments), standalone_mode=False, prog_name="connector") or 0)
        if code == INTERRUPTED:  # some versions of typer turn Ctrl-C into this code themselves, without a word
            complain(STOPPED)
        return code
    except Halted as error:
        complain(str(error))
        return HALTED
    except ConnectorError as error:
        complain(_sentence(error))
        return ERROR
    except (KeyboardInterrupt, typer.Abort):
        complain(STOPPED)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, `head` for one
        return ERROR
    except Exception as error:
        if not isinstance(error, ClickError):
            raise
        complain(_usage(error))
        return ERROR


def _usage(error: Exception) -> str:
    """What is wrong with the command line, and whose help says how it is written."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "connector"
    message = str(error.format_message()).rstrip(".")  # type: ignore[attr-defined]  # see ClickError
    return f"{message}. Try `{command} --help`."


def _sentence(error: ConnectorError) -> str:
    if isinstance(error, ConfigError) and error.problems and str(error.problems[0]) not in str(error):
        return "\n".join([str(error), *(f"  {problem}" for problem in error.problems)])
    return str(error)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _spare_the_collector() -> None:
    """Records are plain trees without cycles: looking for cycles among them took a fifth of a large run's time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def main() -> None:
    """The console script. A polite kill ends a command as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _stop)
    _spare_the_collector()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
