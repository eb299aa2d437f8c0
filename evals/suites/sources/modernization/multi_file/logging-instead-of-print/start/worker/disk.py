import worker.output as o
from worker.output import say


def check(free, total):
    share = 100 * free // total
    o.whisper("%d of %d bytes free" % (free, total))
    if share < 5:
        print("ERROR: disk full (%d%%)" % share)
        return False
    if share < 20:
        print("warning: disk nearly full (%d%%)" % share)
    elif o.VERBOSE:
        print("disk fine")
    say("disk checked")
    return True
