import unittest

from backoff import GaveUp, call


class BackoffTest(unittest.TestCase):
    def setUp(self):
        self.pauses = []
        self.n = 0

    def play(self, *answers, **more):
        def job():
            answer = answers[self.n]
            self.n += 1
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call(job, tries=3, on=(OSError, KeyError), sleep=self.pauses.append, **more)

    def test_first_try(self):
        self.assertEqual(self.play(5), 5)
        self.assertEqual(self.pauses, [])

    def test_false_results_are_results(self):
        self.assertEqual(self.play(0), 0)
        self.assertEqual(self.n, 1)

    def test_pauses_grow(self):
        self.assertEqual(self.play(OSError(), KeyError(), "ok"), "ok")
        self.assertEqual(self.pauses, [1.0, 2.0])

    def test_pauses_are_limited(self):
        self.play(OSError(), OSError(), 1, first_s=10, factor=4, longest_s=15)
        self.assertEqual(self.pauses, [10, 15])

    def test_gives_up(self):
        last = OSError("last")
        with self.assertRaises(GaveUp) as caught:
            self.play(OSError(), OSError(), last)
        self.assertIs(caught.exception.__cause__, last)
        self.assertEqual((self.n, len(self.pauses)), (3, 2))

    def test_other_errors_pass_at_once(self):
        with self.assertRaises(ValueError):
            self.play(ValueError())
        self.assertEqual((self.n, self.pauses), (1, []))
