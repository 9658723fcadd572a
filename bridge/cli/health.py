"""`bridge health`: ask the service that runs by the same configuration whether it is ready; for HEALTHCHECK and probes.

It asks where the running service has noted that it listens. The configuration, which may be wrong or another by now,
counts where there is no note. It runs again and again beside the service and in the same memory, so it loads nothing of
what `serve` does: of the configuration it reads the addresses alone, and it asks with the client of the standard
library.
"""

import argparse
import http.client
import ipaddress
import json
import os
import socket
import sys
from pathlib import Path

from bridge.cli._listening import where_noted
from bridge.core.errors import SettingsError
from bridge.settings import Server, identity, listeners

_PATIENCE_S = 3.0
"""Less than a HEALTHCHECK or a probe has, so that it is we who say what is wrong."""


def run(arguments: argparse.Namespace) -> int:
    """Ask, and say the answer in one line; 1 when it is not well, or does not answer."""
    path, wanted = ("/livez", "live") if arguments.live else ("/readyz", "ready")
    fault = fault_of(arguments.config, path)
    if fault:
        sys.stderr.write(f"not {wanted}: {fault}\n")
        return 1
    sys.stdout.write(f"{wanted}\n")
    return 0


def fault_of(config: Path | None, path: str) -> str:
    """Return what is wrong with the service by what it answers there, or nothing."""
    try:
        noted = where_noted(identity(config, os.environ))
        return _asked(*(_near(*noted) if noted else _address(listeners(config, os.environ))), path)
    except (SettingsError, _Unknowable) as error:
        return f"where to ask is not known: {error}"


class _Unknowable(Exception):
    """The configuration leaves open where the service listens, or says it so that no address comes of it."""


def _address(server: Server) -> tuple[str, int]:
    """Return the address and port of the probes, of what the configuration says."""
    host, port = (server.admin.host, server.admin.port) if server.admin else (server.host, server.port)
    if port == 0:
        raise _Unknowable("the port is 0, which is any free one; choose one in server.port")
    try:
        # As `serve` finds the address that it binds.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _Unknowable(f"{host} has no address: {error.strerror}") from error
    return _near(str(found[0][4][0]), port)


def _near(address: str, port: int) -> tuple[str, int]:
    """Return where to ask: a service that listens on every address does so on loopback."""
    found = ipaddress.ip_address(address)
    if not found.is_unspecified:
        return address, port
    return "::1" if found.version == 6 else "127.0.0.1", port


def _asked(host: str, port: int, path: str) -> str:
    """Return what is wrong, or nothing."""
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
    except OSError as error:
        return f"{where} does not answer: {error.strerror or error}"
    except http.client.HTTPException as error:
        return f"{where} does not speak HTTP: {type(error).__name__}"
    finally:
        connection.close()
    if answer.status == 200:
        return "" if _is_ours(text) else f"what answers at {where} is not bridge"
    return _told(text) or f"{where}{path} answered {answer.status}"


def _is_ours(text: bytes) -> bool:
    """Say whether an answer is JSON, as that of a probe is, and not a page of whatever has the port."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _told(text: bytes) -> str:
    """Return the checks that failed and why, as the service names them."""
    try:
        failing = json.loads(text)["failing"]
        return "; ".join(f"{check}: {why}" for check, why in failing.items())
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
