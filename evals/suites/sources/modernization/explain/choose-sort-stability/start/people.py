PEOPLE = [("Bo", 40), ("Di", 51), ("Al", 40), ("Cy", 33)]


def names(people):
    by_name = sorted(people)
    by_age = sorted(by_name, key=lambda p: p[1])
    return [name for name, _ in by_age]
