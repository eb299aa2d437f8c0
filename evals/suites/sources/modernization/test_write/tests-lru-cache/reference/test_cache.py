import unittest

from cache import Cache


class CacheTest(unittest.TestCase):
    def setUp(self):
        self.now = 0
        self.cache = Cache(2, 10, lambda: self.now)

    def test_unknown_key(self):
        self.assertIsNone(self.cache.get("a"))
        self.assertEqual(self.cache.get("a", 5), 5)

    def test_entry_not_used_longest_is_dropped(self):
        self.cache.put("a", 1)
        self.cache.put("b", 2)
        self.assertEqual(self.cache.get("a"), 1)
        self.cache.put("c", 3)
        self.assertEqual([self.cache.get(k) for k in "abc"], [1, None, 3])
        self.assertEqual(len(self.cache), 2)

    def test_writing_again_counts_as_use(self):
        self.cache.put("a", 1)
        self.cache.put("b", 2)
        self.cache.put("a", 9)
        self.cache.put("c", 3)
        self.assertEqual([self.cache.get(k) for k in "abc"], [9, None, 3])

    def test_time_is_over(self):
        self.cache.put("a", 1)
        self.now = 9.9
        self.assertEqual(self.cache.get("a"), 1)
        self.now = 10
        self.assertIsNone(self.cache.get("a"))
        self.assertEqual(len(self.cache), 0)

    def test_size(self):
        with self.assertRaises(ValueError):
            Cache(0, 1, lambda: 0)
