"""Rows `console_*`: what a page of the console costs with 100,000 posts, each with all that was told of it.

The reference is the same page over an empty database, in which there is one post, for a page to be of it.
"""

import contextlib
import http.client
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from sqlalchemy import create_engine, text

from bench._engines import Engine
from bench._history import ended, fill
from bench._run import TOKEN, Row, service

POSTS = 100_000
LOOKS = 20
PAUSED_LOOKS = 5
PAUSE_S = 2.1
"""Longer than the numbers of Now are kept: each look reads them anew."""

_POST = text("select id from posts where caller_id = :name")


def measure(engine: Engine, repetitions: int) -> list[Row]:
    """Make both databases and look at every page of both, turn by turn."""
    empty, full = engine.database(), engine.database()
    fill(empty, ended(1))
    fill(full, ended(POSTS))
    paths = [_paths(url, place) for url, place in ((full, POSTS // 2), (empty, 0))]
    costs: dict[str, list[list[float]]] = {name: [] for name in paths[0]}
    with _visited(full) as much, _visited(empty) as little:
        for turn in range(repetitions + 1):
            for name, found in costs.items():
                pair = [looks(name, pages[name]) for looks, pages in zip((much, little), paths, strict=True)]
                found += [pair] if turn else []
    reference = "the same with one post"
    return [
        Row(name, engine.name, "ms/page", reference, [one[0] for one in found], [one[1] for one in found])
        for name, found in costs.items()
    ]


def _paths(url: str, place: int) -> Mapping[str, str]:
    """Return the pages by their rows; the post in the middle of the history is the one that is looked for."""
    name = f"past-{place}"
    beside = create_engine(url)
    with beside.connect() as connection:
        post_id = connection.execute(_POST, {"name": name}).scalar_one()
    beside.dispose()
    return {
        "console_now": "/console",
        "console_posts": "/console/posts",
        "console_state": f"/console/posts?{urlencode({'state': 'failed', 'account': 'brand'})}",
        "console_text": f"/console/posts?{urlencode({'q': f'Monday! {name}'})}",
        "console_post": f"/console/posts/{post_id}",
    }


class _Looks:
    """Somebody who signed in, on one connection."""

    def __init__(self, connection: http.client.HTTPConnection, cookie: str) -> None:
        self._connection, self._headers = connection, {"Cookie": cookie}

    def __call__(self, name: str, path: str) -> float:
        """Look at a page so many times, one after the other; milliseconds a page."""
        paused = name == "console_now"
        count, took_s = PAUSED_LOOKS if paused else LOOKS, 0.0
        # What was idle while the other was looked at is closed by now.
        self._connection.close()
        self._connection.connect()
        for _ in range(count):
            time.sleep(PAUSE_S if paused else 0)
            began = time.perf_counter()
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
            page = answer.read()
            took_s += time.perf_counter() - began
            if answer.status != 200 or b"</html>" not in page:
                raise RuntimeError(f"{path} answered {answer.status}")
        return took_s * 1000 / count


@contextlib.contextmanager
def _visited(database: str) -> Iterator[_Looks]:
    """Run a service on a database, and sign in."""
    with service(database) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(connection):
            yield _Looks(connection, _signed_in(connection))


def _signed_in(connection: http.client.HTTPConnection) -> str:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/console/sign-in", urlencode({"token": TOKEN}), form)
    answer = connection.getresponse()
    answer.read()
    cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
    if answer.status != 303 or not cookie:
        raise RuntimeError(f"signing in was answered {answer.status}")
    return cookie
