import ledgerapp.accounts
import ledgerapp.entries


class RuleError(ValueError):
    pass


def check_account(account):
    if account.kind not in ledgerapp.accounts.KINDS:
        raise RuleError("kind %s" % account.kind)
    if account.number <= 0:
        raise RuleError("number %d" % account.number)


def check_entry(entry):
    for side in entry.debit, entry.credit:
        if not isinstance(side, ledgerapp.accounts.Account):
            raise RuleError("not an account: %r" % (side,))
    if entry.debit is entry.credit:
        raise RuleError("same account twice")
    if entry.amount <= 0:
        raise RuleError("amount %d" % entry.amount)


def reverse(entry):
    return ledgerapp.entries.Entry(entry.credit, entry.debit, entry.amount)
