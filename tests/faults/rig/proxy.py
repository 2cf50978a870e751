"""A TCP proxy that misbehaves on demand: slow, silent, cut in the middle, half closed. Switched while it runs."""

import contextlib
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

CHUNK = 65536
LOOPBACK = "127.0.0.1"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Weather:
    """How connections fare now. ``cut_after`` counts the bytes of answers on each connection."""

    latency: float = 0.0  # seconds before each chunk goes on
    refuses: bool = False  # a new connection is reset at once
    is_black_hole: bool = False  # taken, and never answered
    cut_after: int | None = None  # reset after so many bytes of answer
    half_closes: bool = False  # the answering side says it is done, and the connection stays


CALM = Weather()


class Proxy:
    """Listens on a free port of the loopback and passes on to another, as the weather is."""

    def __init__(self, port: int) -> None:
        self.target = (LOOPBACK, port)
        self.weather = CALM
        self.taken = 0  # connections so far, those refused among them
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True).start()

    def turn(self, weather: Weather) -> None:
        """From now on, for connections that stand and for new ones."""
        self.weather = weather

    def reset_all(self) -> int:
        """Cut every connection that stands; returns how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _close(*pair)
        return len(pairs)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset_all()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.taken += 1
            if self.weather.refuses:
                _close(near)
                continue
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self.target, timeout=5)
        except OSError:
            _close(near)
            return
        pair = (near, far)
        with self._lock:
            self._pairs.add(pair)
        with contextlib.suppress(OSError, ValueError):
            self._pump(near, far)
        with self._lock:
            self._pairs.discard(pair)
        _close(near, far)

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        answered, done = 0, False
        while True:
            ready, _, _ = select.select([near, far] if not done else [near], [], [], 0.05)
            weather = self.weather
            if weather.is_black_hole:
                time.sleep(0.05)  # what has come stays in the sockets until the weather turns
                continue
            for one in ready:
                data = one.recv(CHUNK)
                if not data:
                    return
                time.sleep(weather.latency)
                if one is near:
                    far.sendall(data)
                    continue
                if weather.cut_after is not None and answered + len(data) >= weather.cut_after:
                    near.sendall(data[: max(0, weather.cut_after - answered)])
                    return
                if weather.half_closes:
                    near.shutdown(socket.SHUT_WR)
                    done = True
                    continue
                near.sendall(data)
                answered += len(data)


def _close(*sockets: socket.socket) -> None:
    """With a reset, so that the other side notices at once."""
    for one in sockets:
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        one.close()
