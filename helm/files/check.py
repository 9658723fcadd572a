"""What `helm test` runs: bridge is ready, takes what is signed, and refuses what is not. Nothing is published.

Environment: BRIDGE_URL and BRIDGE_ADMIN_URL are where it is; SECRET_FILE has the secret of the source `helm-test`.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE_S = 30


def ask(url, body=None, headers=None):
    """Return the status and the parsed answer; a service that was just made may need a while to be found."""
    parts = urlsplit(url)
    until = time.monotonic() + PATIENCE_S
    while True:
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        try:
            connection.request("POST" if body else "GET", parts.path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except OSError as error:
            if time.monotonic() > until:
                sys.exit(f"FAILED {url} cannot be reached: {error}")
        finally:
            connection.close()
        time.sleep(1)


def signed(secret, body, name):
    """Return the headers of Standard Webhooks 1.0.0 for a body."""
    now = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{now}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    headers = {"webhook-id": name, "webhook-timestamp": now, "webhook-signature": signature}
    return headers | {"content-type": "application/json"}


def expect(what, holds, seen):
    """Say whether something holds; end when not."""
    sys.stdout.write(f"{'ok    ' if holds else 'FAILED'} {what}\n")
    if not holds:
        sys.exit(f"instead: {json.dumps(seen)}")


def main():
    """Check, and exit with 1 at the first thing that is not as it should be."""
    hook = os.environ["BRIDGE_URL"] + "/hooks/helm-test"
    secret = Path(os.environ["SECRET_FILE"]).read_text().strip()
    status, answer = ask(os.environ["BRIDGE_ADMIN_URL"] + "/readyz")
    expect("bridge is ready", status == 200, answer)

    name = f"helm-test-{uuid.uuid4().hex}"
    body = json.dumps({"type": "post.published", "data": {"title": "A test of the installation"}}).encode()
    status, first = ask(hook, body, signed(secret, body, name))
    expect("a signed event is taken", status == 200 and first.get("event_id"), first)
    expect("nothing is published", not first.get("posts"), first)
    status, again = ask(hook, body, signed(secret, body, name))
    expect("a repetition is recognised", again.get("event_id") == first["event_id"] and again.get("duplicate"), again)

    status, answer = ask(hook, body, {"content-type": "application/json"})
    expect("an unsigned event is refused", status == 401, answer)
    other = base64.b64encode(os.urandom(32)).decode()
    status, answer = ask(hook, body, signed(other, body, f"{name}-forged"))
    expect("an event signed with another secret is refused", status == 401, answer)


if __name__ == "__main__":
    main()
