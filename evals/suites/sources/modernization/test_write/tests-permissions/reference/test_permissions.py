import unittest

from permissions import matches, may

RULES = [
    ("staff", ("read", "write"), "/docs/*", "allow"),
    ("ann", ("read",), "/home", "allow"),
    ("staff", ("write",), "/docs/law/*", "deny"),
    ("ann", ("write",), "/docs/law/x", "allow"),
]
GROUPS = {"ann": ("staff",)}


class PermissionTest(unittest.TestCase):
    def may(self, user, verb, path):
        return may(user, verb, path, RULES, GROUPS)

    def test_matches(self):
        self.assertTrue(matches("/a/*", "/a/b/c"))
        self.assertFalse(matches("/a/*", "/b"))
        self.assertTrue(matches("/a", "/a"))
        self.assertFalse(matches("/a", "/a/b"))

    def test_user_and_group(self):
        self.assertTrue(self.may("ann", "read", "/home"))
        self.assertTrue(self.may("ann", "read", "/docs/a/b"))
        self.assertFalse(self.may("bob", "read", "/docs/a"))
        self.assertTrue(may("staff", "read", "/docs/a", RULES))

    def test_verb(self):
        self.assertFalse(self.may("ann", "write", "/home"))

    def test_denial_wins(self):
        self.assertFalse(self.may("ann", "write", "/docs/law/x"))
        self.assertTrue(self.may("ann", "read", "/docs/law/x"))

    def test_nothing_fits(self):
        self.assertFalse(may("ann", "read", "/x", []))
