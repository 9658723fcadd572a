"""Why a verb of the client fails, and the text of the API's problems."""

from collections.abc import Mapping
from typing import Any

from bridge.cli.client._text import in_line
from bridge.cli.client._words import Exit


class Failed(Exception):
    """The verb cannot go on; the text says why and what to do."""

    def __init__(self, text: str, how: Exit = Exit.REFUSED) -> None:
        super().__init__(text)
        self.how = how


_NEXT = {
    "no_token": "Give one: set BRIDGE_TOKEN, or keep it with `bridge profile add`.",
    "unknown_token": "Here it comes from --token, BRIDGE_TOKEN, or a profile (`bridge profile list`).",
    "scope": "Use a token with that scope.",
    "account_not_allowed": "Use a token that may use these accounts.",
    "no_such_path": "The service may be older than this command: compare `bridge version` on both sides.",
    "no_such_post": "`bridge posts list` shows what there is.",
    "no_such_event": "`bridge events list` shows what there is.",
    "no_such_delivery": "`bridge deliveries list` shows what there is.",
    "no_such_endpoint": "`bridge endpoints list` shows what there is.",
    "no_such_replay": "`bridge replays list` shows what there is.",
    "no_such_account": "`bridge accounts list` shows what there is.",
    "no_such_cause": "`bridge causes list` shows what there is.",
    "no_such_event_type": "`bridge event-types list` shows what there is.",
    "needs_approval": "Approve it with `bridge posts send`, or end it with `bridge posts drop`.",
    "endpoint_disabled": "Enable it with `bridge endpoints enable`.",
    "internal": "The log of the service has it as http.failed.",
}
"""What a person at a terminal does next, by the problem's word, where the detail speaks in addresses or not at all."""


def how_of(status: int) -> Exit:
    """Return how a verb ends that got this answer instead of a success."""
    if status in (401, 403):
        return Exit.NOT_ALLOWED
    if status == 404:
        return Exit.NOT_FOUND
    return Exit.UNREACHABLE if status >= 500 or status == 429 else Exit.REFUSED


def failure(status: int, problem: Mapping[str, Any], retry_after: str | None) -> Failed:
    """Tell a problem document to a person: title, every fault or the detail, and what to do next."""
    word = str(problem.get("type", "")).rpartition(":")[2]
    lines = [f"{problem['title']} ({status} {word})"]
    lines += [f"  {one['field']} {one['problem'].rstrip('.')}. {one['remedy']}" for one in problem.get("errors", ())]
    if len(lines) == 1:
        lines.append(f"  {problem['detail']}")
    if retry_after is not None:
        lines.append(f"  Come back in {retry_after} s.")
    if word in _NEXT:
        lines.append(f"  {_NEXT[word]}")
    return Failed("\n".join(in_line(line) for line in lines), how_of(status))
