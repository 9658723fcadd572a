"""The built-in source `api`: `POST /v1/publish` with a bearer token; JSON, or a form as scripts and Zapier send it."""

from collections.abc import Sequence

from bridge.core.errors import Problem
from bridge.core.model import Item, Json, RawRequest, Verified
from bridge.core.tokens import Tokens
from bridge.ports import Call, Parsed, Reply
from bridge.sources._body import read_publish


class Api:
    """Takes publish requests in our own field names (see `bridge.core.request`)."""

    kind = "api"
    told = "the bearer token of one of `tokens`, with the scope publish"
    reply = Reply(202)
    methods: tuple[str, ...] = ("POST",)
    fetches = False
    slow = False

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def verify(self, raw: RawRequest) -> Verified:
        """Check the bearer token for the scope `publish`."""
        token = self._tokens.check(raw.header("authorization"), "publish")
        return Verified(raw, self.kind, f"token:{token.name}", token.accounts)

    def read(self, verified: Verified) -> Parsed:
        """Parse the body by its content type; `Idempotency-Key` is the key.

        Raises:
            Problem: 400 `invalid_json` with the offset, `invalid_body`, `invalid_key`; 415.
        """
        return read_publish(verified.raw)

    def probe(self, raw: RawRequest) -> Reply | None:
        """There is no such thing."""
        return None

    def lookup(self, wanted: Json, answers: Sequence[bytes]) -> Call | Item:
        """There is nothing to look up.

        Raises:
            Problem: always.
        """
        raise Problem(422, "no_lookup", "The API's callers say everything themselves.")
