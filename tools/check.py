#!/usr/bin/env python3
"""`./dev check`: formatting, layers, sizes, static analysis, documents. check.py BUILD"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 100


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                            cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\n") if name and (ROOT / name).exists()]


def c_files():
    return [p for p in tracked("*.c", "*.h")]


def check_format():
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *c_files()], cwd=ROOT,
                          capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if "error:" in line]


def check_layers():
    done = subprocess.run([sys.executable, "tools/layers.py", "."], cwd=ROOT, capture_output=True, text=True)
    return done.stderr.splitlines()


def check_sizes():
    problems = []
    for path in tracked("src/*.c", "src/*.h", "include/*.h"):
        lines = path.read_text().splitlines()
        name = path.relative_to(ROOT)
        if len(lines) > FILE_LINES_MAX:
            problems.append(f"{name}: {len(lines)} lines; a file has at most {FILE_LINES_MAX}")
        start = None
        for number, line in enumerate(lines, 1):
            if line.endswith("{") and re.match(r"[A-Za-z_].*\)\s*\{$|\s+.*\)\s*\{$", line) and start is None \
                    and not line.startswith((" ", "\t")):
                start = number
            if line == "}" and start is not None:
                if number - start > FUNCTION_LINES_MAX:
                    problems.append(f"{name}:{start}: a function of {number - start} lines; at most {FUNCTION_LINES_MAX}")
                start = None
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
    database = json.loads((build / "compile_commands.json").read_text())
    files = sorted({str((build / e["file"]).resolve()) for e in database
                    if "/src/" in str((build / e["file"]).resolve())})
    done = subprocess.run(["xargs", "-0", "-n", "4", "-P", "2", "clang-tidy", "-p", str(build), "--quiet"],
                          cwd=ROOT, input="\0".join(files), capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if re.search(r"(warning|error):", line)]
    if done.returncode != 0 and not found:
        found = done.stderr.splitlines()[-20:]
    return sorted(set(found))


def main():
    build = ROOT / sys.argv[1]
    steps = [
        ("layers", check_layers), ("sizes", check_sizes), ("readmes", check_readmes),
        ("links", check_links), ("format", check_format), ("tidy", lambda: check_tidy(build)),
    ]
    failed = 0
    for name, step in steps:
        problems = step()
        print(f"{'FAIL' if problems else 'ok  '} check {name}", flush=True)
        for line in problems[:60]:
            print("  | " + line)
        failed += bool(problems)
    print(f"{len(steps) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
