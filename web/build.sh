#!/usr/bin/env bash
# Build the portals' static files; Node comes from a wheel where the machine has none.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v npm >/dev/null; then
  PATH="$(cd .. && pwd)/.venv/bin:$PATH"
fi
# Not `npm ci`: it refuses a lock without registry addresses; `npm install` keeps to the locked versions.
npm install --silent
npm run --silent build
