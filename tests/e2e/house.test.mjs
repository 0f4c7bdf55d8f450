// The house keeps its own rules: each is broken once, and refused by name.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root, temporaryFolder, until } from '../kit/processes.mjs';

// Makes a folder of { name: text }; $FOLDER in a text is the folder.
function tree(files) {
  const folder = temporaryFolder('house');
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text.replaceAll('$FOLDER', folder), { mode: name.endsWith('.sh') ? 0o755 : 0o644 });
  }
  return folder;
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', ...options });
  assert.equal(done.error, undefined);
  return { status: done.status, text: done.stdout + done.stderr };
}

const tool = (name) => path.join(root, 'tools', name);
const layers = (files) => run('python3', [tool('layers.py'), tree(files)]);

// --- layers -------------------------------------------------------------------

const order = ['base', 'loop', 'crypto', 'codec', 'wire', 'store', 'session', 'front', 'daemon'];
const upward = [
  ...order.flatMap((low, i) => order.slice(i + 1).map((high) => [low, high])),
  ['crypto', 'loop'], ['codec', 'loop'], ['cli', 'store'], ['cli', 'session'], ['cli', 'daemon'], ['daemon', 'cli'],
];

test('layers: every upward include is refused, in quotes and in angle brackets', () => {
  const files = {};
  const expected = [];
  for (const [from, to] of upward) {
    const name = `src/${from}/${from}_${to}.c`;
    files[name] = `#include "${to}/x.h"\n#include <${to}/x.h>\n`;
    expected.push(...[1, 2].map((line) => `${name}:${line}: ${from} must not include '${to}/x.h'`));
  }
  const { status, text } = layers(files);
  const said = text.trimEnd().split('\n').map((line) => line.replace(/: it may see.*/, ''));
  assert.deepEqual(said.sort(), expected.sort());
  assert.equal(status, 1);
});

test('layers: downward includes, the own folder and the system are allowed', () => {
  const { status, text } = layers({
    'src/front/file.c': '#include <stdio.h>\n#include "session/x.h"\n#include "base/x.h"\n#include "front/y.h"\n#include "sojourn/sojourn.h"\n',
    'src/loop/x_uv.c': '#include <uv.h>\n',
    'src/crypto/x.c': '#include <openssl/evp.h>\n',
    'src/codec/y.c': '#include <yyjson.h>\n',
    'src/wire/http/z.c': '#include <llhttp.h>\n',
    'src/store/adapter/a.c': '#include <lmdb.h>\n',
    'src/daemon/b.c': '#include <yaml.h>\n/* sprintf() in prose is no call. */\n// neither strcpy(here)\nint snprintf_like;\n',
    'include/sojourn/sojourn.h': '#include <stddef.h>\n#include "sojourn/slice.h"\n',
  });
  assert.equal(text, '');
  assert.equal(status, 0);
});

const refusals = {
  'uv.h outside the loop': ['src/store/file.c', '#include <uv.h>', 'only loop/ may include <uv.h>'],
  'OpenSSL outside crypto': ['src/codec/file.c', '#include <openssl/sha.h>', 'only crypto/ and tls/ may include <openssl/sha.h>'],
  'yyjson outside codec': ['src/front/file.c', '#include <yyjson.h>', 'only codec/ may include <yyjson.h>'],
  'llhttp outside wire': ['src/front/file.c', '#include <llhttp.h>', 'only wire/ may include <llhttp.h>'],
  'LMDB outside its adapter': ['src/store/file.c', '#include <lmdb.h>', 'only store/adapter/ may include <lmdb.h>'],
  'libyaml outside the daemon': ['src/cli/file.c', '#include <yaml.h>', 'only daemon/ may include <yaml.h>'],
  'a path that climbs': ['src/base/file.c', '#include "../front/front.h"', "'../front/front.h' climbs out of its folder"],
  'a path from nowhere': ['src/base/file.c', '#include "file.h"', "base must not include 'file.h'"],
  'an include that hides its file': ['src/base/file.c', '#include HEADER', 'an include names its file'],
  'a layer that the house does not have': ['src/utils/file.c', '', "no layer is called 'utils'"],
  'an installed header that shows the inside': ['include/sojourn/x.h', '#include "base/slice.h"', 'an installed header may not include base/slice.h'],
};
for (const word of ['strcpy', 'strcat', 'sprintf', 'vsprintf', 'strtok', 'gets', 'atoi', 'atol', 'rand', 'srand']) {
  refusals[`${word}()`] = ['src/base/file.c', `int x = ${word} (y);`, `banned function ${word}()`];
}
test('layers: every other rule is kept', () => {
  const files = {};
  const expected = Object.values(refusals).map(([file, line, message], i) => {
    const name = file.replace('file', `file${i}`);
    files[name] = `${line}\n`;
    return `${name}:1: ${message}`;
  });
  const { status, text } = layers(files);
  assert.equal(status, 1);
  for (const line of expected) assert.ok(text.includes(`${line}`), `${line}\n---\n${text}`);
  assert.equal(text.trimEnd().split('\n').length, expected.length, text);
});

test('layers: two files of one name are refused', () => {
  const { status, text } = layers({ 'src/base/file.c': '', 'src/loop/file.c': '' });
  assert.equal(status, 1);
  assert.match(text, /another file is called so/);
});

test('an upward include fails the build', () => {
  const copy = temporaryFolder('copy');
  run('sh', ['-c', 'git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$0"', copy], { cwd: root });
  fs.mkdirSync(path.join(copy, 'build'));
  fs.symlinkSync(path.join(root, 'build/deps'), path.join(copy, 'build/deps'));
  const out = path.join(copy, 'out');
  assert.equal(run('meson', ['setup', out, copy, '-Dtests=disabled', '-Dbench=disabled']).status, 0);
  assert.equal(run('ninja', ['-C', out, 'layers.ok']).status, 0);
  fs.appendFileSync(path.join(copy, 'src/base/slice.c'), '#include "front/front.h"\n');
  const built = run('ninja', ['-C', out, 'layers.ok']);
  assert.notEqual(built.status, 0);
  assert.match(built.text, /src\/base\/slice\.c:\d+: base must not include 'front\/front\.h'/);
  const whole = run('ninja', ['-C', out, '-n']);
  assert.match(whole.text, /layers/, 'the whole build asks for it');
});

// --- check ---------------------------------------------------------------------

const lines = (count, line = 'int x;') => `${line}\n`.repeat(count);
const body = (size) => `int f(int a,\n      int b) {\n${lines(size - 3, '  a++;')}}\n`;

function check(step, files) {
  const folder = tree(files);
  assert.equal(run('git', ['init', '-q', folder]).status, 0);
  const done = run('python3', [tool('check.py'), folder, 'build', step]);
  assert.match(done.text, done.status === 0 ? /^1 passed, 0 failed$/m : /^0 passed, 1 failed$/m);
  return done;
}

const compileCommands = '[{"directory": "$FOLDER/build", "file": "../src/base/a.c", "command": "cc -c ../src/base/a.c"}]';

// [files that are in order, files that are not, what is said of them]
const seeds = {
  layers: [{ 'src/base/a.c': '' }, { 'src/base/a.c': '#include <uv.h>\n' }, /src\/base\/a\.c:1: only loop\/ may include/],
  'sizes of a file': [{ 'src/base/a.c': lines(500) }, { 'src/base/a.c': lines(501) }, /src\/base\/a\.c: 501 lines/],
  'sizes of a file of tests': [{ 'tests/e2e/a.test.mjs': lines(500) }, { 'tests/e2e/a.test.mjs': lines(501) },
    /tests\/e2e\/a\.test\.mjs: 501 lines/],
  'sizes of a function': [{ 'src/base/a.c': body(100) + lines(20, 'int f(void) {\n}') },
    { 'src/base/a.c': body(101) + lines(20, 'int f(void) {\n}') }, /src\/base\/a\.c:1: a function of 101 lines/],
  'sizes in the median': [{ 'src/base/a.c': body(15) }, { 'src/base/a.c': body(16) }, /50% of the functions have up to 16 lines/],
  'sizes of nine in ten': [{ 'src/base/a.c': body(45) + lines(8, 'int f(void) {\n}') },
    { 'src/base/a.c': body(46) + lines(8, 'int f(void) {\n}') }, /90% of the functions have up to 46 lines/],
  readmes: [{ 'src/base/README.md': '' }, { 'src/base/a.c': '' }, /src\/base: no README\.md/],
  links: [{ 'a.md': '[b](b.md) [c](https://example.com/x) [d](#d) [e](b.md#e)', 'b.md': '' },
    { 'a.md': '[b](missing.md)' }, /a\.md: a link to missing\.md/],
};
for (const [name, [good, bad, message]] of Object.entries(seeds)) {
  test(`check: ${name}`, () => {
    const step = name.split(' ')[0];
    const passed = check(step, { 'src/base/README.md': '', ...good });
    assert.equal(passed.status, 0, passed.text);
    const failed = check(step, bad);
    assert.equal(failed.status, 1, failed.text);
    assert.match(failed.text, message);
  });
}

// What clang's tools find; they judge only in the version that the tree is held to.
const clangSeeds = {
  format: ['int x;\n', 'int   x ;\n', /src\/base\/a\.c:1:.*error: code should be clang-formatted/],
  tidy: ['int f(int *p);\nint f(int *p) { return p ? *p : 0; }\n', 'int f(int *p);\nint f(int *p) { return p ? 0 : *p; }\n',
    /a\.c:2:\d+: .*clang-analyzer-core\.NullDereference/],
};
for (const [step, [good, bad, message]] of Object.entries(clangSeeds)) {
  test(`check: ${step}`, () => {
    const beside = { 'build/compile_commands.json': compileCommands };
    for (const name of ['.clang-format', '.clang-tidy']) beside[name] = fs.readFileSync(path.join(root, name), 'utf8');
    assert.equal(check(step, { ...beside, 'src/base/a.c': good }).status, 0);
    const failed = check(step, { ...beside, 'src/base/a.c': bad });
    if (/version 14\./.test(run(`clang-${step}`, ['--version']).text)) {
      assert.equal(failed.status, 1, failed.text);
      assert.match(failed.text, message);
    } else {
      assert.equal(failed.status, 0, failed.text);
      assert.match(failed.text, new RegExp(`clang-${step} \\d+ does not judge; the tree is held to 14`));
    }
  });
}

// --- the test runner --------------------------------------------------------------

const cmocka = (passed, skipped) =>
  `echo '[  PASSED  ] ${passed} test(s).'\n` + (skipped ? `echo '[  SKIPPED ] ${skipped} test(s), listed below:'\n` : '');
const programs = {
  good: cmocka(3),
  counts: "echo 'here: 5 passed, 0 failed, 0 skipped'",
  silent: 'true',
  none: cmocka(0),
  skips: cmocka(2, 1),
  only_skips: cmocka(0, 1),
  fails: "echo '[  PASSED  ] 2 test(s).'; echo '[  FAILED  ] 1 test(s), listed below:'; exit 1",
  dies: `${cmocka(2)}kill -SEGV $$`,
  late: 'sleep 600 & echo "$!" >"$1"; wait',
};
const closings = {
  good: [0, '3 passed, 0 failed, 0 skipped'],
  counts: [0, '5 passed, 0 failed, 0 skipped'],
  silent: [1, '0 passed, 1 failed, 0 skipped'],
  none: [1, '0 passed, 1 failed, 0 skipped'],
  skips: [0, '2 passed, 0 failed, 1 skipped'],
  only_skips: [0, '0 passed, 0 failed, 1 skipped'],
  fails: [1, '2 passed, 1 failed, 0 skipped'],
  dies: [1, '2 passed, 1 failed, 0 skipped'],
  late: [1, '0 passed, 1 failed, 0 skipped'],
};

let suite;
function runTests(...names) {
  if (!suite) {
    const files = { 'meson.build': "project('suite')\n" };
    for (const [name, text] of Object.entries(programs)) {
      files[`${name}.sh`] = `#!/bin/sh\n${text}\n`;
      files['meson.build'] += `test('unit/${name}', find_program('${name}.sh'), args: meson.current_build_dir() / '${name}.pid', timeout: ${name === 'late' ? 1 : 60})\n`;
    }
    suite = tree(files);
    assert.equal(run('meson', ['setup', path.join(suite, 'out'), suite]).status, 0);
  }
  return run('python3', [tool('run_tests.py'), path.join(suite, 'out'), ...names.map((name) => `unit/${name}`)]);
}

for (const [name, [status, closing]] of Object.entries(closings)) {
  test(`the runner on a program that ${name === 'good' ? 'is good' : name}`, () => {
    const done = runTests(name);
    assert.equal(done.text.trimEnd().split('\n').at(-1), closing, done.text);
    assert.equal(done.status, status);
  });
}

test('the runner says what failed, and what the program said; it names no other', () => {
  const { text } = runTests('good', 'fails');
  assert.match(text, /^ok {3}unit\/good: 3 passed/m);
  assert.match(text, /^FAIL unit\/fails: 2 passed, 1 failed/m);
  assert.match(text, /^ {2}\| \[ {2}FAILED {2}\] 1 test/m);
  assert.match(text, /5 passed, 1 failed, 0 skipped\n$/);
});

test('the runner ends what a late program started', async () => {
  runTests('late');
  const pid = fs.readFileSync(path.join(suite, 'out/late.pid'), 'utf8').trim();
  await until('the program\'s child to end', () =>
    !fs.existsSync(`/proc/${pid}/stat`) || / Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8')));
});

test('the runner knows no test that is not there', () => {
  const done = runTests('nowhere');
  assert.equal(done.status, 1);
  assert.match(done.text, /no test is called 'unit\/nowhere'/);
});
