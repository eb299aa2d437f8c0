import os
import random
import time

OPEN_FROM = 8
OPEN_TO = 20
_count = 0


def draw(names):
    """Draw a winner; names that occur twice have two chances."""
    if not names:
        print("nobody takes part")
        return None
    pool = sorted(names)
    random.shuffle(pool)
    print("winner: %s" % pool[0])
    return pool[0]


def ticket(name):
    global _count
    _count += 1
    stamp = int(time.time())
    return "%s-%d-%04d-%03d" % (name[:3].upper(), stamp, random.randint(0, 9999), _count)


def is_open():
    hour = int(time.time()) // 3600 % 24
    return OPEN_FROM <= hour < OPEN_TO


def pick_prize(prizes):
    """Prize by weight out of {name: (weight, cents)}."""
    names = sorted(prizes)
    total = sum(prizes[n][0] for n in names)
    point = random.random() * total
    for name in names:
        point -= prizes[name][0]
        if point < 0:
            break
    cents = prizes[name][1]
    print("prize: %s (%d.%02d %s)" % (name, cents // 100, cents % 100, os.environ.get("CURRENCY", "EUR")))
    return name
