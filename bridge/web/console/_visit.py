"""What a page is given and gives: `Visit` (who looks at what), `Shown` (a template and its facts), or `Gone`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.core.tokens import Token
from bridge.web._call import Web
from bridge.web.console._api import Api

_OF_ALL = ("replay_delivery", "replay_deliveries", "stop_replay", "close_cause")
"""What concerns all accounts: no token for some of them may do it, whatever its scope."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: the template's name without `.html`, its title, and what it shows."""

    template: str
    title: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Gone:
    """Go there (a path of the console), and say there what was done; `href` is a page that tells more."""

    path: str
    said: str = ""
    well: bool = True


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who signed in looks at a page, or sends a form.

    `params` are of the path, `query` of the address, `form` what was sent (the first value of each name); `ticked` are
    all values of those that can be given several times.
    """

    web: Web
    api: Api
    token: Token
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    ticked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def may(self, operation: str) -> bool:
        """Say whether the one who looks may ask for an operation of the API."""
        return self.api.may(self.token, operation) and not (self.token.accounts and operation in _OF_ALL)

    async def ask(
        self,
        operation: str,
        params: Mapping[str, str] | None = None,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Ask the API, and return what it says.

        Raises:
            Problem: it refuses.
        """
        return (await self.api.ask(self.token, operation, params, query, body)).body

    def chosen(self, *names: str) -> dict[str, str | None]:
        """Return these parameters of the address."""
        return {name: self.query.get(name, "").strip() or None for name in names}


Look = Callable[[Visit], Awaitable[Shown]]
Act = Callable[[Visit], Awaitable[Shown | Gone]]
