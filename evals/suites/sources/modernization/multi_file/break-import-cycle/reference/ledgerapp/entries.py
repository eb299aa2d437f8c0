from ledgerapp.model import Account, check_entry, signed

__all__ = ["Entry", "open_account", "signed"]


class Entry:
    def __init__(self, debit, credit, amount):
        self.debit, self.credit, self.amount = debit, credit, amount
        check_entry(self)

    def book(self):
        self.debit.entries.append(self)
        self.credit.entries.append(self)
        return self


def open_account(number, kind="asset"):
    return Account(number, kind)
