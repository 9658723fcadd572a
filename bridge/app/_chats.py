"""The chats: what is configured of each, and the flows that keep their messages up to date and act on what people do.

A configuration without a source of the kind `slack` imports none of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.core.chats import card
from bridge.core.directory import Directory
from bridge.core.endpoints import REPLY, destination_of
from bridge.core.inbound import Card
from bridge.core.rules import SourceRules
from bridge.core.slack import Workspace
from bridge.core.slack.pace import SCHEDULE_S
from bridge.core.states import USABLE
from bridge.flows import Kit
from bridge.flows.act import Actions
from bridge.flows.fetch import Access
from bridge.flows.ingest import API, Ingest
from bridge.net import GuardedClient
from bridge.settings import Settings

if TYPE_CHECKING:
    from bridge.core.slack.views import Choice
    from bridge.flows.converse import Converser
    from bridge.flows.reply import Replier
    from bridge.sockets import Sockets

KIND = "slack"


@dataclass(frozen=True)
class Chats:
    """The flows of all chats."""

    converser: "Converser"
    replier: "Replier"
    access: Access


def workspaces(settings: Settings) -> dict[str, Workspace]:
    """Return the workspaces by the names of their sources."""
    return {name: _workspace(name, entry.config) for name, entry in settings.sources.items() if entry.kind == KIND}


def _workspace(name: str, config: Any) -> Workspace:
    return Workspace(
        name=name,
        bot_token=_one(config.bot_token),
        app_token=_one(config.app_token),
        webhook=_one(config.webhook),
        api_url=config.api_url.rstrip("/") + "/",
        socket=config.mode == "socket",
    )


def _one(secret: Sequence[str] | str | None) -> str:
    """Return the newest of several secrets, or the one."""
    return (secret if isinstance(secret, str) else secret[0] if secret else "") if secret else ""


def rows(settings: Settings) -> dict[str, dict[str, object]]:
    """Return the fields of the endpoints that stand for chats, by name."""
    return {
        destination_of(name): {
            "kind": REPLY,
            "url": one.api_url,
            "description": "Messages in Slack that follow posts",
            "events": (),
            "schedule_s": SCHEDULE_S,
        }
        for name, one in workspaces(settings).items()
    }


def cards(settings: Settings) -> dict[str, Card]:
    """Return where the posts of each source that are held have their card."""
    posting = [name for name, one in workspaces(settings).items() if one.bot_token]
    rules = {name: entry.config for name, entry in settings.sources.items() if isinstance(entry.config, SourceRules)}
    places = {name: one.approve or one.card for name, one in {**rules, API: settings.publish}.items()}
    return {name: card(place, posting) for name, place in places.items() if place}


def chats(kit: Kit, settings: Settings, network: GuardedClient, actions: Actions) -> Chats | None:
    """Return the flows of the chats; None when there is none."""
    known = workspaces(settings)
    if not known:
        return None
    from bridge.core.slack.files import headers_for
    from bridge.flows.converse import Converser
    from bridge.flows.reply import Replier

    approvers = {name: settings.sources[name].config.approvers for name in known}
    return Chats(
        Converser(kit, network, known, actions, lambda _source: choices(kit.book.directory)),
        Replier(kit, network, known, approvers=approvers),
        partial(headers_for, known),
    )


def choices(directory: Directory) -> "list[Choice]":
    """Return the accounts that a form offers: all that can be posted to, by our names for them or else by their ids."""
    from bridge.core.slack.views import Choice

    found = {}
    for account in directory.accounts.values():
        if account.state in USABLE and account.replaced_by is None and account.key not in directory.retired:
            name = directory.name_of(account.partner, account.id)
            label = f"{account.platform} {account.username or account.id}"
            found[name or account.key] = Choice(name or account.key, f"{name} ({label})" if name else label)
    for rule in directory.names:
        if not rule.retired:
            found.setdefault(rule.name, Choice(rule.name, rule.name))
    return [found[name] for name in sorted(found)]


def sockets(kit: Kit, settings: Settings, ingest: Ingest) -> "Sockets | None":
    """Return what keeps the connections of Socket Mode; None when there is none. Slack's client takes megabytes."""
    connected = [one for one in workspaces(settings).values() if one.socket]
    if not connected:
        return None
    from bridge.sockets import Sockets

    return Sockets(connected, ingest.receive, kit.metrics, kit.clock)
