class Account:
    history = []
    counters = {"n": 0}
    opened = 0

    def __init__(self, fresh=False):
        if fresh:
            self.history = []
        self.opened += 1
        Account.opened += 1

    def note(self, text):
        self.history.append(text)
        if len(text) == 1 and text != "c":
            self.counters["n"] += 1


def trace():
    first, second, third = Account(), Account(), Account(fresh=True)
    first.note("a")
    second.note("b")
    third.note("c")
    return [first.history, second.history, third.history, second.opened, third.counters]
