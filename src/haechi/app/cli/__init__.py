"""The ``haechi`` command. Results go to stdout, progress and logs to stderr.

Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 wrong settings, 4 something outside does not answer.
"""

import sys

from haechi.base.errors import HaechiError

SERVE = "serve"


def main() -> None:
    """Entry point: every condition of ours ends as one line and an exit code, never as a traceback."""
    try:
        _run()
    except HaechiError as error:
        from haechi.app.cli.console import fail

        sys.exit(fail(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> None:
    """The server is loaded by itself: what other commands need must not stand between a kill and the next unit."""
    if sys.argv[1:2] == [SERVE]:
        from haechi.app.cli.serve import alone

        alone(args=sys.argv[2:], prog_name=f"haechi {SERVE}")
    else:
        from haechi.app.cli.commands import app

        app()
