#!/usr/bin/env bash
# Instructions for each synaptic event, forward and backward, counted by valgrind: the same on a busy machine.
#
#   benches/callgrind.sh [WORKLOAD] [SAMPLES] [ENGINE] [OPTION]     # w1, 4 and automatic unless given
#
# ENGINE is automatic (the layered sweep where the network is layered) or event-loop; OPTION may be --weights. Everything inside the two calls of
# benches/src/engine.rs is counted, libraries included. Needs valgrind, which has no AVX-512: counts are those of AVX2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
workload=${1:-w1}
samples=${2:-4}
engine=${3:-automatic}

cargo build --release -p spikegrad-bench --bin count
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')

for pass in forward backward; do
  out=$(mktemp)
  events=$(valgrind --tool=callgrind --callgrind-out-file="$out" --collect-atstart=no \
    "--toggle-collect=*Engine::$pass*" "$target/release/count" "$workload" 1 --samples "$samples" --engine "$engine" ${4:-} \
    2>/dev/null)
  total=$(sed -n 's/^\(summary\|totals\): *\([0-9]*\).*/\2/p' "$out" | tail -1)
  rm -f "$out"
  # Not every workload has a gradient.
  [[ ${total:-0} -gt 0 ]] || continue
  echo "$workload $pass: $total instructions, $events, $(awk -v t="$total" -v e="$(awk '{print $2}' <<<"$events")" \
    'BEGIN { printf "%.1f", t / e }') an event"
done
