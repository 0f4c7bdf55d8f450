#!/usr/bin/env python3
"""Runs the suite: what meson knows (C) and tests/e2e/*.test.mjs (Node).

Usage: run_tests.py BUILD [--list] [--peers] [PATH…]

Prints a line a test on the way, the output of those that fail, and closes with
`N passed, N failed, N skipped`, where every case inside a program counts. A
program says its own counts: cmocka's closing lines, Node's TAP, or a line
`N passed, N failed, N skipped`. One that says none has run nothing and failed.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# These use both cores themselves or measure time: alone, after the others.
ALONE = ("crash/", "e2e/", "sim/")


class Test:
    def __init__(self, name, command, env=None, timeout=120, node=False):
        self.name, self.command, self.timeout, self.node = name, command, timeout, node
        self.env = {**os.environ, **(env or {})}

    def run(self):
        started = time.monotonic()
        # A session of its own, so that nothing it started outlives its deadline.
        process = subprocess.Popen(self.command, env=self.env, cwd=ROOT, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        try:
            output, late = process.communicate(timeout=self.timeout)[0], ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, late = process.communicate()[0], f"\nno end after {self.timeout} s"
        code, output = process.returncode, output.decode("utf-8", "replace") + late
        counts = count_node(output) if self.node else count_program(output)
        return Result(self, code, output, counts, time.monotonic() - started)


class Result:
    def __init__(self, test, code, output, counts, seconds):
        self.test, self.code, self.output, self.seconds = test, code, output, seconds
        self.passed, self.failed, self.skipped = counts
        if code == 77 and not test.node:
            self.passed, self.failed, self.skipped = 0, 0, max(1, self.skipped)
        elif code != 0 and self.failed == 0:
            self.failed = 1
        elif code == 0 and self.passed + self.skipped == 0:
            self.failed = 1
            self.output += "\nthe program ran no test"


def count_program(output):
    totals = [0, 0, 0]
    for word, number in re.findall(r"\[  (PASSED|FAILED|SKIPPED ?) *\] (\d+) test\(s\)", output):
        totals[("PASSED", "FAILED", "SKIPPED").index(word.strip())] += int(number)
    for numbers in re.findall(r"^(?:\S+ )?(\d+) passed, (\d+) failed, (\d+) skipped$", output, re.M):
        totals = [a + int(b) for a, b in zip(totals, numbers)]
    return totals


def count_node(output):
    def total(word):
        return sum(int(n) for n in re.findall(rf"^# {word} (\d+)$", output, re.M))

    return total("pass"), total("fail") + total("cancelled"), total("skipped") + total("todo")


def meson_tests(build):
    listed = subprocess.run(["meson", "introspect", "--tests", str(build)], check=True,
                            capture_output=True, text=True)
    for entry in json.loads(listed.stdout):
        timeout = (entry.get("timeout") or 120) * (4 if "san" in build.name else 1)
        yield Test(entry["name"], entry["cmd"], entry.get("env"), timeout,
                   node="--test" in entry["cmd"])


def node_tests(build, peers):
    env = {"SOJOURN_BUILD": str(build.resolve())}
    for path in sorted((ROOT / "tests" / "e2e").glob("*.test.mjs")):
        name = "e2e/" + path.name[: -len(".test.mjs")]
        yield Test(name, ["node", "--test", "--test-reporter=tap", str(path)], env, 600, node=True)
    if peers:
        for path in sorted((ROOT / "tests" / "peers").glob("*.test.mjs")):
            name = "peers/" + path.name[: -len(".test.mjs")]
            yield Test(name, ["node", "--test", "--test-reporter=tap", str(path)], env, 900, node=True)


def select(tests, paths):
    if not paths:
        return tests
    chosen = [t for t in tests
              if any(t.name == p.rstrip("/") or t.name.startswith(p.rstrip("/") + "/") for p in paths)]
    for path in paths:
        if not any(t.name == path.rstrip("/") or t.name.startswith(path.rstrip("/") + "/")
                   for t in tests):
            sys.exit(f"no test is called '{path}'; ./dev test --list names them")
    return chosen


def report(result, verbose):
    counts = f"{result.passed} passed"
    if result.failed:
        counts += f", {result.failed} failed"
    if result.skipped:
        counts += f", {result.skipped} skipped"
    print(f"{'FAIL' if result.failed else 'ok  '} {result.test.name}: {counts} ({result.seconds:.1f} s)",
          flush=True)
    if result.failed or verbose:
        lines = result.output.rstrip().splitlines()
        print("\n".join("  | " + line for line in (lines if verbose else lines[-80:])), flush=True)
    elif result.skipped:
        for line in result.output.splitlines():
            if re.search(r"# SKIP|SKIPPED|skipped:", line):
                print("  | " + line.strip())


def main():
    arguments = sys.argv[1:]
    build = pathlib.Path(arguments.pop(0))
    flags = {a for a in arguments if a.startswith("--")}
    paths = [a for a in arguments if not a.startswith("--")]
    tests = list(meson_tests(build)) + list(node_tests(build, "--peers" in flags))
    if "--list" in flags:
        print("\n".join(t.name for t in tests))
        return
    chosen = select(tests, paths)
    together = [t for t in chosen if not t.name.startswith(ALONE)]
    alone = [t for t in chosen if t.name.startswith(ALONE)]
    totals = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for result in pool.map(Test.run, together):
            report(result, len(chosen) == 1)
            totals = [a + b for a, b in zip(totals, (result.passed, result.failed, result.skipped))]
    for test in alone:
        result = test.run()
        report(result, len(chosen) == 1)
        totals = [a + b for a, b in zip(totals, (result.passed, result.failed, result.skipped))]
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped", flush=True)
    sys.exit(1 if totals[1] else 0)


main()
