"""Calls: what Slack is asked while one message is brought up to date, and what it said."""

from bridge.core.delivering import Outcome
from bridge.core.errors import FailureReason
from bridge.core.slack import Workspace
from bridge.core.slack.api import MOST_READ, Answer, Meaning, WebCall, is_of_one, meaning, read
from bridge.net import GuardedClient, NetError


class Calls:
    """Makes calls. `heard` is what was called and what each call was told, without anything secret."""

    def __init__(self, client: GuardedClient, timeout_s: float) -> None:
        self._client, self._timeout_s = client, timeout_s
        self.heard: list[str] = []

    async def ask(self, workspace: Workspace, call: WebCall) -> Answer:
        """Make a call.

        Raises:
            NetError: there was no answer, whether or not Slack did what it was asked.
        """
        try:
            # Never by itself a second time: one whose connection was closed may have been posted.
            reply = await self._client.post(
                call.url,
                call.headers,
                call.body,
                self._timeout_s,
                most=MOST_READ,
                allow_http=workspace.allow_http,
                again=False,
            )
        except NetError as error:
            self.heard.append(f"{call.what}: {error.reason}")
            raise
        answer = read(reply.status, reply.headers, reply.body)
        self.heard.append(f"{call.what}: {'ok' if answer.ok else answer.error or answer.status}")
        return answer


def cut(error: NetError) -> Outcome:
    """Return how an attempt ended that got no answer."""
    return Outcome(error.reason, detail=error.detail[:200])


def failed(answer: Answer, what: str) -> Outcome:
    """Return how an attempt ended that is made again, or never."""
    meant, reason = meaning(answer, what)
    said = answer.error or f"status {answer.status}"
    needed = answer.data.get("needed")
    detail = f"{what}: Slack says {said}" + (f", it needs the scope {needed[:40]}" if isinstance(needed, str) else "")
    status = 429 if reason is FailureReason.RATE_LIMITED else answer.status
    final, alone = meant is Meaning.OVER, is_of_one(meant, reason)
    return Outcome(reason, status, detail=detail, asked=answer.retry_after, final=final, alone=alone)


def unsure(answer: Answer, what: str) -> Outcome | None:
    """Return why something has to be looked for later; None when it may not be looked for at all."""
    return failed(answer, what) if meaning(answer, what)[0] is Meaning.LATER else None
