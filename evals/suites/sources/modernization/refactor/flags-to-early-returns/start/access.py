def may_enter(person, door, hour):
    result = False
    if person is not None:
        if person.get("active"):
            if door in person.get("doors", ()):
                if 6 <= hour < 22:
                    result = True
                else:
                    if person.get("night"):
                        result = True
                    else:
                        result = False
            else:
                if "*" in person.get("doors", ()):
                    result = True
        else:
            result = False
    return result


def find_badge(people, badge):
    found = False
    out = None
    i = 0
    while not found and i < len(people):
        for b in people[i].get("badges", []):
            if not found:
                if b["no"] == badge:
                    if not b.get("lost"):
                        out = people[i]
                        found = True
        i = i + 1
    if found:
        return out
    else:
        raise LookupError("badge %s" % badge)


def first_free(lockers, size):
    ok = False
    best = None
    for no in sorted(lockers):
        if not ok:
            if lockers[no]["owner"] is None:
                if lockers[no]["size"] >= size:
                    best = no
                    ok = True
    if ok:
        return best
    else:
        return -1
