"""The edges of bridge as Protocols: `Source`, `Partner`, `Store`, one file each.

Flows depend on these and on `core`; the rooms `sources`, `partners` and `store` fulfil them. The docstrings carry what
a signature cannot say: order, leases, idempotence, errors.
"""

from collections.abc import Callable
from datetime import datetime

from bridge.core.model import Judgement as Judgement
from bridge.core.model import Write as Write
from bridge.core.queries import Counts as Counts
from bridge.core.queries import Due as Due
from bridge.core.queries import EndpointStats as EndpointStats
from bridge.core.queries import Find as Find
from bridge.core.queries import Rooms as Rooms
from bridge.core.queries import Timeline as Timeline
from bridge.core.queries import Untold as Untold
from bridge.ports.desk import Desk as Desk
from bridge.ports.partner import Begin as Begin
from bridge.ports.partner import Checked as Checked
from bridge.ports.partner import Known as Known
from bridge.ports.partner import Later as Later
from bridge.ports.partner import MediaFile as MediaFile
from bridge.ports.partner import MediaLimits as MediaLimits
from bridge.ports.partner import Partner as Partner
from bridge.ports.partner import Reading as Reading
from bridge.ports.partner import Send as Send
from bridge.ports.partner import at_once as at_once
from bridge.ports.source import Call as Call
from bridge.ports.source import Gesture as Gesture
from bridge.ports.source import Hint as Hint
from bridge.ports.source import Parsed as Parsed
from bridge.ports.source import Reply as Reply
from bridge.ports.source import Source as Source
from bridge.ports.source import Verb as Verb
from bridge.ports.store import NOTHING as NOTHING
from bridge.ports.store import Acceptance as Acceptance
from bridge.ports.store import Accepted as Accepted
from bridge.ports.store import ClaimedCommand as ClaimedCommand
from bridge.ports.store import ClaimedDelivery as ClaimedDelivery
from bridge.ports.store import Settled as Settled
from bridge.ports.store import Settlement as Settlement
from bridge.ports.store import Store as Store

Clock = Callable[[], datetime]
"""Gives the present instant, aware and in UTC."""
