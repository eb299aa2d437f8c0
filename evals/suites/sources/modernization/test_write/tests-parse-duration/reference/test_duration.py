import unittest

from duration import seconds


class SecondsTest(unittest.TestCase):
    def test_each_unit(self):
        for text, expected in {"5s": 5, "2m": 120, "1h": 3600, "3d": 259200}.items():
            self.assertEqual(seconds(text), expected)

    def test_parts_add_up_in_any_order(self):
        self.assertEqual(seconds("30m1h"), 5400)
        self.assertEqual(seconds(" 1h 30m "), 5400)

    def test_case_does_not_matter(self):
        self.assertEqual(seconds("2H 1M"), 7260)

    def test_wrong_texts(self):
        for text in ("", "  ", "5", "h", "1h 1h", "5x", "1.5h", "-1s"):
            with self.assertRaises(ValueError, msg=text):
                seconds(text)
