"""The world a simulator starts with: one workspace key and five accounts, two of them the vendor's own examples.

Ids of the first three accounts and of the workspace: https://docs.genviral.io/api-reference (get-accounts,
create-post), captured by 2026-11.
"""

from starlette.datastructures import Secret

from bridge.simulator.genviral.model import Account, Key

DEMO_TOKEN = "gva_live_demo.simulator-secret"
WORKSPACE = "4cb5d3fd-8c8f-4ed7-a17c-4ffb52c7e6ac"
OWNER = "5ec8f2fd-8d0a-4c68-b05d-9a8a85aa5d5d"

TIKTOK_HOSTED = "0f4f54d4-8cce-4fb7-8c7b-befbcb8af812"
INSTAGRAM = "6b0c8c9c-55ac-4fcb-85ec-70b5a8b0d089"
TIKTOK = "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c16"
YOUTUBE = "9a1f5c0e-6f0b-4f0e-9c53-2f1d7f7a5b21"
X = "c7d2f8a4-13b6-4a57-8a3e-5e0b9d4c6f70"


def default_keys(token: str = DEMO_TOKEN) -> list[Key]:
    """Make the one key of the default world."""
    return [Key(token=Secret(token), scope="workspace", owner_user_id=OWNER, workspace_id=WORKSPACE)]


def default_accounts() -> list[Account]:
    """Make the five accounts of the default world, in the order GET /accounts lists them."""
    return [
        Account(INSTAGRAM, "instagram", "byo", "brandhq", "Brand HQ", WORKSPACE),
        Account(TIKTOK_HOSTED, "tiktok", "hosted", "ugc_trends_42", "Hosted Trends 42", WORKSPACE),
        Account(TIKTOK, "tiktok", "byo", "brandhq.tt", "Brand HQ on TikTok", WORKSPACE),
        Account(YOUTUBE, "youtube", "byo", "brandhq-yt", "Brand HQ on YouTube", WORKSPACE, kinds=("video",)),
        Account(X, "x", "byo", "brandhq_x", "Brand HQ on X", WORKSPACE, kinds=("text_only", "video", "slideshow")),
    ]
