from checklib import *

assert longest_function("orders.py") <= 12, "a function is too long"
assert all(depth(f) <= 2 for f in functions("orders.py").values()), "nested too deep"
module = tree("orders.py")
assert not [n for n in module.body if isinstance(n, (ast.For, ast.While, ast.If))], "work moved to module level"
assert not {"exec", "eval"} & calls("orders.py")
import orders

prices = {"pen": 150, "ink": 999, "desk": 40000}
lines = ["", "# only a comment", "Bo, pen, 10, 2024-05-02 # note", "Al,ink,1,2024-05-01", "Bo,pen,1,2024-05-09", "Al,ink,99,2024-05-01",
         "x,y", "Bo,pen,-1,2024-05-02", "Bo,gold,1,2024-05-02", "Bo,pen,5,2024-04-30", "Cy,desk,100,2024-06-01", "Bo,,1,2024-05-02", "Bo,pen,x,2020-01-01"]
got, messages = orders.process(lines, prices, "2024-05-01")
same(messages, ["line 7: 2 fields", "line 8: bad quantity '-1'", "line 9: unknown article gold", "line 10: due date 2024-04-30 is over",
                "line 12: unknown article ", "line 13: bad quantity 'x'", "Cy: check credit (36000.00)"])
same(list(got), ["Bo", "Al", "Cy"])
assert [list(i) for i in got["Bo"]["items"]] == [["pen", 11, 1425 + 150]] and got["Bo"]["total"] == 1575 and got["Bo"]["express"] is False
ink = 999 + 999 * 99 * 95 // 100
assert [list(i) for i in got["Al"]["items"]] == [["ink", 100, ink]] and got["Al"]["total"] == ink + 990 and got["Al"]["express"] is True
same(orders.process([], {}, "2024-01-01"), ({}, []))
same(orders.process(iter(["A,p,100,2024-01-01"]), {"p": 1112}, "2024-01-01")[1], ["A: check credit (1010.70)"])
same(orders.process(["A,p,1,2024-01-02"], {"p": 100000}, "2024-01-01")[1], [])
same(orders.process(["A,p,0,2024-01-02"], {"p": 5}, "2024-01-01")[0]["A"]["total"], 0)
one = orders.process(["A,p,1,2024-01-02"], {"p": 5}, "2024-01-01")[0]
two = orders.process(["A,p,1,2024-01-02"], {"p": 5}, "2024-01-01")[0]
assert one == two and one is not two, "state is kept between calls"
