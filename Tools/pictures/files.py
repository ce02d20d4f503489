"""PNG and JPEG files made for their cost: a few bytes that ask for much."""
import struct
import zlib
from typing import Iterator


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def swelling(count: int) -> bytes:
    """`count` zero bytes, compressed."""
    packer = zlib.compressobj(9)
    pieces = [packer.compress(bytes(min(1 << 20, count - at))) for at in range(0, count, 1 << 20)]
    return b"".join(pieces) + packer.flush()


def png(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0, data: bytes | None = None, before: bytes = b"") -> bytes:
    """Black, or with `data` for its image data and the chunks `before` them."""
    if data is None:
        samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        bits = samples * depth
        data = swelling(sum(adam7(width, height, bits)) if interlace else (1 + (width * bits + 7) // 8) * height)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)) + before
            + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def adam7(width: int, height: int, bits: int) -> Iterator[int]:
    """The bytes of each pass of an interlaced picture."""
    for x, y, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        columns, rows = -(-(width - x) // dx), -(-(height - y) // dy)
        if columns > 0 and rows > 0:
            yield rows * (1 + (columns * bits + 7) // 8)


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(width: int, height: int, components: int, scans: int = 0, precision: int = 8, padding: bytes = b"") -> bytes:
    """Grey, baseline where there are no `scans`, and otherwise progressive with so many of them, all right and all but empty.

    Every code is a single zero bit, so that the data of a scan are zero bytes: a bit for each block, or fifteen bits for 16384 of them.
    """
    blocks = -(-width // 8) * -(-height // 8)
    quantities = segment(0xDB, b"\0" + b"\x01" * 64)
    frame = segment(0xC2 if scans else 0xC0, struct.pack(">BHHB", precision, height, width, components)
                    + b"".join(bytes([number + 1, 0x11, 0]) for number in range(components)))
    huffman = lambda which, symbol: segment(0xC4, bytes([which, 1] + [0] * 15 + [symbol]))
    head = b"\xff\xd8" + padding + quantities + frame
    everything = bytes([components]) + b"".join(bytes([number + 1, 0]) for number in range(components))
    if not scans:
        data = bytes(-(-blocks * components * 2 // 8))
        return head + huffman(0, 0) + huffman(0x10, 0) + segment(0xDA, everything + b"\0\x3f\0") + data + b"\xff\xd9"
    data = [head, huffman(0, 0), huffman(0x10, 0xE0), segment(0xDA, everything + b"\0\0\0"), bytes(-(-blocks * components // 8))]
    runs = bytes(-(-(-(-blocks // 16384) * 15) // 8))
    for position in islices(components, scans - 1):
        component, coefficient, high, low = position
        data += [segment(0xDA, bytes([1, component, 0, coefficient, coefficient, high << 4 | low])), runs]
    return b"".join(data) + b"\xff\xd9"


def islices(components: int, count: int) -> Iterator[tuple[int, int, int, int]]:
    """Scans that a careful decoder takes: each coefficient of each component, from bit 13 down to bit 0."""
    for bit in range(13, -1, -1):
        for component in range(1, components + 1):
            for coefficient in range(1, 64):
                if count == 0:
                    return
                count -= 1
                yield component, coefficient, 0 if bit == 13 else bit + 1, bit


def bombs() -> Iterator[tuple[str, bytes, int | None]]:
    """Each with the status that it must have, where there is but one."""
    tiny = lambda **more: png(2, 2, **more)
    many = swelling(64 << 20)
    yield "PNG of 60000×60000", png(60000, 60000, data=b""), 422
    yield "PNG of 2^31 - 1 by 1", png(0x7FFFFFFF, 1, data=b""), 422
    yield "PNG of 2^32 - 1 by itself", png(0xFFFFFFFF, 0xFFFFFFFF, data=b""), 422
    yield "PNG of 0×0", png(0, 0, data=b""), 422
    yield "PNG of 8192×8192 without data", png(8192, 8192, data=b""), 422
    yield "PNG of 8192×8192", png(8192, 8192), 201
    yield "PNG of 8192×8192, 16 bits, alpha, interlaced", png(8192, 8192, depth=16, colour=6, interlace=1), 201
    yield "PNG of 32768×2048, one bit, interlaced", png(32768, 2048, depth=1, colour=0, interlace=1), 201
    yield "PNG of 32768×2049", png(32768, 2049, depth=1, colour=0), 422
    yield "IDAT that swells to 64 MiB behind 2×2 pixels", tiny(data=many), None
    yield "IDAT in 100,000 chunks of nothing", tiny(before=chunk(b"IDAT", b"") * 100_000), None
    yield "zTXt that swells to 64 MiB", tiny(before=chunk(b"zTXt", b"a\0\0" + many)), 201
    yield "a thousand zTXt of 8 MiB each", tiny(before=chunk(b"zTXt", b"a\0\0" + swelling(8 << 20)) * 1000), 201
    yield "iTXt that swells to 64 MiB", tiny(before=chunk(b"iTXt", b"a\0\1\0\0\0" + many)), 201
    yield "iCCP that swells to 64 MiB", tiny(before=chunk(b"iCCP", b"a\0\0" + many)), 201
    yield "an ancillary chunk of 24 MiB", tiny(before=chunk(b"abCd", bytes(24 << 20))), 201
    yield "a text of 24 MiB", tiny(before=chunk(b"tEXt", b"a\0" + b"x" * (24 << 20))), 201
    yield "200,000 ancillary chunks", tiny(before=chunk(b"tEXt", b"a\0b") * 200_000), 201
    yield "200,000 suggested palettes", tiny(before=b"".join(chunk(b"sPLT", b"%d\0\x08" % n + bytes(60)) for n in range(200_000))), 201
    yield "EXIF of 65,535 entries", tiny(before=chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + bytes(65535 * 12))), 201
    yield "JPEG of 65500×65500", jpeg(65500, 65500, 1)[:2000], 422
    yield "JPEG of 8192×8192", jpeg(8192, 8192, 1), 201
    yield "JPEG of 8192×8192, CMYK", jpeg(8192, 8192, 4), 201
    yield "JPEG of 8192×8192, progressive, grey, 30 scans", jpeg(8192, 8192, 1, scans=30), 201
    yield "JPEG of 8192×8192, progressive, 3 scans", jpeg(8192, 8192, 3, scans=3), 422
    yield "JPEG of 6144×6144, progressive, 50 scans", jpeg(6144, 6144, 3, scans=50), 201
    yield "JPEG of 8192×8192, progressive, 500 scans", jpeg(8192, 8192, 3, scans=500), 422
    yield "JPEG of 1024×1024, progressive, 2000 scans", jpeg(1024, 1024, 3, scans=2000), None
    yield "JPEG of 1×1, progressive, 2600 scans", jpeg(1, 1, 3, scans=2600), None
    yield "JPEG of 1×32768, progressive, 2600 scans", jpeg(1, 32768, 3, scans=2600), None
    yield "JPEG of one pixel with a scan 500,000 times", jpeg(1, 1, 1, scans=2)[:-2] + (segment(0xDA, b"\1\1\0\1\1\x0d") + b"\0\0") * 500_000 + b"\xff\xd9", None
    yield "JPEG of 12 bits", jpeg(64, 64, 3, precision=12), 422
    yield "JPEG of two components", jpeg(64, 64, 2), 422
    yield "JPEG behind 24 MiB of comments", jpeg(8, 8, 3, padding=segment(0xFE, bytes(65000)) * 387), 201
    yield "JPEG behind 24 MiB of fill bytes", jpeg(8, 8, 3, padding=b"\xff" * (24 << 20)), None
    yield "JPEG with a profile in 255 parts", jpeg(8, 8, 3, padding=b"".join(segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 255]) + bytes(65000)) for n in range(1, 256))), 201
    yield "JPEG with 100,000 tables", jpeg(8, 8, 3, padding=segment(0xDB, b"\0" + b"\x01" * 64) * 100_000), 201
