import math


def check(data):
    for key, value in data.items():
        if key != "kind" and value < 0:
            raise ValueError("negative %s" % key)
    if data["kind"] not in ("circle", "rectangle", "square"):
        raise ValueError("unknown kind %s" % data["kind"])


def area(data):
    check(data)
    if data["kind"] == "circle":
        return math.pi * data["radius"] ** 2
    elif data["kind"] == "rectangle":
        return data["width"] * data["height"]
    else:
        return data["side"] ** 2


def outline(data):
    check(data)
    if data["kind"] == "circle":
        return 2 * math.pi * data["radius"]
    elif data["kind"] == "rectangle":
        return 2 * (data["width"] + data["height"])
    else:
        return 4 * data["side"]


def scaled(data, factor):
    check(data)
    out = {"kind": data["kind"]}
    for key in data:
        if key != "kind":
            out[key] = data[key] * factor
    return out


def describe(data):
    check(data)
    if data["kind"] == "circle":
        size = "r=%g" % data["radius"]
    elif data["kind"] == "rectangle":
        size = "%gx%g" % (data["width"], data["height"])
    else:
        size = "%gx%g" % (data["side"], data["side"])
    return "%s %s, area %.2f" % (data["kind"], size, area(data))
