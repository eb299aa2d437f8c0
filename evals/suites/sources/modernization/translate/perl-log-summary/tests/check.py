from checklib import *
from logsum import summary

text = '''# log
h1 "GET /a" 200 500
h2 "GET //a/?q=1" 404 -

   # indented
h3 "POST /a" 200 7
h4 "GET /" 500 1
h5 "GET /a/" 302 100
nonsense
h6 "PUT /a" 200 1
h7 "GET /b/very/long/path/name" 399 2001
h8 "GET /B" 200 1500'''
expected = [
    "/a                      3    200.0 h5",
    "/                       1      1.0 ?",
    "/B                      1   1500.0 h8",
    "/b/very/long/path/name    1   2001.0 h7",
    "POST /a                 1      7.0 h3",
    "bad: 2",
    "big: /B /b/very/long/path/name",
]
same(summary(text.split("\n")), expected)
same(summary(iter(text.splitlines(keepends=True))), expected)
same(summary([]), [])
same(summary(["x"]), ["bad: 1"])
same(summary(['h "GET /x" 200 1001']), ["/x                      1   1001.0 h", "big: /x"])
same(summary(['h "GET /x" 200 1000']), ["/x                      1   1000.0 h"])
same(summary(['h "GET /x" 200 1']), ["/x                      1      1.0 h"])
same(summary(['0 "GET /x" 200 1']), ["/x                      1      1.0 ?"])
three = [f'h "GET /{n}" 200 {b}' for n, b in (("p", 5000), ("q", 2000), ("r", 5000), ("s", 3000))]
same(summary(three)[-1], "big: /r /p")
for wrong in ('h "GET /x" 2000 1', ' h "GET /x" 200 1', 'h "GET /x" 200 1 ', 'h "get /x" 200 1', 'h "GET /x?a b" 20 1', 'h "GET" 200 1', 'h "GET /x y" 200 1', 'h "GET /x" 200 +1'):
    same(summary([wrong]), ["bad: 1"])
same(summary(['h  "GET   /x?a b"\t200   -']), ["/x                      1      0.0 h"])
same(summary(['h "POST //?x" 200 3', 'k "POST /" 400 4']), ["POST /                  2      3.5 h"])
same(summary(["\n", "  \n"]), [])
