from ledgerapp.accounts import Account
from ledgerapp.rules import check_entry


class Entry:
    def __init__(self, debit, credit, amount):
        self.debit, self.credit, self.amount = debit, credit, amount
        check_entry(self)

    def book(self):
        self.debit.entries.append(self)
        self.credit.entries.append(self)
        return self


def signed(entry, account):
    sign = 1 if entry.debit is account else -1
    if account.kind in ("liability", "income"):
        sign = -sign
    return sign * entry.amount


def open_account(number, kind="asset"):
    return Account(number, kind)
