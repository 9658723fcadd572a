"""The partners' pages say what their code does: the tables between the marks are written by it.

`python -m tests.test_partner_docs` writes them again. They stand between `<!-- begin: NAME -->` and
`<!-- end: NAME -->` in docs/partners/, as in the pages of `tests/test_docs.py`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.core.model import Account, Judgement
from bridge.core.retry import breaker_hold
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.signing import TOLERANCE
from bridge.core.units import format_duration
from bridge.partners import CONFIGS
from bridge.partners.genviral import REPLAY_TRUSTED_FOR
from bridge.partners.genviral import judge as genviral_judge
from bridge.partners.genviral import limits as genviral_limits
from bridge.partners.genviral import reading as genviral_reading
from bridge.partners.genviral import replies as genviral_replies
from bridge.partners.genviral import requests as genviral_requests
from bridge.partners.genviral.config import Contract
from bridge.partners.posteverywhere import BY_CREDENTIALS, PostEverywhere, checkups, refusals
from bridge.partners.posteverywhere import judge as posteverywhere_judge
from bridge.partners.posteverywhere import limits as posteverywhere_limits
from bridge.partners.posteverywhere import reading as posteverywhere_reading
from bridge.partners.posteverywhere.replies import LINK_LIFE
from bridge.ports import Partner
from bridge.settings import Kinds, reference
from tests.core.builders import NOW
from tests.partners.outcomes import Said, chosen, done
from tests.partners.things import Clock, answering, genviral, posteverywhere

PARTNERS = Path(__file__).parent.parent / "docs" / "partners"
AGAIN = "write it again: python -m tests.test_partner_docs"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: object) -> str:
    return f"`{text}`"


# --- Configuration ---------------------------------------------------------------------------------------------------


def configuration(kind: str) -> str:
    """The table of one kind, as the reference has it."""
    page = reference(Kinds(partners={kind: CONFIGS[kind]}))
    return page.split(f"### kind: {kind}\n\n")[1].split("\n\n")[0]


# --- What an answer means --------------------------------------------------------------------------------------------


def genviral_answering(said: Said) -> Partner:
    body = {"ok": False, "code": said.status, "message": said.message, "error_code": said.code, **said.more}
    return genviral(transport(said, body), Clock(NOW))


def posteverywhere_answering(said: Said) -> Partner:
    body = {"data": None, "error": {"message": said.message, "code": said.code, **said.more}}
    return posteverywhere(transport(said, body), Clock(NOW))


def transport(said: Said, body: Mapping[str, Any]) -> httpx.MockTransport:
    return answering(said.status, body if said.envelope else b"<html>No</html>", **said.headers)


_ELSEWHERE = tuple(
    Said(status=status, envelope=False, about="a page, not an answer of the API") for status in (404, 405)
)
_ELSE = (
    *_ELSEWHERE,
    Said(status=500, shown="5xx"),
    Said(status=302, shown="3xx", envelope=False),
    Said(status=200, shown="2xx without readable content", envelope=False),
)
GENVIRAL_SAID: Sequence[Said] = (
    *(Said(status=400, code=word) for word in genviral_replies._REFUSALS),
    Said(
        status=400, code="validation_failed", about="`validation_failed` of the media alone",
        more={"issues": [{"path": ["media"]}]},
    ),
    *(Said(status=status) for status in genviral_replies._STATUSES),
    Said(status=403, code="subscription_required"),
    *_ELSE,
)  # fmt: skip
POSTEVERYWHERE_SAID: Sequence[Said] = (
    *(Said(status=422 if word == refusals.BREAKER else 400, code=word) for word in refusals._CODES),
    Said(status=400, code="past_schedule_time"),
    Said(status=403, message="Your plan limit is reached", about="a text of quota, limit, plan or upgrade"),
    Said(status=400, more={"retryable": True}, about="`retryable: true`"),
    Said(status=500, more={"retryable": False}, about="`retryable: false`", shown="5xx"),
    *(Said(status=status) for status in refusals._STATUSES),
    *_ELSE,
)


def answers(partner: Callable[[Said], Partner], said: Iterable[Said]) -> str:
    rows = []
    for one in sorted(said, key=lambda one: (one.status < 400, one.status, one.code or "~", one.about or "~")):
        error, follows = done(partial(partner, one))
        code_of = one.about or (code(one.code) if one.code else "")
        rows.append((one.shown or str(one.status), code_of, code(error.reason), code(error.failure), follows))
    return table(("Status", "Code, or what else tells", "Reason", "Class", "What bridge does about a publish"), rows)


# --- What a failed account means -------------------------------------------------------------------------------------

TEXTS = (
    "Access token has expired",
    "Please reconnect your LinkedIn account",
    "spam_risk_too_many_pending_share",
    "The outcome is unknown",
    "Request timed out",
    "Rate limit reached",
    "Violates the community guidelines",
    "Service temporarily unavailable (503)",
    "Bad token",
    "Video duration is not supported",
    "Something went wrong",
)
POSTEVERYWHERE_TEXTS = (*TEXTS, "Circuit breaker open for this content", "Try again", "Aspect ratio must be 9:16")

Rows = Sequence[tuple[re.Pattern[str], Judgement]]


def failures(judge: Callable[[str], Judgement], texts: Iterable[str]) -> str:
    by_meaning: dict[Judgement, list[str]] = {}
    for text in texts:
        by_meaning.setdefault(judge(text), []).append(text)
    rows = (
        ("; ".join(examples), code(meaning.reason), code(meaning.failure), chosen(meaning))
        for meaning, examples in by_meaning.items()
    )
    return table(("A text such as", "Reason", "Class", "What bridge does"), rows)


# --- Limits ----------------------------------------------------------------------------------------------------------


def genviral_captions() -> str:
    def most(platform: str, media: str, kind: str = "byo") -> str:
        limit = genviral_limits.caption_limit(
            Account("p", "a", platform, "brand", NOW, NOW, type=kind), media, Contract.V3
        )
        return f"{limit:,} {'bytes' if platform == 'youtube' and kind == 'byo' else 'characters'}"

    rows = [(platform, most(platform, "video")) for platform in sorted(genviral_limits.CAPTIONS)]
    rows += [("tiktok, video", most("tiktok", "video")), ("tiktok, images", most("tiktok", "slideshow"))]
    rows += [("any hosted account, and contract v1", most("tiktok", "video", "hosted"))]
    return table(("Account", "Caption at most"), rows)


def genviral_counts() -> str:
    limits = genviral_limits
    return table(
        ("What", "Limit"),
        [
            ("accounts of one post there", f"{limits.MOST_ACCOUNTS}; bridge splits what has more"),
            ("images of a slideshow", f"1 to {limits.MOST_SLIDES}: {', '.join(limits._SLIDES)}"),
            ("a video", f"under {limits.MAX_VIDEO_BYTES // 1_000_000} MB: {', '.join(limits._VIDEOS)}"),
            ("`external_id`", f"{limits.MOST_EXTERNAL_ID} characters"),
            ("a caption on X without a premium account", f"{limits.PLAIN_X_CAPTION} characters (a warning)"),
        ],
    )


def posteverywhere_platforms() -> str:
    rows = []
    for platform, limit in sorted(posteverywhere_limits.BUILT_IN.platforms.items()):
        caption = f"{limit.caption:,} {limit.unit}" if limit.caption else "no limit known"
        tags = f", {limit.hashtags} hashtags" if limit.hashtags else ""
        rows.append((platform, caption + tags, str(limit.needs), _span(limit.shortest_s, limit.longest_s)))
    return table(("Platform", "Caption at most", "Needs", "Video"), rows)


def _span(shortest_s: float | None, longest_s: float | None) -> str:
    if longest_s is None:
        return "no limit known"
    longest = format_duration(timedelta(seconds=longest_s))
    return f"{shortest_s:g}s to {longest}" if shortest_s else f"up to {longest}"


def posteverywhere_media() -> str:
    most = posteverywhere_limits.LIMITS.most
    return table(("File", "At most"), [(code(kind), f"{size // 1_000_000} MB") for kind, size in most.items()])


# --- Numbers ---------------------------------------------------------------------------------------------------------


def numbers(*rows: tuple[str, object]) -> str:
    common = (
        ("5xx, time-outs and unreadable answers in a row that hold a key", _failures_that_hold()),
        (
            "listings in a row without an account until it counts as disconnected",
            WatchRules().misses_before_disconnected,
        ),
    )
    shown = ((what, format_duration(one) if isinstance(one, timedelta) else str(one)) for what, one in (*common, *rows))
    return table(("What", "Number"), shown)


def _failures_that_hold() -> int:
    return next(failures for failures in count(1) if breaker_hold(PublishRules(), failures, 0.0))


def genviral_numbers() -> str:
    return numbers(
        ("how long the same create is taken to be recognised", REPLAY_TRUSTED_FOR),
        ("a schedule up to this far ahead goes at once", genviral_requests.GOES_AT_ONCE),
        ("a schedule at least this far ahead is sent; one between is held", genviral_requests.SHORTEST_LEAD),
        ("how often posts made elsewhere are looked for", genviral_reading.LOOK_EVERY),
    )


def posteverywhere_numbers() -> str:
    looks = " and ".join(format_duration(pause) for pause in PostEverywhere.looks)
    return numbers(
        ("failures with the same content after which its circuit breaker refuses it", PostEverywhere.breaker or "none"),
        ("a create whose answer was lost is looked for so long after", looks),
        ("how long a link to reconnect an account is good, unless it says so itself", LINK_LIFE),
        ("networks without such links", ", ".join(sorted(BY_CREDENTIALS))),
        ("how often each account is asked by itself how it is", checkups.EVERY),
        ("accounts that are asked so with one listing", checkups.AT_ONCE),
        ("how long a post that no sweep shows is believed to stand as it did", posteverywhere_reading.FRESH_FOR),
        ("how far the clock of a webhook's sender may be off", TOLERANCE),
    )


# --- The pages -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judging:
    """A partner's table of failure texts, and texts that show each row."""

    judge: Callable[[str], Judgement]
    rows: Rows
    texts: Sequence[str]


JUDGING = {
    "genviral": Judging(genviral_judge.judge, genviral_judge._VERDICTS.rows, TEXTS),
    "posteverywhere": Judging(
        partial(posteverywhere_judge.judge, platform="x"), posteverywhere_judge._VERDICTS.rows, POSTEVERYWHERE_TEXTS
    ),
}

GENERATED: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "genviral": {
        "configuration": lambda: configuration("genviral"),
        "answers": lambda: answers(genviral_answering, GENVIRAL_SAID),
        "failures": lambda: failures(JUDGING["genviral"].judge, TEXTS),
        "captions": genviral_captions,
        "counts": genviral_counts,
        "numbers": genviral_numbers,
    },
    "posteverywhere": {
        "configuration": lambda: configuration("posteverywhere"),
        "answers": lambda: answers(posteverywhere_answering, POSTEVERYWHERE_SAID),
        "failures": lambda: failures(JUDGING["posteverywhere"].judge, POSTEVERYWHERE_TEXTS),
        "platforms": posteverywhere_platforms,
        "media": posteverywhere_media,
        "numbers": posteverywhere_numbers,
    },
}
_BLOCK = re.compile(r"<!-- begin: (\w+) -->\n.*?<!-- end: \1 -->", re.DOTALL)


def path_of(kind: str) -> Path:
    return PARTNERS / f"{kind}.md"


def generated(kind: str) -> str:
    """Return a page with its tables as the code gives them now."""
    made, text = GENERATED[kind], path_of(kind).read_text(encoding="utf-8")
    assert sorted(match[1] for match in _BLOCK.finditer(text)) == sorted(made)
    return _BLOCK.sub(lambda m: f"<!-- begin: {m[1]} -->\n{made[m[1]]()}\n<!-- end: {m[1]} -->", text)


@pytest.mark.parametrize("kind", sorted(GENERATED))
def test_the_tables_of_a_partner_are_what_its_code_gives(kind):
    assert path_of(kind).read_text(encoding="utf-8") == generated(kind), AGAIN


def test_every_partner_has_its_page():
    assert set(GENERATED) == set(CONFIGS) == {path.stem for path in PARTNERS.glob("*.md")}


def first_rows(judging: Judging) -> Iterator[Judgement]:
    for text in judging.texts:
        yield judging.judge(text)


@pytest.mark.parametrize("kind", sorted(JUDGING))
def test_the_texts_that_a_page_shows_show_every_meaning_there_is(kind):
    judging = JUDGING[kind]
    assert {meaning for _, meaning in judging.rows} <= set(first_rows(judging))


if __name__ == "__main__":
    for kind in GENERATED:
        path_of(kind).write_text(generated(kind), encoding="utf-8")
