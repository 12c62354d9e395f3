#!/usr/bin/env bash
# Install what some tests look at their results with: the Khronos glTF validator (npm) and a browser.
#
#     eval "$(bash .ci/tools.sh)"     # sets MIEN_TEST_NODE_MODULES
#
# Safe to call again. What cannot be had is said on stderr, and its tests skip with that reason.
set -euo pipefail
home=${MIEN_SERVICES:-/var/tmp/mien-services}

mkdir -p "$home/node"
if command -v npm >/dev/null; then
    [ -d "$home/node/node_modules/gltf-validator" ] ||
        npm install --prefix "$home/node" --omit=dev --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
            gltf-validator@2.0.0-dev.3.10 >&2 ||
        echo "no glTF validator: npm could not install it" >&2
else
    echo "no glTF validator: node and npm are not installed" >&2
fi
if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q >&2 && apt-get install -qy chromium >&2; } ||
        echo "no browser: the viewer page is not opened" >&2
fi
echo "export MIEN_TEST_NODE_MODULES=$home/node/node_modules"
