"""The partners' pages say what their code does: the tables between the marks are written by it.

`python -m tests.test_partner_docs` writes them again. They stand between `<!-- begin: NAME -->` and
`<!-- end: NAME -->` in docs/partners/, as in the pages of `tests/test_docs.py`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Account, Judgement
from bridge.core.redact import Redactor
from bridge.core.units import format_duration
from bridge.partners import CONFIGS
from bridge.partners._http import Answer
from bridge.partners.genviral import judge as genviral_judge
from bridge.partners.genviral import limits as genviral_limits
from bridge.partners.genviral import replies as genviral_replies
from bridge.partners.genviral.config import Contract
from bridge.partners.posteverywhere import judge as posteverywhere_judge
from bridge.partners.posteverywhere import limits as posteverywhere_limits
from bridge.partners.posteverywhere import refusals
from bridge.settings import Kinds, reference

PARTNERS = Path(__file__).parent.parent / "docs" / "partners"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AGAIN = "write it again: python -m tests.test_partner_docs"

Said = tuple[int, str | None]
"""A status and the machine code beside it, if that makes a difference."""


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


def genviral_refusal(said: Said) -> PartnerError | None:
    status, error_code = said
    body = {"ok": False, "code": status, "message": "No", "error_code": error_code} if status >= 400 else None
    given = {"text": "", "retry_after": None, "redactor": Redactor()}
    return genviral_replies.refusal(status, body, write=True, **given)


def posteverywhere_refusal(said: Said) -> PartnerError | None:
    status, error_code = said
    body = {"data": None, "error": {"message": "No", "code": error_code}} if status >= 400 else None
    answer = Answer(status, body, "", {}, None, NOW)
    return refusals.refusal(answer, write=True, create=True, now=NOW, redactor=Redactor())


_ELSE: Sequence[Said] = ((500, None), (302, None), (200, None))
GENVIRAL_SAID: Sequence[Said] = (
    *((400, word) for word in genviral_replies._REFUSALS),
    *((status, None) for status in genviral_replies._STATUSES),
    (403, "subscription_required"),
    *_ELSE,
)
POSTEVERYWHERE_SAID: Sequence[Said] = (
    *((422 if word == refusals.BREAKER else 400, word) for word in refusals._CODES),
    *((status, None) for status in refusals._STATUSES),
    *_ELSE,
)
_SPOKEN = {500: "5xx", 302: "3xx", 200: "2xx without readable content"}


def answers(refusal: Callable[[Said], PartnerError | None], said: Iterable[Said], lost: str) -> str:
    rows = []
    for status, word in sorted(said, key=lambda one: (one[0] < 400, one[0], one[1] or "~")):
        error = refusal((status, word))
        assert error is not None
        spoken = _SPOKEN.get(status, str(status))
        rows.append((spoken, code(word) if word else "", code(error.reason), code(error.failure), done(error, lost)))
    return table(("Status", "Code", "Reason", "Class", "What bridge does about a publish"), rows)


def done(error: PartnerError, lost: str) -> str:
    """Say what follows from a refused publish, as `bridge.core.publishing.fail` decides it."""
    if error.key_wide:
        return "Holds the whole key, parks its work, tells a person once, and tries again by itself"
    if error.reason is FailureReason.RATE_LIMITED:
        return "Holds the whole key for as long as was asked; no try is used up"
    if error.failure is FailureClass.NEEDS_HUMAN:
        return "Parks this post; the oldest that waits is tried again every `watch.probe_every`"
    if error.reason is FailureReason.MEDIA_UNREACHABLE:
        return "Brings the files instead of their addresses; when that fails, rejects the post after three tries"
    if error.reason is FailureReason.UNKNOWN_ACCOUNTS and error.failure is FailureClass.RETRYABLE:
        return "Lists the accounts and tries again, three times in all"
    if error.failure is FailureClass.RETRYABLE:
        return lost if error.maybe_stored else "Tries again, with a growing pause"
    return "Rejects the post, with the partner's text"


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
        ("; ".join(examples), code(meaning.reason), code(meaning.failure), _CHOICES[meaning.failure](meaning))
        for meaning, examples in by_meaning.items()
    )
    return table(("A text such as", "Reason", "Class", "What bridge does"), rows)


_CHOICES: Mapping[FailureClass, Callable[[Judgement], str]] = {
    FailureClass.TERMINAL: lambda _: "Gives up: the post must be changed",
    FailureClass.RETRYABLE: lambda _: "Retries this account after each of `retry.delays`",
    FailureClass.WAIT_UNTIL: lambda one: f"Retries this account after {format_duration(one.wait) if one.wait else ''}",
    FailureClass.NEEDS_HUMAN: lambda _: "Parks the retry until the account is back",
    FailureClass.AMBIGUOUS: lambda _: "Reads it again for `retry.ambiguous_reread`, then parks it for a person",
    FailureClass.BENIGN: lambda _: "Nothing",
}


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
_SENT_AGAIN = "It may have been stored: sends the same bytes again"
_LOOKED_FOR = "It may have been stored: looks for it, and sends again only what is not there"

GENERATED: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "genviral": {
        "configuration": lambda: configuration("genviral"),
        "answers": lambda: answers(genviral_refusal, GENVIRAL_SAID, _SENT_AGAIN),
        "failures": lambda: failures(JUDGING["genviral"].judge, TEXTS),
        "captions": genviral_captions,
        "counts": genviral_counts,
    },
    "posteverywhere": {
        "configuration": lambda: configuration("posteverywhere"),
        "answers": lambda: answers(posteverywhere_refusal, POSTEVERYWHERE_SAID, _LOOKED_FOR),
        "failures": lambda: failures(JUDGING["posteverywhere"].judge, POSTEVERYWHERE_TEXTS),
        "platforms": posteverywhere_platforms,
        "media": posteverywhere_media,
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
