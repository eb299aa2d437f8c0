import mailer.transport as t
from mailer.message import Message

HANDLERS = {}


def job(name):
    def register(function):
        HANDLERS[name] = function
        return function

    return register


@job("invoice")
def invoice(data):
    copies = tuple(data.get("copies") or ())
    t.send(Message(data["mail"], f"Invoice {data['no']}", data["text"], data.get("html", False), copies))


@job("raw")
def raw(data):
    fields = {key: data[key] for key in ("to", "subject", "body", "html")}
    t.send(Message(**fields, cc=tuple(data["cc"] or ())), urgent=data["urgent"])


def run(name, data):
    HANDLERS[name](data)
