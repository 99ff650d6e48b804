"""Finding source files and looking past their comments."""
import re

SUFFIXES = {".c", ".h", ".cpp"}


def code_files(root, *folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path


def relative(root, path):
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def blank_comments(text, keep_strings=""):
    """The same text, line by line, with comments and the insides of strings turned into blanks.

    keep_strings: on lines with this word, strings are kept (the names of included files)."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(found):
        start = text.rfind("\n", 0, found.start()) + 1
        is_string = found[0][0] in "\"'"
        if is_string and keep_strings and keep_strings in text[start:found.start()]:
            return found[0]
        return re.sub(r"[^\n]", " ", found[0])

    return token.sub(blank, text)
