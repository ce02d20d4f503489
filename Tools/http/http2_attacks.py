"""What a client may do once, done for ever. Each attack returns what was wrong, or `None`.

The server says ENHANCE_YOUR_CALM, or just ends the connection, long before all of it is sent.
"""
import socket
import struct

from wire import *

Address = tuple[str, int]


def flood(address: Address, pieces, most: int, opening: bytes = b"",
          unfinished: bytes = b"") -> str | None:
    """Sends pieces until the server has had enough; `most` of them are too many."""
    with Connection(address) as peer:
        peer.send(opening)
        peer.pong()
        peer.send(unfinished)
        sent = 0
        for piece in pieces:
            if not peer.send(piece):
                break
            sent += 1
            if sent % 64 == 0:
                # Reads what has come without waiting: a client that never reads would only be stalled.
                peer.socket.setblocking(False)
                try:
                    peer.unread += peer.socket.recv(1 << 20)
                except OSError:
                    pass
                peer.socket.settimeout(120)
            if sent == most:
                break
        last = None
        try:
            last = peer.until(lambda f: f.type == GOAWAY)
        except TimeoutError:
            return f"{sent} were taken without a word"
        if last is not None and last.code not in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, INTERNAL_ERROR, STREAM_CLOSED):
            return f"ended with code {last.code}"
        return None


def streams(most: int):
    return range(3, 2 * most, 2)


def rapid_reset(address: Address) -> str | None:
    """Requests that are reset at once (CVE-2023-44487)."""
    request = block(get("/docs/errors"))
    return flood(address, (frame(HEADERS, END_STREAM | END_HEADERS, s, request) + frame(
        RST_STREAM, 0, s, number(CANCEL)) for s in streams(5000)), 5000)


def made_you_reset(address: Address) -> str | None:
    """Mistakes that make the server reset its own streams (CVE-2025-8671)."""
    request = block(get("/v1/images", "POST"))
    return flood(address, (frame(HEADERS, END_HEADERS, s, request) + frame(
        WINDOW_UPDATE, 0, s, number(0x7FFFFFFF)) for s in streams(5000)), 5000)


def made_you_reset_by_headers(address: Address) -> str | None:
    """Malformed header sections, each of which the server resets."""
    request = block(get() + [("Upper", "case")])
    return flood(address, (frame(HEADERS, END_STREAM | END_HEADERS, s, request) for s in streams(5000)), 5000)


def refused_streams(address: Address) -> str | None:
    """Streams over the limit, each of which is refused."""
    request = block(get("/v1/images", "POST"))
    return flood(address, (frame(HEADERS, END_HEADERS, s, request) for s in streams(5000)), 5000)


def continuation_flood(address: Address) -> str | None:
    """A header section that never ends (CVE-2024-28182 and its kin)."""
    return flood(address, (frame(CONTINUATION, 0, 1, b"") for _ in range(5000)), 5000, unfinished=frame(
        HEADERS, END_STREAM, 1, block(get())))


def hpack_bomb(address: Address) -> str | None:
    """A few bytes that stand for megabytes of fields (CVE-2016-6581)."""
    large = b"\x40\x01x" + b"\x7f\xa1\x1e" + b"a" * 4000
    bomb = b"\xbe" * 16000

    def pieces():
        yield frame(HEADERS, END_STREAM | END_HEADERS, 1, block(get()) + large)
        for s in streams(400):
            yield frame(HEADERS, END_STREAM | END_HEADERS, s, block(get()) + bomb)
    return flood(address, pieces(), 400)


def pings(address: Address) -> str | None:
    """Pings (CVE-2019-9512)."""
    return flood(address, (frame(PING, payload=struct.pack(">Q", n)) for n in range(50000)), 50000)


def many_settings(address: Address) -> str | None:
    """Settings (CVE-2019-9515)."""
    return flood(address, (settings((INITIAL_WINDOW_SIZE, 65535)) for _ in range(50000)), 50000)


def priorities(address: Address) -> str | None:
    """Priorities that change all the time (CVE-2019-9513)."""
    return flood(address, (frame(PRIORITY, 0, 1 + 2 * (n % 1000), number(0) + b"\x10") for n in range(50000)), 50000)


def empty_data(address: Address) -> str | None:
    """DATA with nothing in it (CVE-2019-9518)."""
    return flood(address, (frame(DATA, 0, 1) for _ in range(50000)), 50000,
                 frame(HEADERS, END_HEADERS, 1, block(get("/v1/images", "POST"))))


def padded_data(address: Address) -> str | None:
    """DATA with nothing in it but padding."""
    return flood(address, (frame(DATA, PADDED, 1, b"\x08" + bytes(8)) for _ in range(50000)), 50000,
                 frame(HEADERS, END_HEADERS, 1, block(get("/v1/images", "POST"))))


def window_updates(address: Address) -> str | None:
    """Window updates by one byte."""
    return flood(address, (frame(WINDOW_UPDATE, 0, 0, number(1)) for _ in range(50000)), 50000)


def unknown_frames(address: Address) -> str | None:
    """Frames of an unknown type: they are passed over, and cost no more than their bytes."""
    with Connection(address) as peer:
        for _ in range(500):
            peer.send(frame(0x16) * 100)
        return None if peer.pong() else "the connection ended"


def stalled_windows(address: Address) -> str | None:
    """A hundred answers that the client's windows never let out: others are served meanwhile (CVE-2019-9517)."""
    with Connection(address, (INITIAL_WINDOW_SIZE, 0)) as peer:
        for s in range(1, 200, 2):
            peer.request(s)
        if peer.status(199) != "200":
            return "the answers do not even begin"
        with Connection(address) as other:
            other.request(1)
            status = other.status(1)
            if status != "200":
                return f"somebody else was answered {status}"
        # One byte each: they go on where they stood.
        for s in range(1, 200, 2):
            peer.send(frame(WINDOW_UPDATE, 0, s, number(1)))
        found = peer.until(lambda f: f.type in (DATA, RST_STREAM, GOAWAY))
        return None if found is not None and found.type == DATA and len(found.payload) == 1 else f"{found}"


def idle_connections(address: Address) -> str | None:
    """A thousand connections that say nothing: half of them after a preface, half after a request over HTTP/1.1."""
    peers = [Connection(address) for _ in range(500)]
    old = [socket.create_connection(address, timeout=120) for _ in range(500)]
    try:
        for peer in old:
            peer.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for number, peer in enumerate(old):
            if not peer.recv(4096).startswith(b"HTTP/1.1 200 "):
                return f"connection {number} is not answered"
        with Connection(address) as other:
            other.request(1)
            status = other.status(1)
            if status != "200":
                return f"somebody else was answered {status}"
        # All of them are still there.
        lost = sum(not peer.pong() for peer in peers)
        return f"{lost} connections were dropped" if lost else None
    finally:
        for peer in [*old, *(peer.socket for peer in peers)]:
            peer.close()


ATTACKS = [rapid_reset, made_you_reset, made_you_reset_by_headers, refused_streams, continuation_flood, hpack_bomb, pings,
           many_settings, priorities, empty_data, padded_data, window_updates, unknown_frames, stalled_windows,
           idle_connections]
