#!/usr/bin/env bash
# The walk on a fresh machine: a clone of what is committed, an empty home, no Java, no caches.
# With "demo" as argument only the demo runs, else the tests follow.
set -euo pipefail
here=$(git rev-parse --show-toplevel)
work=$(mktemp -d "${TMPDIR:-/tmp}/penstock-fresh.XXXXXX")
trap 'rm -rf "$work"' EXIT
git clone --quiet "$here" "$work/clone"
mkdir -p "$work/home" "$work/bin"
# Every program of the present PATH but Java's.
IFS=: read -ra folders <<<"$PATH"
for folder in "${folders[@]}"; do
    [ -d "$folder" ] || continue
    for program in "$folder"/*; do
        name=${program##*/}
        case $name in java|javac|jar|jcmd|keytool) continue ;; esac
        [ -x "$program" ] && [ ! -e "$work/bin/$name" ] && ln -s "$program" "$work/bin/$name"
    done
done
unset JAVA_HOME PENSTOCK_JAVA PENSTOCK_CACHE XDG_CACHE_HOME VIRTUAL_ENV PYTHONPATH
export HOME=$work/home PATH=$work/bin
if command -v java >/dev/null; then echo "fresh: Java is still on PATH" >&2; exit 1; fi
cd "$work/clone"
python3 -m venv --help >/dev/null
start=$SECONDS
make demo ONCE=1 | tee "$work/cold.txt"
echo "fresh: cold demo took $((SECONDS - start)) s" >&2
start=$SECONDS
make demo ONCE=1 | tee "$work/warm.txt"
echo "fresh: warm demo took $((SECONDS - start)) s" >&2
for run in cold warm; do
    tail -n 1 "$work/$run.txt" | python3 -c '
import json, sys
summary = json.loads(sys.stdin.read())
assert summary["events"]["published"] >= 20000, summary["events"]
assert summary["agreements"], "no agreement in the summary"
'
done
if [ "${1:-}" != demo ]; then make test; fi
