#!/usr/bin/env bash
# Checks the rules of prose that a script can check: CONTRIBUTING.md has all of them.
#
#   scripts/prose.sh             the whole project
#   scripts/prose.sh FOLDER...   these folders only
#
# Rust: a doc comment begins with a noun or a verb, comments have no word of the list below, and the name of a
# test has at most 60 characters. Markdown has no word of the list.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

git ls-files -z -- "$@" | grep -z -E '\.(rs|md)$' | grep -z -v '^CONTRIBUTING\.md$' | xargs -0 awk '
    BEGIN {
        # Words that refer to something that a reader on hover does not see.
        opening = "^(It|Its|That|Those|These|They|The same|So|Who|Whoever|Whom|What|Whatever|Where|There|Nothing|Nobody|Not|And|But|Says|Tells)[^A-Za-z_]"
        banned["so many"] = "name the number: N events"
        banned["in a box"] = "boxed"
        banned["whoever"] = "name the caller, the client, the reader"
        banned["nobody"] = "name who: no task, no client"
        banned["least byte"] = "little-endian or big-endian"
        banned["to be told"] = "to be notified"
        banned["is wished"] = "is requested"
        banned["makes room"] = "frees memory, reserves capacity"
    }
    function report(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad++ }
    function words(text,   lower, word) {
        lower = tolower(text)
        for (word in banned)
            if (lower ~ ("(^|[^a-z_`])" word "([^a-z_`]|$)"))
                report("\"" word "\": " banned[word])
    }
    FNR == 1 { in_doc = 0; is_test = 0; fence = 0 }
    FILENAME ~ /\.md$/ {
        if ($0 ~ /^```/) fence = !fence
        else if (!fence) words($0)
        next
    }
    /^[ \t]*\/\/[\/!]/ {
        text = $0
        sub(/^[ \t]*\/\/[\/!] ?/, "", text)
        if (text ~ /^```/) fence = !fence
        if (!in_doc && !fence && text ~ opening) report("a doc comment begins with \"" substr(text, 1, index(text, " ") - 1) "\"")
        if (!fence) words(text)
        in_doc = 1
        next
    }
    { in_doc = 0; fence = 0 }
    /^[ \t]*\/\// { text = $0; sub(/^[ \t]*\/\/ ?/, "", text); words(text); next }
    /^[ \t]*#\[(tokio::)?test/ { is_test = 1; next }
    is_test && /^[ \t]*#\[/ { next }
    is_test {
        if (match($0, /fn [a-z0-9_]+/) && RLENGTH - 3 > 60) report("a test name of " RLENGTH - 3 " characters: " substr($0, RSTART + 3, RLENGTH - 3))
        is_test = 0
    }
    END { exit bad > 0 }
'
