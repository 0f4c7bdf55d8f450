// `./dev run` as a newcomer meets it on a machine that is set up, and the
// README's two servers: what they print works when it is pasted.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { connects, freePort, root, start, temporaryFolder, until } from '../kit/processes.mjs';
import { binary } from '../kit/sojournd.mjs';

const listeners = (address) => JSON.stringify([{ address, roles: ['app', 'check', 'admin', 'oauth', 'metrics'] }]);

// Pastes lines into a shell, as one does: it sees nothing of this process but PATH.
function paste(lines, cwd = temporaryFolder('shell')) {
  const done = spawnSync('sh', ['-e'], { input: lines.join('\n') + '\n', cwd, encoding: 'utf8', env: { PATH: process.env.PATH } });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}

async function run(t, state, { args = [], address = '127.0.0.1:0', env = {} } = {}) {
  const process = start(path.join(root, 'tools/run.sh'), [binary, ...args],
    { env: { SOJOURN__STATE: state, SOJOURN__WORKERS: '2', SOJOURN__LISTENERS: listeners(address), ...env } });
  t.after(() => process.stop());
  await until('the ready line', () => {
    if (!process.running()) throw new Error(process.stderr());
    return /\/check$/m.test(process.stdout());
  });
  return process;
}

for (const format of ['json', 'text']) {
  test(`one ready line, where the state lies, three commands that work (log in ${format})`, async (t) => {
    const state = path.join(temporaryFolder('run'), "a state folder");
    const process = await run(t, state, { env: { SOJOURN__LOG__FORMAT: format } });
    const [ready, ...commands] = process.stdout().split('\n').map((line) => line.trim()).filter(Boolean);
    const url = /^sojournd is ready on (http:\/\/127\.0\.0\.1:\d+); its state lies in (.*)\. Try it/.exec(ready);
    assert.ok(url, ready);
    assert.equal(url[2], state);
    assert.equal(commands.length, 3);
    assert.ok(commands.every((line) => /\bcurl /.test(line)), commands.join('\n'));
    const [credential, patched, ...checked] = paste(commands).split(/\r?\n/);
    assert.match(credential, /^[A-Za-z0-9_-]{60,72}$/);
    assert.deepEqual(JSON.parse(patched).session.attributes, { cart: [1], theme: 'dark' });
    assert.equal(checked[0], 'HTTP/1.1 200 OK');
    assert.ok(checked.includes('Sojourn-Subject: ada') && checked.includes('Sojourn-Version: 2'), checked.join('\n'));
    assert.equal((await process.stop()).code, 0, 'ended in order');
    assert.match(process.stderr(), /"?ended"?/, 'the log is there to its end');
  });
}

test('a daemon that does not start says why, and nothing is announced', async (t) => {
  const first = await run(t, temporaryFolder('run'));
  const [, address] = /http:\/\/(\S+);/.exec(first.stdout());
  const state = temporaryFolder('run');
  const second = start(path.join(root, 'tools/run.sh'), [binary],
    { env: { SOJOURN__STATE: state, SOJOURN__LISTENERS: listeners(address) } });
  const { code } = await second.exited;
  assert.equal(code, 1);
  assert.equal(second.stdout(), '');
  assert.match(second.stderr(), /in use/);
});

test('./dev run on a machine that is set up is quiet until the daemon speaks', async (t) => {
  if (fs.existsSync(path.join(root, 'build/build.ninja'))) {
    assert.equal(spawnSync('ninja', ['-C', path.join(root, 'build')], { stdio: 'ignore' }).status, 0);
  }
  const process = start(path.join(root, 'dev'), ['run'],
    { env: { SOJOURN__STATE: temporaryFolder('run'), SOJOURN__LISTENERS: listeners('127.0.0.1:0') } });
  t.after(() => process.stop());
  await until('the ready line', () => {
    if (!process.running()) throw new Error(process.stderr());
    return /\/check$/m.test(process.stdout());
  }, { timeout: 120000 });
  const beside = process.stderr().split('\n').filter((line) => line && !line.startsWith('{'));
  assert.deepEqual(beside, []);
  assert.equal((await process.stop()).code, 0);
});

test('./dev help names every verb and every flag that ./dev takes', () => {
  const script = fs.readFileSync(path.join(root, 'dev'), 'utf8');
  const help = spawnSync(path.join(root, 'dev'), ['help'], { encoding: 'utf8' });
  assert.equal(help.status, 0);
  const verbs = [...script.slice(script.lastIndexOf('case "$verb"')).matchAll(/^ {2}([a-z]+)[)|]/gm)].map((found) => found[1]);
  assert.deepEqual(verbs, ['setup', 'build', 'run', 'test', 'check', 'bench', 'fuzz', 'clean', 'help']);
  for (const verb of verbs) assert.match(help.stdout, new RegExp(`^ {2}${verb}\\b`, 'm'));
  const flags = new Set([...script.slice(script.indexOf('# --- setup')).matchAll(/^ +(--[a-z]+)\)/gm)].map((found) => found[1]));
  assert.ok(flags.has('--asan') && flags.has('--example'), [...flags].join());
  for (const flag of flags) assert.ok(help.stdout.includes(flag), `${flag} is in the help`);
  for (const wrong of [['nonsense'], ['build', '--nonsense'], ['setup', '--nonsense'], ['test', '--nonsense']]) {
    assert.equal(spawnSync(path.join(root, 'dev'), wrong, { encoding: 'utf8' }).status, 1, wrong.join(' '));
  }
});

test('the README\'s two servers: its commands, pasted, say what it says', async (t) => {
  // The README's ports are for newcomers; here every one of them is a free one.
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
  const commands = [...readme.matchAll(/^ {4}(curl .*7380.*)$/gm)].map((found) => found[1]);
  assert.equal(commands.length, 6);
  const ports = { 7373: await freePort(), 7380: await freePort(), 7381: await freePort(), 7382: await freePort() };
  const moved = (text) => text.replace(/\b73(73|8[0-2])\b/g, (port) => ports[port]);
  const state = temporaryFolder('run');
  await run(t, state, { address: `127.0.0.1:${ports[7373]}` });
  const copy = temporaryFolder('two-servers');
  for (const folder of ['examples/two-servers', 'deploy/nginx']) {
    fs.mkdirSync(path.join(copy, folder), { recursive: true });
    for (const name of fs.readdirSync(path.join(root, folder))) {
      const text = fs.readFileSync(path.join(root, folder, name), 'utf8');
      fs.writeFileSync(path.join(copy, folder, name), moved(text), { mode: name.endsWith('.sh') ? 0o755 : 0o644 });
    }
  }
  fs.chmodSync(copy, 0o755);
  const servers = start(path.join(copy, 'examples/two-servers/start.sh'), [], { env: { SOJOURN__STATE: state } });
  t.after(() => servers.stop());
  await until('the servers', () => {
    if (!servers.running()) throw new Error(servers.stderr());
    return /is ready/.test(servers.stdout());
  });
  const [signedIn, first, visit, second, signedOut, status] = paste(commands.map(moved)).trim().split('\n');
  assert.equal(JSON.parse(signedIn).signed_in, 'ada');
  assert.equal(JSON.parse(first).subject, 'ada');
  assert.equal(JSON.parse(visit).visits, 1);
  assert.deepEqual([JSON.parse(second).subject, JSON.parse(second).version], ['ada', '2']);
  const names = [signedIn, first, visit, second].map((line) => JSON.parse(line).server);
  assert.deepEqual([...new Set(names)].sort(), ['one', 'two'], 'both servers answered');
  assert.equal(JSON.parse(signedOut).signed_out, true);
  assert.equal(status, '401');
  await servers.stop();
  assert.equal(await connects(ports[7380]), false, 'all of it has ended');
});
