#!/usr/bin/env bash
# EasyOCR with its real weights on real pages. PyTorch is several gigabytes: it gets an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv-easyocr
stamp="$venv/.installed"
if [ ! -f "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
    echo "installing EasyOCR and PyTorch into $venv (about 6 GB, some minutes the first time)"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install -c constraints.txt -e '.[server,gateway,ocr,easyocr,dev]'
    touch "$stamp"
fi
exec "$venv/bin/python" -m pytest -m easyocr tests/contract/test_ocr_easyocr.py "$@"
