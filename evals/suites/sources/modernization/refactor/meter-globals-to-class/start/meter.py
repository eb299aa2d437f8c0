_values = []
_limit = 100
_alarms = 0
_last = None
_window = {"size": 4}


def configure(limit):
    global _limit
    _limit = limit


def feed(value):
    global _last, _alarms
    if value < 0:
        raise ValueError("negative value")
    if _last is not None and value < _last:
        # the counter of the device was replaced
        _values.append(value)
    else:
        _values.append(value - (_last or 0))
    _last = value
    if len(_values) > _window["size"]:
        del _values[0]
    if _values[-1] > _limit:
        _alarms += 1
        return False
    return True


def rate():
    if not _values:
        return 0.0
    return sum(_values) / float(len(_values))


def alarm():
    return _alarms > 1


def reset():
    global _alarms, _last
    _alarms = 0
    _last = None
    del _values[:]


def history():
    return _values
