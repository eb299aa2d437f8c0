import argparse

COMMANDS = ("save", "list", "restore")


def level(text):
    value = int(text)
    if not 0 <= value <= 9:
        raise argparse.ArgumentTypeError(f"level must be 0 to 9, not {value}")
    return value


def build():
    parser = argparse.ArgumentParser(usage="%(prog)s [options] COMMAND [PATH...]")
    parser.add_argument("--version", action="version", version="%(prog)s 2.1")
    parser.add_argument("-l", "--level", type=level, default=3)
    parser.add_argument("-x", "--exclude", action="append", metavar="GLOB")
    parser.add_argument("-v", action="count", dest="verbose", default=0)
    parser.add_argument("-n", "--dry-run", action="store_true")
    parser.add_argument("--no-dry-run", action="store_false", dest="dry_run")
    parser.add_argument("-s", "--since")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("paths", nargs="*")
    return parser


def join_since(argv):
    """argparse takes a value with a leading minus sign only when it is joined to its option."""
    out, rest = [], iter(argv)
    for word in rest:
        if word in {"-s", "--since"}:
            value = next(rest, None)
            out.append(word if value is None else f"--since={value}")
        else:
            out.append(word)
    return out


def parse(argv):
    values = build().parse_intermixed_args(join_since(argv))
    values.exclude = values.exclude or []
    return values
