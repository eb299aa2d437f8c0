"""The `routerkit` command."""

from __future__ import annotations

import errno
import sys
from io import TextIOWrapper
from typing import Final

from routerkit.errors import RouterKitError

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a full disk, a used-up quota and a limit on file sizes answer."""
_MOST_CHARS: Final = 2_000


def main() -> None:
    """Run the command line; one line on stderr and exit code 2 for whatever is wrong on purpose."""
    # Typer takes 80 ms; `python -c "import routerkit.cli"` in a test or a completion script should not pay for it.
    from routerkit.cli.app import app

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no "∞" gets "?", as stderr has it by itself
    try:
        app()
    except RouterKitError as exc:
        print("routerkit:", _one_line(str(exc)), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader left (`| head`); closing stderr keeps the interpreter from complaining about unflushed output.
        sys.stderr.close()
        sys.exit(1)
    except OSError as exc:
        if exc.errno not in _NO_ROOM and exc.filename is None:
            raise  # no fault of a file or of its rights
        where = f"{exc.filename}: " if exc.filename else ""
        remedy = "free the disk, then run the same command again" if exc.errno in _NO_ROOM else "correct the path, or what you may do there"
        print("routerkit:", _one_line(f"{where}{exc.strerror}; {remedy}"), file=sys.stderr)
        sys.exit(2)


def _one_line(text: str) -> str:
    """A message as a terminal may show it: files bring their values into it, however long and with whatever moves a cursor."""
    line = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split()))
    return line if len(line) <= _MOST_CHARS else f"{line[:_MOST_CHARS]} …"
