def load(rows):
    out = []
    for row in rows:
        v = {}
        v["plate"] = row["plate"].strip().upper()
        v["km"] = int(row["km"])
        if row.get("service_km"):
            v["service_km"] = int(row["service_km"])
        else:
            v["service_km"] = 15000
        v["tags"] = [t for t in row.get("tags", "").split("|") if t]
        out.append(v)
    return out


def to_rows(vehicles):
    rows = []
    for v in vehicles:
        rows.append({"plate": v["plate"], "km": str(v["km"]), "service_km": str(v["service_km"]), "tags": "|".join(v["tags"])})
    return rows


def due(vehicles):
    return sorted([v for v in vehicles if v["km"] >= v["service_km"]], key=lambda v: v["service_km"] - v["km"])


def drive(vehicle, km):
    if km < 0:
        raise ValueError("km must not be negative")
    vehicle["km"] = vehicle["km"] + km
    return vehicle


def by_tag(vehicles):
    out = {}
    for v in vehicles:
        for t in v["tags"]:
            out.setdefault(t, []).append(v["plate"])
    return out
