import random

from checklib import *

assert not {"time", "random", "os", "datetime", "secrets"} & {m.split(".")[0] for m in imports("lottery.py")}
assert "print" not in calls("lottery.py") and not walk("lottery.py", ast.Global)
from lottery import Lottery

now = [3600 * 8]
lines = []
a = Lottery(lambda: now[0], random.Random(5), lines.append)
twin = random.Random(5)
pool = sorted(["z", "b", "a", "b"])
twin.shuffle(pool)
names_ = ["z", "b", "a", "b"]
same(a.draw(names_), pool[0])
same(names_, ["z", "b", "a", "b"])
same(a.draw([]), None)
same(lines, [f"winner: {pool[0]}", "nobody takes part"])
n = twin.randint(0, 9999)
same(a.ticket("hansen"), f"HAN-28800-{n:04d}-001")
now[0] = 12.9
n = twin.randint(0, 9999)
same(a.ticket("x"), f"X-12-{n:04d}-002")
b = Lottery(clock=lambda: 5.0, rng=random.Random(1), out=lines.append, currency="CHF")
assert b.ticket("q").endswith("-001"), "tickets of another lottery were counted"
for hour, is_open in ((7.999, False), (8, True), (19.99, True), (20, False), (24 * 400 + 9, True)):
    now[0] = hour * 3600
    same(a.is_open(), is_open)


class Fixed(random.Random):
    def random(self):
        return self.value


rng = Fixed()
c = Lottery(lambda: 0, rng, lines.append, currency="CHF")
prizes = {"car": (1, 1234567), "pen": (3, 99), "mug": (0, 500)}
del lines[:]
for rng.value, want in ((0.0, "car"), (0.2499, "car"), (0.25, "pen"), (0.999, "pen")):
    same(c.pick_prize(prizes), want)
same(lines[::3], ["prize: car (12345.67 CHF)", "prize: pen (0.99 CHF)"])
a.pick_prize({"x": (1, 5)})
same(lines[-1], "prize: x (0.05 EUR)")
