"""Every exported function has a complete doc comment right above its prototype."""
import re

from source import blank_comments, code_files, line_of


def prototypes(text):
    """(offset, prototype in one line) of each MIRAI_API declaration."""
    code = blank_comments(text)
    for found in re.finditer(r"^MIRAI_API\b[^;]*;", code, re.M):
        yield found.start(), " ".join(found[0].split())


def name_of(prototype):
    plain = re.sub(r"\bMIRAI_(API|NODISCARD)\b", "", prototype)
    return re.search(r"(\w+)\s*\(", plain)[1]


def split_parameters(prototype):
    """Texts of the parameters, split at the commas of the outermost parentheses."""
    begin = prototype.index(name_of(prototype) + "(") + len(name_of(prototype)) + 1
    depth, parts = 0, [""]
    for character in prototype[begin:]:
        if character == ")" and depth == 0:
            break
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip() not in ("", "void", "...")]


def parameter_name(parameter):
    pointer_to_function = re.search(r"\(\*\s*(\w+)\)", parameter)
    return pointer_to_function[1] if pointer_to_function else re.search(r"(\w+)(\[\w*\])?$", parameter)[1]


def comment_above(text, offset):
    found = re.search(r"/\*\*((?!\*/).)*\*/\n\Z", text[:offset], re.S)
    return found[0] if found else None


def faults(prototype, comment):
    if comment is None:
        yield "has no doc comment right above it"
        return
    returns_void = re.match(r"MIRAI_API void \w", prototype) is not None
    if returns_void == ("@return" in comment):
        yield "documents a return value it does not have" if returns_void else "lacks @return"
    for tag in ("@thread", "@since"):
        if tag not in comment:
            yield f"lacks {tag}"
    wanted = [parameter_name(parameter) for parameter in split_parameters(prototype)]
    given = re.findall(r"@param(?:\[[a-z,]+\])?\s+(\w+)", comment)
    if wanted != given:
        yield f"has parameters ({', '.join(wanted)}) but documents ({', '.join(given)})"


def check_docs(root):
    for path in code_files(root, "include"):
        text = path.read_text()
        for offset, prototype in prototypes(text):
            for fault in faults(prototype, comment_above(text, offset)):
                yield path, line_of(text, offset), f"{name_of(prototype)} {fault}"
