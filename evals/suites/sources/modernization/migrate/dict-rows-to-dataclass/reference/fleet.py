from dataclasses import dataclass, field, replace


@dataclass
class Vehicle:
    plate: str
    km: int
    service_km: int = 15000
    tags: list[str] = field(default_factory=list)


def load(rows):
    return [_vehicle(row) for row in rows]


def _vehicle(row):
    return Vehicle(
        plate=row["plate"].strip().upper(),
        km=int(row["km"]),
        service_km=int(row.get("service_km") or 15000),
        tags=[t for t in row.get("tags", "").split("|") if t],
    )


def to_rows(vehicles):
    return [{"plate": v.plate, "km": str(v.km), "service_km": str(v.service_km), "tags": "|".join(v.tags)} for v in vehicles]


def due(vehicles):
    return sorted((v for v in vehicles if v.km >= v.service_km), key=lambda v: v.service_km - v.km)


def drive(vehicle, km):
    if km < 0:
        raise ValueError("km must not be negative")
    return replace(vehicle, km=vehicle.km + km, tags=list(vehicle.tags))


def by_tag(vehicles):
    out = {}
    for v in vehicles:
        for t in v.tags:
            out.setdefault(t, []).append(v.plate)
    return out
