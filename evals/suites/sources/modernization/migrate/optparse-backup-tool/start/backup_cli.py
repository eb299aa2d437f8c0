from optparse import OptionParser, OptionValueError

COMMANDS = ("save", "list", "restore")


def check_level(option, opt, value, parser):
    if not 0 <= value <= 9:
        raise OptionValueError("option %s: level must be 0 to 9, not %d" % (opt, value))
    parser.values.level = value


def build():
    parser = OptionParser(usage="%prog [options] COMMAND [PATH...]", version="%prog 2.1")
    parser.set_defaults(dry_run=False, exclude=[])
    parser.add_option("-l", "--level", type="int", default=3, action="callback", callback=check_level)
    parser.add_option("-x", "--exclude", action="append", metavar="GLOB")
    parser.add_option("-v", action="count", dest="verbose", default=0)
    parser.add_option("-n", "--dry-run", action="store_true")
    parser.add_option("--no-dry-run", action="store_false", dest="dry_run")
    parser.add_option("-s", "--since", default=None)
    return parser


class Options(object):
    pass


def parse(argv):
    parser = build()
    values, args = parser.parse_args(list(argv))
    if not args:
        parser.error("no command")
    if args[0] not in COMMANDS:
        parser.error("unknown command %r" % args[0])
    out = Options()
    out.__dict__.update(values.__dict__)
    out.exclude = list(values.exclude)
    out.command, out.paths = args[0], args[1:]
    return out
