from ledgerapp.model import KINDS, Account

__all__ = ["KINDS", "Account"]
