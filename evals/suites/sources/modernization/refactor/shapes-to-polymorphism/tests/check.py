import math

from checklib import *

module = tree("shapes.py")
top = {n.name for n in module.body if isinstance(n, ast.FunctionDef)}
assert not {"area", "outline", "scaled", "describe"} & top, top
assert not {"isinstance", "issubclass"} & calls("shapes.py") and not walk("shapes.py", ast.Match)
for compare in walk("shapes.py", ast.Compare):
    constants = {c.value for c in ast.walk(compare) if isinstance(c, ast.Constant)}
    assert not {"circle", "rectangle", "square"} & constants, "compares kinds"
from shapes import Circle, Rectangle, Shape, Square, from_dict

assert all(issubclass(c, Shape) for c in (Circle, Rectangle, Square))
shapes = [from_dict({"kind": "circle", "radius": 2}), from_dict({"kind": "rectangle", "width": 3, "height": 0.5}), from_dict({"kind": "square", "side": 4})]
same([type(s) for s in shapes], [Circle, Rectangle, Square])
assert [s.area() for s in shapes] == [math.pi * 4, 1.5, 16]
assert [s.outline() for s in shapes] == [4 * math.pi, 7.0, 16]
same([s.describe() for s in shapes], ["circle r=2, area 12.57", "rectangle 3x0.5, area 1.50", "square 4x4, area 16.00"])
for s in shapes:
    twice = s.scaled(2)
    assert type(twice) is type(s) and twice is not s and math.isclose(twice.area(), 4 * s.area())
assert shapes[2].area() == 16, "scaled changed its shape"
same(Rectangle(1, 2).scaled(3).describe(), "rectangle 3x6, area 18.00")
same(Square(1.5).describe(), "square 1.5x1.5, area 2.25")
same(Circle(1).scaled(0).area(), 0.0)
for data in ({"kind": "blob", "side": 1}, {"kind": "square", "side": -1}, {"kind": "rectangle", "width": 1, "height": -2}, {"kind": "circle", "radius": -0.1}):
    assert raises(ValueError, from_dict, data), data
data = {"kind": "square", "side": 1}
from_dict(data)
same(data, {"kind": "square", "side": 1})
