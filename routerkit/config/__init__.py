"""Configuration: one TOML file, checked completely before anything starts, secrets only by reference."""

from routerkit.config.accounts import AccountStanding, Correction, account_standings, charge_accounts, correct_accounts, unfit_targets
from routerkit.config.build import build_ledger, build_state, build_targets, check_providers, plan_state
from routerkit.config.ledger_section import ledger_folder
from routerkit.config.load import load, parse, read, reload
from routerkit.config.schema import Config
from routerkit.config.secrets import Secret, resolve, scrub

__all__ = [
    "AccountStanding",
    "Config",
    "Correction",
    "Secret",
    "account_standings",
    "build_ledger",
    "build_state",
    "build_targets",
    "charge_accounts",
    "check_providers",
    "correct_accounts",
    "ledger_folder",
    "load",
    "parse",
    "plan_state",
    "read",
    "reload",
    "resolve",
    "scrub",
    "unfit_targets",
]
