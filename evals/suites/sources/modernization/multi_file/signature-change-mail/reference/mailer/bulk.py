from mailer import transport
from mailer.message import Message


def notice(to, subject, body):
    return transport.send(Message(to, subject, body))


def newsletter(addresses, issue):
    n = 0
    for address in addresses:
        try:
            notice(address, f"News {issue}", "Read on.")
            n += 1
        except ValueError:
            continue
    return n


def alarm(addresses, text):
    first, *rest = addresses
    transport.send(Message(first, "Alarm", text, cc=tuple(rest)), urgent=True)
