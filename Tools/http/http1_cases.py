"""Requests over HTTP/1.1 about whose end two programs have disagreed, or might: request smuggling.

Each is sent as it stands, with SMUGGLED inside or behind it. Whoever takes the smuggled one for a request of its own must not be
another program than the one before it.
"""
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def post(fields: bytes, content: bytes = SMUGGLED, version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST /case " + version + b"\r\nHost: localhost\r\n" + fields + b"\r\n" + content


def chunks(content: bytes) -> bytes:
    return post(CHUNKED, content + SMUGGLED)


SIZE = str(len(SMUGGLED)).encode()
CASES: list[tuple[str, bytes]] = [
    # Right, so that a check that never finds anything is noticed: each is two requests.
    ("a length", post(b"Content-Length: 3\r\n", b"abc" + SMUGGLED)),
    ("a length of 0", post(b"Content-Length: 0\r\n")),
    ("chunks", chunks(b"3\r\nabc\r\n0\r\n\r\n")),
    ("chunks with an extension", chunks(b'3;a=b;c="d;\\"e"\r\nabc\r\n0\r\n\r\n')),
    ("chunks with a trailer", chunks(b"3\r\nabc\r\n0\r\nX: y\r\n\r\n")),
    ("content that looks like a request", post(b"Content-Length: " + SIZE + b"\r\n", SMUGGLED + SMUGGLED)),
    ("GET with content", b"GET /case HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc" + SMUGGLED),
    ("absolute form", b"GET http://localhost/case HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED),
    # Content-Length beside Transfer-Encoding.
    ("CL.TE", post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n" + SMUGGLED)),
    ("TE.CL", post(CHUNKED + b"Content-Length: 4\r\n", b"2c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n")),
    ("CL.0", post(b"Content-Length: " + SIZE + b"\r\n")),
    ("TE.0", post(CHUNKED, b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n")),
    *[(f"TE as {value!r}", post(b"Content-Length: 5\r\n" + value + b"\r\n", b"0\r\n\r\n" + SMUGGLED)) for value in [
        b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding:\tchunked", b"Transfer-Encoding: \x0bchunked",
        b"Transfer-Encoding: chunked\x0c", b" Transfer-Encoding: chunked", b"X: y\n Transfer-Encoding: chunked",
        b"X: y\nTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked", b"Transfer-Encoding\n: chunked",
        b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked",
        b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: \"chunked\"", b"Transfer-Encoding: chunked;q=0.5",
        b"Transfer-Encoding:\r\n chunked", b"Transfer_Encoding: chunked", b"Transfer-Encoding: CHUNKED", b"Transfer-Encoding: chu\x00nked",
        b"Transfer-Encoding: \xffchunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b"\x00Transfer-Encoding: chunked",
        b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked", b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
        b"tRANSFER-eNCODING: cHUNKED", b"Transfer-Encoding: ,chunked", b"Transfer-Encoding:"]],
    ("TE with HTTP/1.0", post(CHUNKED, b"0\r\n\r\n" + SMUGGLED, b"HTTP/1.0")),
    # One length, or several, or none that is a number.
    *[(f"CL as {value!r}", post(b"Content-Length: " + value + b"\r\n", b"abc" + SMUGGLED)) for value in [
        b"3, 3", b"3,4", b"+3", b"-3", b"0x3", b"3 3", b"3\x00", b"3\x0b", b"\x0c3", b"3;", b"", b"3.0", b"3e0", b"03", b" 3", b"3 ",
        b"\t3", b"99999999999999999999", b"18446744073709551619", b"4294967299", b"3\r\nContent-Length: 3",
        b"3\r\nContent-Length: 4", b"4\r\nContent-Length: 3", b"3\r\n 4", b"\r\n 3", b"3\nContent-Length: 4"]],
    ("CL with a space before the colon", post(b"Content-Length : 3\r\n", b"abc" + SMUGGLED)),
    ("CL after a bare LF", post(b"X: y\nContent-Length: 3\r\n", b"abc" + SMUGGLED)),
    ("CL in the connection's options", post(b"Connection: Content-Length\r\nContent-Length: 3\r\n", b"abc" + SMUGGLED)),
    # Chunks.
    *[(f"chunk {value!r}", chunks(value)) for value in [
        b"0x3\r\nabc\r\n0\r\n\r\n", b"+3\r\nabc\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n", b" 3\r\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n", b"3\t;x\r\nabc\r\n0\r\n\r\n", b"3\nabc\n0\n\n", b"3\r\nabc\n0\r\n\r\n", b"3\r\nabc\r0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3;\r\nabc\r\n0\r\n\r\n", b"3;a=\"\r\nabc\r\n0\r\n\r\n",
        b"3;a\nb\r\nabc\r\n0\r\n\r\n", b"3;a\rb\r\nabc\r\n0\r\n\r\n", b"3;a\x00\r\nabc\r\n0\r\n\r\n", b"3,3\r\nabc\r\n0\r\n\r\n",
        b"00000000000000003\r\nabc\r\n0\r\n\r\n", b"fffffffffffffffd\r\nabc\r\n0\r\n\r\n", b"10000000000000003\r\nabc\r\n0\r\n\r\n",
        b"0\n\n", b"0\r\n\n", b"0\r\r\n", b"0\r\nX: y\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n X: y\r\n\r\n",
        b"0\r\nContent-Length: 3\r\n\r\nabc", b"0\r\nTransfer-Encoding: chunked\r\n\r\n", b"\r\n3\r\nabc\r\n0\r\n\r\n", b"g\r\n\r\n",
        b"3_0\r\nabc\r\n0\r\n\r\n", b";a\r\nabc\r\n0\r\n\r\n"]],
    # Lines and heads.
    *[(f"head {value!r}", value + SMUGGLED) for value in [
        b"GET /case HTTP/1.1\nHost: localhost\n\n", b"GET /case HTTP/1.1\r\nHost: localhost\r\n\n", b"GET /case HTTP/1.1\r\nHost: localhost\n\r\n",
        b"GET /case HTTP/1.1\r\nHost: localhost\r\nX: y\r\r\n", b"\nGET /case HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n\r\nGET /case HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /case  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET\t/case HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /case HTTP/1.1 \r\nHost: localhost\r\n\r\n",
        b"GET /case HTTP/1.2\r\nHost: localhost\r\n\r\n", b"GET /case HTTP/2.0\r\nHost: localhost\r\n\r\n", b"GET /case HTTP/0.9\r\n\r\n",
        b"GET /case\r\n\r\n", b"G T /case HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /case HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n",
        b"GET /case HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n", b"GET /case HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n",
        b"GET /case HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n", b"GET /case HTTP/1.1\r\n\r\n",
        b"GET http://other/case HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /ca se HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /case\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /case\r HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /case HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /case HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]],
]
