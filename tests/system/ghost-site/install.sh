#!/usr/bin/env bash
# A real Ghost and its Node.js, in node_modules/ here: both tools by our lock, Ghost by its digest, the rest by Ghost's lock.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# It takes a minute, so it is done once for each state of these files.
stamp=$(sha256sum install.sh package-lock.json ghost.sha256)
[[ "$(cat node_modules/.stamp 2>/dev/null || true)" != "$stamp" ]] || exit 0

for tool in g++ make python3; do
    command -v "$tool" >/dev/null && continue
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends g++ make python3
    break
done

npm ci --ignore-scripts --no-update-notifier --loglevel=error

archive=$(cut -d ' ' -f 3 ghost.sha256)
version=${archive#ghost-}
npm pack --silent --pack-destination node_modules "ghost@${version%.tgz}" >/dev/null
(cd node_modules && sha256sum --check --quiet ../ghost.sha256)
mkdir node_modules/ghost
tar --extract --gzip --file "node_modules/$archive" --directory node_modules/ghost --strip-components 1
rm "node_modules/$archive"

tools=$PWD/node_modules
export PATH="$tools/.bin:$PATH"
cd node_modules/ghost
CI=true pnpm install --prod --frozen-lockfile --ignore-scripts --reporter=silent

# The one package that has to be compiled, with the headers that came with Node.js.
gyp=$tools/pnpm/dist/node_modules/node-gyp/bin/node-gyp.js
cd node_modules/better-sqlite3
node "$gyp" rebuild --release --jobs=2 --nodedir="$(echo "$tools"/node-linux-*)" >"$tools/build.log" 2>&1 || {
    tail -n 50 "$tools/build.log" >&2
    exit 1
}

printf '%s\n' "$stamp" >"$tools/.stamp"
