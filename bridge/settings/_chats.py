"""Checks what can be told about chats: their tokens, their addresses, and the cards that other sources send there."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bridge.core.chats import card
from bridge.core.rules import SourceRules
from bridge.settings._tree import Faults, Trail
from bridge.settings._types import Entry, Server

SLACK = "slack"
_API = "https://slack.com/api/"


def check_chats(built: Mapping[str, Any], faults: Faults) -> None:
    """Add the faults of sources that are chats, and of what asks for a card in one."""
    _app_tokens(built["sources"], faults)
    # A chat whose token cannot be read has its fault already: what needs the chat is not at fault, too.
    unread = [name for name in built["sources"] if faults.within(("sources", name, "bot_token"))]
    posting = list(dict.fromkeys((*chats(built["sources"]), *unread)))
    for trail, rules in _all_rules(built):
        if rules.card is not None and rules.hold is None:
            faults.add((*trail, "card"), "shows what is held, and nothing is", "Add hold: 10m, or use approve instead.")
        for key in ("approve", "card"):
            place = getattr(rules, key)
            if place is None or faults.within((*trail, key)):
                continue
            try:
                card(place, posting)
            except ValueError as error:
                problem, _, remedy = str(error).partition("\n")
                faults.add((*trail, key), problem, remedy)


def chats(sources: Mapping[str, Entry]) -> list[str]:
    """Return the names of the sources that messages can be posted to."""
    return [name for name, entry in sources.items() if entry.kind == SLACK and entry.config.bot_token]


def _app_tokens(sources: Mapping[str, Entry], faults: Faults) -> None:
    """Refuse one app for two sources: Slack would choose, envelope by envelope, whose rules hold."""
    seen: dict[str, str] = {}
    for name, entry in sources.items():
        token = entry.config.app_token if entry.kind == SLACK else None
        if token and seen.setdefault(token, name) != name:
            problem = f"is that of sources.{seen[token]} too: either would get what people do"
            faults.add(("sources", name, "app_token"), problem, "Keep one source for each app of Slack.")


def _all_rules(built: Mapping[str, Any]) -> Iterator[tuple[Trail, SourceRules]]:
    yield ("publish",), built["publish"]
    for name, entry in built["sources"].items():
        if isinstance(entry.config, SourceRules):
            yield ("sources", name), entry.config


def chat_warnings(built: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence on whatever a chat opens up or cannot do as it is configured."""
    server: Server = built["server"]
    for name, entry in built["sources"].items():
        if entry.kind == SLACK:
            yield from _of(f"sources.{name}", entry.config, server)


def _of(path: str, config: Any, server: Server) -> Iterator[str]:
    if not config.bot_token:
        lacking = "no shortcuts, no forms, no cards, and no word after 30 minutes"
        yield f"{path}.bot_token: is missing, so there are {lacking}" + (
            " but by the webhook." if config.webhook else "."
        )
    if config.mode == "http" and server.public_url is None:
        yield f"{path}.mode: is http, and server.public_url is missing: mode: socket needs no address."
    if not (config.users or config.channels):
        yield f"{path}.users: is empty, and so is channels: whoever is in the workspace may publish."
    if config.api_url.startswith("http://"):
        yield f"{path}.api_url: is plain http, so tokens travel in the clear."
    elif urlsplit(config.api_url).hostname != urlsplit(_API).hostname:
        yield f"{path}.api_url: is not slack.com, and what is there gets the tokens."
