"""Commits of made-up projects: two that are tasks among some that are not, and two that can still be taken back."""

from __future__ import annotations

_CART = '''
"""Carts."""

from shop.money import as_text


class Cart:
    def __init__(self):
        self.items = []

    def add(self, name, cents, n=1):
        self.items.append((name, cents, n))

    def total(self):
        return sum(cents for _, cents, _ in self.items)

    def shown(self):
        return as_text(self.total())
'''
_COUNTED = _CART.replace(
    "return sum(cents for _, cents, _ in self.items)",
    "# every piece counts\n        counted = [cents * n for _, cents, n in self.items]\n        return sum(counted)",
)
_DISCOUNT = (
    _COUNTED
    + """
    def discounted(self, percent):
        if not 0 <= percent <= 100:
            raise ValueError(percent)
        return self.total() * (100 - percent) // 100
"""
)
_QUIETER = _DISCOUNT.replace(
    "counted = [cents * n for _, cents, n in self.items]\n        return sum(counted)", "return sum(c * n for _, c, n in self.items)"
)
_SIGNED = _QUIETER.replace(
    "return as_text(self.total())", 'text = as_text(self.total())\n        sign = "EUR"\n        return f"{sign} {text}"'
)
_MONEY = 'def as_text(cents):\n    return f"{cents // 100}.{cents % 100:02}"\n'
_TESTS = """
from shop.cart import Cart


def test_empty_cart_costs_nothing():
    assert Cart().total() == 0


def test_total_is_shown():
    cart = Cart()
    cart.add("tea", 250)
    assert cart.shown() == "2.50"
"""
_PIECES = (
    _TESTS
    + """

def test_every_piece_counts():
    cart = Cart()
    cart.add("tea", 250, 2)
    assert cart.total() == 500


def test_needs_a_network():
    import socket

    socket.create_connection(("192.0.2.1", 80), 1)
"""
)
_CHEAPER = (
    _PIECES
    + """

def test_discount():
    cart = Cart()
    cart.add("tea", 250, 2)
    assert cart.discounted(10) == 450
"""
)
_SIGN_TEST = """
from shop.cart import Cart


def test_sign_comes_first():
    assert Cart().shown() == "EUR 0.00"
"""
_KEYED = "def key():\n    return len(TOKEN)\n\n\nTOKEN = 'x'\n"
_KEY_TEST = "from shop.keyed import key\n\nSECRET = 'ghp_" + "0a1B2c3D4e5F" * 3 + "'\n\n\ndef test_key():\n    assert key() == 1\n"

HISTORY = (
    (
        "Start the shop",
        {
            "shop/__init__.py": "",
            "shop/cart.py": _CART,
            "shop/money.py": _MONEY,
            "shop/unused.py": "import nothing_of_that_name\n",
            "tests/test_cart.py": _TESTS,
            "README.md": "A shop.\n",
        },
    ),
    (
        "Count every piece in the total of a cart (#12)\n\nReported by mail, see 0123abc4567.\nSigned-off-by: A <a@b.c>",
        {"shop/cart.py": _COUNTED, "tests/test_cart.py": _PIECES},
    ),
    ("Say more in the readme", {"README.md": "A shop with carts.\n"}),
    ("Offer discounts on whole carts", {"shop/cart.py": _DISCOUNT, "tests/test_cart.py": _CHEAPER}),
    ("Simplify how the total is computed", {"shop/cart.py": _QUIETER, "tests/test_cart.py": _CHEAPER + "\n# the same\n"}),
    ("Bump the version to 1.1 at last", {"shop/cart.py": _QUIETER + "\n\nA = 1\nB = 2\nC = 3\n", "tests/test_cart.py": _CHEAPER}),
    ("Look after keys of the shop", {"shop/keyed.py": _KEYED, "tests/test_keyed.py": _KEY_TEST}),
    ("Show the sign of the currency", {"shop/cart.py": _SIGNED, "tests/test_cart.py": _CHEAPER + "\n", "tests/test_sign.py": _SIGN_TEST}),
)
"""Message and files of each commit, oldest first."""

_LOW = "\n\ndef is_low(n):\n    return n <= 3\n"
_COUNT = "def left(n, sold):\n    return n - sold\n" + _LOW
_COUNT_TEST = """
from count import is_low, left


def test_left():
    assert left(5, 2) == 3


def test_three_are_few():
    assert is_low(3)
    assert not is_low(4)
"""
_NEVER_BELOW = "def left(n, sold):\n    rest = n - sold\n    if rest < 0:\n        return 0\n    return rest\n" + _LOW
_LABEL = "def label(name):\n    return name\n"
_LABEL_TEST = "from label import label\n\n\ndef test_label():\n    assert label('') == ''\n"
_CAPITALS = "def label(name):\n    text = name.strip()\n    text = text.upper()\n    return text\n"
STOCK = (
    ("Start", {"count.py": _COUNT, "test_count.py": _COUNT_TEST, "label.py": _LABEL, "test_label.py": _LABEL_TEST}),
    (
        "Never count below nothing",
        {"count.py": _NEVER_BELOW, "test_count.py": _COUNT_TEST + "\n\ndef test_nothing_left():\n    assert left(1, 2) == 0\n"},
    ),
    (
        "Write labels in capitals",
        {"label.py": _CAPITALS, "test_label.py": _LABEL_TEST + "\n\ndef test_capitals():\n    assert label(' tea') == 'TEA'\n"},
    ),
)
