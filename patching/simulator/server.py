"""The simulated AWS over HTTP: moto's WSGI application with our doors and identities before it."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from patching.simulator import faults
from patching.simulator.doors import Doors
from patching.simulator.errors import Fault
from patching.simulator.install import install
from patching.simulator.simulation import Simulation
from patching.simulator.state import World
from patching.simulator.sts.operations import HUB, caller_of
from patching.simulator.wire import CALLER, SIMULATION

LOOPBACK = "127.0.0.1"
SIGNED_BY = re.compile(r"Credential=([^/]+)/")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class QuietHandler(MotoRequestHandler):
    """A demo's terminal has better things to show than every call."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def connection_dropped(self, error: BaseException, environ: Environ | None = None) -> None:
        """Close, where werkzeug would keep the connection for the next request."""
        self.close_connection = True


class Dispatcher(DomainDispatcherApplication):
    """Of moto, which lists its own folder for each call to tell which service a host name means."""

    def __init__(self, application_of: Callable[[Any], Any]) -> None:
        super().__init__(application_of)
        self._backend_for_host = cache(super().get_backend_for_host)

    def get_backend_for_host(self, host: str | None) -> Any:
        return self._backend_for_host(host)


class Front:
    """The WSGI application."""

    def __init__(self, simulation: Simulation, fresh_world: Callable[[dict[str, Any]], World]) -> None:
        self.simulation = simulation
        self.doors = Doors(simulation, fresh_world)
        self.moto = Dispatcher(_application_of)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_sim/"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _json(
                start_response, *self.doors.open(environ["REQUEST_METHOD"], path[len("/_sim/") :], body)
            )
        return self._answer(environ, start_response)

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if faults.everything_is_down(self.simulation.world):
            raise faults.ConnectionCutError
        found = SIGNED_BY.search(environ.get("HTTP_AUTHORIZATION", ""))
        caller = self._caller(found[1] if found else "")
        environ[SIMULATION], environ[CALLER] = self.simulation, caller
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = HUB if isinstance(caller, Fault) else caller["account"]
        try:
            return self._moto(environ, start_response)
        except NotImplementedError as problem:
            error = {"__type": "UnknownOperationException", "message": f"Not simulated. {problem}"}
            return _json(start_response, HTTPStatus.BAD_REQUEST, error)

    def _caller(self, access_key: str) -> Any:
        try:
            return caller_of(self.simulation.world.sessions, access_key)
        except Fault as fault:
            return fault

    def _moto(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answered in full before anything is sent, so that a reply that is to be lost has not begun."""
        held: list[Any] = []

        def hold(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
            held[:] = [status, headers]
            return lambda data: None

        body = b"".join(self.moto(environ, hold))
        start_response(*held)
        return [body]


class Server:
    """The HTTP server, in a thread of its own for tests or in the foreground for the command."""

    def __init__(self, front: Front, port: int, host: str = LOOPBACK) -> None:
        if host != LOOPBACK:
            raise ValueError(f"The simulated AWS listens on {LOOPBACK} only, not on {host}.")
        # Bound here and not by werkzeug, which ends the process where a port is taken.
        with socket.create_server((host, port)) as listener:
            self.url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
            self._server: BaseWSGIServer = make_server(
                host, port, front, threaded=True, request_handler=QuietHandler, fd=listener.fileno()
            )

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.1)

    def start(self) -> None:
        threading.Thread(target=self.serve, name="simulated-aws", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _application_of(service: Any) -> Any:
    """The application of one service, made when it is first called."""
    install(service)
    return create_backend_app(service)


def _json(start_response: StartResponse, status: HTTPStatus, body: Any) -> Iterable[bytes]:
    content = json.dumps(body, default=str).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [content]
