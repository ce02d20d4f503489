"""HTTP/2 frames as bytes, and one connection that sends and reads them: nothing is checked, so everything can be sent."""
import socket
import struct
from typing import NamedTuple

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM = 11
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 2, 3, 4, 5


class Frame(NamedTuple):
    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of a GOAWAY or RST_STREAM."""
        return struct.unpack(">I", self.payload[4:8] if self.type == GOAWAY else self.payload[:4])[0]


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame; `length` says something else than the payload has."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", name, value) for name, value in pairs))


def number(value: int) -> bytes:
    return struct.pack(">I", value)


def block(fields: list[tuple[str, str]]) -> bytes:
    """Fields as HPACK literals that touch no table, so that a block can be sent anywhere."""
    encoded = b""
    for name, value in fields:
        encoded += b"\x00"
        for text in (name.encode("latin-1"), value.encode("latin-1")):
            size = len(text)
            if size < 127:
                encoded += bytes([size])
            else:
                encoded += b"\x7f"
                size -= 127
                while size >= 128:
                    encoded += bytes([size & 0x7F | 0x80])
                    size >>= 7
                encoded += bytes([size])
            encoded += text
    return encoded


def get(path: str = "/docs/errors", method: str = "GET", *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost"), *more]


class Connection:
    """A client that has shaken hands, unless told not to."""

    def __init__(self, address: tuple[str, int], *pairs: tuple[int, int], greet: bool = True):
        self.socket = socket.create_connection(address, timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""
        self.decoder = hpack.Decoder()
        self.ended = False
        #: Of the last header section that was read.
        self.fields: dict[str, str] = {}
        if greet:
            self.send(PREFACE + settings(*pairs))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Whether the server still took it."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def request(self, stream: int, fields=None, flags: int = END_STREAM | END_HEADERS) -> bool:
        return self.send(frame(HEADERS, flags, stream, block(fields or get())))

    def read(self) -> Frame | None:
        """The next frame; `None` at the end of the connection."""
        head = self.bytes(9)
        if head is None:
            return None
        length = int.from_bytes(head[:3], "big")
        payload = self.bytes(length)
        if payload is None:
            return None
        return Frame(head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, payload)

    def bytes(self, count: int) -> bytes | None:
        while len(self.unread) < count:
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                raise
            except OSError:
                more = b""
            if not more:
                self.ended = True
                return None
            self.unread += more
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def until(self, wanted) -> Frame | None:
        """The first frame that `wanted` accepts; `None` if the connection ends before. Settings and pings are answered."""
        while (found := self.read()) is not None:
            if found.type == HEADERS:
                # The decoder must see every block; servers of this suite never split theirs.
                self.fields = dict(self.decoder.decode(found.payload))
            if found.type == SETTINGS and not found.flags & ACK:
                self.send(frame(SETTINGS, ACK))
            if wanted(found):
                return found
        return None

    def status(self, stream: int) -> str | None:
        """The status of the answer on `stream`; an error code as `RST n` or `GOAWAY n`; `None` at the end."""
        found = self.until(
            lambda f: f.type == GOAWAY or (f.stream == stream and f.type in (HEADERS, RST_STREAM)))
        if found is None:
            return None
        if found.type == HEADERS:
            return self.fields[":status"]
        return f"{'GOAWAY' if found.type == GOAWAY else 'RST'} {found.code}"

    def pong(self, content: bytes = b"12345678") -> bool:
        """Whether the server is still there, and has interpreted all that was sent before."""
        self.send(frame(PING, payload=content))
        return self.until(lambda f: f.type == PING and f.flags & ACK and f.payload == content) is not None
