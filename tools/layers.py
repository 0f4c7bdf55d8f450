#!/usr/bin/env python3
"""Holds the source tree to the layers of the design.

Run by the build (a failing line fails it) and by the tests on trees made to
break each rule. Usage: layers.py ROOT [STAMP]
"""
import pathlib
import re
import sys

# What each layer may include besides itself, in the order of the house.
LAYERS = {
    "base": set(),
    "loop": {"base"},
    "crypto": {"base"},
    "tls": {"base", "loop", "crypto"},
    "codec": {"base", "crypto"},
    "wire": {"base", "loop", "crypto", "tls", "codec"},
    "store": {"base", "loop", "crypto", "tls", "codec", "wire"},
    "session": {"base", "loop", "crypto", "tls", "codec", "wire", "store"},
    "front": {"base", "loop", "crypto", "tls", "codec", "wire", "store", "session"},
    "daemon": {"base", "loop", "crypto", "tls", "codec", "wire", "store", "session", "front"},
    "cli": {"base", "loop", "crypto", "tls", "codec", "wire"},
}

# Third-party headers and the only places that may see them.
FOREIGN = {
    r"uv\.h": ("loop/",),
    r"openssl/.*": ("crypto/", "tls/"),
    r"yyjson\.h": ("codec/",),
    r"llhttp\.h": ("wire/",),
    r"lmdb\.h": ("store/adapter/",),
    r"yaml\.h": ("daemon/",),
}

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|rand|srand)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\b\s*(?:([<"])([^>"]+)[>"])?')


def check_include(layer, inner, kind, name):
    """What is wrong with an include in the file `inner` (its path from src/), or None."""
    if name is None:
        return "an include names its file"
    if ".." in name.split("/"):
        return f"'{name}' climbs out of its folder; name it from src/"
    top = name.split("/", 1)[0]
    allowed = LAYERS[layer] | {layer, "sojourn"}
    if (kind == '"' or top in LAYERS) and top not in allowed:
        return f"{layer} must not include '{name}': it may see {', '.join(sorted(allowed))}"
    for pattern, places in FOREIGN.items():
        if re.fullmatch(pattern, name) and not inner.startswith(places):
            return f"only {' and '.join(places)} may include <{name}>"
    return None


def check_file(root, path, complain):
    inner = path.relative_to(root / "src").as_posix()
    layer = inner.split("/", 1)[0]
    if layer not in LAYERS:
        complain(path, 1, f"no layer is called '{layer}'")
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        included = INCLUDE.match(line)
        banned = BANNED.search(line.split("//")[0])
        if included:
            problem = check_include(layer, inner, *included.groups())
            if problem:
                complain(path, number, problem)
        elif banned and not line.lstrip().startswith(("*", "/*")):
            complain(path, number, f"banned function {banned.group(1)}()")


def main():
    root = pathlib.Path(sys.argv[1])
    problems = []

    def complain(path, number, text):
        problems.append(f"{path.relative_to(root)}:{number}: {text}")

    for path in sorted((root / "include").rglob("*.h")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            included = INCLUDE.match(line)
            if included and (included.group(1) != "<") and not str(included.group(2)).startswith("sojourn/"):
                complain(path, number, f"an installed header may not include {included.group(2)}")
    seen = {}
    for path in sorted((root / "src").rglob("*.[ch]")):
        check_file(root, path, complain)
        if path.suffix == ".c":
            if path.name in seen:
                complain(path, 1, f"another file is called so: {seen[path.name].relative_to(root)}")
            seen[path.name] = path
    for line in problems:
        print(line, file=sys.stderr)
    if problems:
        sys.exit(1)
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).write_text("ok\n")


main()
