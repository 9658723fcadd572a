"""The guarded HTTP client: for every address that comes from a user, and safe to point at any of them.

It refuses to connect to anything but public addresses and the networks that the configuration allows, looks at no proxy
variable, follows no redirect, keeps no cookie, unpacks nothing, and reads no more of an answer than it has to.
`bridge.downloads` fetches files through it.
"""

from bridge.net._answers import Incoming as Incoming
from bridge.net._answers import Look as Look
from bridge.net._answers import NetError as NetError
from bridge.net._answers import Reply as Reply
from bridge.net._client import MAX_BODY as MAX_BODY
from bridge.net._client import GuardedClient as GuardedClient
