OPEN_FROM = 8
OPEN_TO = 20


class Lottery:
    def __init__(self, clock, rng, out, *, currency="EUR"):
        self._clock = clock
        self._rng = rng
        self._out = out
        self._currency = currency
        self._count = 0

    def draw(self, names):
        """Draw a winner; names that occur twice have two chances."""
        if not names:
            self._out("nobody takes part")
            return None
        pool = sorted(names)
        self._rng.shuffle(pool)
        self._out(f"winner: {pool[0]}")
        return pool[0]

    def ticket(self, name):
        self._count += 1
        stamp = int(self._clock())
        return f"{name[:3].upper()}-{stamp}-{self._rng.randint(0, 9999):04d}-{self._count:03d}"

    def is_open(self):
        hour = int(self._clock()) // 3600 % 24
        return OPEN_FROM <= hour < OPEN_TO

    def pick_prize(self, prizes):
        """Prize by weight out of {name: (weight, cents)}."""
        names = sorted(prizes)
        point = self._rng.random() * sum(prizes[n][0] for n in names)
        for name in names:
            point -= prizes[name][0]
            if point < 0:
                break
        cents = prizes[name][1]
        self._out(f"prize: {name} ({cents // 100}.{cents % 100:02d} {self._currency})")
        return name
