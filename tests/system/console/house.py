"""A house to look into: the real service as a process, beside simulated partners and a receiver of this process.

What is beside runs in a thread of its own: the browser is driven without an event loop.
"""

import base64
import contextlib
import hmac
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from bridge.simulator import (
    DEMO_KEY,
    DEMO_TOKEN,
    GenviralSimulator,
    PostEverywhereSimulator,
    genviral,
    posteverywhere,
)
from bridge.simulator import running as served
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, YOUTUBE
from bridge.simulator.genviral import X as TEXTS
from bridge.simulator.posteverywhere import LINKEDIN, X
from bridge.simulator.receiver import HookAnswer, Receiver
from bridge.web.console._examples import EXAMPLES
from tests.e2e.process import Process, running, write_config

PATIENCE_S = 30.0
VIDEO = "https://cdn.example.com/holidays.mp4"
GENVIRAL = {"brand-tiktok": TIKTOK, "brand-instagram": INSTAGRAM, "brand-youtube": YOUTUBE, "brand-texts": TEXTS}
POSTEVERYWHERE = {"brand-x": X, "brand-linkedin": LINKEDIN}
ADMIN, READER = "admin-token-0123456789", "reader-token-0123456789"
GHOST = "ghost-secret-0123456789"
_WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRON = {
    "HOUSE_ADMIN": ADMIN,
    "HOUSE_READER": READER,
    "HOUSE_GENVIRAL": DEMO_TOKEN,
    "HOUSE_POSTEVERYWHERE": DEMO_KEY,
    "HOUSE_GHOST": GHOST,
    "HOUSE_WHSEC": _WHSEC,
    "HOUSE_KEY": base64.urlsafe_b64encode(b"house-key-of-exactly-32-bytes-ok").decode(),
}
REFUSED = {"kind": "fail", "text": "This content violates our community guidelines"}
"""What a partner says when trying again by itself would be of no use."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class House:
    """Everything a visitor's test plays with. `api` calls the service with all rights."""

    url: str
    process: Process
    genviral: GenviralSimulator
    posteverywhere: PostEverywhereSimulator
    receiver: Receiver
    receiver_url: str
    partner_url: str
    """Where a person connects an account at PostEverywhere."""
    api: httpx.Client

    def publish(self, caption: str, *accounts: str, **more: Any) -> list[str]:
        """Ask for posts, with a video unless `more` says otherwise, and return their ids."""
        body = {"caption": caption, "media": VIDEO, "accounts": list(accounts)} | more
        answer = self.api.post("/v1/publish", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        assert answer.status_code == 202, answer.text
        return [post["id"] for post in answer.json()["posts"]]

    def show(self, path: str) -> Json:
        """Return what the API shows."""
        answer = self.api.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return dict(answer.json())

    def items(self, path: str) -> list[Json]:
        """Return a page of a list."""
        return list(self.show(path)["items"])

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        """Wait until something holds, and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while not (held := holds()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come:\n{self.process.log.read_text()[-4000:]}")
            time.sleep(0.05)
        return held

    def until_state(self, post_id: str, *states: str) -> Json:
        """Wait until a post is in one of these states, and return it."""
        found: list[Json] = []

        def holds() -> bool:
            found[:] = [self.show(f"/v1/posts/{post_id}")]
            return found[0]["state"] in states

        self.until(f"{post_id} is {' or '.join(states)}", holds)
        return found[0]

    def failed(self, caption: str, account: str = "brand-tiktok") -> str:
        """Let a post fail for good, and return its id."""
        self.genviral.script(GENVIRAL[account], REFUSED)
        (post_id,) = self.publish(caption, account)
        self.until_state(post_id, "failed")
        return post_id

    def dead_letters(self, endpoint: str) -> int:
        """Let an endpoint lose what two posts tell, then be well again; returns how many deliveries are dead now."""
        self.receiver.script(endpoint, HookAnswer(500, body="out of order", times=-1))
        for caption in ("New on the blog: how we roast", "Meet the team behind the counter"):
            (post_id,) = self.publish(caption, "brand-texts", media=None)
            self.until_state(post_id, "posted")
        self.change(endpoint, "disable")
        dead, due = (f"/v1/deliveries?state={state}&endpoint={endpoint}" for state in ("dead", "due"))
        self.until("the end of what waited", lambda: not self.items(due))
        self.receiver.reset()
        self.change(endpoint, "enable")
        return len(self.items(dead))

    def blog(self) -> Json:
        """Let Ghost tell of a post, and return the event that it became."""
        body, at = EXAMPLES["ghost"].body.encode(), f"{time.time() * 1000:.0f}"
        proof = hmac.new(GHOST.encode(), body + at.encode(), "sha256").hexdigest()
        headers = {"Content-Type": "application/json", "X-Ghost-Signature": f"sha256={proof}, t={at}"}
        answer = self.api.post("/hooks/blog", content=body, headers=headers)
        assert answer.is_success, answer.text
        event = self.show(f"/v1/events/{self.items('/v1/events?source=blog')[0]['id']}")
        self.until_state(event["posts"][0]["id"], "posted")
        return event

    def change(self, endpoint: str, deed: str) -> None:
        """Enable or disable an endpoint."""
        answer = self.api.post(f"/v1/endpoints/{endpoint}/{deed}")
        assert answer.is_success, answer.text


@contextlib.contextmanager
def open_house(folder: Path, **sections: Any) -> Iterator[House]:
    """Start partners, receiver and service on free ports; on leaving, end them. `sections` are of the configuration."""
    first, second = GenviralSimulator(), PostEverywhereSimulator(general_per_minute=6000, creates_per_minute=600)
    receiver = Receiver({"ops": _WHSEC, "crm": _WHSEC})
    with contextlib.ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        first_url = _beside(stack, portal, genviral.app(first, tick_s=0.2))
        second_url = _beside(stack, portal, posteverywhere.app(second, tick_s=0.2))
        receiver_url = _beside(stack, portal, receiver.app())
        config = write_config(folder, **_sections(first_url, second_url, receiver_url), **sections)
        process = stack.enter_context(running(folder / "log", "serve", "-c", str(config), environ=ENVIRON))
        (url,) = process.addresses()
        headers = {"Authorization": f"Bearer {ADMIN}"}
        api = stack.enter_context(httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20))
        house = House(url, process, first, second, receiver, receiver_url, second_url, api)
        # Until both partners have told of their accounts, nobody knows which of them takes text alone.
        house.until("the accounts", lambda: {one["partner"] for one in house.items("/v1/accounts")} == {*_PARTNERS})
        yield house


def _beside(stack: contextlib.ExitStack, portal: BlockingPortal, app: Any) -> str:
    return str(stack.enter_context(portal.wrap_async_context_manager(served(app))))


_PARTNERS: Sequence[str] = ("genviral", "posteverywhere")


def _sections(first_url: str, second_url: str, receiver_url: str) -> Mapping[str, Any]:
    """The real thing, with durations shortened."""
    return {
        "server": {"host": "127.0.0.1", "port": 0, "secret_key": {"env": "HOUSE_KEY"}},
        "tokens": [
            {"name": "ada", "token": {"env": "HOUSE_ADMIN"}, "scopes": ["admin"]},
            {"name": "ben", "token": {"env": "HOUSE_READER"}, "scopes": ["read"]},
        ],
        "partners": {
            "genviral": {
                "kind": "genviral",
                "token": {"env": "HOUSE_GENVIRAL"},
                "base_url": f"{first_url}/api/partner/v1",
                "rate": 50,
            },
            "posteverywhere": {
                "kind": "posteverywhere",
                "token": {"env": "HOUSE_POSTEVERYWHERE"},
                "base_url": f"{second_url}/api/v1",
                "calls": 1000,
                "creates": 100,
            },
        },
        "accounts": {name: {"partner": "genviral", "id": account} for name, account in GENVIRAL.items()}
        | {name: {"partner": "posteverywhere", "id": str(account)} for name, account in POSTEVERYWHERE.items()},
        "sources": {
            "blog": {
                "kind": "ghost",
                "secret": {"env": "HOUSE_GHOST"},
                "accounts": ["brand-texts"],
                "caption": "{{ title }}: {{ excerpt }} {{ url }}",
            }
        },
        "endpoints": {
            name: {"url": f"{receiver_url}/hook/{name}", "secret": {"env": "HOUSE_WHSEC"}} for name in ("ops", "crm")
        },
        "publish": {"resume_gap": "100ms"},
        "watch": {"tick": "200ms", "accounts_every": "500ms", "first_poll": "300ms", "max_poll": "600ms"},
        "retry": {"delays": ["1s", "2s"]},
        "deliver": {"schedule": ["0s", "100ms"], "replay_rate": 5},
        "network": {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
    }
