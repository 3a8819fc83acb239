#!/bin/bash
# Everything that wants a GPU, on a machine without a network, within nine minutes; see README.md.
#
#   bash benchmark/gpu/run.sh [--rehearse] [--out FOLDER] [--wheels FOLDER]
#
# Each part has a time limit of its own and none stops the others: a part that fails or is cut off is
# told in summary.txt. --rehearse takes tiny sizes and runs on a CPU.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=gpu-results wheels=$here/wheels rehearse=
while [ $# -gt 0 ]; do
  case $1 in
    --rehearse) rehearse=1 ;;
    --out) out=$2; shift ;;
    --wheels) wheels=$2; shift ;;
    *) echo "run.sh: $1 is unknown; see the head of this file" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
whole_s=530 began=$SECONDS failed=0
log=$out/log.txt summary=$out/summary.txt
: >"$log" >"$summary"
export PYTHONUNBUFFERED=1 PYTHONPATH=$work/site:$top
cd "$top" || exit 1

# part NAME SECONDS COMMAND...: run it for so long at most, and never beyond the whole's end.
part() {
  local name=$1 limit=$2 left=$((whole_s - SECONDS + began)) start=$SECONDS code word=passed
  shift 2
  if [ "$left" -lt 5 ]; then
    echo "left out    0 s  $name" | tee -a "$summary"
    failed=1
    return 1
  fi
  [ "$limit" -gt "$left" ] && limit=$left
  echo "== $name: $*" >>"$log"
  timeout -k 5 "$limit" "$@" >>"$log" 2>&1
  code=$?
  [ "$code" -ne 0 ] && word=failed && failed=1
  [ "$code" -eq 124 ] || [ "$code" -eq 137 ] && word='cut off'
  printf '%-8s %4d s  %s\n' "$word" $((SECONDS - start)) "$name" | tee -a "$summary"
  return "$code"
}

if [ "$rehearse" ]; then
  plans='loop_walk street_val garden_test' frames=8 size='--height 48 --width 64'
  scan="$size --encoder b0 --window 4 --rounds 1" maps='--networks espnet --rounds 1'
  inference="$size --quick" training='--height 48 --width 64 --targets 4 --depth 2 --rounds 1'
  study='demo --set train.steps=2 --set train.warmup_steps=0 --set data.height=48'
  study="$study --set data.width=64 --set evaluate.samples=1 --set evaluate.speed_frames=3" seconds=900
  whole_s=1500 # tiny, but on two cores, and kernels are compiled
else
  plans='loop_walk loop_high street_val loop_back roofs gardens garden_test car_drive'
  frames=120 size='--height 480 --width 640' scan="$size --frames 4" maps=
  inference="$size --frames 100 --modes eager,graph" training="$size --targets 16 --rounds 1"
  study='fair-table2 --set model.weights=none --set train.steps=150 --set train.warmup_steps=20'
  study="$study --set data.clips_per_batch=2 --set train.validate_every=150" seconds=120
fi

# Flights in parallel; the first one alone has the renderer compiled, once for all.
record() {
  python3 -m airseg record "$1" --embedded --frames "$2" --out "$work/$3" --overwrite
}
render() {
  record loop_walk 2 warm || return 1
  for plan in $plans; do
    record "$plan" "$frames" recordings >"$work/$plan.txt" 2>&1 &
  done
  wait
  cat "$work"/*.txt
  python3 -m airseg relabel "$work/recordings" --map neighborhood --out "$work/dataset.h5"
}
export -f record render
export work plans frames

part install 60 python3 -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
  --target "$work/site" "$wheels"/*.whl
part machine 60 python3 -c 'import torch; from airseg.bench.speed.machine import describe_machine as d
print(d(torch.device("cuda" if torch.cuda.is_available() else "cpu")))'
# Nothing is timed while the flights are rendered.
part 'flights and labels' $((seconds + 60)) bash -c render &
rendering=$!
part 'tests that want a GPU' $((seconds / 2 + 30)) python3 -m pytest -q -p no:cacheprovider -m gpu \
  tests/models tests/bench/training/test_engine.py tests/dataset/reading/test_augmentation.py \
  tests/dataset/reading/test_label_size.py
wait "$rendering" || failed=1
part 'label maps' $((seconds / 2)) python3 benchmark/label_map_speed.py $size $maps --out "$out/label_maps.json"
part 'scan' $((seconds / 2)) python3 benchmark/scan_speed.py $scan --out "$out/scan.json"
part 'inference' $seconds python3 benchmark/inference_speed.py $inference --out "$out/inference.json"
part 'training' $((seconds / 2)) python3 benchmark/training_speed.py "$work/dataset.h5" $training
part 'study' $seconds python3 -m airseg bench run $study --dataset "$work/dataset.h5" --out "$work/study"
[ -d "$work/study" ] && tar -czf "$out/study.tar.gz" --exclude='*.pt' -C "$work" study
printf 'whole     %4d s\n' $((SECONDS - began)) | tee -a "$summary"
exit "$failed"
