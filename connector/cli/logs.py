"""Where log lines go: standard error, and only those that `CONNECTOR_LOG` asks for (off when it is not set)."""

from __future__ import annotations

import logging
import os
import sys

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
OFF = logging.CRITICAL


def configure() -> None:
    """Set up logging once per process. Lines never hold values or keys; see `wrappers.Logged`."""
    import structlog

    level = LEVELS.get(os.environ.get("CONNECTOR_LOG", "").lower(), OFF)
    # The scheduler reports a run that takes longer than its interval; that is not news to a person.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
