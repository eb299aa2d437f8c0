import struct


class FrameError(ValueError):
    pass


MAGIC = "\xf5FR"


def checksum(payload):
    total = 0
    for ch in payload:
        total = (total * 31 + ord(ch)) & 0xffff
    return total


def pack(kind, text):
    if isinstance(text, unicode):
        text = text.encode("utf-8")
    if len(kind) != 1:
        raise FrameError("kind must be one letter, not %r" % kind)
    head = MAGIC + kind + struct.pack(">H", len(text))
    return head + text + struct.pack(">H", checksum(text))


def unpack(data):
    out = []
    pos = 0
    while pos < len(data):
        if data[pos:pos + 3] != MAGIC:
            raise FrameError("no frame at %d" % pos)
        kind = data[pos + 3]
        size, = struct.unpack(">H", data[pos + 4:pos + 6])
        text = data[pos + 6:pos + 6 + size]
        end = pos + 6 + size
        if len(data) < end + 2:
            raise FrameError("frame at %d is cut off" % pos)
        want, = struct.unpack(">H", data[end:end + 2])
        if checksum(text) != want:
            raise FrameError("frame at %d: checksum %04x, expected %04x" % (pos, checksum(text), want))
        out.append((kind, text))
        pos = end + 2
    return out


def dump(data):
    return " ".join(["%02x" % ord(ch) for ch in data])


def split_lines(data):
    """Lines of all frames of kind L, without their line ends."""
    joined = "".join([text for kind, text in unpack(data) if kind == "L"])
    return [line.rstrip("\r\n") for line in joined.split("\n") if line]
