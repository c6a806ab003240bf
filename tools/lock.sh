#!/usr/bin/env bash
# Resolve the locks: hashes, no addresses, so that pip and uv install them from whatever mirror they use.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-uv}
common=(--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header)
"$uv" pip compile "${common[@]}" --group dev --extra mcp --extra langchain --extra sandbox pyproject.toml -o requirements.lock
"$uv" pip compile "${common[@]}" --group dev --extra mcp --extra langchain --extra sandbox --extra bench pyproject.toml -c requirements.lock -o requirements-bench.lock
"$uv" pip compile "${common[@]}" pyproject.toml -c requirements.lock -o requirements-core.lock
