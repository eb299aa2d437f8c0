import os
import subprocess
import sys
from pathlib import Path

from checklib import *

modules = {f"ledgerapp.{p.stem}": str(p) for p in Path("ledgerapp").glob("*.py") if p.stem != "__init__"}
assert {"ledgerapp.accounts", "ledgerapp.entries", "ledgerapp.rules"} <= set(modules)
graph = {}
for name, path in modules.items():
    for node in walk(path, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Try):
        assert not [n for n in ast.walk(node) if isinstance(n, (ast.Import, ast.ImportFrom))], f"{path}: hidden import"
    assert not {"TYPE_CHECKING", "import_module", "__import__", "modules", "__getattr__"} & (names(path) | set(functions(path))), f"{path}: trick"
    used = {i if not i.startswith(".") else "ledgerapp" + ("." if i.strip(".") else "") + i.lstrip(".") for i in imports(path)}
    graph[name] = {m for m in modules if m in used} - {name}


def cyclic(name, path=()):
    return name in path or any(cyclic(other, (*path, name)) for other in graph[name])


assert not any(cyclic(name) for name in graph), graph
for first in sorted(modules):
    subprocess.run([sys.executable, "-c", f"import {first}"], check=True, env=os.environ)

from ledgerapp.accounts import KINDS, Account
from ledgerapp.entries import Entry, open_account, signed
from ledgerapp.rules import RuleError, check_account, check_entry, reverse

same(KINDS, ("asset", "liability", "income", "expense"))
cash, loan, sales = Account(1), open_account(2, "liability"), Account(3, kind="income")
entry = Entry(cash, loan, 500).book()
Entry(cash, sales, 70).book()
same([cash.balance(), loan.balance(), sales.balance()], [570, 500, 70])
back = reverse(entry)
assert type(back) is Entry and back.debit is loan and back.credit is cash and back.amount == 500
same([cash.balance(), back.book() is back, cash.balance(), loan.balance()], [570, True, 70, 0])
same([signed(entry, cash), signed(entry, loan), signed(entry, sales)], [500, 500, 500])
for attempt, text in ((lambda: Account(0), "number 0"), (lambda: Account(1, "x"), "kind x"), (lambda: Entry(cash, cash, 1), "same account twice"),
                      (lambda: Entry(cash, "q", 1), "not an account: 'q'"), (lambda: Entry(cash, loan, 0), "amount 0")):
    same(str(error(RuleError, attempt)), text)
assert check_account(cash) is None and check_entry(entry) is None
cash.number = -4
same(str(error(RuleError, check_account, cash)), "number -4")
