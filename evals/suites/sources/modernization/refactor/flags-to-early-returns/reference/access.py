def may_enter(person, door, hour):
    if person is None or not person.get("active"):
        return False
    doors = person.get("doors", ())
    if door not in doors:
        return "*" in doors
    return 6 <= hour < 22 or bool(person.get("night"))


def find_badge(people, badge):
    for person in people:
        if any(b["no"] == badge and not b.get("lost") for b in person.get("badges", [])):
            return person
    raise LookupError(f"badge {badge}")


def first_free(lockers, size):
    fitting = (no for no in sorted(lockers) if lockers[no]["owner"] is None and lockers[no]["size"] >= size)
    return next(fitting, -1)
