import mailer.transport as t

HANDLERS = {}


def job(name):
    def register(function):
        HANDLERS[name] = function
        return function
    return register


@job("invoice")
def invoice(data):
    args = (data["mail"], "Invoice %(no)s" % data, data["text"], data.get("html", False))
    t.send(*args, cc=data.get("copies"), urgent=False)


@job("raw")
def raw(data):
    t.send(**data)


def run(name, data):
    HANDLERS[name](data)
