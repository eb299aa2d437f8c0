import struct


class FrameError(ValueError):
    pass


MAGIC = b"\xf5FR"


def checksum(payload):
    total = 0
    for byte in payload:
        total = (total * 31 + byte) & 0xFFFF
    return total


def pack(kind, text):
    if len(kind) != 1:
        raise FrameError(f"kind must be one letter, not {kind!r}")
    payload = text.encode("utf-8")
    head = MAGIC + kind.encode("latin-1") + struct.pack(">H", len(payload))
    return head + payload + struct.pack(">H", checksum(payload))


def unpack(data):
    out = []
    pos = 0
    while pos < len(data):
        if data[pos : pos + 3] != MAGIC:
            raise FrameError(f"no frame at {pos}")
        end = pos + 6
        if len(data) >= end:
            kind = data[pos + 3 : pos + 4].decode("latin-1")
            (size,) = struct.unpack(">H", data[pos + 4 : end])
            end += size
        if len(data) < end + 2:
            raise FrameError(f"frame at {pos} is cut off")
        payload = data[pos + 6 : end]
        (want,) = struct.unpack(">H", data[end : end + 2])
        if checksum(payload) != want:
            raise FrameError(f"frame at {pos}: checksum {checksum(payload):04x}, expected {want:04x}")
        out.append((kind, payload.decode("utf-8")))
        pos = end + 2
    return out


def dump(data):
    return " ".join(f"{byte:02x}" for byte in data)


def split_lines(data):
    """Lines of all frames of kind L, without their line ends."""
    joined = "".join(text for kind, text in unpack(data) if kind == "L")
    return [line.rstrip("\r\n") for line in joined.split("\n") if line]
