#!/usr/bin/env python3
"""Rules of the house that a compiler does not check.

    check.py ROOT RULE

Prints each violation as `file:line: what` and leaves with 1 if there was any, with 77 when a tool that the
rule needs is missing. The rules are the functions check_* of this file and of the modules beside it.
"""
import re
import sys
from pathlib import Path

import docs
import functions
from source import blank_comments, code_files, line_of, relative

FILE_LINES = 600
BANNER_LINES = 15
CMAKE_LINES = 150
TOP_LEVEL = {"include", "src", "tests", "examples", "cmake", "CMakeLists.txt", "LICENSE", "README.md"}
HERE = Path(__file__).resolve().parent


def check_size(root):
    for path in code_files(root, "include", "src", "tests", "examples"):
        lines = len(path.read_text().splitlines())
        if lines > FILE_LINES:
            yield path, FILE_LINES + 1, f"{lines} lines, at most {FILE_LINES} allowed"


def check_banner(root):
    for path in code_files(root, "src"):
        text = path.read_text()
        banner = re.match(r"/\*.*?\*/", text, re.S)
        if banner is None:
            yield path, 1, "does not start with a comment that says what it owns"
        elif banner[0].count("\n") + 1 > BANNER_LINES:
            yield path, 1, f"its first comment has more than {BANNER_LINES} lines"


def check_names(root):
    first = {}
    for path in code_files(root, "src"):
        if path.name in first:
            yield path, 1, f"has the same name as {relative(root, first[path.name])}"
        first.setdefault(path.name, path)


def check_layout(root):
    for path in sorted(root.iterdir()):
        # "build" may also hold nothing but the figures of tests/bench/run.sh.
        is_build = path.is_dir() and (path.name == "build" or (path / "CMakeCache.txt").exists())
        if path.name not in TOP_LEVEL and not path.name.startswith(".") and not is_build:
            yield path, 1, "does not belong at the top level"
    scripts = [root / "CMakeLists.txt", *sorted((root / "cmake").glob("*.cmake"))]
    for folder in ("src", "tests", "examples"):
        scripts += sorted((root / folder).rglob("CMakeLists.txt"))
    for path in scripts:
        lines = path.read_text().splitlines()
        if len(lines) > CMAKE_LINES:
            yield path, CMAKE_LINES + 1, f"{len(lines)} lines, at most {CMAKE_LINES} allowed"
        for number, line in enumerate(lines, 1):
            if re.search(r"\bfile\s*\(\s*GLOB", line.split("#")[0], re.I):
                yield path, number, "lists files by a pattern instead of by name"


# What may not be written in src/, why, and the folders (or files) that are free to.
# The executables of tool/ are programs: they may print and exit.
BANNED = [
    (r"\b(strcpy|strcat|stpcpy|sprintf|vsprintf|gets|alloca|strtok)\s*\(",
     "has no bound, or a hidden state", ()),
    (r"(?<![.\w])(strerror|localtime|gmtime|ctime|asctime|rand|srand)\s*\(", "is not thread-safe", ()),
    (r"\b(abort|assert|exit|_exit|_Exit|quick_exit|__builtin_trap|__builtin_unreachable)\s*\(",
     "ends the process of the host", ("tool",)),
    (r"(?<![\w.>])(printf|vprintf|puts|putchar|perror)\s*\(", "prints", ("tool",)),
    (r"\bv?f(printf|puts|putc|write)\s*\([^;]*\b(stdout|stderr)\b", "prints", ("tool",)),
    (r"\b(signal|sigaction|sigvec)\s*\(", "installs a signal handler", ("tool",)),
    (r"(?<!_)\b(sleep|usleep|nanosleep|clock_nanosleep)\s*\(", "sleeps", ()),
    (r"\b(system|popen|pclose)\s*\(", "runs a shell", ()),
    (r"\b(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|strdup|strndup|v?asprintf)\s*\(",
     "passes by mirai__alloc() and its fault point", ("tool", "torch", "base/alloc.c")),
    (r"#\s*include\s*[<\"]nng/", "includes NNG", ("transport",)),
    (r"#\s*include\s*[<\"]zstd", "includes zstd", ("wire",)),
    (r"#\s*include\s*[<\"](torch|ATen|c10)/", "includes libtorch", ("torch",)),
]
# Spelled in two pieces, so that this file does not contain what it looks for.
UNFINISHED = re.compile("|".join([r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bX" r"XX\b", "not impl" "emented"]))


def is_free(path_in_src, places):
    return any(path_in_src == place or path_in_src.startswith(place + "/") for place in places)


def allowed_by_name(root):
    """Lines of allowed.txt: path, word, reason."""
    table = {}
    for line in (HERE / "allowed.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            path, word, _reason = line.split(None, 2)
            table[(root / path, word)] = False
    return table


def check_banned(root):
    allowed = allowed_by_name(root)
    for path in code_files(root, "src"):
        in_src = path.relative_to(root / "src").as_posix()
        code = blank_comments(path.read_text(), keep_strings="include")
        for pattern, why, free in BANNED:
            if is_free(in_src, free):
                continue
            for found in re.finditer(pattern, code):
                word = re.sub(r"\W.*", "", found[0]) or "include"
                if (path, word) in allowed:
                    allowed[(path, word)] = True
                else:
                    yield path, line_of(code, found.start()), f"{found[0].strip('( ')} {why}"
    for (path, word), used in allowed.items():
        if path.exists() and not used:
            yield HERE / "allowed.txt", 1, f"{relative(root, path)} uses no {word} any more"
    for path in code_files(root, "include", "src", "tests", "examples"):
        text = path.read_text()
        for found in UNFINISHED.finditer(text):
            yield path, line_of(text, found.start()), f"says {found[0]}"


RULES = {
    "size": check_size,
    "functions": functions.check_functions,
    "docs": docs.check_docs,
    "banner": check_banner,
    "banned": check_banned,
    "names": check_names,
    "layout": check_layout,
}


def main(arguments):
    if len(arguments) != 2 or arguments[1] not in RULES:
        print(f"usage: check.py ROOT {'|'.join(RULES)}", file=sys.stderr)
        return 2
    root = Path(arguments[0]).resolve()
    try:
        violations = list(RULES[arguments[1]](root))
    except functions.ToolMissing as missing:
        print(f"skipped: {missing}")
        return 77
    for path, line, what in violations:
        print(f"{relative(root, path)}:{line}: {what}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
