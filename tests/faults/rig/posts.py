"""A mail server that keeps what it gets: the events by their id, as the receiver of a mail sees them."""

import re
import socketserver
import threading
from collections import Counter

EVENT = re.compile(rb"^X-Patchwarden-Event: *(\S+)", re.MULTILINE)


class PostOffice:
    """Speaks enough SMTP for one mail after the other."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        office = self

        class Counterpart(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 ready\r\n")
                for line in self.rfile:
                    verb = line[:4].upper()
                    if verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        office.keep(self._mail())
                    self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")

            def _mail(self) -> bytes:
                lines = []
                for line in self.rfile:
                    if line == b".\r\n":
                        break
                    lines.append(line)
                return b"".join(lines).replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Counterpart)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def keep(self, mail: bytes) -> None:
        found = EVENT.search(mail)
        self.events[found[1].decode() if found else "without an event"] += 1

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
