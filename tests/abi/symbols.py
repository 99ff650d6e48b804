#!/usr/bin/env python3
"""What the shared library exports, what the headers promise, and what is on record are one list.

    symbols.py INCLUDE_DIR SYMBOLS_TXT HEADER... [--also NAME] [--library LIBRARY --nm NM]

The headers are paths below INCLUDE_DIR; NAME is exported although no header declares it. Without a library
only headers and record are compared. The record makes a change of the ABI visible in review: write what is
printed into it when the change is meant.
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path


def promised(header):
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", header.read_text(), flags=re.S)
    for declaration in re.findall(r"^MIRAI_API\b([^;]*);", code, re.M):
        plain = re.sub(r"\bMIRAI_\w+\b(\(\d+, \d+\))?", "", declaration)
        yield re.search(r"(\w+)\s*[(\[=]|(\w+)\s*$", plain)[1]


def exported(nm, library):
    listing = subprocess.run([nm, "-D", "--defined-only", library], check=True, capture_output=True, text=True)
    for line in listing.stdout.splitlines():
        _address, kind, name = line.split()
        if kind != "A":  # the names of version nodes
            yield name.split("@")[0]


def compare(left_name, left, right_name, right):
    for name in sorted(left - right):
        print(f"{name}: in {left_name}, not in {right_name}")
    for name in sorted(right - left):
        print(f"{name}: in {right_name}, not in {left_name}")
    return left == right


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("include", type=Path)
    parser.add_argument("record", type=Path)
    parser.add_argument("headers", nargs="+")
    parser.add_argument("--also", action="append", default=[])
    parser.add_argument("--library")
    parser.add_argument("--nm", default="nm")
    options = parser.parse_args()

    lines = options.record.read_text().splitlines()
    record = set(lines)
    headers = {name for header in options.headers for name in promised(options.include / header)}
    headers.update(options.also)
    good = compare("the headers", headers, "the record", record)
    if lines != sorted(record):
        print("the record is not sorted, or holds a name twice")
        good = False
    if options.library:
        good &= compare("the library", set(exported(options.nm, options.library)), "the headers", headers)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
