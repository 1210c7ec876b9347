#!/bin/sh
# Makes a fresh clone runnable: installs the locked packages (with Node 24 among them) when they are missing or older than the lock file.
# It runs under whatever Node the machine has; everything after it finds node_modules/.bin/node first on the PATH of npm scripts.
set -eu
cd "$(dirname "$0")/.."
stamp=node_modules/.package-lock.json
if [ ! -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
  echo "Installing the locked npm packages (once)..." >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch "$stamp"
fi
major=$(node -p 'process.versions.node.split(".")[0]')
if [ "$major" -lt 24 ]; then
  echo "lenticular needs Node 24 or later; this is Node $(node --version), and npm has no Node 24 package for this platform: install Node 24 and try again." >&2
  exit 1
fi
