"""After going back to a copy: what is asked of a post in doubt is done before it goes, if it is not at its partner."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.core.model import CommandKind, PostState, WorkState
from bridge.store import SqlStore
from tests.flows.test_ingest_objects import a_cms, all_posts, say
from tests.flows.test_restored import Past
from tests.flows.test_restored_doubts import turn
from tests.flows.town import Town

pytestmark = pytest.mark.anyio

HOLD = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def afterwards(store: SqlStore) -> Iterator[None]:
    """The store is the module's."""
    yield
    store._database.restored = None


async def in_doubt(town: Town, store: SqlStore, file: Path, **fields: Any) -> None:
    """Go back to a copy that has a post of which nothing was sent."""
    await say(town, **fields)
    Past(town, store, file).come_back()
    town.clock.move(seconds=5)
    await town.work()


def shown(town: Town) -> list[str]:
    return [town.sim.world.posts[one.post_id].caption for one in town.sim.world.publications]


@pytest.mark.parametrize("rules", [{}, {"hold": HOLD}, {"approve": "#social"}])
async def test_what_is_taken_back_is_not_sent_first(
    build_town: Any, store: SqlStore, file: Path, rules: dict[str, Any]
) -> None:
    town = await build_town(hooks=a_cms(**rules))
    await in_doubt(town, store, file)
    await say(town, "unpublish", rev="2")
    await turn(town, 15)
    [post] = await all_posts(town)
    assert post.state is PostState.CANCELED
    kinds = {one.kind: one.state for one in await town.commands(post.id)}
    assert kinds == {CommandKind.PUBLISH: WorkState.DEAD, CommandKind.CANCEL: WorkState.DONE}
    assert not town.wire.creates
    assert (await town.events(post.id))[-1] == "post.canceled"


async def test_what_the_copy_took_back_is_not_sent_first(build_town: Any, store: SqlStore, file: Path) -> None:
    town = await build_town(hooks=a_cms())
    await say(town, "schedule", at=(town.clock() + timedelta(minutes=12)).isoformat())
    [_] = await town.publisher.claim(32)
    await say(town, "unpublish", rev="2")
    Past(town, store, file).come_back()
    await turn(town, 20)
    assert [one.state for one in await all_posts(town)] == [PostState.CANCELED]
    assert not town.wire.creates


@pytest.mark.parametrize("rules", [{}, {"hold": HOLD}])
async def test_what_is_changed_goes_as_it_was_changed(
    build_town: Any, store: SqlStore, file: Path, rules: dict[str, Any]
) -> None:
    town = await build_town(hooks=a_cms(**rules, repeat="update"))
    at = (town.clock() + timedelta(minutes=30)).isoformat()
    await in_doubt(town, store, file, intent="schedule", at=at)
    await say(town, "schedule", rev="2", title="Corrected", at=at)
    await turn(town, 25)
    [created] = town.wire.creates
    assert b"Corrected" in created
    await turn(town, 20)
    assert shown(town) == ["Corrected"]
    [post] = await all_posts(town)
    assert {one.state for one in await town.commands(post.id)} == {WorkState.DONE}


async def test_what_is_found_is_taken_back_at_its_partner(build_town: Any, store: SqlStore, file: Path) -> None:
    town = await build_town(hooks=a_cms())
    await say(town, "schedule", at=(town.clock() + timedelta(minutes=30)).isoformat())
    before = Past(town, store, file)
    await town.work()
    before.come_back()
    await say(town, "unpublish", rev="2")
    await turn(town, 20)
    assert [one.state for one in await all_posts(town)] == [PostState.CANCELED]
    assert len(town.sim.journal.of("create")) == 1
