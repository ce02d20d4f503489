"""Stands between a proxy and the server and keeps what each of them says."""
import re
import socket
import threading


class Link:
    """One connection of the proxy."""

    def __init__(self):
        self.asked = b""
        self.answered = b""

    @property
    def answers(self) -> list[bytes]:
        """The final answers of the server, framed by their length as this server frames what it answers here."""
        found, rest = [], self.answered
        while rest:
            head, separator, after = rest.partition(b"\r\n\r\n")
            if not separator:
                break
            if re.match(rb"HTTP/1\.1 1\d\d ", head):
                rest = after
                continue
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            size = int(length.group(1)) if length else 0
            found.append(head + separator + after[:size])
            rest = after[size:]
        return found


class Tap:
    """Listens on a port of its own and hands everything on to `target`."""

    def __init__(self, target: tuple[str, int]):
        self.target = target
        self.links: list[Link] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                proxy, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            link = Link()
            self.links.append(link)
            threading.Thread(target=self.carry, args=(proxy, server, link, "asked"), daemon=True).start()
            threading.Thread(target=self.carry, args=(server, proxy, link, "answered"), daemon=True).start()

    @staticmethod
    def carry(source: socket.socket, sink: socket.socket, link: Link, name: str):
        try:
            while data := source.recv(65536):
                setattr(link, name, getattr(link, name) + data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                end.close()
