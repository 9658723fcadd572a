"""A real Ghost 6 over SQLite, as a process of its own: set up by its Admin API, which also makes its posts.

Nothing of it leaves the machine. Its calls to its makers are off, and its mail goes nowhere; only its webhooks go out,
to wherever a test has them go. Ghost forbids them addresses of private networks, such as 127.0.0.1, unless its setting
`security.allowWebhookInternalIPs` is on, as it is here.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
INSTALLED = HERE / "ghost-site" / "node_modules"
FOLDERS = ("adapters", "data", "files", "images", "logs", "media", "public", "settings")
EVENTS = ("post.published", "post.published.edited", "post.unpublished", "post.deleted")
OWNER = {"name": "Ada", "email": "ada@example.com", "password": "correct-horse-9-battery", "blogTitle": "Harbour"}
PATIENCE_S = 60.0

Post = dict[str, Any]


class Ghost:
    """One that runs, with its owner logged in. `url` is that of the site; `log` is what it says."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "ghost.log"
        _lay_out(folder, self.url, port)
        with self.log.open("wb") as file:
            self._popen = subprocess.Popen(
                [INSTALLED / ".bin" / "node", "current/index.js"],
                stdout=file,
                stderr=file,
                cwd=folder,
                env={"PATH": os.environ["PATH"], "HOME": str(folder), "NODE_ENV": "production"},
            )
        self.pid = self._popen.pid
        # Ghost takes a session's calls from its own origin only.
        self._http = httpx.Client(
            base_url=f"{self.url}/ghost/api/admin/", headers={"Origin": self.url}, timeout=30, trust_env=False
        )

    def set_up(self) -> None:
        """Wait until it serves, make its owner and log the owner in."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._ready():
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Ghost did not start:\n{self.log.read_text()}")
            time.sleep(0.1)
        self._call("POST", "authentication/setup/", {"setup": [OWNER]})
        self._call("POST", "session/", {"username": OWNER["email"], "password": OWNER["password"]})

    def tell(self, target: str, secret: str | None = None, events: Iterable[str] = EVENTS) -> str:
        """Have webhooks sent to an address for these events, signed if there is a secret; `forget` takes the answer."""
        made = self._call("POST", "integrations/", {"integrations": [{"name": f"Tell {target}"}]})
        integration = str(made["integrations"][0]["id"])
        hook = {"target_url": target, "integration_id": integration}
        if secret is not None:
            hook["secret"] = secret
        for event in events:
            self._call("POST", "webhooks/", {"webhooks": [hook | {"event": event, "name": event}]})
        return integration

    def forget(self, integration: str) -> None:
        """Remove the webhooks that one `tell` made, with what is known of their deliveries."""
        self._call("DELETE", f"integrations/{integration}/")

    def create(self, *, text: str = "Hello from Ghost.", **fields: Any) -> Post:
        """Make a post, a draft unless its `status` says otherwise."""
        return self._post(self._call("POST", "posts/", {"posts": [{"lexical": _lexical(text), **fields}]}))

    def edit(self, post_id: str, **fields: Any) -> Post:
        """Change fields of a post as it is now."""
        stamp = self.post(post_id)["updated_at"]
        return self._post(self._call("PUT", f"posts/{post_id}/", {"posts": [{"updated_at": stamp, **fields}]}))

    def publish(self, post_id: str) -> Post:
        return self.edit(post_id, status="published")

    def unpublish(self, post_id: str) -> Post:
        return self.edit(post_id, status="draft")

    def delete(self, post_id: str) -> None:
        """Delete a post; Ghost tells of `post.unpublished` too if it was published."""
        self._call("DELETE", f"posts/{post_id}/")

    def post(self, post_id: str) -> Post:
        return self._post(self._call("GET", f"posts/{post_id}/"))

    def upload(self, name: str, content: bytes, media_type: str = "image/png") -> str:
        """Store an image and return the address at which the site serves it."""
        answer = self._http.post("images/upload/", files={"file": (name, content, media_type)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["images"][0]["url"])

    def deliveries(self) -> dict[str, tuple[int | None, str | None]]:
        """How the last webhook of each event ended, by event: the status of the answer, the error."""
        listed = self._call("GET", "integrations/?include=webhooks")["integrations"]
        hooks = [hook for one in listed for hook in one["webhooks"] if hook["last_triggered_at"]]
        return {hook["event"]: (_status(hook), hook["last_triggered_error"]) for hook in hooks}

    def end(self) -> None:
        """Stop it: kindly at first."""
        self._http.close()
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def _ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self._http.get("site/").status_code == 200
        return False

    def _call(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._http.request(method, path, json=content)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json()) if answer.headers.get("content-type", "").startswith("application/json") else {}

    @staticmethod
    def _post(answer: dict[str, Any]) -> Post:
        return dict(answer["posts"][0])


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Ghost]:
    """Run a new Ghost in an empty folder; on leaving it is stopped."""
    ghost = Ghost(folder)
    try:
        ghost.set_up()
        yield ghost
    finally:
        ghost.end()


def _lay_out(folder: Path, url: str, port: int) -> None:
    """What Ghost looks for where it is started: its program as `current`, its settings, its content."""
    content = folder / "content"
    for name in FOLDERS:
        (content / name).mkdir(parents=True)
    (content / "themes").symlink_to(INSTALLED / "ghost" / "content" / "themes")
    (folder / "current").symlink_to(INSTALLED / "ghost")
    settings = {
        "url": url,
        "server": {"host": "127.0.0.1", "port": port},
        "database": {
            "client": "better-sqlite3",
            "connection": {"filename": str(folder / "ghost.db")},
            "useNullAsDefault": True,
        },
        "paths": {"contentPath": str(content)},
        "logging": {"level": "info", "transports": ["stdout"]},
        "mail": {"transport": "stub", "from": "ghost@example.com"},
        "sendWelcomeEmail": False,
        "security": {"staffDeviceVerification": False, "allowWebhookInternalIPs": True},
        "privacy": {"useTinfoil": True},
        "updateCheck": {"url": "http://127.0.0.1:9/"},
        "explore": {"update_url": "", "testimonials_url": ""},
    }
    (folder / "config.production.json").write_text(json.dumps(settings))


def _status(hook: dict[str, Any]) -> int | None:
    """Ghost keeps the status of an answer as text."""
    return int(hook["last_triggered_status"]) if hook["last_triggered_status"] else None


def _lexical(text: str) -> str:
    """Ghost's own form of a text of one paragraph."""
    words = {"type": "text", "version": 1, "text": text}
    paragraph = {"type": "paragraph", "version": 1, "children": [words]}
    return json.dumps({"root": {"type": "root", "version": 1, "children": [paragraph]}})


def free_port() -> int:
    """Find a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
