"""The edge to senders: `Source`, what one read out of a request, and how it is answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Protocol

from bridge.core.errors import Problem
from bridge.core.model import Item, Json, RawRequest, ReplyTo, Verified
from bridge.core.nouns import noun


@noun(frozen=True, slots=True)
class Hint:
    """A partner's word that it has news: ids (the partner's own) of posts and accounts of one key, to be read now."""

    partner: str
    posts: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


class Verb(StrEnum):
    """What a person does in a chat beside asking for a post: calls for a form, sends one in, or presses a button."""

    FORM = "form"
    EDIT = "edit"
    SAVE = "save"
    APPROVE = "approve"
    SEND = "send"
    DROP = "drop"
    LIVE = "live"
    RETRY = "retry"
    CANCEL = "cancel"


@noun(frozen=True, slots=True, kw_only=True)
class Gesture:
    """What a person did in a chat that is to be acted on at once.

    `user` and `user_name` say who. `message` is the id of our message whose button it was (of a form: that it came of);
    `channel` and `ts` are where that is, `ephemeral` when only this person sees it. `trigger` opens a form, for a few
    seconds; `address` takes answers for a while; both are secrets. `draft` is what a form begins with, or what was
    filled in, as fields of a publish request. `reply_to` is where whoever sends in the form that it opens is told what
    becomes of it. `judges` says whether this person may decide about what is held.
    """

    verb: Verb
    user: str
    user_name: str = ""
    message: str = ""
    channel: str = ""
    ts: str = ""
    ephemeral: bool = False
    trigger: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    draft: Json = field(default_factory=dict)
    reply_to: ReplyTo | None = None
    judges: bool = True


@noun(frozen=True, slots=True)
class Reply:
    """How a sender is answered once its request is stored; its `body` None stands for what we have to say, as JSON."""

    status: int = 200
    body: bytes | None = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@noun(frozen=True, slots=True)
class Parsed:
    """What a source read out of a verified request.

    `items` become one event each, in this order; none at all means that there was nothing to say. `hint` says what to
    look at, and goes with one item of the intent `hint`. `reply` goes before that of the source. `gesture` is acted on
    before the answer. With `refusal` somebody reads the answer: what cannot be posted as it is asked for is refused
    with every fault, as `refusal` words it, and nothing is kept. `kept` is stored as the body in place of what was
    sent, which holds secrets.
    """

    items: tuple[Item, ...]
    hint: Hint | None = None
    reply: Reply | None = None
    gesture: Gesture | None = None
    refusal: Callable[[Problem], Reply] | None = None
    kept: bytes | None = None


@noun(frozen=True, slots=True)
class Call:
    """A request to a sender's own API: what a lookup needs next. Its address and headers may hold a credential.

    `answers` are the statuses beside 2xx whose bodies are answers, too: what the sender says with them is for `lookup`
    to read.
    """

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None
    answers: tuple[int, ...] = ()


class Source(Protocol):
    """One configured sender. Sans-I/O: bytes in, data out.

    `told` says for people how its sender is known, without any secret. `reply` is how it is answered, `methods` those
    of HTTP it sends events with. `fetches` says that it can look up what its requests leave out: then an item of intent
    `needs_fetch` with `wanted` gets a `Lookup`. `slow` says that `read` may take seconds of work, so that it is not for
    the event loop.
    """

    kind: str
    told: str
    reply: Reply
    methods: tuple[str, ...]
    fetches: bool
    slow: bool

    def verify(self, raw: RawRequest) -> Verified:
        """Check that the sender is who it says, over the raw bytes, in constant time.

        Raises:
            Problem: 401 without a hint of why; 403 when the sender is known but may not do this.
        """
        ...

    def read(self, verified: Verified) -> Parsed:
        """Parse a verified request.

        Raises:
            Problem: 400 (not parsable, with the offset), 415.
        """
        ...

    def probe(self, raw: RawRequest) -> Reply | None:
        """Answer a request that is no event and needs no proof (OPTIONS of CloudEvents); None: there is none."""
        ...

    def lookup(self, wanted: Json, answers: Sequence[bytes]) -> Call | Item:
        """Say what to ask of the sender's API next, given the bodies of the answers so far; at last, the whole item.

        Raises:
            Problem: an answer cannot be read, or says that there is nothing to publish.
        """
        ...
