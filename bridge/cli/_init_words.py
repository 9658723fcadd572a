"""What `bridge init` tells a person: why a key did not work and what to do, and a first post that nobody sees."""

import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from bridge.cli._init_files import in_line
from bridge.core.errors import FailureReason, PartnerError
from bridge.core.model import AccountState, Listed

TITLES = {"genviral": "Genviral", "posteverywhere": "PostEverywhere"}
_AHEAD = timedelta(days=30)
_SITE = "https://YOUR-SITE.example"
_TEXT_ALONE = ("x", "linkedin", "facebook", "threads", "bluesky", "telegram", "discord")
_NEEDS_MORE = ("pinterest", "reddit", "youtube")
"""Platforms that want a board, a place or a title beside the caption."""

_LOOK = "Look at --base-url: something answers there, but not the partner."
_REACH = "Is this machine online, and may it reach the address? A proxy is not used."
_TO_DO: Mapping[FailureReason, str] = {
    FailureReason.UNAUTHORIZED: "Copy the whole key from the partner's dashboard, or make a new one there.",
    FailureReason.PAYMENT_REQUIRED: "Its plan has lapsed or does not include the API: renew it at the partner.",
    FailureReason.FORBIDDEN: "Its plan or scopes do not allow this: it must read and write; change that there.",
    FailureReason.NOT_FOUND: _LOOK,
    FailureReason.REDIRECT: _LOOK,
    FailureReason.UNREADABLE: _LOOK,
    FailureReason.DNS: _REACH,
    FailureReason.CONNECT: _REACH,
    FailureReason.TLS: _REACH,
    FailureReason.TIMEOUT: _REACH,
}


def refused(kind: str, error: PartnerError) -> Iterator[str]:
    """Say why the accounts could not be listed, and what to do."""
    detail = in_line(error.detail)
    status = f" ({error.status}{': ' + detail if detail else ''})" if error.status else f": {detail}"
    yield f"{TITLES[kind]} did not list the key's accounts: {error.reason}{status.rstrip()}."
    yield _TO_DO.get(error.reason, "Try again in a few minutes.")
    yield "Nothing was written."


def first_post(kind: str, accounts: Mapping[str, Listed], now: datetime) -> Iterator[str]:
    """Show a post that is safe to try: only scheduled, and taken back before anybody can see it.

    Neither partner has a sandbox. Scheduled posts stay in the partner's own queue, which no network has seen; drafts in
    TikTok's inbox count against its limit of five in 24 hours, and private posts are posts all the same.
    """
    name = _easiest(kind, accounts)
    if name is None:
        yield "The key has no account to post to. Connect one at the partner; GET /v1/accounts then lists it."
        return
    when = (now + _AHEAD).replace(minute=0, second=0, microsecond=0)
    body: dict[str, object] = {"caption": "First post through bridge", "accounts": [name], "scheduled_at": when}
    if _takes_text(kind, accounts[name]):
        yield "A first post that nobody sees:"
    else:
        body["media"] = f"{_SITE}/{'video.mp4' if accounts[name].platform == 'youtube' else 'picture.jpg'}"
        yield f"A first post that nobody sees (put the address of a file of yours in place of {body['media']}):"
    yield ""
    yield "    curl http://127.0.0.1:8080/v1/publish \\"
    yield '      -H "Authorization: Bearer $BRIDGE_TOKEN" -H "Content-Type: application/json" \\'
    yield f"      -d {shlex.quote(orjson.dumps(body, option=orjson.OPT_UTC_Z).decode())}"
    yield ""
    yield f"It waits in {TITLES[kind]}'s queue until {when:%d %B %Y} and no network has it. Take it back before that:"
    yield ""
    yield '    curl -X DELETE http://127.0.0.1:8080/v1/posts/POST_ID -H "Authorization: Bearer $BRIDGE_TOKEN"'
    yield ""
    yield f"To try things out with nothing sent at all, set partners.{kind}.writes: off."


def _easiest(kind: str, accounts: Mapping[str, Listed]) -> str | None:
    """Return the name of the account that asks for least; None when there is none to post to."""
    usable = [(name, one) for name, one in accounts.items() if one.state is AccountState.ACTIVE]
    ranked = sorted(usable, key=lambda pair: (not _takes_text(kind, pair[1]), pair[1].platform in _NEEDS_MORE))
    return ranked[0][0] if ranked else None


def _takes_text(kind: str, account: Listed) -> bool:
    """Whether a post without media is taken, as far as is known."""
    if kind == "genviral":
        kinds = (account.capabilities or {}).get("supported_content_kinds")
        return isinstance(kinds, list) and "text_only" in kinds
    return account.platform in _TEXT_ALONE


def next_commands(config: Path, secrets_file: Path) -> Iterator[str]:
    """Show how to check and start what was written, in a shell."""
    option = "" if str(config) == "bridge.yaml" else f" --config {shlex.quote(str(config))}"
    name = str(secrets_file)
    # A shell looks for a name without a slash in its PATH, not here.
    name = shlex.quote(name if "/" in name else f"./{name}")
    yield f"    set -a; . {name}; set +a      # the secrets, for this shell"
    yield f"    bridge check{option}"
    yield f"    bridge serve{option}"
