#!/usr/bin/env bash
# The TypeScript client: compiled strictly, then its tests. With DOCMILL, a `docmill` command, also against a real one.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "The TypeScript client's tests need Node 18 or newer with npm, and there is none. Debian: apt install nodejs npm" >&2
    exit 1
fi
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 18 ]; then
    echo "The TypeScript client needs Node 18 or newer; this is $(node --version)" >&2
    exit 1
fi
stamp=node_modules/.installed
if [ ! -f "$stamp" ] || [ package.json -nt "$stamp" ]; then
    echo "installing the TypeScript compiler (27 MB)"
    npm install --no-package-lock --no-audit --no-fund --loglevel=error
    touch "$stamp"
fi
rm -rf build
npm run --silent build
npm run --silent pretest
node --test build/tests/*.test.js
if [ -n "${DOCMILL:-}" ]; then
    node --test build/tests/real/*.test.js
fi
