# SPDX-License-Identifier: MIT
#
# No source above FILE_MAX lines, no function above FUNCTION_MAX; called by sizes.sh.  In what
# clang-format leaves, a function is what stands between a "{" and a "}" of their own in column 1.

function complain(line, sentence) {
    printf "%s:%d: %s\n", file, line, sentence
    bad = 1
}

function finish_file() {
    if (lines > FILE_MAX)
        complain(lines, "the file has " lines " lines; at most " FILE_MAX)
}

FNR == 1 {
    finish_file()
    file = FILENAME
    start = 0
}

{
    lines = FNR
}

/^\{$/ {
    start = FNR
}

/^\}$/ && start {
    if (FNR - start + 1 > FUNCTION_MAX)
        complain(start, "the function has " FNR - start + 1 " lines; at most " FUNCTION_MAX)
    start = 0
}

END {
    finish_file()
    exit bad
}
