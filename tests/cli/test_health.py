"""`bridge health` asks where the service of this configuration listens, and says in one line what is wrong."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml

from bridge.cli import main
from bridge.cli._listening import noted, where_noted
from bridge.cli.health import fault_of
from bridge.settings import identity

NOT_READY = {
    "status": "not ready",
    "failing": {"store": "a write to the database failed", "draining": "it is stopping"},
}


class Service:
    """A listener that answers as a service does, and notes what it was asked."""

    def __init__(self, host: str) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(self.path)
                status, body = service.answers.get(self.path, (200, b"{}"))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        self.server = Server((host, 0), Handler)
        self.port: int = self.server.server_address[1]


@contextlib.contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[Service]:
    service = Service(host)
    thread = threading.Thread(target=service.server.serve_forever, kwargs={"poll_interval": 0.001})
    thread.start()
    try:
        yield service
    finally:
        service.server.shutdown()
        thread.join()
        service.server.server_close()


@pytest.fixture(autouse=True)
def notes(tmp_path, monkeypatch):
    """The folder for temporary files; the working directory is another one."""
    for folder in ("tmp", "work"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "tmp"


@pytest.fixture
def asked(tmp_path, capsys):
    def ask(server: Any, *arguments: str, **sections: Any) -> tuple[int, str, str]:
        path = tmp_path / "bridge.yaml"
        path.write_text(yaml.safe_dump({"server": server} | sections))
        status = main(["health", "--config", str(path), *arguments])
        return status, *capsys.readouterr()

    return ask


@pytest.mark.parametrize(
    ("bound", "configured"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("127.0.0.3", "127.0.0.3"),
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("::1", "::1"),
    ],
)
def test_it_asks_where_the_service_listens(asked, bound, configured):
    with listening(bound) as service:
        assert asked({"host": configured, "port": service.port}) == (0, "ready\n", "")
        assert service.asked == ["/readyz"]


def test_it_asks_the_admin_listener_where_there_is_one_at_the_servers_address_unless_it_has_its_own(asked):
    with listening() as service:
        assert asked({"host": "127.0.0.1", "port": 1, "admin": {"port": service.port}})[0] == 0
        assert asked({"host": "127.0.0.2", "port": 1, "admin": {"host": "0.0.0.0", "port": service.port}})[0] == 0
        assert asked({"host": "127.0.0.2", "port": 1, "admin": {"port": service.port}})[0] == 1


def test_it_asks_whether_the_service_is_live(asked):
    with listening() as service:
        service.answers["/readyz"] = (503, b"{}")
        assert asked({"port": service.port}, "--live") == (0, "live\n", "")
        assert service.asked == ["/livez"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (json.dumps(NOT_READY).encode(), "store: a write to the database failed; draining: it is stopping"),
        (b'{"status": "not live"}', "127.0.0.1:{port}/readyz answered 503"),
        (b"<html>", "127.0.0.1:{port}/readyz answered 503"),
        (b'{"failing": ["store"]}', "127.0.0.1:{port}/readyz answered 503"),
    ],
)
def test_it_says_what_keeps_the_service_from_being_ready(asked, answer, told):
    with listening() as service:
        service.answers["/readyz"] = (503, answer)
        assert asked({"port": service.port}) == (1, "", f"not ready: {told.format(port=service.port)}\n")


def test_it_says_that_nobody_answers(asked):
    assert asked({"host": "::1", "port": 1}) == (1, "", "not ready: [::1]:1 does not answer: Connection refused\n")


def test_it_says_that_something_else_answers(asked):
    def greet(other: socket.socket) -> None:
        with other.accept()[0] as connection:
            connection.recv(1000)
            connection.sendall(b"220 mail\r\n")

    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=greet, args=(other,))
        thread.start()
        port = other.getsockname()[1]
        assert asked({"port": port}) == (1, "", f"not ready: 127.0.0.1:{port} does not speak HTTP: BadStatusLine\n")
        thread.join()


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"port": 0}, "the port is 0, which is any free one; choose one in server.port"),
        ({"admin": {"port": 0}}, "the port is 0, which is any free one; choose one in server.port"),
        ({"host": "no such host", "port": 1}, "no such host has no address"),
        ({"port": "many"}, "server.port: "),
        ({"admin": {"prot": 9090}}, "server.admin"),
        (["a"], "server: must be a mapping"),
    ],
)
def test_it_says_why_it_does_not_know_where_to_ask(asked, server, told):
    status, out, err = asked(server)

    assert (status, out) == (1, "")
    assert err.startswith("not ready: where to ask is not known: ")
    assert told in err
    assert err.count("\n") == 1


def test_what_it_does_not_need_may_be_wrong_or_missing(asked, monkeypatch):
    monkeypatch.setenv("BRIDGE_SERVR__PORT", "1")
    with listening() as service:
        server = {"port": service.port, "secret_key": {"file": "gone"}, "max_body": "a lot"}
        assert asked(server, sources={"blog": {"kind": "gohst"}}, tokens=[{"token": {"env": "GONE"}}])[0] == 0


def test_variables_of_the_server_count_as_they_do_for_the_service(asked, monkeypatch):
    with listening() as service:
        monkeypatch.setenv("BRIDGE_SERVER__ADMIN__PORT", str(service.port))
        assert asked({"port": 1})[0] == 0


def test_a_file_that_cannot_be_read_is_named(capsys, tmp_path):
    assert main(["health", "--config", str(tmp_path / "bridge.yaml")]) == 1
    assert "bridge.yaml: cannot be read: No such file or directory" in capsys.readouterr().err


EDITS = {
    "broken": "server: {port: 1",
    "another port": "server: {port: 1, admin: {port: 2}}",
    "another host": "server: {host: 127.0.0.9, port: 1}",
    "empty": "",
    "removed": None,
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("words", [("ready",), ("live", "--live")])
def test_it_asks_what_runs_whatever_became_of_the_configuration(tmp_path, capsys, edit, words):
    path = tmp_path / "bridge.yaml"
    if EDITS[edit] is not None:
        path.write_text(EDITS[edit])
    with listening() as service, noted(identity(path, os.environ), service.server.socket):
        status = main(["health", "--config", str(path), *words[1:]])

    assert (status, *capsys.readouterr()) == (0, f"{words[0]}\n", "")


@pytest.mark.parametrize("bound", ["0.0.0.0", "::", "::1"])
def test_every_address_can_be_noted(asked, tmp_path, bound):
    with listening(bound) as service, noted(identity(tmp_path / "bridge.yaml", os.environ), service.server.socket):
        assert asked({"port": 0})[:2] == (0, "ready\n")


def test_what_is_noted_of_one_that_hangs_or_fails_counts(asked, tmp_path):
    with (
        listening() as well,
        listening() as ill,
        noted(identity(tmp_path / "bridge.yaml", os.environ), ill.server.socket),
    ):
        ill.answers["/livez"] = (503, b"")
        assert asked({"port": well.port}, "--live")[0] == 1


def test_a_note_that_a_killed_process_left_is_not_believed(asked, tmp_path):
    code = """
import os, pathlib, socket, sys
from bridge.cli._listening import noted
from bridge.settings import identity
with noted(identity(pathlib.Path(sys.argv[1]), os.environ), socket.create_server(("127.0.0.1", 0))):
    os._exit(9)
"""
    path = tmp_path / "bridge.yaml"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert len(list((tmp_path / "tmp").iterdir())) == 1

    with listening() as service:
        assert asked({"port": service.port})[0] == 0
        with noted(identity(path, os.environ), service.server.socket):
            assert asked({"port": 1})[0] == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_it_is_noted_in_the_working_directory_where_there_is_no_other_place(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    with listening() as service, noted("it", service.server.socket):
        assert len(list((tmp_path / "work").iterdir())) == 1
        assert where_noted("it") == ("127.0.0.1", service.port)
    assert list((tmp_path / "work").iterdir()) == []


def test_where_nothing_can_be_written_the_configuration_counts(asked, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with listening() as service, noted(identity(tmp_path / "bridge.yaml", os.environ), service.server.socket):
        assert asked({"port": service.port})[0] == 0
        assert asked({"port": 0})[0] == 1


def test_the_last_of_two_is_asked_and_its_note_outlives_the_first(notes):
    with contextlib.ExitStack() as first, listening() as one, listening() as two:
        first.enter_context(noted("it", one.server.socket))
        with noted("it", two.server.socket):
            assert where_noted("it") == ("127.0.0.1", two.port)
            first.close()
            assert where_noted("it") == ("127.0.0.1", two.port)


def test_other_variables_over_the_addresses_make_it_another_service(tmp_path, monkeypatch):
    path = tmp_path / "bridge.yaml"
    names = [identity(path, environ) for environ in ({}, {"BRIDGE_SERVER__PORT": "1"}, {"BRIDGE_TOKEN": "t"})]
    assert names[0] == names[2] != names[1]
    monkeypatch.chdir(tmp_path)
    assert {identity(None, {}), identity(None, {"BRIDGE_CONFIG": "bridge.yaml"})} == {names[0]}


@pytest.mark.parametrize("kind", ["empty", "words", "pipe", "link", "folder"])
def test_something_else_of_that_name_is_left_alone(notes, kind):
    with listening() as service, noted("it", service.server.socket):
        [held] = notes.iterdir()
        place = held.with_name(held.name.replace("it", "other"))
        match kind:
            case "pipe":
                os.mkfifo(place)
            case "link":
                place.symlink_to(held)
            case "folder":
                place.mkdir()
            case _:
                place.write_text({"empty": "", "words": "127.0.0.1 1"}[kind])
        assert where_noted("other") is None


@pytest.mark.slow
def test_it_loads_neither_the_wiring_nor_a_client():
    """It runs every half minute in the memory of the service."""
    code = "import sys, bridge.cli.health; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"aiohttp", "asyncio", "bridge.app", "httpx", "rich", "sqlalchemy", "starlette", "uvicorn"} & set(loaded)


def test_a_page_of_whatever_has_the_port_is_not_ready(tmp_path):
    with listening() as service:
        service.answers["/readyz"] = (200, b"<html>welcome</html>")
        config = tmp_path / "bridge.yaml"
        config.write_text(f"server: {{host: 127.0.0.1, port: {service.port}}}")

        assert fault_of(config, "/readyz") == f"what answers at 127.0.0.1:{service.port} is not bridge"
