#!/bin/sh
# The measurement of docs/results.md: bench/results.sh [OUT]
# A Chorus of its own is started with the demo model, unless CHORUS_URL names one that runs; then MODEL names
# the model. OUT (build/results) has the traces: what is there already is not sampled again.
set -eu
cd "$(dirname "$0")/.."
mkdir -p "${1:-build/results}"
out=$(cd "${1:-build/results}" && pwd)
chorus=${CHORUS:-.venv/bin/chorus}

if [ -z "${CHORUS_URL:-}" ]; then
    UPSTREAM_BASE_URL='' OPENROUTER_API_KEY='' OPENAI_API_KEY='' UPSTREAMS_FILE='' CHORUS_API_KEYS='' REDIS_URL='' \
        CHORUS_DATA_DIR="$out/service" HOST=127.0.0.1 PORT=8431 DEMO_PORT=8432 FLOWER_PORT=8433 \
        "$chorus" up >"$out/service.log" 2>&1 &
    service=$!
    trap 'kill -INT $service; wait $service || true' EXIT
    CHORUS_URL=http://127.0.0.1:8431/v1
    MODEL=smollm2-135m-instruct
    tries=0
    until "$(dirname "$chorus")/python" -c "import httpx; httpx.get('http://127.0.0.1:8431/ready').raise_for_status()" 2>/dev/null; do
        tries=$((tries + 1))
        kill -0 $service && [ $tries -lt 120 ] || { tail "$out/service.log"; exit 1; }
        sleep 1
    done
fi

"$chorus" eval bench/arithmetic.jsonl --out "$out/arithmetic" --url "$CHORUS_URL" --model "${MODEL:?names the model}" \
    --budget 32 --no-hint --temperature 0.7 --max-tokens "${MAX_TOKENS:-64}" --at-once 2
