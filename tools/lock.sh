#!/usr/bin/env bash
# Writes requirements/: exact versions with hashes for development and CI, the same versions as constraints, and tox.
# Needs uv (pip install uv).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p requirements
lock() { uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url "$@"; }
lock --extra dev --generate-hashes -o requirements/dev.lock pyproject.toml
lock --extra dev -o requirements/constraints.txt pyproject.toml
echo "tox>=4.30,<5" | lock --generate-hashes -o requirements/tox.lock -
