"""Logs: structured, one line each, for people or for machines, and with no secret in them."""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

import structlog

from haechi.base.redact import redact_event


def set_up_logging(
    level: Literal["debug", "info", "warning", "error"] = "info",
    style: Literal["text", "json"] = "text",
    stream: TextIO | None = None,
) -> None:
    """Send all logs, ours and the libraries', through one chain that ends with the redactor.

    Args:
        stream: Where lines go; stderr by default, so that stdout stays for results.
    """
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(getattr(logging, level.upper()), logging.WARNING))
