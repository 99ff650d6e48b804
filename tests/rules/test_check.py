#!/usr/bin/env python3
"""Each rule finds what it is for, and passes what is right, in small trees made for the purpose."""
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import check
import functions

BANNER = "/* thing: owns it. */\n"
GOOD_HEADER = """/**
 * Does it.
 * @param a   borrowed.
 * @param fn  called once.
 * @return 0.
 * @thread any   @since 0.1
 */
MIRAI_API int mirai_do(const char *a, void (*fn)(int, char), ...)
    MIRAI_PRINTF(1, 2);
"""


class Rules(unittest.TestCase):
    def found(self, rule, files, **lists):
        """Texts of the violations of a rule in a tree of files."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            (root / "allowed.txt").write_text(lists.get("allowed", ""))
            (root / "exceptions.txt").write_text(lists.get("exceptions", ""))
            with mock.patch.object(check, "HERE", root), \
                    mock.patch.object(functions, "EXCEPTIONS", root / "exceptions.txt"):
                return [f"{path.name}:{line}: {what}" for path, line, what in check.RULES[rule](root)]

    def test_size(self):
        self.assertEqual(self.found("size", {"src/a.c": "\n" * 600}), [])
        self.assertEqual(len(self.found("size", {"tests/x/a.cpp": "\n" * 601, "src/b.h": "\n" * 601})), 2)

    def test_banner(self):
        self.assertEqual(self.found("banner", {"src/a.c": BANNER + "int a;\n"}), [])
        self.assertEqual(len(self.found("banner", {"src/a.c": "int a; /* a */\n"})), 1)
        self.assertEqual(self.found("banner", {"src/a.c": "/*" + "\n" * 14 + "*/\n"}), [])
        self.assertEqual(len(self.found("banner", {"src/a.c": "/*" + "\n" * 15 + "*/\n"})), 1)

    def test_names(self):
        self.assertEqual(self.found("names", {"src/a/x.c": "", "src/b/x.h": "", "tests/x.c": ""}), [])
        self.assertEqual(len(self.found("names", {"src/a/x.c": "", "src/b/x.c": ""})), 1)

    def test_layout(self):
        good = {"CMakeLists.txt": "# file(GLOB\n", ".hidden": "", "src/CMakeLists.txt": "\n" * 150,
                "build-other/CMakeCache.txt": "", "build/bench.json": ""}
        # The lists that found() writes are themselves out of place there.
        self.assertEqual(len(self.found("layout", good)), 2)
        bad = {**good, "notes.txt": "", "docs/a.md": "", "src/CMakeLists.txt": "\n" * 151,
               "tests/CMakeLists.txt": "file( glob x *.c)\n"}
        self.assertEqual(len(self.found("layout", bad)), 2 + 4)

    def test_banned(self):
        for code in ("strcpy(a, b);", "x = sprintf (a, b);", "abort();", "exit(1);", "_exit(1);", "printf(a);",
                     "fprintf(stderr, a);", "signal(2, f);", "malloc(3);", "#include <nng/nng.h>",
                     "#include \"zstd.h\"", "assert(a);", "sleep(1);", "fputs(text,\n      stdout);"):
            self.assertEqual(len(self.found("banned", {"src/base/a.c": code})), 1, code)
        for code in ("snprintf(a, 1, b);", "/* abort() */", 'x = "exit(1)";', "// printf(\n", "mirai__strdup(a);",
                     "static_assert(1);", "fprintf(stream, a);", "text->printf(a);", "on_exit_status(1);",
                     "pthread_sigmask(1);", "mirai_text_printf(a);", "fprintf(stream, \"stderr\");"):
            self.assertEqual(self.found("banned", {"src/base/a.c": code}), [], code)

    def test_banned_knows_places(self):
        free = {"src/tool/a.c": "printf(a); exit(1);", "src/base/alloc.c": "malloc(1);",
                "src/transport/b.c": "#include <nng/nng.h>\n", "src/wire/c.c": "#include <zstd.h>\n"}
        self.assertEqual(self.found("banned", free), [])
        spawn = {"src/launch/spawn.c": "_exit(127);"}
        self.assertEqual(self.found("banned", spawn, allowed="src/launch/spawn.c _exit after fork\n"), [])
        unused = self.found("banned", {"src/launch/spawn.c": ""}, allowed="src/launch/spawn.c _exit after fork\n")
        self.assertEqual(len(unused), 1)

    def test_banned_finds_the_unfinished(self):
        self.assertEqual(len(self.found("banned", {"tests/a.c": "/* TO" "DO: all */ int " "X" "XX;"})), 2)

    def test_docs(self):
        self.assertEqual(self.found("docs", {"include/a.h": GOOD_HEADER}), [])
        for old, new in (("@return 0.", ""), ("@thread any", ""), ("@since 0.1", ""), ("@param a ", "@param b "),
                         (" */\nMIRAI", " */\n\nMIRAI"), ("/**", "/*"), ("API int", "API void")):
            self.assertEqual(len(self.found("docs", {"include/a.h": GOOD_HEADER.replace(old, new)})), 1, old)
        pointer = GOOD_HEADER.replace("API int", "API void *")
        self.assertEqual(self.found("docs", {"include/a.h": pointer}), [])

    def test_functions(self):
        try:
            functions.require_tools()
        except functions.ToolMissing as missing:
            self.skipTest(str(missing))
        long = "int f(int a)\n{\n" + "    a++;\n" * 76 + "    return a;\n}\n"
        self.assertEqual(self.found("functions", {"src/a.c": long}), [])
        self.assertEqual(len(self.found("functions", {"src/a.c": long.replace("{\n", "{\n\n")})), 1)
        branchy = "int g(int a)\n{\n" + "    if (a) a--;\n" * 15 + "    return a;\n}\n"
        self.assertEqual(len(self.found("functions", {"src/a.c": branchy})), 1)
        self.assertEqual(self.found("functions", {"src/a.c": branchy}, exceptions="src/a.c g 16 why\n"), [])
        self.assertEqual(len(self.found("functions", {"src/a.c": branchy}, exceptions="src/a.c g 15 why\n")), 1)
        calm = {"src/a.c": "int g(int a)\n{\n    return a;\n}\n"}
        self.assertEqual(len(self.found("functions", calm, exceptions="src/a.c g 16 why\n")), 1)

    def test_missing_tool_is_told(self):
        with mock.patch("shutil.which", return_value=None), tempfile.TemporaryDirectory() as folder:
            self.assertEqual(check.main([folder, "functions"]), 77)

    def test_bad_arguments_are_told(self):
        self.assertEqual(check.main([]), 2)
        self.assertEqual(check.main([".", "no such rule"]), 2)


if __name__ == "__main__":
    sys.exit(unittest.main())
