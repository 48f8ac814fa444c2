"""The socket of `footnote serve`."""

from __future__ import annotations

import errno
import http.client
import socket
import time

from app.core.errors import InputError

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound to


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Taken before anything heavy is loaded, and kept: nobody else can take the port between
    a check and its use.

    Raises:
        InputError: The port is in use or reserved, or the host is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError:
        raise InputError(f"{host} is not an address", hint="use --host 127.0.0.1") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        listener.set_inheritable(True)  # for worker processes
    except OSError as error:
        listener.close()
        raise _refusal(error, host, port) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL under which a browser on this machine reaches the socket."""
    host, port = _reachable(listener)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def wait_until_healthy(listener: socket.socket, timeout_s: float = 600) -> bool:
    """Wait until the server behind the socket answers `/healthz`."""
    host, port = _reachable(listener)
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(host, port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.client.OK:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    return False


def _reachable(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    return ANYWHERE.get(host, host), port


def _refusal(error: OSError, host: str, port: int) -> InputError:
    match error.errno:
        case errno.EADDRINUSE:
            reason, hint = "is in use", "stop the program that holds it or choose another --port"
        case errno.EACCES:
            reason, hint = "is reserved", "choose a --port above 1023"
        case _:
            reason, hint = "cannot be listened on", "use --host 127.0.0.1"
    return InputError(f"port {port} on {host} {reason}", hint=hint)
