"""What a client must not do over HTTP/2, and what the server must then answer, by section of RFC 9113 and RFC 7541.

A case sends its bytes on a fresh connection. What is expected:

    stream(code, …)      RST_STREAM with such a code on stream 1; or GOAWAY, or the end: a server may always take the graver way
    connection(code, …)  GOAWAY with such a code, or the end
    answer(status)       an answer with this status on stream 1
    closed               any of these, or nothing: frames on closed streams may be dropped (RFC 9113 §5.1)
    ignored              nothing of it matters: a PING is answered after it
"""
from typing import Callable, NamedTuple

from wire import *

POST = get("/v1/images", "POST")


class Expected(NamedTuple):
    kind: str
    values: tuple = ()


ignored = Expected("ignored")
closed = Expected("closed", (STREAM_CLOSED, PROTOCOL_ERROR))


def stream(*codes: int) -> Expected:
    return Expected("stream", codes)


def connection(*codes: int) -> Expected:
    return Expected("connection", codes)


def answer(status: int) -> Expected:
    return Expected("answer", (str(status),))


class Case(NamedTuple):
    section: str
    what: str
    expected: Expected
    data: bytes | Callable[[Connection], None]
    greet: bool = True


def headers(fields=None, flags=END_STREAM | END_HEADERS, stream=1) -> bytes:
    return frame(HEADERS, flags, stream, block(fields or get()))


def without(name: str) -> list[tuple[str, str]]:
    return [field for field in get() if field[0] != name]


def opened(more: bytes, fields=None) -> bytes:
    """`more` after a request whose content has yet to come."""
    return headers(fields or POST, END_HEADERS) + more


def with_content_length(length: str) -> list[tuple[str, str]]:
    return get("/v1/images", "POST", ("content-length", length))


def after_answer(more: bytes) -> Callable[[Connection], None]:
    """`more` on a stream whose answer has been read."""
    def send(peer: Connection) -> None:
        peer.request(1)
        peer.until(lambda f: f.stream == 1 and f.flags & END_STREAM and f.type in (DATA, HEADERS))
        peer.send(more)
    return send


half = len(block(get())) // 2
CASES = [
    # Requests that are right.
    Case("3", "GET", answer(200), headers()),
    Case("3", "HEAD", answer(200), headers(get(method="HEAD"))),
    Case("3", "OPTIONS *", answer(204), headers(get("*", "OPTIONS"))),
    Case("3", "POST with content", answer(415), opened(frame(DATA, END_STREAM, 1, b"no picture"))),
    Case("3", "padded DATA", answer(415), opened(frame(DATA, END_STREAM | PADDED, 1, b"\x05hello" + bytes(5)))),
    Case("3", "padded HEADERS", answer(200), frame(
        HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\x03" + block(get()) + bytes(3))),
    Case("3", "HEADERS with a priority", answer(200), frame(
        HEADERS, END_STREAM | END_HEADERS | PRIORITY_FLAG, 1, number(0) + b"\x0f" + block(get()))),
    Case("3", "a priority field", answer(200), headers(get("/docs/errors", "GET", ("priority", "u=1, i")))),
    Case("3", "a header section in three frames", answer(200), frame(HEADERS, END_STREAM, 1, block(get())[:half]) + frame(
        CONTINUATION, 0, 1, b"") + frame(CONTINUATION, END_HEADERS, 1, block(get())[half:])),
    Case("3", "trailers", answer(415), opened(
        frame(DATA, 0, 1, b"abc") + headers([("x-trailer", "1")]))),
    Case("3", "content in frames of one byte", answer(415), opened(
        b"".join(frame(DATA, 0, 1, b"a") for _ in range(50)) + frame(DATA, END_STREAM, 1))),
    Case("3", "a stream identifier far ahead", ignored, headers(stream=0x7FFFFFFF - 2)),
    Case("3.4", "a preface that is none", connection(PROTOCOL_ERROR), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX" + settings(), False),
    Case("3.4", "a preface without SETTINGS after it", connection(PROTOCOL_ERROR), PREFACE + headers(), False),
    Case("3.4", "a preface and PING after it", connection(PROTOCOL_ERROR), PREFACE + frame(PING, payload=bytes(8)), False),
    # Frames.
    Case("4.1", "an unknown type of frame", ignored, frame(0x16, 0xFF, 1, b"whatever")),
    Case("4.1", "flags that mean nothing", ignored, frame(PING, 0x16, 0, bytes(8))),
    Case("4.1", "the reserved bit", ignored, frame(PING, 0, 0x80000000, bytes(8))),
    Case("4.2", "DATA longer than allowed", stream(FRAME_SIZE_ERROR), opened(frame(DATA, END_STREAM, 1, bytes(16385)))),
    Case("4.2", "HEADERS longer than allowed", connection(FRAME_SIZE_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, block(get() + [("x", "a" * 16400)]))),
    Case("4.2", "SETTINGS longer than allowed", connection(FRAME_SIZE_ERROR), frame(SETTINGS, payload=bytes(16386))),
    Case("4.3", "a block that is no HPACK", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff")),
    Case("4.3", "PRIORITY within a header section", connection(PROTOCOL_ERROR), frame(
        HEADERS, END_STREAM, 1, block(get())) + frame(PRIORITY, 0, 1, number(0) + b"\x10")),
    Case("4.3", "HEADERS of another stream within a header section", connection(PROTOCOL_ERROR), frame(
        HEADERS, END_STREAM, 1, block(get())) + headers(stream=3)),
    Case("4.3", "an unknown frame within a header section", connection(PROTOCOL_ERROR), frame(
        HEADERS, END_STREAM, 1, block(get())) + frame(0x16, 0, 0, b"x")),
    # Streams.
    Case("5.1", "DATA on an idle stream", connection(PROTOCOL_ERROR), frame(DATA, END_STREAM, 1, b"a")),
    Case("5.1", "RST_STREAM on an idle stream", connection(PROTOCOL_ERROR), frame(RST_STREAM, 0, 1, number(CANCEL))),
    Case("5.1", "WINDOW_UPDATE on an idle stream", connection(PROTOCOL_ERROR), frame(WINDOW_UPDATE, 0, 1, number(100))),
    Case("5.1", "CONTINUATION on an idle stream", connection(PROTOCOL_ERROR), frame(
        CONTINUATION, END_HEADERS, 1, block(get()))),
    Case("5.1", "DATA after the end", stream(STREAM_CLOSED), opened(
        frame(DATA, END_STREAM, 1, b"a") + frame(DATA, END_STREAM, 1, b"a"), get("/v1/captions", "POST"))),
    Case("5.1", "HEADERS after the end", stream(STREAM_CLOSED, PROTOCOL_ERROR), headers() + headers()),
    Case("5.1", "CONTINUATION after the end", connection(STREAM_CLOSED, PROTOCOL_ERROR), headers() + frame(
        CONTINUATION, END_HEADERS, 1, block([("x", "y")]))),
    Case("5.1", "DATA on a stream that was reset", closed, opened(
        frame(RST_STREAM, 0, 1, number(CANCEL)) + frame(DATA, END_STREAM, 1, b"a"))),
    Case("5.1", "HEADERS on a stream that was reset", closed, opened(
        frame(RST_STREAM, 0, 1, number(CANCEL)) + headers())),
    Case("5.1", "CONTINUATION on a stream that was reset", connection(STREAM_CLOSED, PROTOCOL_ERROR), opened(
        frame(RST_STREAM, 0, 1, number(CANCEL)) + frame(CONTINUATION, END_HEADERS, 1, block([("x", "y")])))),
    Case("5.1", "DATA on a closed stream", closed, after_answer(
        frame(DATA, END_STREAM, 1, b"a"))),
    Case("5.1", "HEADERS on a closed stream", closed, after_answer(headers())),
    Case("5.1", "PRIORITY on a closed stream", ignored, after_answer(frame(PRIORITY, 0, 1, number(0) + b"\x10"))),
    Case("5.1", "WINDOW_UPDATE on a closed stream", ignored, after_answer(frame(WINDOW_UPDATE, 0, 1, number(1)))),
    Case("5.1", "RST_STREAM on a closed stream", ignored, after_answer(frame(RST_STREAM, 0, 1, number(CANCEL)))),
    Case("5.1.1", "an even stream identifier", connection(PROTOCOL_ERROR), headers(stream=2)),
    Case("5.1.1", "a smaller stream identifier", closed, headers(stream=5) + headers(stream=3)),
    Case("5.1.1", "stream 0", connection(PROTOCOL_ERROR), headers(stream=0)),
    Case("5.3", "a stream that depends on itself", ignored, frame(PRIORITY, 0, 1, number(1) + b"\x10")),
    Case("5.3", "PRIORITY on an idle stream", ignored, frame(PRIORITY, 0, 99, number(1) + b"\x10")),
    # Each type.
    Case("6.1", "DATA on stream 0", connection(PROTOCOL_ERROR), frame(DATA, END_STREAM, 0, b"a")),
    Case("6.1", "padding as long as DATA", connection(PROTOCOL_ERROR), opened(
        frame(DATA, END_STREAM | PADDED, 1, b"\x06hello"))),
    Case("6.1", "padded DATA without a byte", connection(FRAME_SIZE_ERROR, PROTOCOL_ERROR), opened(
        frame(DATA, END_STREAM | PADDED, 1))),
    Case("6.2", "padding longer than HEADERS", connection(PROTOCOL_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS | PADDED, 1, b"\xff" + block(get()))),
    Case("6.2", "HEADERS too short for its priority", connection(FRAME_SIZE_ERROR, PROTOCOL_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS | PRIORITY_FLAG, 1, b"\0\0")),
    Case("6.3", "PRIORITY on stream 0", connection(PROTOCOL_ERROR), frame(PRIORITY, 0, 0, number(3) + b"\x10")),
    Case("6.3", "PRIORITY of four bytes", stream(FRAME_SIZE_ERROR), opened(frame(PRIORITY, 0, 1, number(3)))),
    Case("6.4", "RST_STREAM on stream 0", connection(PROTOCOL_ERROR), frame(RST_STREAM, 0, 0, number(CANCEL))),
    Case("6.4", "RST_STREAM of three bytes", connection(FRAME_SIZE_ERROR), opened(frame(RST_STREAM, 0, 1, b"\0\0\0"))),
    Case("6.5", "SETTINGS that acknowledge and set", connection(FRAME_SIZE_ERROR), frame(SETTINGS, ACK, 0, bytes(6))),
    Case("6.5", "SETTINGS on a stream", connection(PROTOCOL_ERROR), frame(SETTINGS, 0, 1, b"")),
    Case("6.5", "SETTINGS of seven bytes", connection(FRAME_SIZE_ERROR), frame(SETTINGS, 0, 0, bytes(7))),
    Case("6.5.2", "ENABLE_PUSH 2", connection(PROTOCOL_ERROR), settings((ENABLE_PUSH, 2))),
    Case("6.5.2", "a window of 2³¹", connection(FLOW_CONTROL_ERROR), settings((INITIAL_WINDOW_SIZE, 1 << 31))),
    Case("6.5.2", "frames of 16383 bytes", connection(PROTOCOL_ERROR), settings((MAX_FRAME_SIZE, 16383))),
    Case("6.5.2", "frames of 2²⁴ bytes", connection(PROTOCOL_ERROR), settings((MAX_FRAME_SIZE, 1 << 24))),
    Case("6.5.2", "an unknown setting", ignored, settings((0xFF, 1))),
    Case("6.5.3", "the last of two values", answer(200), settings(
        (INITIAL_WINDOW_SIZE, 1), (INITIAL_WINDOW_SIZE, 65535)) + headers()),
    Case("6.6", "PUSH_PROMISE", connection(PROTOCOL_ERROR), opened(
        frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + block(get())))),
    Case("6.7", "PING", ignored, frame(PING, payload=b"whatever")),
    Case("6.7", "the answer to no PING", ignored, frame(PING, ACK, 0, b"whatever")),
    Case("6.7", "PING on a stream", connection(PROTOCOL_ERROR), frame(PING, 0, 1, bytes(8))),
    Case("6.7", "PING of six bytes", connection(FRAME_SIZE_ERROR), frame(PING, 0, 0, bytes(6))),
    Case("6.8", "GOAWAY on a stream", connection(PROTOCOL_ERROR), frame(GOAWAY, 0, 1, bytes(8))),
    Case("6.8", "GOAWAY of four bytes", connection(FRAME_SIZE_ERROR), frame(GOAWAY, 0, 0, bytes(4))),
    Case("6.9", "WINDOW_UPDATE by 0", connection(PROTOCOL_ERROR), frame(WINDOW_UPDATE, 0, 0, number(0))),
    Case("6.9", "WINDOW_UPDATE by 0 of a stream", stream(PROTOCOL_ERROR), opened(frame(WINDOW_UPDATE, 0, 1, number(0)))),
    Case("6.9", "WINDOW_UPDATE of three bytes", connection(FRAME_SIZE_ERROR), frame(WINDOW_UPDATE, 0, 0, bytes(3))),
    Case("6.9.1", "a window over 2³¹ − 1", connection(FLOW_CONTROL_ERROR), 2 * frame(
        WINDOW_UPDATE, 0, 0, number(0x7FFFFFFF))),
    Case("6.9.1", "a stream's window over 2³¹ − 1", stream(FLOW_CONTROL_ERROR), opened(
        2 * frame(WINDOW_UPDATE, 0, 1, number(0x7FFFFFFF)))),
    Case("6.9.2", "settings that take a stream's window over 2³¹ − 1", stream(FLOW_CONTROL_ERROR), opened(
        frame(WINDOW_UPDATE, 0, 1, number(0x7FFFFFFF - 65535)) + settings((INITIAL_WINDOW_SIZE, 65536)))),
    Case("6.10", "CONTINUATION after the end of the section", connection(PROTOCOL_ERROR), opened(
        frame(CONTINUATION, END_HEADERS, 1, block([("x", "y")])))),
    Case("6.10", "CONTINUATION on stream 0", connection(PROTOCOL_ERROR), frame(
        HEADERS, END_STREAM, 1, block(get())) + frame(CONTINUATION, END_HEADERS, 0, b"")),
    Case("6.10", "CONTINUATION after DATA", connection(PROTOCOL_ERROR), opened(
        frame(DATA, 0, 1, b"a") + frame(CONTINUATION, END_HEADERS, 1, block([("x", "y")])))),
    Case("7", "RST_STREAM with an unknown code", ignored, opened(frame(RST_STREAM, 0, 1, number(0xFF)))),
    # Messages.
    Case("8.1", "a second header section that does not end the stream", stream(PROTOCOL_ERROR), opened(
        headers([("x", "y")], END_HEADERS))),
    Case("8.1", "pseudo-header fields among the trailers", stream(PROTOCOL_ERROR), opened(
        frame(DATA, 0, 1, b"a") + headers([(":method", "GET")]))),
    Case("8.1.1", "less content than announced", stream(PROTOCOL_ERROR), opened(
        frame(DATA, END_STREAM, 1, b"four"), with_content_length("5"))),
    Case("8.1.1", "more content than announced", stream(PROTOCOL_ERROR), opened(
        frame(DATA, 0, 1, b"four") + frame(DATA, END_STREAM, 1, b"four"), with_content_length("5"))),
    Case("8.1.1", "content announced, none sent", stream(PROTOCOL_ERROR), headers(with_content_length("5"))),
    Case("8.1.1", "a length that is no number", stream(PROTOCOL_ERROR), opened(b"", with_content_length("+5"))),
    Case("8.1.1", "two lengths", stream(PROTOCOL_ERROR), opened(
        b"", with_content_length("5") + [("content-length", "5")])),
    *[Case("8.2", f"{what}", stream(PROTOCOL_ERROR, INTERNAL_ERROR), headers(get() + [field])) for what, field in [
        ("upper case in a name", ("X-Upper", "a")), ("a name with a space", ("x y", "a")), ("a name with a colon", ("x:y", "a")),
        ("an empty name", ("", "a")), ("NUL in a value", ("x", "a\0b")), ("CR in a value", ("x", "a\rb")),
        ("LF in a value", ("x", "a\nb")), ("a value that begins with a space", ("x", " a")),
        ("a value that ends with a tab", ("x", "a\t")), ("connection", ("connection", "close")),
        ("keep-alive", ("keep-alive", "1")), ("proxy-connection", ("proxy-connection", "close")),
        ("transfer-encoding", ("transfer-encoding", "chunked")), ("upgrade", ("upgrade", "h2c")), ("te: gzip", ("te", "gzip")),
        ("an unknown pseudo-header field", (":x", "y")), (":status in a request", (":status", "200")),
        (":path twice", (":path", "/")), (":method behind others", (":method", "GET"))]],
    Case("8.2", "te: trailers", answer(200), headers(get() + [("te", "trailers")])),
    Case("8.3", "a pseudo-header field after a regular one", stream(PROTOCOL_ERROR, INTERNAL_ERROR), headers(
        [("x", "y"), *get()])),
    *[Case("8.3.1", f"no {name}", stream(PROTOCOL_ERROR), headers(without(name))) for name in [":method", ":scheme", ":path"]],
    Case("8.3.1", "an empty :path", stream(PROTOCOL_ERROR), headers(get(""))),
    Case("8.3.1", "a :path that is no path", stream(PROTOCOL_ERROR, INTERNAL_ERROR), headers(get("livez"))),
    Case("8.3.1", "* for GET", stream(PROTOCOL_ERROR, INTERNAL_ERROR), headers(get("*"))),
    Case("8.3.1", "no authority and no Host", stream(PROTOCOL_ERROR), headers(without(":authority"))),
    Case("8.3.1", "Host instead of :authority", answer(200), headers(without(":authority") + [("host", "localhost")])),
    Case("8.3.1", "Host that disagrees", answer(400), headers(get() + [("host", "127.0.0.1")])),
    Case("8.3.1", "two Hosts", stream(PROTOCOL_ERROR, INTERNAL_ERROR), headers(get() + 2 * [("host", "localhost")])),
    Case("8.5", "CONNECT", answer(400), headers([(":method", "CONNECT"), (":authority", "localhost:80")], END_HEADERS)),
    # What HTTP/1.1 requests are also refused for.
    Case("http", "another host", answer(421), headers(
        without(":authority") + [("host", "evil.example")])),
    Case("http", "another origin", answer(403), headers(get() + [("origin", "https://evil.example")])),
    Case("http", "a path with ..", answer(400), headers(get("/docs/../etc"))),
    Case("http", "a method that is not allowed", answer(405), headers(get(method="DELETE"))),
    Case("http", "nothing there", answer(404), headers(get("/nothing"))),
    Case("http", "a fragment", answer(400), headers(get("/a#b"))),
    Case("http", "content over the limit", answer(413), headers(
        get("/v1/images", "POST", ("content-length", "99999999")), END_HEADERS)),
    Case("http", "an expectation nobody meets", answer(417), headers(get() + [("expect", "200-maybe")])),
    Case("http", "101 fields", answer(431), headers(get() + [("x", "y")] * 120)),
    Case("http", "fields of 60 KiB", answer(431), frame(HEADERS, END_STREAM, 1, block(get() + [("x", "a" * 16000)])) + frame(
        CONTINUATION, 0, 1, block([("x", "a" * 16000)])) + frame(CONTINUATION, 0, 1, block([("x", "a" * 16000)])) + frame(
            CONTINUATION, END_HEADERS, 1, block([("x", "a" * 12000)]))),
    Case("http", "a target of 17 KiB", answer(414), frame(HEADERS, END_STREAM, 1, block(get("/" + "a" * 17000))[:16000]) + frame(
        CONTINUATION, END_HEADERS, 1, block(get("/" + "a" * 17000))[16000:])),
    # HPACK.
    Case("hpack 2.3.3", "an index beyond the tables", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, block(get()) + b"\xff\x20")),
    Case("hpack 4.2", "a change of the table's size at the end of a block", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, block(get()) + b"\x20")),
    Case("hpack 5.2", "Huffman padding of more than seven bits", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, block(get()) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")),
    Case("hpack 5.2", "Huffman padding with zeros", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, block(get()) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90")),
    Case("hpack 5.2", "Huffman with the end of the string in it", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, block(get()) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\xff\xff\xff\xff")),
    Case("hpack 5.2", "a string longer than its block", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, block(get()) + b"\x00\x7f\xff\x01ab")),
    Case("hpack 6.1", "index 0", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, block(get()) + b"\x80")),
    Case("hpack 6.3", "a table larger than allowed", connection(COMPRESSION_ERROR), frame(
        HEADERS, END_STREAM | END_HEADERS, 1, b"\x3f\xe1\xff\x03" + block(get()))),
]
