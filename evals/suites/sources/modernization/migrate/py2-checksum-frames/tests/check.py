from checklib import *

assert not {"unicode", "six", "version_info"} & names("frames.py")
import frames

same(frames.checksum(b"ab\xff"), ((97 * 31 + 98) * 31 + 255) & 0xFFFF)
same(frames.pack("L", "hé"), b"\xf5FRL\x00\x03h\xc3\xa9" + (((104 * 31 + 0xC3) * 31 + 0xA9) & 0xFFFF).to_bytes(2, "big"))
same(frames.pack("x", ""), b"\xf5FRx\x00\x00\x00\x00")
data = frames.pack("L", "één\r\ntwo\n") + frames.pack("M", "meta") + frames.pack("L", "three")
same(frames.unpack(data), [("L", "één\r\ntwo\n"), ("M", "meta"), ("L", "three")])
same(frames.split_lines(data), ["één", "two", "three"])
same(frames.unpack(b""), [])
same(frames.dump(b"\xf5\x00A"), "f5 00 41")
same(frames.dump(b""), "")
same(str(error(frames.FrameError, frames.unpack, b"\xc3\xb5FRL\0\0\0\0")), "no frame at 0")
same(str(error(frames.FrameError, frames.unpack, data[:-1])), f"frame at {len(data) - 13} is cut off")
broken = bytearray(frames.pack("L", "abc"))
broken[7] ^= 1
expected = f"frame at 0: checksum {frames.checksum(b'acc'):04x}, expected {frames.checksum(b'abc'):04x}"
same(str(error(frames.FrameError, frames.unpack, bytes(broken))), expected)
same(str(error(frames.FrameError, frames.pack, "LL", "x")), "kind must be one letter, not 'LL'")
# A letter cut in two by the end of one frame is whole again only if lines are joined as bytes; frames of pack never do that.
same(frames.unpack(frames.pack("Z", "€" * 100))[0][1], "€" * 100)
assert isinstance(frames.unpack(data)[0][0], str)
