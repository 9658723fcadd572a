"""Causes: what stands for each thing that needs a person, and what the person can do about it."""

from collections.abc import Mapping

from bridge.core.errors import FailureReason


def account_cause(partner: str, account_id: str) -> str:
    """Return the id of the cause "this account needs a person"."""
    return f"account:{partner}:{account_id}"


def key_cause(partner: str) -> str:
    """Return the id of the cause "this key or its plan needs a person"."""
    return f"key:{partner}"


def plan_cause(partner: str) -> str:
    """Return the id of the cause "this plan lacks something that some posts need"."""
    return f"plan:{partner}"


def source_cause(source: str) -> str:
    """Return the id of the cause "more came from this source's feed than goes by itself"."""
    return f"source:{source}"


def freed_cause(cause_id: str) -> str:
    """Return what stands for the cause of work that a person let go: it is never opened, so nothing holds it again."""
    return f"{cause_id}:let_go"


_REMEDY: Mapping[str, str] = {
    "account": "Reconnect the account in the partner's dashboard; what waits for it then goes out by itself.",
    "key": "Renew the key or the plan at the partner; what waits then goes out by itself.",
    "plan": "Add the missing subscription at the partner; what waits is tried again by itself.",
    "source": "Send or drop the posts that wait one by one, or let all of them go with POST /v1/causes/{id}/close.",
    FailureReason.NOT_ALLOWED_NOW: "Set `writes: on` for this partner in the configuration; what waits is tried again.",
    FailureReason.OTHER_WORKSPACE: "Put the former key back; to use this one, give it another name under `partners`.",
}


def remedy(kind: str, reason: FailureReason, cause_id: str = "") -> str:
    """Return what a person can do about a cause of this kind that was opened for this reason."""
    return (_REMEDY.get(reason) or _REMEDY[kind]).replace("{id}", cause_id)


def reconnect(account_key: str) -> str:
    """Return what a person can do about a dead account whose partner makes links to reconnect it."""
    return (
        f"POST /v1/accounts/{account_key}/reconnect-link makes a link, good for minutes, where a person reconnects it; "
        "what waits for it then goes out by itself."
    )
