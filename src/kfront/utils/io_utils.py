"""Messages to the user: standard output, or `logging` where interactive logging is off."""

from __future__ import annotations

import logging
import sys

from kfront import config

_log = logging.getLogger("kfront")


def print_msg(message: str, line_break: bool = True) -> None:
    """Show a message.

    Args:
        message: the text.
        line_break: whether the line ends here.
    """
    if not config.is_interactive_logging_enabled():
        text = message.strip("\r\n\b ")
        if text:
            _log.info(text)
        return
    text = message + "\n" if line_break else message
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:  # a console that has no block characters
        sys.stdout.write(text.encode("ascii", errors="replace").decode("ascii"))
    sys.stdout.flush()
