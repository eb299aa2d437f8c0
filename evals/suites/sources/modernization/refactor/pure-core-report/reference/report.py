from pathlib import Path


def parse(text):
    rows, bad = [], []
    for no, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith(";"):
            continue
        department, sep, amount = line.rpartition("=")
        try:
            rows.append((department.strip().title(), _cents(amount, sep)))
        except ValueError:
            bad.append(no)
    if bad:
        raise ValueError("wrong lines: " + ", ".join(map(str, bad)))
    return rows


def _cents(amount, sep):
    if not sep:
        raise ValueError("no amount")
    euros, _, cents = amount.strip().partition(",")
    value = abs(int(euros)) * 100 + int((cents + "00")[:2])
    return -value if euros.startswith("-") else value


def summarise(rows):
    amounts = {}
    for department, amount in rows:
        amounts.setdefault(department, []).append(amount)
    return {name: {"n": len(a), "sum": sum(a), "max": max(a)} for name, a in sorted(amounts.items())}


def render(summary, title):
    lines = [f"{name:<20} {d['n']:3d} {d['sum'] / 100:10.2f} {d['max'] / 100:10.2f}" for name, d in summary.items()]
    return "\n".join([title, "=" * len(title), *(lines or ["(nothing)"])]) + "\n"


def run(source, target, title="Report"):
    summary = summarise(parse(Path(source).read_text(encoding="utf-8")))
    Path(target).write_text(render(summary, title), encoding="utf-8")
    return len(summary)
