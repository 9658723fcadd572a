"""Why something failed or waits, in plain words for whoever asked for it: what it means, and what to do."""

from collections.abc import Mapping
from types import MappingProxyType

from bridge.core.errors import FailureReason

_SERVICE = "The publishing service could not be reached."
_FETCH = "Check that the address of the media opens for everybody, then try again."

SENTENCES: Mapping[FailureReason, str] = MappingProxyType(
    {
        FailureReason.DNS: _SERVICE,
        FailureReason.CONNECT: _SERVICE,
        FailureReason.TLS: _SERVICE,
        FailureReason.TIMEOUT: "The publishing service did not answer in time.",
        FailureReason.CLOSED: "The publishing service hung up before it had answered.",
        FailureReason.PROTOCOL: "The publishing service gave an answer that cannot be read.",
        FailureReason.BLOCKED_ADDRESS: "The address leads into a private network. Use one that is open to everybody.",
        FailureReason.INSECURE_URL: "The address is not encrypted. Use one that begins with https://.",
        FailureReason.RATE_LIMITED: "Too much was sent to the publishing service at once.",
        FailureReason.SERVER_ERROR: "The publishing service has trouble of its own.",
        FailureReason.UNREADABLE: "The publishing service gave an answer that cannot be read.",
        FailureReason.UNAUTHORIZED: "The publishing service refuses our key. Ask whoever runs bridge to renew it.",
        FailureReason.PAYMENT_REQUIRED: "Our plan there has run out. Ask whoever runs bridge to renew it.",
        FailureReason.FORBIDDEN: "The key or the plan does not allow this. Ask whoever runs bridge to look at it.",
        FailureReason.INVALID: "It cannot be published as it is. Mend what is named, then publish it again.",
        FailureReason.UNKNOWN_ACCOUNTS: "The account is not known there. Connect it, or choose another.",
        FailureReason.MEDIA_UNREACHABLE: f"The image or video could not be fetched. {_FETCH}",
        FailureReason.MEDIA_TOO_LARGE: "The image or video is too large. Make it smaller, then publish it again.",
        FailureReason.MEDIA_INVALID: "The image or video cannot be posted as it is. Save it in another format.",
        FailureReason.CONFLICT: "The publishing service has another post under the same name.",
        FailureReason.NOT_FOUND: "The publishing service does not know this post any more.",
        FailureReason.NOT_ALLOWED_NOW: "That is not possible in the state that it is in.",
        FailureReason.REDIRECT: "The address sends on to another one. Use the address that it leads to.",
        FailureReason.CLIENT_ERROR: "The publishing service refused it.",
        FailureReason.GONE: "It is not there any more.",
        FailureReason.TOKEN: "The network does not accept our access any more. Reconnect the account, then try again.",
        FailureReason.PLATFORM_LIMIT: "The network lets this account post no more for now. Wait until that is over.",
        FailureReason.PLATFORM_RATE: "The network was busy or asked us to slow down. Another try usually helps.",
        FailureReason.CONTENT: "The network refuses this text, image or video. Change it, then publish it again.",
        FailureReason.UNKNOWN_OUTCOME: "Nobody knows whether it is live. Look at the account before it is sent again.",
        FailureReason.PLATFORM_OTHER: "The network refused it, for a reason that we do not know.",
        FailureReason.ACCOUNT_INACTIVE: "The account is disconnected. Reconnect it; then this goes out by itself.",
        FailureReason.ACCOUNT_RETIRED: "The account is no longer used. Choose another, or ask whoever runs bridge.",
        FailureReason.KEY_BLOCKED: "The service refuses our key or plan. Ask whoever runs bridge to renew it.",
        FailureReason.OTHER_WORKSPACE: "The key is for another workspace now. Ask whoever runs bridge to look at it.",
        FailureReason.KEY_CONFLICT: "Something else was sent under the same name before. Publish it under another one.",
        FailureReason.BRAKE: "Much more came at once than usual, so it was stopped. Send it or drop it.",
        FailureReason.HELD: "There is time to look at it first. It goes out by itself unless somebody drops it.",
        FailureReason.NEEDS_APPROVAL: "Nothing goes out before somebody approves it.",
        FailureReason.NEEDS_HUMAN: "A person must look at it.",
        FailureReason.TOO_LATE: "Its time was long ago, so it does not go out by itself. Send it now, or drop it.",
        FailureReason.GAVE_UP: "It was tried for a long time without success. Try it again when the trouble is over.",
        FailureReason.EXHAUSTED: "It was tried several times without success. Look at the account, then try it again.",
        FailureReason.EXPIRED: "Nobody decided in time, so it was given up. Publish it again if it is still wanted.",
        FailureReason.DROPPED: "A person dropped it.",
        FailureReason.CANCELED: "It was taken back before it went out.",
        FailureReason.ENDPOINT_DISABLED: "Messages like this are switched off.",
        FailureReason.BY_HAND: "A person switched it off.",
        FailureReason.ERASED: "What it said was erased.",
        FailureReason.FAILING: "It failed for too long.",
        FailureReason.SEALED: "A secret that it needs cannot be read. Ask whoever runs bridge to look at it.",
        FailureReason.LOST: "The answer was lost.",
        FailureReason.INTERNAL: "Something went wrong in bridge itself. Ask whoever runs it to look at its log.",
    }
)
"""Reason -> what a person is told of it. They may stand beside a name or alone."""

_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "stale": "Something newer was known of it already.",
        "nothing_posted": "Nothing of it had been posted, so there is nothing to change.",
        "unchanged": "Nothing in it differs from what is posted.",
        "already_posted": "It was posted before.",
        "already_waiting": "It waits already.",
        FailureReason.KEY_CONFLICT: SENTENCES[FailureReason.KEY_CONFLICT],
    }
)


def why_nothing(reason: str) -> str:
    """Return why an event made no post, for a person; the text is foreign, as it may name values of the request."""
    return _EVENTS.get(reason.partition(":")[0], reason)
