def plan(items, per_box):
    boxes = items / per_box
    rest = items % per_box
    label = "%s boxes" % boxes
    full = int("%d" % boxes)
    return {"boxes": boxes, "rest": rest, "label": label, "full": full}
