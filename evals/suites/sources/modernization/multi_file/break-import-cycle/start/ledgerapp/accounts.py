from ledgerapp.rules import check_account


class Account:
    def __init__(self, number, kind="asset"):
        self.number = number
        self.kind = kind
        self.entries = []
        check_account(self)

    def balance(self):
        from ledgerapp.entries import signed
        return sum(signed(e, self) for e in self.entries)


KINDS = ("asset", "liability", "income", "expense")
