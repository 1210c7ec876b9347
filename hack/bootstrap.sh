#!/bin/sh
# Makes a fresh clone runnable: installs the locked packages (with Node 24 among them) where they are missing or not those of the lock file.
# It runs under whatever Node the machine has; everything after it finds node_modules/.bin/node first on the PATH of npm scripts.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
stamp=node_modules/.installed-lock.json
lock=tmp/bootstrap.lock

# Installed is what our stamp says; a developer's own `npm ci` leaves npm's stamp, which counts while it is newer than the lock file.
installed() {
  if [ -e "$stamp" ]; then cmp -s package-lock.json "$stamp"; else [ node_modules/.package-lock.json -nt package-lock.json ]; fi
}

needs_node() {
  echo "lenticular needs Node 24 or later; this is $1, and npm has no Node 24 package for this platform: install Node 24 and try again." >&2
  exit 1
}

# npm's own Node may not run here (another C library): then the machine's has to do.
check_node() {
  if [ -e node_modules/.bin/node ] && ! node_modules/.bin/node --version >/dev/null 2>&1; then rm -f node_modules/.bin/node; fi
  version=$(node --version 2>/dev/null) || needs_node 'no Node at all'
  major=${version#v}
  [ "${major%%.*}" -ge 24 ] || needs_node "Node $version"
}

install() {
  echo 'Installing the locked npm packages (once)...' >&2
  rm -f "$stamp" node_modules/.package-lock.json
  if ! npm ci --no-audit --no-fund --loglevel=error >&2; then
    echo "npm ci failed, so nothing was started. It needs the npm registry ($(npm config get registry)) this once: check the network or proxy, or the registry setting, and try again." >&2
    exit 1
  fi
  check_node
  cp package-lock.json "$stamp.new"
  mv "$stamp.new" "$stamp"
}

# One installer at a time: mkdir is the lock, and the pid in it says whether its owner still lives.
take_lock() {
  mkdir -p tmp
  waited=0
  until mkdir "$lock" 2>/dev/null; do
    owner=$(cat "$lock/pid" 2>/dev/null || echo none)
    case $owner in
      none) [ "$waited" -lt 10 ] || rm -rf "$lock" ;;
      *) kill -0 "$owner" 2>/dev/null || rm -rf "$lock" ;;
    esac
    [ "$waited" -ne 0 ] || echo 'Another start is installing the npm packages; waiting for it...' >&2
    waited=$((waited + 1))
    if [ "$waited" -gt 600 ]; then
      echo "Gave up waiting for process $owner, which holds $PWD/$lock: end it, or remove that folder, and try again." >&2
      exit 1
    fi
    sleep 1
  done
  trap 'rm -rf "$lock"' EXIT
  trap 'exit 130' INT TERM HUP
  echo $$ >"$lock/pid"
}

if ! installed; then
  take_lock
  installed || install
fi
# Without npm's Node the machine's own may have changed since.
[ -e node_modules/.bin/node ] || check_node

# Every source stripped and compiled once, so that no start has to do it: a process that finds one of them missing there takes 26 MiB more.
cache=$PWD/node_modules/.cache/compile
if [ ! -e "$cache/warmed" ] || [ -n "$(find apis client cmd controllers drivers server -newer "$cache/warmed" | head -n 1)" ]; then
  mkdir -p "$cache"
  touch "$cache/warmed"
  # Without it, as with a source that cannot be read, programs start all the same, and say what is wrong.
  NODE_COMPILE_CACHE=$cache node --disable-warning=ExperimentalWarning hack/warm.ts >/dev/null 2>&1 || :
fi
