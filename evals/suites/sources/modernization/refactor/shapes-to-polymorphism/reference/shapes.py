import math
from abc import ABC, abstractmethod


class Shape(ABC):
    kind = ""

    def __init__(self, **sizes):
        for key, value in sizes.items():
            if value < 0:
                raise ValueError(f"negative {key}")
            setattr(self, key, value)
        self._sizes = sizes

    @abstractmethod
    def area(self):
        """Area in square units."""

    @abstractmethod
    def outline(self):
        """Length of the outline."""

    @abstractmethod
    def size(self):
        """Size as text."""

    def scaled(self, factor):
        return type(self)(**{key: value * factor for key, value in self._sizes.items()})

    def describe(self):
        return f"{self.kind} {self.size()}, area {self.area():.2f}"


class Circle(Shape):
    kind = "circle"

    def __init__(self, radius):
        super().__init__(radius=radius)

    def area(self):
        return math.pi * self.radius**2

    def outline(self):
        return 2 * math.pi * self.radius

    def size(self):
        return f"r={self.radius:g}"


class Rectangle(Shape):
    kind = "rectangle"

    def __init__(self, width, height):
        super().__init__(width=width, height=height)

    def area(self):
        return self.width * self.height

    def outline(self):
        return 2 * (self.width + self.height)

    def size(self):
        return f"{self.width:g}x{self.height:g}"


class Square(Shape):
    kind = "square"

    def __init__(self, side):
        super().__init__(side=side)

    def area(self):
        return self.side**2

    def outline(self):
        return 4 * self.side

    def size(self):
        return f"{self.side:g}x{self.side:g}"


KINDS = {shape.kind: shape for shape in (Circle, Rectangle, Square)}


def from_dict(data):
    sizes = {key: value for key, value in data.items() if key != "kind"}
    if data["kind"] not in KINDS:
        raise ValueError(f"unknown kind {data['kind']}")
    return KINDS[data["kind"]](**sizes)
