#!/usr/bin/env bash
# Installs the database servers and the browser that the tests start, where they are missing; `make test` runs this.
# Debian and Ubuntu only, as root or with sudo that asks for nothing. No service is started or enabled.
set -euo pipefail

missing=()
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing+=(postgresql)
PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null || missing+=(mariadb-server)
command -v chromium >/dev/null || missing+=(chromium)
((${#missing[@]})) || exit 0

as_root() { if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi; }
if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
  echo "The tests start real database servers and a browser. Install ${missing[*]} first, and leave the services off." >&2
  exit 1
fi

echo "Installing ${missing[*]} for the tests" >&2
# Debian starts what it installs, unless this file says no; one that is there already is somebody's decision.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
  trap 'as_root rm -f $policy' EXIT
fi
as_root apt-get update -qq >&2
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
