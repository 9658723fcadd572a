#!/usr/bin/env bash
# What the tests in this folder need beside pip: Node.js 18 or newer with npm, the locked packages, PHP, openssl,
# strace and PgBouncer. Some tests mount a disk in memory, which root alone may.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

newer() { command -v node npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; }

if ! newer; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends nodejs npm
fi
newer || { echo 'tests/system needs Node.js 18 or newer' >&2; exit 1; }

if ! { command -v php && command -v openssl && command -v strace; } >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends php-cli openssl strace
fi

if ! command -v pgbouncer >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends pgbouncer
fi

# No package of the lock has to run anything of its own.
npm ci --ignore-scripts --no-update-notifier --loglevel=error

bash ghost-site/install.sh
