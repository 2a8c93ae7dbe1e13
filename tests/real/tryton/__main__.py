"""`python -m tests.real.tryton prepare sqlite` sets it up; `serve sqlite` runs one to play with until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from contextlib import suppress

from .databases import KINDS
from .install import SetupError
from .server import prepare, running


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.real.tryton", description=__doc__)
    parser.add_argument("action", choices=("prepare", "serve"))
    parser.add_argument("database", choices=sorted(KINDS))
    chosen = parser.parse_args()
    # Being told to end is as Ctrl-C: what was started is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if chosen.action == "prepare":
            prepare(chosen.database)
        else:
            _serve(chosen.database)
    except SetupError as error:
        print(f"tryton: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(database: str) -> None:
    with suppress(KeyboardInterrupt), running(database) as tryton:
        print(json.dumps({"url": tryton.url, **tryton.facts}, indent=1), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
