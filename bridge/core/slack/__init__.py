"""Slack, without any I/O: what people write there, the forms and messages they are shown, and the calls of its Web API.

Sources, read 2026-11: https://docs.slack.dev/.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What is configured of a Slack workspace: one for each source of the kind `slack`.

    `bot_token` (xoxb-), `app_token` (xapp-) and `webhook` (the address of an incoming webhook) may be empty.
    """

    name: str
    bot_token: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)
    webhook: str = field(default="", repr=False)
    api_url: str = "https://slack.com/api/"
    socket: bool = False

    @property
    def allow_http(self) -> bool | None:
        """Whether its addresses may be plain http: for whoever puts one without TLS into `api_url` has no other."""
        return self.api_url.startswith("http://") or None
