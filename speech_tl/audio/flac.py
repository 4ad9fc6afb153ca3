"""FLAC's own positions (RFC 9639): the sample count of its first block, and the number that every frame carries."""

from __future__ import annotations

_BLOCK_SIZES = {1: 192, **{code: 576 << (code - 2) for code in range(2, 6)}} | {
    code: 256 << (code - 8) for code in range(8, 16)
}


def _crc8_table() -> bytes:
    table = bytearray(256)
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
        table[value] = crc
    return bytes(table)


_CRC8 = _crc8_table()


def samples_and_rate(head: bytes) -> tuple[int, int]:
    """Samples and Hz by the first metadata block (section 8.2); 0 samples: the encoder did not know."""
    if len(head) < 26 or head[4] & 0x7F:
        return 0, 0
    both = int.from_bytes(head[18:26], "big")
    return both & (1 << 36) - 1, both >> 44


def frame_bytes(head: bytes) -> int:
    """Bytes of one sample of all channels, not compressed, by the first metadata block."""
    channels, bits = (head[20] >> 1 & 7) + 1, ((head[20] & 1) << 4 | head[21] >> 4) + 1
    return channels * -(-bits // 8)


def ends_at(window: bytes, head: bytes) -> int | None:
    """The sample at which the last frame that begins in `window` ends; None where none does."""
    usual_size = int.from_bytes(head[10:12], "big")
    at = len(window)
    while (at := max(window.rfind(b"\xff\xf8", 0, at), window.rfind(b"\xff\xf9", 0, at))) >= 0:
        if end := _frame_end(window[at : at + 16], usual_size):
            return end
    return None


def _frame_end(frame: bytes, usual_size: int) -> int | None:
    """First sample plus length by a frame's header (section 9.1); None where its checksum says that it is none."""
    if len(frame) < 16:
        frame += bytes(16 - len(frame))
    code = frame[2] >> 4
    if not code or frame[2] & 0x0F == 15 or frame[3] & 1:
        return None
    number, place = _coded_number(frame, 4)
    if place < 0:
        return None
    if code in (6, 7):
        width = code - 5
        block = int.from_bytes(frame[place : place + width], "big") + 1
        place += width
    else:
        block = _BLOCK_SIZES[code]
    place += {12: 1, 13: 2, 14: 2}.get(frame[2] & 0x0F, 0)
    crc = 0
    for byte in frame[:place]:
        crc = _CRC8[crc ^ byte]
    if place >= 16 or crc != frame[place]:
        return None
    return (number if frame[1] & 1 else number * usual_size) + block


def _coded_number(data: bytes, place: int) -> tuple[int, int]:
    """A number coded as UTF-8 codes characters, and where it ends; -1 where it is none."""
    first = data[place]
    if first < 0x80:
        return first, place + 1
    ones = next((n for n in range(8) if not first & 0x80 >> n), 8)
    if not 2 <= ones <= 7:
        return 0, -1
    value = first & (0x7F >> ones)
    for byte in data[place + 1 : place + ones]:
        if byte >> 6 != 2:
            return 0, -1
        value = value << 6 | byte & 0x3F
    return value, place + ones
