"""Every page of the console with something on it: a house in which a day went by, and the addresses to look at."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.simulator.genviral import YOUTUBE
from bridge.simulator.posteverywhere import LINKEDIN
from bridge.simulator.receiver import HookAnswer
from tests.system.console.house import House
from tests.system.console.visitor import Visitor

LATER = "2036-01-31T12:00:00Z"
OF_THEIR_OWN = ("failed", "retried", "event", "delivery", "replay")
"""Things with a page each: the keys of what `a_day` returns."""

BUSY = {"kind": "fail", "text": "Temporary error 503"}


@dataclass(frozen=True, slots=True)
class Place:
    """A page to look at: `pattern` is its route, `status` what it is to answer; `previewed`: with its form sent."""

    name: str
    path: str
    pattern: str
    previewed: bool = False
    status: int = 200

    def show(self, visitor: Visitor) -> None:
        """Go there, as somebody who signed in, and look at it whole."""
        assert visitor.goto(self.path) == self.status, f"{self.path}: {visitor.page.locator('main').inner_text()}"
        if self.previewed:
            visitor.press("Preview")
            visitor.page.locator("#became").wait_for()


def a_day(house: House) -> dict[str, str]:
    """Let things go well and wrong, and return the ids of what a page of its own is looked at of, by page."""
    house.until_state(house.publish("Holiday drops start Monday!", "brand-tiktok", "brand-instagram")[0], "posted")
    house.genviral.script(YOUTUBE, BUSY, "ok")
    retried = house.publish("Three looks for the long weekend", "brand-youtube", "brand-instagram")[0]
    for post in house.publish("Doors open at noon", "brand-texts", "brand-x", "brand-linkedin", media=None):
        house.until_state(post, "posted")
    house.publish("The winter sale begins", "brand-instagram", scheduled_at=LATER)
    failed = house.failed("Last chance! Everything must go")
    house.until_state(retried, "posted")
    _strange(house)
    event = house.blog()
    house.dead_letters("crm")
    job = house.api.post("/v1/deliveries/replay", json={"endpoint": "crm", "state": "dead"})
    assert job.is_success, job.text
    house.until("the end of the replay", lambda: house.show(f"/v1/replays/{job.json()['id']}")["state"] == "done")
    house.receiver.script("crm", HookAnswer(503, body="out of order", times=-1))
    house.posteverywhere.expire(LINKEDIN)
    house.until("the cause", lambda: house.items("/v1/causes"))
    parked = house.publish("We are hiring in Lisbon", "brand-linkedin", media=None)[0]
    house.until_state(parked, "parked")
    dead = house.until("a dead letter", lambda: house.items("/v1/deliveries?state=dead&endpoint=crm"))[0]
    return {
        "failed": failed,
        "retried": retried,
        "event": event["id"],
        "delivery": dead["id"],
        "replay": job.json()["id"],
    }


def _strange(house: House) -> None:
    """Let a stranger knock at a source, so that it has refused something."""
    answer = house.api.post("/hooks/blog", json={"post": {}}, headers={"X-Ghost-Signature": "sha256=0, t=0"})
    assert answer.status_code in (401, 403), answer.text


def places(ids: Mapping[str, str]) -> list[Place]:
    """Return where to look, once `a_day` went by."""
    return [
        Place("now", "/console", "/console"),
        Place("posts", "/console/posts", "/console/posts"),
        Place("posts-none", "/console/posts?q=nothing+is+like+this", "/console/posts"),
        Place("post-failed", f"/console/posts/{ids['failed']}", "/console/posts/{id}"),
        Place("post-retried", f"/console/posts/{ids['retried']}", "/console/posts/{id}"),
        Place("events", "/console/events", "/console/events"),
        Place("event", f"/console/events/{ids['event']}", "/console/events/{id}"),
        Place("accounts", "/console/accounts", "/console/accounts"),
        Place("endpoints", "/console/endpoints", "/console/endpoints"),
        Place("endpoint-new", "/console/endpoints/_new", "/console/endpoints/_new"),
        Place("endpoint", "/console/endpoints/crm", "/console/endpoints/{name}"),
        Place("deliveries", "/console/deliveries", "/console/deliveries"),
        Place("delivery", f"/console/deliveries/{ids['delivery']}", "/console/deliveries/{id}"),
        Place("dead-letters", "/console/dead-letters", "/console/dead-letters"),
        Place("replays", "/console/replays", "/console/replays"),
        Place("replay", f"/console/replays/{ids['replay']}", "/console/replays/{id}"),
        Place("preview", "/console/preview?source=blog&example=1", "/console/preview"),
        Place("previewed", "/console/preview?source=blog&example=1", "/console/preview", previewed=True),
        Place("sources", "/console/sources", "/console/sources"),
        Place("audit", "/console/audit", "/console/audit"),
        Place("problem", "/console/posts/post_nowhere", "/console/posts/{id}", status=404),
        Place("nowhere", "/console/nowhere", "/console/{path:path}", status=404),
    ]
