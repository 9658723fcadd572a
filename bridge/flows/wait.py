"""Wait: callers who stay on the line until their posts are taken, with one batched read of the store for all."""

import asyncio
from collections.abc import Callable, Collection
from contextvars import Context
from dataclasses import dataclass, field

from bridge.core.errors import StoreError
from bridge.core.model import Post
from bridge.flows import log
from bridge.ports import Store

TICK_S = 0.2


@dataclass(eq=False, slots=True)
class _Waiter:
    ids: frozenset[str]
    done: Callable[[Post], bool]
    posts: dict[str, Post] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Waiters:
    """Everybody who waits, on whichever replica; each tick reads all their posts at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: set[_Waiter] = set()
        self._task: asyncio.Task[None] | None = None
        self._draining = False

    async def wait(self, ids: Collection[str], limit_s: float, done: Callable[[Post], bool]) -> dict[str, Post]:
        """Return the posts once `done` holds for each, or as they are at the limit or when this process drains."""
        if self._draining or limit_s <= 0:
            return await self._store.posts(ids)
        waiter = _Waiter(frozenset(ids), done)
        self._waiting.add(waiter)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), context=Context())  # Of no request's trace.
        try:
            async with asyncio.timeout(limit_s):
                await waiter.ready.wait()
        except TimeoutError:
            return await self._store.posts(ids)
        finally:
            self._waiting.discard(waiter)
        return waiter.posts

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(TICK_S)
            try:
                await self._look()
            except StoreError as error:
                # The limit is theirs, not the store's: look again until it comes.
                log.warning("wait.read_failed", error=str(error))

    async def _look(self, *, last: bool = False) -> None:
        """Read all posts waited for, and answer those who have what they wait for (the `last` time: everybody)."""
        waiting = list(self._waiting)
        posts = await self._store.posts({post_id for waiter in waiting for post_id in waiter.ids}) if waiting else {}
        for waiter in waiting:
            waiter.posts = {post_id: posts[post_id] for post_id in waiter.ids if post_id in posts}
            if last or all(waiter.done(post) for post in waiter.posts.values()):
                waiter.ready.set()

    async def drain(self) -> None:
        """Answer everybody now with what is known, and nobody waits any more."""
        self._draining = True
        try:
            await self._look(last=True)
        except StoreError as error:
            log.warning("wait.read_failed", error=str(error))
