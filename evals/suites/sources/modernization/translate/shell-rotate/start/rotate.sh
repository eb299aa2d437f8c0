#!/bin/bash
# usage: rotate.sh FOLDER [KEEP]
export LC_ALL=C
cd "$1" || exit 2
keep="${2:-3}"
for f in *.log; do
    [ -f "$f" ] || continue
    if [ ! -s "$f" ]; then
        echo "skip $f"
        continue
    fi
    [ -e "$f.$keep" ] && rm "$f.$keep"
    for ((i = keep - 1; i >= 1; i--)); do
        [ -e "$f.$i" ] && mv "$f.$i" "$f.$((i + 1))"
    done
    lines=$(grep -c ERROR "$f")
    mv "$f" "$f.1"
    : > "$f"
    echo "rotated $f ($lines errors)"
done
exit 0
