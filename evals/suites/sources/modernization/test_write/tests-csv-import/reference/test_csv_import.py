import unittest
from decimal import Decimal

from csv_import import read


class ReadTest(unittest.TestCase):
    def test_rows(self):
        found, errors = read("id;name;amount\n 1 ; Ann ;2,50\n2;Bob;3.5\n")
        self.assertEqual(found, {"1": ("Ann", Decimal("2.50")), "2": ("Bob", Decimal("3.5"))})
        self.assertEqual(errors, [])

    def test_last_row_counts(self):
        found, _ = read("id;name;amount\n1;a;1\n1;b;2\n")
        self.assertEqual(found, {"1": ("b", Decimal(2))})

    def test_problems_are_reported_and_the_rest_is_read(self):
        found, errors = read("amount;id;name\nx;1;a\n1;;b\n1; ;c\n5;4;d\n")
        self.assertEqual(errors, [(2, "bad amount"), (3, "no id"), (4, "no id")])
        self.assertEqual(found, {"4": ("d", Decimal(5))})

    def test_missing_columns(self):
        for text in ("", "id;name\n1;a\n", "id\n"):
            with self.assertRaises(ValueError):
                read(text)
