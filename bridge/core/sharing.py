"""How many requests each endpoint may have under way: shares, windows, breakers and rates.

Everything here is kept in memory, for pacing alone: a process that starts anew begins with small windows. What must
last, and be known to every replica, stands in the endpoint's row.

An endpoint's room is the least of these:

* **Its share of the lane.** In one lane an endpoint may have as many requests under way as it leaves free: half of the
  lane when it is alone, a third when two want all they can get (a dynamic threshold, as in the buffers of switches).
  So whoever hangs never takes everything. One that has used up its room gets more when most of it is free again.
  Of each claim everybody in line gets the same, and goes first who has least under way: so many endpoints that hang
  have no more of the lane than as many others.
* **What slow ones have together**, which is half of the lane: those that fail, or keep a request open for more than
  two seconds, or did so the last time. So however many hang, from then on half of the lane is for others.
* **Its window**, over both lanes. It begins small, grows by one with every success that it was needed for, and is cut
  in half, with a short pause, when the endpoint says that it is given too much; from there it grows by one a round.
* **Its breaker.** While the row says that it is held there is no room; after that one request has to succeed first.
* **Its rate**, in requests a second: no second, wherever it begins, holds more of them than that (rounded up).
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.core.delivering import is_held, is_probed
from bridge.core.endpoints import rate_of
from bridge.core.formats import GATHERS
from bridge.core.model import Endpoint, Lane
from bridge.core.queries import Rooms
from bridge.core.times import spread

TRIPS = 5
"""How many failures in a row open an endpoint's breaker."""

GROUP = 100
"""How many deliveries are claimed at once of an endpoint that gathers them: they go into one request, or a few."""

_HOLD_FIRST, _HOLD_MOST = timedelta(seconds=5), timedelta(minutes=5)
_PAUSE = timedelta(seconds=1)
_FORGOTTEN = timedelta(seconds=30)
_SLOW = timedelta(seconds=2)
_JITTER = 0.2
_BEGINNING = 8
"""What part of the lane of first tries an endpoint's window begins with, as one in so many."""
_REFILL_AT = 3
"""An endpoint that used up its room gets more when no more than one in so many of its requests are still under way:
each claim is a write, and few large ones cost less than many small ones."""
_REFILL_S = 0.05
"""For how many seconds at least a rate rests before it is looked at again."""


def open_for(opened: int, chance: float) -> timedelta:
    """Return how long a breaker stays open that was opened so often before: 5 s * 2^opened, at most 5 min, + 20 %."""
    return spread(min(_HOLD_FIRST * 2 ** min(opened, 10), _HOLD_MOST), _JITTER, chance)


def _span(rate: float) -> timedelta:
    """Return how long as many requests take as a rate has in a second, rounded up."""
    return timedelta(seconds=math.ceil(rate) / rate)


@dataclass(slots=True)
class _Pool:
    """One lane: how many requests it has room for, and how many each endpoint has under way."""

    size: int
    busy: dict[str, int] = field(default_factory=dict)
    total: int = 0
    begun: dict[str, list[datetime]] = field(default_factory=dict)
    """Since when each request is under way, by endpoint, the oldest first."""
    lingers: set[str] = field(default_factory=set)
    """Endpoints that keep a request open for long, or did so with the last that ended."""
    claims: int = 0
    served: dict[str, int] = field(default_factory=dict)
    """The last claim that gave an endpoint anything."""
    crowded: bool = False
    """Slow endpoints have all that they may have together, so more may be due for them."""
    starved: set[str] = field(default_factory=set)
    """Endpoints that took all the room they had, so more may be due for them."""
    more: bool = True

    def share(self, name: str) -> int:
        hungry = len((self.starved & self.busy.keys()) - self.lingers)
        left = (self.size - self.total + self.busy.get(name, 0)) // 2
        return max(min(left, 2 * self.size // (hungry + 1)), 1)

    def hangs(self, name: str, now: datetime) -> bool:
        """Say whether an endpoint keeps a request open for long, or did so the last time."""
        return name in self.lingers or any(now - began > _SLOW for began in self.begun.get(name, ())[:1])

    def left_for(self, slow: Collection[str]) -> int:
        """Return how many more requests these may have in their half."""
        return max((self.size + 1) // 2 - sum(self.busy.get(name, 0) for name in slow), 0)

    def turns(self) -> dict[str, tuple[int, int]]:
        """Return who goes before whom: who has less under way, and of those who was served longer ago."""
        return {name: (self.busy.get(name, 0), claim) for name, claim in self.served.items()}


@dataclass(slots=True)
class _Pace:
    """What is known of one endpoint. `calm` is the window from which on it grows slowly."""

    window: float
    calm: float
    busy: int = 0
    ready: int = 0
    """How many of these have yet to begin."""
    slowed_from: float = 0.0
    paused_until: datetime | None = None
    failures: int = 0
    opened: int = 0
    recent: list[datetime] | None = None
    """When what counts against its rate began, the oldest first; None where there is no rate."""
    idle_since: datetime | None = None

    def is_idle(self, now: datetime) -> bool:
        """Say whether nothing of this is worth keeping."""
        well = not self.failures and not self.recent
        return well and self.idle_since is not None and now - self.idle_since > _FORGOTTEN


class Shares:
    """Keeps count of what is under way, by lane and endpoint. `sizes` says how many requests each lane may have."""

    def __init__(self, sizes: Mapping[Lane, int]) -> None:
        self._pools = {lane: _Pool(size) for lane, size in sizes.items()}
        self._paces: dict[str, _Pace] = {}
        self._most = sum(sizes.values())
        self._window = max(sizes[Lane.FIRST] // _BEGINNING, 1)

    def rooms(
        self,
        lane: Lane,
        most: int,
        endpoints: Mapping[str, Endpoint],
        now: datetime,
        elsewhere: Collection[str] = (),
    ) -> Rooms:
        """Return what room there is in a lane for at most so many requests, and none for those left to others."""
        pool = self._pools[lane]
        total = min(most, pool.size - pool.total)
        each = min(self._window, pool.share(""))
        pool.lingers.update(name for name in pool.begun if pool.hangs(name, now))
        slow = {name for name, one in endpoints.items() if one.failing_since is not None or name in pool.lingers}
        for_slow = pool.left_for(slow)
        named: dict[str, int] = {}
        gathering: set[str] = set()
        for name, endpoint in endpoints.items():
            gathers = bool(endpoint.group_s) and endpoint.format in GATHERS
            plain = endpoint.held_until is None and rate_of(endpoint) is None and not gathers
            if name in elsewhere or (name in slow and not for_slow):
                named[name] = 0
            elif not plain or name in self._paces:
                named[name] = self._room(pool, endpoint, now)
            # A probe is one request, and several deliveries may turn out to be more than one holds.
            if gathers and named[name] and not is_probed(endpoint, now):
                named[name] = GROUP
                gathering.add(name)
        self._forget(endpoints, now)
        return Rooms(max(total, 0), each, named, gathering, slow, for_slow, pool.turns())

    def took(self, lane: Lane, rooms: Rooms, found: Mapping[str, int], requests: Mapping[str, int]) -> None:
        """Note what a claim gave, by endpoint: how many deliveries, and how many requests they make."""
        pool = self._pools[lane]
        pool.claims += 1
        pool.served.update(dict.fromkeys(found, pool.claims))
        fair = rooms.fair(len(found))
        pool.more = sum(requests.values()) >= rooms.total
        for name, count in found.items():
            room = rooms.room(name)
            cut = name not in rooms.gathering and fair <= count < room
            (pool.starved.add if cut or count >= room else pool.starved.discard)(name)
            # Others may have left something over.
            pool.more = pool.more or cut
        pool.crowded = bool(rooms.slow) and sum(requests.get(name, 0) for name in rooms.slow) >= rooms.for_slow
        for name, count in requests.items():
            pool.busy[name] = pool.busy.get(name, 0) + count
            pool.total += count
            pace = self._pace(name)
            pace.busy += count
            pace.ready += count

    def began(self, lane: Lane, name: str, now: datetime) -> None:
        """Note that one of the requests that were taken is under way."""
        self._pools[lane].begun.setdefault(name, []).append(now)
        pace = self._pace(name)
        pace.ready -= 1
        if pace.recent is not None:
            pace.recent.append(now)

    def ended(self, lane: Lane, name: str, began: datetime, endpoint: Endpoint | None, now: datetime) -> None:
        """Note that a request is over that began then, and whether that makes room for more of the same."""
        pool, pace = self._pools[lane], self._pace(name)
        slow = pool.hangs(name, now) or (endpoint is not None and endpoint.failing_since is not None)
        pool.begun[name].remove(began)
        (pool.lingers.add if now - began > _SLOW else pool.lingers.discard)(name)
        pool.total -= 1
        pace.busy -= 1
        pace.idle_since = now
        left = pool.busy.pop(name) - 1
        if left:
            pool.busy[name] = left
        else:
            del pool.begun[name]
        has_room = name in pool.starved and (endpoint is None or self._room(pool, endpoint, now) > 0)
        if has_room or (slow and pool.crowded):
            pool.more = True

    def more(self, lane: Lane) -> bool:
        """Say whether there may be more to claim than the last claim gave."""
        return self._pools[lane].more

    def worked(self, name: str) -> bool:
        """Note a success; True when the endpoint is no longer slowed down with it."""
        pace = self._pace(name)
        pace.failures = pace.opened = 0
        if pace.busy * 2 >= pace.window:
            pace.window = min(pace.window + (1 if pace.window < pace.calm else 1 / pace.window), self._most)
        if not pace.slowed_from or pace.window < pace.slowed_from:
            return False
        pace.slowed_from, pace.calm = 0.0, self._most
        return True

    def failed(self, name: str) -> None:
        """Note a failure."""
        self._pace(name).failures += 1

    def healed(self, name: str) -> None:
        """Note that an endpoint's failures are forgiven: its breaker begins anew."""
        if (pace := self._paces.get(name)) is not None:
            pace.failures = pace.opened = 0

    def slowed(self, name: str, now: datetime) -> bool:
        """Cut an endpoint's window in half and let it rest a moment; True when it was not slowed down before."""
        pace = self._pace(name)
        if pace.paused_until is not None and pace.paused_until > now:
            return False
        first = not pace.slowed_from
        used = max(min(pace.window, pace.busy), 1.0)
        pace.slowed_from = max(pace.slowed_from, used)
        pace.window = pace.calm = max(used / 2, 1.0)
        pace.paused_until = now + _PAUSE
        return first

    def breaker(self, endpoint: Endpoint, now: datetime, chance: float) -> timedelta | None:
        """Return for how long the breaker of an endpoint that has just failed opens; None when it does not."""
        pace = self._pace(endpoint.name)
        if is_held(endpoint, now) or not (pace.failures >= TRIPS or is_probed(endpoint, now)):
            return None
        return open_for(pace.opened, chance)

    def opened(self, name: str) -> None:
        """Note that an endpoint's breaker was opened: its window begins anew."""
        pace = self._pace(name)
        pace.opened += 1
        pace.window, pace.calm, pace.slowed_from = self._window, self._most, 0.0

    def rest_s(self, endpoints: Mapping[str, Endpoint], now: datetime) -> float:
        """Return in how many seconds the next hold or pause ends, or a rate has filled up; infinite when none does."""
        ends = [endpoint.held_until for endpoint in endpoints.values() if endpoint.held_until is not None]
        ends += [pace.paused_until for pace in self._paces.values() if pace.paused_until is not None]
        rests = [(end - now).total_seconds() for end in ends if end > now]
        for name, pace in self._paces.items():
            rate = rate_of(endpoints[name]) if name in endpoints and not is_held(endpoints[name], now) else None
            if rate and pace.recent is not None and len(pace.recent) + pace.ready >= math.ceil(rate):
                oldest = pace.recent[0] if pace.recent else now
                rests.append(max((oldest + _span(rate) - now).total_seconds(), _REFILL_S))
        return min(rests, default=math.inf)

    def _pace(self, name: str) -> _Pace:
        pace = self._paces.get(name)
        if pace is None:
            pace = self._paces[name] = _Pace(self._window, self._most)
        return pace

    def _room(self, pool: _Pool, endpoint: Endpoint, now: datetime) -> int:
        name = endpoint.name
        pace = self._paces.get(name)
        paused = pace is not None and pace.paused_until is not None and pace.paused_until > now
        if is_held(endpoint, now) or paused:
            return 0
        busy, own = pace.busy if pace else 0, pool.busy.get(name, 0)
        window = 1 if is_probed(endpoint, now) else int(pace.window) if pace else self._window
        share = pool.share(name)
        if name in pool.starved and own * _REFILL_AT > min(share, window):
            return 0
        room = min(window - busy, share - own)
        if rate := rate_of(endpoint):
            room = min(room, self._allowed(endpoint, rate, now))
        elif pace is not None:
            # Without a rate nobody looks at it, and nobody would shorten it.
            pace.recent = None
        return max(room, 0)

    def _allowed(self, endpoint: Endpoint, rate: float, now: datetime) -> int:
        """Return how many requests a rate allows now, after those of the last second (or of as long as one takes).

        They count from when they began, and before that as long as they wait to: what is counted by when it was
        claimed may reach the endpoint together with what was claimed a second later.
        """
        pace = self._pace(endpoint.name)
        # A clock may go back; what was begun after now counts as just begun.
        pace.recent = [min(began, now) for began in pace.recent or () if now - began < _span(rate)]
        return math.ceil(rate) - len(pace.recent) - pace.ready

    def _forget(self, endpoints: Mapping[str, Endpoint], now: datetime) -> None:
        """Drop what is known of endpoints that are gone, or had nothing to do for a while and are well."""
        for pool in self._pools.values():
            pool.lingers &= endpoints.keys()
        gone = [name for name, pace in self._paces.items() if pace.is_idle(now) or name not in endpoints]
        for name in gone:
            if not self._paces[name].busy:
                del self._paces[name]
                for pool in self._pools.values():
                    pool.starved.discard(name)
                    pool.served.pop(name, None)
