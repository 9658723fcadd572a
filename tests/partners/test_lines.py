"""What a preview says that a partner is called with is what it is called with."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from bridge.core.errors import PartnerError
from bridge.core.model import CommandKind, PostState, Target
from bridge.partners.genviral import Genviral, GenviralConfig
from bridge.partners.posteverywhere import PostEverywhere, PostEverywhereConfig
from bridge.ports import Send
from tests.partners.things import NOW, command, post

pytestmark = pytest.mark.anyio

COMMANDS: tuple[tuple[Any, dict[str, Any], str | None], ...] = (
    (command(), {}, None),
    (command(CommandKind.UPDATE, payload={"changes": {"caption": "Another"}}), {}, "p/1"),
    (command(CommandKind.UPDATE, payload={"changes": {"scheduled_at": None}}), {"state": PostState.DRAFT}, "p1"),
    (command(CommandKind.RETRY), {}, "p1"),
    (command(CommandKind.CANCEL), {}, "p1"),
)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (Genviral, GenviralConfig(token="a-token", base_url="http://partner/api")),
        (PostEverywhere, PostEverywhereConfig(token="a-token", base_url="http://partner/api")),
    ],
)
@pytest.mark.parametrize(("asked", "changes", "partner_id"), COMMANDS)
async def test_the_line_is_that_of_the_call(
    kind: Any, config: Any, asked: Any, changes: dict[str, Any], partner_id: str | None
) -> None:
    called: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        called.append(f"{request.method} {request.url.raw_path.decode().removeprefix('/api')}")
        return httpx.Response(400, json={"ok": False, "error": {"code": "invalid", "message": "no"}})

    made = replace(post(partner_id=partner_id), targets=(Target("2282", platform="x"),), content={"caption": "Hello"})
    made = replace(made, **changes)
    partner = kind("p", config, lambda *_, **__: None, now=lambda: NOW, transport=httpx.MockTransport(answer))
    built = partner.build(asked, made, NOW)
    assert isinstance(built, Send)
    with pytest.raises(PartnerError):
        await partner.send(asked, made, built.body)
    await partner.close()

    assert called[0] == partner.line(asked, made)
