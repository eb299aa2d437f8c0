"""The `routerkit` command."""

from __future__ import annotations

import sys

from routerkit.errors import RouterKitError


def main() -> None:
    """Run the command line; one line on stderr and exit code 2 for whatever is wrong on purpose."""
    # Typer takes 80 ms; `python -c "import routerkit.cli"` in a test or a completion script should not pay for it.
    from routerkit.cli.app import app

    try:
        app()
    except RouterKitError as exc:
        print("routerkit:", " ".join(str(exc).split()), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader left (`| head`); closing stderr keeps the interpreter from complaining about unflushed output.
        sys.stderr.close()
        sys.exit(1)
