from ledgerapp.entries import Entry
from ledgerapp.model import RuleError, check_account, check_entry

__all__ = ["RuleError", "check_account", "check_entry", "reverse"]


def reverse(entry):
    return Entry(entry.credit, entry.debit, entry.amount)
