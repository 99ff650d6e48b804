"""Length of functions by universal-ctags, complexity by pmccabe.

Complexity is pmccabe's first column, which counts a switch as one decision: a flat table of cases is easy to
read however long it is, and its length is bounded by the other rule.
"""
import re
import shutil
import subprocess
from pathlib import Path

from source import code_files, relative

FUNCTION_LINES = 80
COMPLEXITY = 15
EXCEPTIONS = Path(__file__).resolve().parent / "exceptions.txt"


class ToolMissing(Exception):
    pass


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def require_tools():
    for tool in ("ctags", "pmccabe"):
        if shutil.which(tool) is None:
            raise ToolMissing(f"{tool} is not installed")
    if "Universal Ctags" not in output_of("ctags", "--version"):
        raise ToolMissing("ctags is not universal-ctags")


def lengths(path):
    """(name, first line, last line) of each function that a file defines."""
    language = "C++" if path.suffix == ".cpp" else "C"
    tags = output_of("ctags", "-f", "-", "--sort=no", f"--language-force={language}", f"--kinds-{language}=f",
                     "--fields=+ne", "--excmd=number", str(path))
    for line in tags.splitlines():
        end = re.search(r"\bend:(\d+)", line)
        start = re.search(r"\bline:(\d+)", line)
        if start and end and not line.startswith("!"):
            yield line.split("\t")[0], int(start[1]), int(end[1])


def complexities(path):
    for line in output_of("pmccabe", str(path)).splitlines():
        fields = line.split("\t")
        if len(fields) >= 6 and fields[0].isdigit():
            place, name = fields[5].rsplit(": ", 1)
            yield name, int(re.search(r"\((\d+)\)$", place)[1]), int(fields[0])


def listed_exceptions():
    """Lines of exceptions.txt: path, function, most complexity, reason."""
    table = {}
    for line in EXCEPTIONS.read_text().splitlines():
        if line and not line.startswith("#"):
            path, function, most, _reason = line.split(None, 3)
            table[(path, function)] = int(most)
    return table


def check_functions(root):
    require_tools()
    exceptions = listed_exceptions()
    needed = set()
    for path in code_files(root, "include", "src", "tests", "examples"):
        name_of_file = relative(root, path)
        for name, start, end in lengths(path):
            if end - start + 1 > FUNCTION_LINES:
                yield path, start, f"{name} has {end - start + 1} lines, at most {FUNCTION_LINES} allowed"
        for name, line, complexity in complexities(path):
            most = exceptions.get((name_of_file, name), COMPLEXITY)
            if complexity > COMPLEXITY:
                needed.add((name_of_file, name))
            if complexity > most:
                yield path, line, f"{name} has complexity {complexity}, at most {most} allowed"
    for name_of_file, name in exceptions:
        if (root / name_of_file).exists() and (name_of_file, name) not in needed:
            yield EXCEPTIONS, 1, f"{name_of_file} {name} needs no exception any more"
