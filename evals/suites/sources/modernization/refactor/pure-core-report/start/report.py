def run(source, target, title="Report"):
    f = open(source, encoding="utf-8")
    data = {}
    bad = []
    for no, line in enumerate(f):
        line = line.strip()
        if line == "" or line.startswith(";"):
            continue
        department, sep, amount = line.rpartition("=")
        if sep == "":
            bad.append(no + 1)
            continue
        try:
            euros, _, cents = amount.strip().partition(",")
            value = abs(int(euros)) * 100 + int((cents + "00")[:2])
            if euros.startswith("-"):
                value = -value
        except ValueError:
            bad.append(no + 1)
            continue
        department = department.strip().title()
        if department not in data:
            data[department] = {"n": 0, "sum": 0, "max": value}
        data[department]["n"] += 1
        data[department]["sum"] += value
        if value > data[department]["max"]:
            data[department]["max"] = value
    f.close()
    if bad:
        raise ValueError("wrong lines: " + ", ".join(str(n) for n in bad))
    out = open(target, "w", encoding="utf-8")
    out.write(title + "\n" + "=" * len(title) + "\n")
    for department in sorted(data):
        d = data[department]
        out.write("%-20s %3d %10.2f %10.2f\n" % (department, d["n"], d["sum"] / 100, d["max"] / 100))
    if not data:
        out.write("(nothing)\n")
    out.close()
    return len(data)
