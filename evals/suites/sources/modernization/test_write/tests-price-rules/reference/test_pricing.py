import unittest

from pricing import line_total, with_shipping


class LineTotalTest(unittest.TestCase):
    def test_steps_of_discount(self):
        self.assertEqual([line_total(100, n) for n in (0, 1, 9, 10, 49, 50)], [0, 100, 900, 950, 4655, 4400])

    def test_rounds_down(self):
        self.assertEqual(line_total(1, 11), 10)
        self.assertEqual(line_total(33, 11), 344)

    def test_member_price(self):
        self.assertEqual(line_total(100, 1, member_price=80, is_member=True), 80)
        self.assertEqual(line_total(100, 1, member_price=120, is_member=True), 100)
        self.assertEqual(line_total(100, 1, member_price=80), 100)
        self.assertEqual(line_total(100, 1, is_member=True), 100)

    def test_negative_quantity(self):
        with self.assertRaises(ValueError):
            line_total(100, -1)


class ShippingTest(unittest.TestCase):
    def test_limits(self):
        self.assertEqual([with_shipping(a) for a in (0, 1, 4999, 5000, 5001)], [0, 491, 5489, 5000, 5001])
