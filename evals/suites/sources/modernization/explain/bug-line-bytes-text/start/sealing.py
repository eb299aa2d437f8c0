def checksum(payload):
    return sum(payload) % 256


def seal(text):
    payload = text.encode("utf-8")
    head = str(len(text)).encode("ascii") + b":"
    tail = format(checksum(payload), "02x").encode("ascii")
    return head + payload + tail


def verify(data):
    """Text of a sealed message; ValueError when it was damaged."""
    size, _, rest = data.partition(b":")
    payload, tail = rest[: int(size)], rest[int(size) :]
    if len(tail) != 2 or int(tail, 16) != checksum(payload):
        raise ValueError("damaged")
    return payload.decode("utf-8")
