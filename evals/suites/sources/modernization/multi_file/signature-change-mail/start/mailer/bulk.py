from functools import partial

from mailer import transport

notice = partial(transport.send, html=False, cc=None, urgent=False)


def newsletter(addresses, issue):
    n = 0
    for address in addresses:
        try:
            notice(address, "News %d" % issue, "Read on.")
            n += 1
        except ValueError:
            continue
    return n


def alarm(addresses, text):
    first, *rest = addresses
    transport.send(first, "Alarm", text, cc=rest, html=False, urgent=True)
