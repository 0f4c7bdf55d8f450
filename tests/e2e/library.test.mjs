// libsojourn as an embedder meets it: installed under a prefix, found by
// pkg-config, compiled against out of tree, in C and C++, shared and static.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { root, temporaryFolder } from '../kit/processes.mjs';

const area = temporaryFolder('library');
const prefix = path.join(area, 'prefix');
const tree = path.join(area, 'build');
const cc = process.env.CC ?? 'cc';
const cxx = process.env.CXX ?? 'c++';
const steps = [
  'create: ok, version 1 of ada: {"cart":[]}',
  'patch: ok, version 2 of ada: {"cart":["tea"]}',
  'load: ok, version 2 of ada: {"cart":["tea"]}',
  'list: ok, 1 live',
  'end: ok',
  'load: ended',
  '',
].join('\n');

let environment;

// Runs a program; its output, or what went wrong.
function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', env: environment, ...options });
  assert.equal(done.status, 0, `${command} ${args.join(' ')}\n${done.error ?? ''}${done.stdout}${done.stderr}`);
  return done.stdout;
}

const words = (text) => text.trim().split(/\s+/).filter(Boolean);
const pkgConfig = (...args) => words(run('pkg-config', [...args, 'sojourn']));

function filesBelow(folder) {
  return fs.readdirSync(folder, { withFileTypes: true, recursive: false }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(name).map((file) => path.join(entry.name, file)) : [entry.name];
  });
}

// The functions that the installed headers declare.
function declared() {
  const names = fs.readdirSync(path.join(prefix, 'include/sojourn')).flatMap((file) => {
    const text = fs.readFileSync(path.join(prefix, 'include/sojourn', file), 'utf8').replace(/\/\*[^]*?\*\//g, '');
    return [...text.matchAll(/^SJ_API\s[^;]*?\b(sj_\w+)\(/gm)].map((found) => found[1]);
  });
  return names.sort();
}

function exported(args) {
  return run('nm', args).split('\n').map((line) => /^[0-9a-f]+ [A-Z] (.+)$/.exec(line)?.[1]).filter(Boolean).sort();
}

before(() => {
  execFileSync('meson', ['setup', tree, root, `--prefix=${prefix}`, '--buildtype=debug', '-Dtests=disabled', '-Dbench=disabled'],
    { stdio: 'pipe' });
  execFileSync('ninja', ['-C', tree], { stdio: 'pipe' });
  execFileSync('meson', ['install', '-C', tree, '--no-rebuild'], { stdio: 'pipe' });
  const found = filesBelow(prefix).find((file) => file.endsWith('/sojourn.pc'));
  assert.ok(found, 'sojourn.pc is installed');
  environment = { ...process.env, PKG_CONFIG_PATH: path.join(prefix, path.dirname(found)) };
  delete environment.LD_LIBRARY_PATH;
});

test('what is installed is what is promised, under DESTDIR as under the prefix', () => {
  const libdir = path.relative(prefix, pkgConfig('--variable=libdir')[0]);
  const files = filesBelow(prefix).filter((file) => file !== path.join(libdir, 'sojourn/libyyjson.so.0')).sort();
  assert.deepEqual(files, [
    'bin/sojourn', 'bin/sojournd',
    'include/sojourn/slice.h', 'include/sojourn/sojourn.h', 'include/sojourn/status.h',
    ...['libsojourn.a', 'libsojourn.so', 'libsojourn.so.0', `libsojourn.so.${version()}`, 'pkgconfig/sojourn.pc']
      .map((file) => path.join(libdir, file)),
  ].sort());
  const staging = path.join(area, 'staging');
  run('meson', ['install', '-C', tree, '--no-rebuild', `--destdir=${staging}`]);
  assert.deepEqual(filesBelow(path.join(staging, prefix)).sort(), filesBelow(prefix).sort());
});

function version() {
  const header = fs.readFileSync(path.join(prefix, 'include/sojourn/sojourn.h'), 'utf8');
  return ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`SJ_VERSION_${part} (\\d+)`).exec(header)[1]).join('.');
}

test('the installed programs find their libraries and know the version of the header', () => {
  for (const name of ['sojournd', 'sojourn']) {
    const program = path.join(prefix, 'bin', name);
    assert.doesNotMatch(run('ldd', [program]), /not found/);
    assert.ok(!run('readelf', ['-d', program]).includes(root), `${name} needs nothing of the source tree`);
    assert.equal(run(program, ['--version']), `${name} ${version()}\n`);
  }
  assert.equal(run('pkg-config', ['--modversion', 'sojourn']).trim(), version());
});

test('both libraries show the functions of the headers and nothing else', () => {
  const libdir = pkgConfig('--variable=libdir')[0];
  assert.ok(declared().includes('sj_open') && declared().includes('sj_status_text'), String(declared()));
  assert.deepEqual(exported(['-D', '--defined-only', path.join(libdir, 'libsojourn.so')]), declared());
  assert.deepEqual(exported(['-g', '--defined-only', path.join(libdir, 'libsojourn.a')]), declared());
});

// The example as its own comment says to compile it, and what it says on a store.
function tryExample(name, compileArgs) {
  const program = path.join(area, name);
  run(cc, [path.join(root, 'examples/embed/embed.c'), '-Wall', '-Wextra', '-Werror', '-o', program, ...compileArgs]);
  const linked = { ...environment };
  if (run('ldd', [program]).includes('libsojourn.so')) linked.LD_LIBRARY_PATH = pkgConfig('--variable=libdir')[0];
  assert.equal(run(program, ['memory:'], { env: linked }), steps);
  const state = temporaryFolder('embed');
  const onDisk = [`lmdb:${path.join(state, 'store')}`, path.join(state, 'keyring')];
  assert.equal(run(program, onDisk, { env: linked }), steps);
  assert.equal(run(program, onDisk, { env: linked }), steps, 'opens again what it closed');
  const refused = spawnSync(program, ['nowhere:', path.join(state, 'other')], { encoding: 'utf8', env: linked });
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^embed: .*\bmemory: and lmdb:\n$/);
  return run('ldd', [program]);
}

test('the example, compiled out of tree with the shared library', () => {
  const libraries = tryExample('embed-shared', pkgConfig('--cflags', '--libs'));
  assert.match(libraries, /libsojourn\.so\.0/);
});

test('the example, compiled out of tree with the static library', () => {
  const flags = pkgConfig('--static', '--cflags', '--libs').map((word) => (word === '-lsojourn' ? '-l:libsojourn.a' : word));
  const libraries = tryExample('embed-static', flags);
  assert.doesNotMatch(libraries, /libsojourn/);
});

test('the header is C11 and C++11 to the letter, and links from C++', () => {
  const source = path.join(area, 'host.cc');
  fs.writeFileSync(source, `#include <sojourn/sojourn.h>
#include <cstdio>
#include <cstring>
#include <uv.h>

static void created(sj_call *call) {
  std::printf("%s\\n", sj_status_code(call->status));
  sj_detach(static_cast<sj_worker *>(call->data), nullptr, nullptr);
}

int main() {
  sj_options options;
  sj_options_init(&options);
  options.store = "memory:";
  options.accept_loss = true;
  sj_sessions *sessions = nullptr;
  sj_worker *worker = nullptr;
  sj_error error;
  if (sj_open(&options, &sessions, &error) != SJ_OK) return 1;
  if (sj_attach(sessions, uv_default_loop(), &worker) != SJ_OK) return 2;
  sj_call call;
  std::memset(&call, 0, sizeof(call));
  call.done = created;
  call.data = worker;
  sj_create_args args;
  std::memset(&args, 0, sizeof(args));
  if (sj_create(worker, &call, &args) != SJ_OK) return 3;
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  sj_close(sessions);
  return 0;
}
`);
  const program = path.join(area, 'host');
  const strict = ['-Wall', '-Wextra', '-Wpedantic', '-Werror'];
  run(cxx, ['-std=c++11', ...strict, source, '-o', program, ...pkgConfig('--cflags', '--libs')]);
  const linked = { ...environment, LD_LIBRARY_PATH: pkgConfig('--variable=libdir')[0] };
  assert.equal(run(program, [], { env: linked }), 'ok\n');
  for (const name of fs.readdirSync(path.join(prefix, 'include/sojourn'))) {
    const header = path.join(prefix, 'include/sojourn', name);
    run(cc, ['-std=c11', ...strict, '-fsyntax-only', '-x', 'c', ...pkgConfig('--cflags'), header]);
  }
});
