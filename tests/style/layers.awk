# SPDX-License-Identifier: MIT
#
# Holds every #include, LINKS and LIBRARIES to layers.txt; called by layers.sh from the tree's root
# with the table first and then sources and CMakeLists.txt files, by paths relative to the root.
# Prints FILE:LINE: SENTENCE for each violation; fails when there is one, or when the table itself
# points up.

function complain(sentence) {
    printf "%s:%d: %s\n", FILENAME, FNR, sentence
    bad = 1
}

function has(words, word) {
    return index(" " words " ", " " word " ") > 0
}

function begins(text, with) {
    return substr(text, 1, length(with)) == with
}

# The layer with the longest folder that the path lies in; "" for tests and the like.
function layer_of(path,    name, best, length_of_best) {
    for (name in folder)
        if (begins(path, folder[name] "/") && length(folder[name]) > length_of_best) {
            best = name
            length_of_best = length(folder[name])
        }
    return best
}

function split_line(    i) {
    count = split($0, part, /[ \t]*:([ \t]+|$)/)
    for (i = 1; i <= count; i++)
        gsub(/^[ \t]+|[ \t]+$/, "", part[i])
    words = split(part[1], word, /[ \t]+/)
}

# ---- the table ----

FILENAME == table && /^layer/ {
    split_line()
    n = split(part[2], use, /[ \t]+/)
    for (i = 1; i <= n; i++)
        if (use[i] != "public" && !(use[i] in folder))
            complain("layer " word[2] " may not use " use[i] ", which is not below it")
    folder[word[2]] = word[3]
    uses[word[2]] = part[2]
}

FILENAME == table && /^public/ {
    split_line()
    for (i = 2; i <= words; i++)
        owner[word[i]] = part[2]
}

FILENAME == table && /^lent/ {
    split_line()
    for (i = 2; i <= words; i++)
        lent[word[i]] = part[2]
}

FILENAME == table && /^header/ {
    split_line()
    for (i = 2; i <= words; i++)
        places[word[i]] = part[3]
    if (part[2] != "-")
        library_places[part[2]] = part[3]
}

FILENAME == table {
    next
}

# ---- sources ----

FNR == 1 {
    here = layer_of(FILENAME)
    in_public = begins(FILENAME, "include/smew/")
    name = FILENAME
    sub(/.*\//, "", name)
    if (in_public && !(name in owner))
        complain("not in layers.txt: which layer does it belong to?")
    else if (in_public)
        here = owner[name]
    in_tests = begins(FILENAME, "tests/")
    if (here == "" && !in_tests && FILENAME ~ /\.[ch]$/)
        complain("its folder is not in layers.txt")
    call = ""
}

function allowed_at(where,    n, i, place) {
    n = split(where, place, /[ \t]+/)
    for (i = 1; i <= n; i++)
        if (place[i] == here || (place[i] ~ /\// && begins(FILENAME, place[i])))
            return 1
    return 0
}

function check_ours(path,    target) {
    if (path !~ /\//) {
        complain("\"" path "\" is not root-relative")
        return
    }
    target = layer_of(path)
    if (in_public)
        complain("a public header includes the private " path)
    else if (target == "")
        complain(path " belongs to no layer")
    else if (target != here && !has(uses[here], target) &&
             !(path in lent && allowed_at(lent[path])))
        complain(here " may not know " target " (" path ")")
}

function check_public(name) {
    if (!(name in owner))
        complain("<smew/" name "> is not in layers.txt")
    else if (owner[name] != here && !has(uses[here], owner[name]) && !has(uses[here], "public"))
        complain(here " may not know " owner[name] " (<smew/" name ">)")
}

# A pattern is a name, a folder ("sys/") or an ending (".pb-c.h").
function fits(path, pattern) {
    if (pattern ~ /^\./)
        return substr(path, length(path) - length(pattern) + 1) == pattern
    return path == pattern || (pattern ~ /\/$/ && begins(path, pattern))
}

# The longest pattern that fits decides.
function check_theirs(path,    pattern, best) {
    for (pattern in places)
        if (fits(path, pattern) && length(pattern) > length(best))
            best = pattern
    if (best != "" && !has(uses[here], "public") && !allowed_at(places[best]))
        complain("<" path "> may not appear here, only in: " places[best])
}

/^[ \t]*#[ \t]*include/ && !in_tests {
    path = $0
    sub(/^[^<"]*[<"]/, "", path)
    sub(/[>"].*/, "", path)
    if (path ~ /\.pb-c\.h$/)
        check_theirs(path)
    if (/"/)
        check_ours(path)
    else if (begins(path, "smew/"))
        check_public(substr(path, 6))
    else
        check_theirs(path)
}

# `errno` comes with many a header, so the word itself is looked for, outside comments and strings.
FILENAME ~ /\.[ch]$/ && !in_tests && !begins(FILENAME, "base/os/") && !has(uses[here], "public") {
    code = $0
    gsub(/"([^"\\]|\\.)*"/, "", code)
    gsub(/\/\*.*\*\//, "", code)
    sub(/(\/\*|\/\/|^ *\*).*/, "", code)
    if ((" " code " ") ~ /[^A-Za-z0-9_]errno[^A-Za-z0-9_]/)
        complain("errno ends in base/os/")
}

# ---- CMakeLists.txt: smew_layer(NAME ...) and smew_program(NAME ...) over as many lines ----

function check_call(text,    n, i, words, section) {
    gsub(/[()]/, " ", text)
    n = split(text, words, /[ \t]+/)
    if (words[1] == "smew_layer" && folder[words[2]] "/CMakeLists.txt" != FILENAME)
        complain("layer " words[2] " is not in layers.txt with this folder")
    for (i = 3; i <= n; i++)
        if (words[i] ~ /^(SOURCES|LINKS|LIBRARIES|PUBLIC_API_ONLY)$/)
            section = words[i]
        else if (section == "LINKS" && words[i] != "" && words[i] != here &&
                 !has(uses[here], words[i]) && !has(uses[here], "public"))
            complain(here " may not link " words[i])
        else if (section == "LIBRARIES" && words[i] in library_places &&
                 !has(uses[here], "public") && !library_fits(words[i]))
            complain(here " may not link " words[i])
}

# A library fits a layer that has at least one place for its headers.
function library_fits(library,    n, i, place) {
    n = split(library_places[library], place, /[ \t]+/)
    for (i = 1; i <= n; i++)
        if (place[i] == here || begins(place[i], folder[here] "/"))
            return 1
    return 0
}

FILENAME ~ /CMakeLists\.txt$/ && !in_tests {
    line = $0
    sub(/#.*/, "", line)
    if (call == "" && line ~ /^[ \t]*smew_(layer|program)[ \t]*\(/)
        call = " "
    if (call != "") {
        call = call line " "
        if (line ~ /\)/) {
            sub(/^[ \t]+/, "", call)
            check_call(call)
            call = ""
        }
    }
}

END {
    exit bad
}
