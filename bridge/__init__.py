"""bridge: from "publish this" to posts on social networks, and back as signed webhooks.

Three arrows, meeting only in the store:

    in      request -> verified -> event -> posts and commands -> partner call -> receipt
    watch   partner state -> snapshot -> transition -> outbound event (and, for failures, a retry command)
    out     outbound event -> delivery -> signed POST -> attempt -> done | later | given up

Rooms: `core` decides and touches nothing; `flows` acts, one file per arrow; `sources`, `partners` and `store` are the
adapters; `web` and `schedule` drive the flows by HTTP and by time; `app` wires; `cli` starts; `simulator` is an
independent stand-in for the partners and for a webhook receiver.
"""

__version__ = "0.1.0"
