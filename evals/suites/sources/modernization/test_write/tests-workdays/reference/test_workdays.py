import unittest
from datetime import date

from workdays import add, count, is_workday

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2024, 5, d) for d in (3, 4, 5, 6))


class WorkdayTest(unittest.TestCase):
    def test_week(self):
        self.assertEqual([is_workday(d) for d in (FRIDAY, SATURDAY, SUNDAY, MONDAY)], [True, False, False, True])

    def test_holiday(self):
        self.assertFalse(is_workday(FRIDAY, {FRIDAY}))

    def test_count(self):
        self.assertEqual(count(FRIDAY, MONDAY), 2)
        self.assertEqual(count(FRIDAY, FRIDAY), 1)
        self.assertEqual(count(SATURDAY, SUNDAY), 0)
        self.assertEqual(count(FRIDAY, MONDAY, [MONDAY]), 1)
        self.assertEqual(count(MONDAY, FRIDAY), -2)

    def test_add(self):
        self.assertEqual(add(FRIDAY, 1), MONDAY)
        self.assertEqual(add(MONDAY, -1), FRIDAY)
        self.assertEqual(add(SATURDAY, 0), SATURDAY)
        self.assertEqual(add(SATURDAY, 2), date(2024, 5, 7))
        self.assertEqual(add(FRIDAY, 1, {MONDAY}), date(2024, 5, 7))
