"""People of other workspaces, who share a channel with this one (Slack Connect).

An event says whose they are in `user_team`, `source_team` or `team`, an interaction in `user.team_id`. Whose the app is
stands in `authorizations`, for a form in `view.app_installed_team_id`: in a shared channel `team_id` may be that of the
other side. Source: https://docs.slack.dev/apis/slack-connect, read 2026-11, and the payloads of
https://github.com/slackapi/bolt-python/blob/main/tests/slack_bolt/request/test_internals.py.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bridge.core.paths import dig
from bridge.sources.slack._person import Asked

_IDS = ("team_id", "enterprise_id")
_HERE = (
    ("view.app_installed_team_id",),
    ("context_team_id", "context_enterprise_id"),
    ("team_id", "team.id", "enterprise_id", "team.enterprise_id", "enterprise.id"),
)
"""Where it stands whose the app is, what is surest first."""


def refuse_stranger(asked: Asked, user: str, listed: Collection[str]) -> str:
    """Return why somebody of another workspace may do nothing here; empty when they are of this one, or listed.

    An app that is installed for a whole organisation serves all of its people.
    """
    home = asked.text("event.user_team", "event.source_team", "event.team", "user.team_id")
    here = _here(asked)
    if user in listed or not home or not here or home in here or _is_wide(asked):
        return ""
    add = f"Ask whoever runs bridge to add your id {user} to sources.{asked.source}.users"
    also = "" if asked.config.users else ", which then has to name everybody who may publish"
    return f"You are of another workspace, and may not do that here. {add}{also}."


def _here(asked: Asked) -> set[str]:
    """Return the ids of the workspace, or of its organisation, that has the app."""
    if surest := {str(one[name]) for one in _authorizations(asked) for name in _IDS if one.get(name)}:
        return surest
    ids = ({text for path in paths if (text := asked.text(path))} for paths in _HERE)
    return next(filter(None, ids), set())


def _is_wide(asked: Asked) -> bool:
    wide = [dig(asked.data, "is_enterprise_install")]
    wide += [one.get("is_enterprise_install") for one in _authorizations(asked)]
    return any(one in (True, "true") for one in wide)


def _authorizations(asked: Asked) -> Iterator[Mapping[str, Any]]:
    given = dig(asked.data, "authorizations")
    return (one for one in given if isinstance(one, Mapping)) if isinstance(given, list) else iter(())
