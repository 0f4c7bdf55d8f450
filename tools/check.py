#!/usr/bin/env python3
"""`./dev check`: layers, sizes, documents, formatting, static analysis.

Usage: check.py ROOT BUILD [STEP…]

ROOT is a git work tree; BUILD, relative to it, has the compile commands that
clang-tidy needs. The tree is held to clang-format and clang-tidy 14 (Debian
12's): other versions disagree with them and with each other, and don't judge.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1]).resolve()
TOOLS = pathlib.Path(__file__).resolve().parent
CLANG_VERSION = 14
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 100
MEDIAN_LINES_MAX = 15
MOST_LINES_MAX = 45  # of nine in ten


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                            cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\n") if name and (ROOT / name).exists()]


def judges(program):
    """Whether the program is of the version that the tree is held to; says so when not."""
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    version = re.search(r"version (\d+)\.", said)
    if version and int(version.group(1)) == CLANG_VERSION:
        return True
    print(f"     {program} {version.group(1) if version else '?'} does not judge; the tree is held to {CLANG_VERSION}")
    return False


def check_format():
    if not judges("clang-format"):
        return []
    files = tracked("*.c", "*.h")
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *files], cwd=ROOT,
                          capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if "error:" in line]


def check_layers():
    done = subprocess.run([sys.executable, TOOLS / "layers.py", "."], cwd=ROOT, capture_output=True, text=True)
    return done.stderr.splitlines()


def functions(lines):
    """(first line, lines) of each function: in our format only a function ends with a bare brace."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "}" and start is not None:
            yield start, number - start + 1
            start = None
        elif re.match(r"[A-Za-z_]", line) and not line.endswith((":", '"C" {')):
            start = number


def check_sizes():
    problems, sizes = [], []
    for path in tracked("*.c", "*.h", "*.mjs", "*.py", "dev"):
        lines = path.read_text().splitlines()
        name = path.relative_to(ROOT)
        if len(lines) > FILE_LINES_MAX:
            problems.append(f"{name}: {len(lines)} lines; a file has at most {FILE_LINES_MAX}")
        if name.suffix not in (".c", ".h") or name.parts[0] not in ("src", "include"):
            continue
        for start, size in functions(lines):
            sizes.append(size)
            if size > FUNCTION_LINES_MAX:
                problems.append(f"{name}:{start}: a function of {size} lines; at most {FUNCTION_LINES_MAX}")
    sizes.sort()
    for share, most in ((0.5, MEDIAN_LINES_MAX), (0.9, MOST_LINES_MAX)):
        size = sizes[int(len(sizes) * share)] if sizes else 0
        if size > most:
            problems.append(f"src: {share:.0%} of the functions have up to {size} lines; at most {most}")
    return problems


def check_readmes():
    return [f"{layer.relative_to(ROOT)}: no README.md" for layer in sorted((ROOT / "src").iterdir())
            if layer.is_dir() and not (layer / "README.md").exists()]


def check_links():
    """Every relative link in a document leads to a file."""
    problems = []
    for path in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
            if not re.match(r"[a-z]+:", target) and not (path.parent / target).exists():
                problems.append(f"{path.relative_to(ROOT)}: a link to {target}, which isn't there")
    return problems


def check_tidy(build):
    if not judges("clang-tidy"):
        return []
    database = json.loads((build / "compile_commands.json").read_text())
    files = sorted({str((build / e["file"]).resolve()) for e in database
                    if "/src/" in str((build / e["file"]).resolve())})
    done = subprocess.run(["xargs", "-0", "-n", "4", "-P", "2", "clang-tidy", "-p", str(build), "--quiet"],
                          cwd=ROOT, input="\0".join(files), capture_output=True, text=True)
    found = [line for line in (done.stdout + done.stderr).splitlines()
             if re.search(r"(warning|error):|^Skipping ", line)]
    if done.returncode != 0 and not found:
        found = done.stderr.splitlines()[-20:]
    return sorted(set(found))


def main():
    build = ROOT / sys.argv[2]
    steps = {
        "layers": check_layers, "sizes": check_sizes, "readmes": check_readmes,
        "links": check_links, "format": check_format, "tidy": lambda: check_tidy(build),
    }
    chosen = sys.argv[3:] or list(steps)
    failed = 0
    for name in chosen:
        problems = steps[name]()
        print(f"{'FAIL' if problems else 'ok  '} check {name}", flush=True)
        for line in problems[:60]:
            print("  | " + line)
        failed += bool(problems)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
