import math

from checklib import *
from scores import average, first_truthy, parse_score, rank, slug

cases = {"42": 42, " 7 apples": 7, "3.99": 3, "-5x": -5, "+8": 8, "0": -1, "": -1, "abc": -1, "0x1F": -1, "1e3": 1, "  \t-0": -1, "1_000": 1, "--3": -1, "- 3": -1, "007": 7, "12,5": 12, "\n9": 9}
for text, want in cases.items():
    same(parse_score(text), want)
same([parse_score(v) for v in (17, 3.99, -2.5, None, True, 0)], [17, 3, -2, -1, -1, -1])
same(rank([10, 9, 1, 100, 2]), [1, 10, 100, 2, 9])
same(rank([-1, -20, 5, 0, 10]), [-1, -20, 0, 10, 5])
same(rank([2.5, 10, 2, 20]), [10, 2, 2.5, 20])
values = [3, 20]
rank(values)
same(values, [3, 20])
same(rank([]), [])
empty = []
assert first_truthy(0, "", empty) is empty
same(first_truthy(0, "", None, False, float("nan")), None)
same(first_truthy(None, "0", 5), "0")
same(first_truthy(False, -1), -1)
same(first_truthy(), None)
same(average([1, 2, 4, 5]), 3)
same(average([1, 2]), 1.5)
same(average([None, "", 4, "6"]), 5)
same(average(["  3 ", True, False, 0]), 1)
same(average([" ", 4]), 2)
same(average(["0x10", "1e1"]), 13)
same(average([0.5, "-.5", "5."]), 5 / 3)
for bad in ([], [None], ["abc", 1], ["1_0"], ["3 4"], ["12px"]):
    result = average(bad)
    assert isinstance(result, float) and math.isnan(result), bad
same(slug("  Hello, World! "), "hello_world")
same(slug("--A--B--C--"), "a_b-c")
same(slug("Größe & Maß"), "gr_e-ma")
same(slug("one two three four"), "one_two-thre")
same(slug("abcdefghijk lm"), "abcdefghijk_")
same(slug("A b c", 3), "a_b")
same(slug("a b c d", max=5), "a_b-c")
same([slug(""), slug("!!!")], ["", ""])
