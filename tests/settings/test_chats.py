"""What a configuration of a chat, or of a card in one, lacks or opens up."""

from pathlib import Path

import pytest

from bridge.core.errors import SettingsError
from bridge.settings import Kinds, Settings, load
from bridge.sources import CONFIGS, KINDS
from tests.settings.conftest import Plain

PRODUCT = Kinds(
    partners={"plain": Plain}, sources=CONFIGS, source_faults=lambda kind, config: KINDS[kind].faults(config)
)
ENVIRON = {
    "KEY": "k" * 32,
    "SIGNING": "s" * 32,
    "BOT": "xoxb-1-of-the-bot",
    "APP": "xapp-1-of-the-app",
    "QUOTED": "xapp-\u201cof-the-app\u201d",
}
SERVER = 'server: {public_url: "https://bridge.example.com"}\npartners: {plain: {token: {env: KEY}}}\n'
TEAM = "{kind: slack, secret: {env: SIGNING}, bot_token: {env: BOT}, users: [U1], accounts: ['17'], REST}"
LINE = "  team: {kind: slack, mode: socket, app_token: {env: APP}, users: [U1]}\n"
BLOG = "  blog: {kind: generic, secret: {env: KEY}, accounts: ['17'], REST}\n"


def team(rest: str = "", name: str = "team") -> str:
    return f"  {name}: {TEAM.replace('REST', rest)}\n"


def blog(rest: str) -> str:
    return BLOG.replace("REST", rest)


def read(folder: Path, sources: str, more: str = "", **given: bool) -> Settings:
    path = folder / "bridge.yaml"
    path.write_text(f"{SERVER}{more}sources:\n{sources}")
    return load(path, {} if given else ENVIRON, PRODUCT, **given)


FAULTS = {
    "a card without a chat": (blog("hold: 1m, card: '#a'"), "sources.blog.card: needs a source of the kind slack"),
    "a chat without a token": (
        team("").replace("bot_token: {env: BOT}, ", "") + blog("approve: '#a'"),
        "sources.blog.approve: needs a source of the kind slack with a bot_token",
    ),
    "which of two chats": (
        team() + team(name="brand") + blog("approve: '#a'"),
        "sources.blog.approve: may be in any of 2 sources of the kind slack",
    ),
    "a chat that is none": (team() + blog("approve: 'tem:#a'"), "sources.blog.approve: 'tem' is not a source"),
    "a channel that is none": (team() + blog("approve: social"), "sources.blog.approve: 'social' is no channel"),
    "a card of what is not held": (team() + blog("card: '#a'"), "sources.blog.card: shows what is held, and nothing"),
    "a token of another kind": (
        team().replace("bot_token: {env: BOT}", "bot_token: {env: APP}"),
        "sources.team.bot_token: ",
    ),
    "no token for the socket": (team("mode: socket"), "sources.team.app_token: is missing"),
    "one app for two sources": (
        LINE + LINE.replace("team", "brand"),
        "sources.brand.app_token: is that of sources.team",
    ),
    "a token with a quotation mark": (LINE.replace("APP", "QUOTED"), "sources.team.app_token: has characters that no"),
    "a mode that is none": (LINE.replace("socket", "pigeon"), "sources.team.mode: "),
    "a command without its stroke": (team("command: publish"), "sources.team.command: must begin with '/'"),
    "an API without a host": (team("api_url: 'https:///api/'"), "sources.team.api_url: must be an http(s) address"),
    "an API elsewhere": (team("api_url: 'https://a.example/x/'"), "sources.team.api_url: must end in /api/"),
    "an API on no port": (team("api_url: 'https://a.example:99999/'"), "sources.team.api_url: must be an http(s)"),
    "an API with a password": (
        team("api_url: 'https://u:pw-4711@a.example/api/'"),
        "sources.team.api_url: must have no",
    ),
    "a chat whose token is not set": (
        team().replace("env: BOT", "env: UNSET") + blog("approve: '#a'"),
        "sources.team.bot_token: the environment variable UNSET is not set",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_wrong_is_told_with_its_place(tmp_path, case):
    sources, told = FAULTS[case]
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, sources)

    assert [f"{fault.field}: {fault.problem}"[: len(told)] for fault in caught.value.faults] == [told]
    assert not any(secret in str(caught.value.faults) for secret in (*ENVIRON.values(), "pw-4711"))


@pytest.mark.parametrize("given", ["https://a.example", "https://a.example/", "https://a.example/api"])
def test_the_address_of_the_api_is_completed(tmp_path, given):
    assert read(tmp_path, team(f"api_url: '{given}'")).sources["team"].config.api_url == "https://a.example/api/"


def test_a_token_is_read_and_hidden_without_the_white_space_around_it(tmp_path):
    (tmp_path / "token").write_text(" xoxb-1-of-a-file \n\n")
    found = read(tmp_path, team().replace("{env: BOT}", "{file: token}"))

    assert found.sources["team"].config.bot_token == "xoxb-1-of-a-file"
    assert "xoxb-1-of-a-file" in found.secrets


def test_the_api_may_ask_for_approval_too(tmp_path):
    assert read(tmp_path, team(), "publish: {approve: 'team:#a'}\n").publish.approve == "team:#a"
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, blog(""), "publish: {approve: '#a'}\n")

    assert [fault.field for fault in caught.value.faults] == ["publish.approve"]


WARNINGS = {
    "no bot token": (
        team().replace("bot_token: {env: BOT}, ", ""),
        "sources.team.bot_token: is missing, so there are no shortcuts, no forms, no cards, and no word after 30",
    ),
    "everybody may": (team().replace("users: [U1], ", ""), "sources.team.users: is empty, and so is channels"),
    "plain http": (team("api_url: 'http://slack.example/api/'"), "sources.team.api_url: is plain http"),
    "elsewhere": (team("api_url: 'https://slack.example/api/'"), "sources.team.api_url: is not slack.com"),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_what_is_opened_up_or_left_useless_is_warned_of(tmp_path, case):
    sources, told = WARNINGS[case]

    assert any(one.startswith(told) for one in read(tmp_path, sources).warnings)


def test_http_without_an_address_is_warned_of(tmp_path):
    (tmp_path / "bridge.yaml").write_text(SERVER.partition("\n")[2] + f"sources:\n{team()}")
    told = load(tmp_path / "bridge.yaml", ENVIRON, PRODUCT).warnings

    assert any(one.startswith("sources.team.mode: is http, and server.public_url is missing") for one in told)


def test_a_sound_chat_is_not_warned_of(tmp_path):
    told = read(tmp_path, team() + blog("approve: '#a'")).warnings

    assert [one for one in told if "sources." in one] == []


def test_a_configuration_can_be_read_before_its_secrets_are_there(tmp_path):
    endpoints = "endpoints: {ops: {url: {env: OPS_URL}, secret: [{env: OPS_SECRET}]}}\n"
    found = read(tmp_path, team("webhook: {env: HOOK}"), endpoints, without_secrets=True)

    assert found.sources["team"].config.bot_token
    assert found.sources["team"].config.webhook
    assert found.warnings == ()


def test_everything_else_is_told_all_the_same(tmp_path):
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, team("mode: pigeon, bot_tokn: 1"), without_secrets=True)

    assert [fault.field for fault in caught.value.faults] == ["sources.team.bot_tokn", "sources.team.mode"]
