class RuleError(ValueError):
    pass


KINDS = ("asset", "liability", "income", "expense")


def check_account(account):
    if account.kind not in KINDS:
        raise RuleError(f"kind {account.kind}")
    if account.number <= 0:
        raise RuleError(f"number {account.number}")


def signed(entry, account):
    sign = 1 if entry.debit is account else -1
    if account.kind in ("liability", "income"):
        sign = -sign
    return sign * entry.amount


class Account:
    def __init__(self, number, kind="asset"):
        self.number = number
        self.kind = kind
        self.entries = []
        check_account(self)

    def balance(self):
        return sum(signed(e, self) for e in self.entries)


def check_entry(entry):
    for side in entry.debit, entry.credit:
        if not isinstance(side, Account):
            raise RuleError(f"not an account: {side!r}")
    if entry.debit is entry.credit:
        raise RuleError("same account twice")
    if entry.amount <= 0:
        raise RuleError(f"amount {entry.amount}")
