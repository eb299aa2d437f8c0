import dataclasses

from checklib import *

import fleet
from fleet import Vehicle

assert dataclasses.is_dataclass(Vehicle)
same([f.name for f in dataclasses.fields(Vehicle)], ["plate", "km", "service_km", "tags"])
assert not any(isinstance(b, type) and issubclass(b, (dict, tuple)) for b in Vehicle.__mro__[1:])
assert not {"__getitem__", "__setitem__", "get"} & set(vars(Vehicle)), "still a dict in disguise"
a, b = Vehicle("A", 1), Vehicle("A", 1)
assert a == b and a.tags == [] and a.tags is not b.tags and a.service_km == 15000 and "plate='A'" in repr(a)
got = fleet.load([{"plate": " ab-1 ", "km": "20000", "service_km": "", "tags": "x||y"}, {"plate": "c", "km": "3", "service_km": "2"}])
same(got, [Vehicle("AB-1", 20000, 15000, ["x", "y"]), Vehicle("C", 3, 2, [])])
same(fleet.to_rows(got), [{"plate": "AB-1", "km": "20000", "service_km": "15000", "tags": "x|y"}, {"plate": "C", "km": "3", "service_km": "2", "tags": ""}])
same(fleet.load(fleet.to_rows(got)), got)
same([v.plate for v in fleet.due([*reversed(got), Vehicle("Z", 14999), Vehicle("Q", 15000)])], ["AB-1", "C", "Q"])
driven = fleet.drive(got[0], 5)
same((driven.km, got[0].km, driven.plate, list(driven.tags)), (20005, 20000, "AB-1", ["x", "y"]))
assert isinstance(driven, Vehicle) and driven is not got[0]
assert fleet.drive(a, 0) == a and raises(ValueError, fleet.drive, a, -1)
same({k: list(v) for k, v in fleet.by_tag([*got, Vehicle("D", 0, tags=["y"])]).items()}, {"x": ["AB-1"], "y": ["AB-1", "D"]})
