import unittest

from wrap import wrap


class WrapTest(unittest.TestCase):
    def test_lines_are_filled(self):
        self.assertEqual(wrap("aa bb cc", 5), ["aa bb", "cc"])
        self.assertEqual(wrap("aa bb cc", 4), ["aa", "bb", "cc"])
        self.assertEqual(wrap(" aa\tbb\ncc ", 8), ["aa bb cc"])

    def test_long_words_are_cut(self):
        self.assertEqual(wrap("a bcdefgh ij", 3), ["a", "bcd", "efg", "h", "ij"])
        self.assertEqual(wrap("abcdef", 3), ["abc", "def"])
        self.assertEqual(wrap("abcd e", 3), ["abc", "d e"])

    def test_paragraphs(self):
        self.assertEqual(wrap("a\n\nb c\n\n\n\nd", 9), ["a", "", "b c", "", "d"])

    def test_empty(self):
        self.assertEqual(wrap(" \n\n ", 5), [])

    def test_width(self):
        for width in (0, -1):
            with self.assertRaises(ValueError):
                wrap("", width)
        self.assertEqual(wrap("ab", 1), ["a", "b"])
