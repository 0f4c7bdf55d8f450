// Where the daemon listens: roles, Unix sockets, IPv6, every worker, busy addresses.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { freePort, temporaryFolder, until } from '../kit/processes.mjs';
import { logOf, runSojournd, startSojournd } from '../kit/sojournd.mjs';

const roles = ['app', 'check', 'admin', 'oauth', 'metrics'];
const routes = [
  ['POST', '/v1/sessions', 'app'], ['GET', '/v1/session', 'app'], ['PATCH', '/v1/session', 'app'], ['DELETE', '/v1/session', 'app'],
  ['POST', '/v1/session/rotate', 'app'], ['GET', '/v1/subjects/ada/sessions', 'app'], ['DELETE', '/v1/subjects/ada/sessions', 'app'],
  ['DELETE', '/v1/subjects/ada/sessions/AAAAAAAAAAAAAAAAAAAAAA', 'app'], ['GET', '/check', 'check'],
  ['GET', '/v1/sessions/AAAAAAAAAAAAAAAAAAAAAA', 'admin'], ['DELETE', '/v1/sessions/AAAAAAAAAAAAAAAAAAAAAA', 'admin'],
  ['POST', '/v1/revocations', 'admin'], ['GET', '/metrics', 'metrics'],
];

// One request over `where` ({ port, host } or { socketPath }): { status, text, json }.
function ask(where, method, target, { key, body, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    const headers = { ...(key && { 'Sojourn-Key': key }), ...(body && { 'Content-Type': 'application/json' }) };
    const request = http.request({ ...where, method, path: target, headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () =>
        resolve({ status: response.statusCode, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }));
    });
    request.once('error', reject).end(body);
  });
}

// A daemon with these listeners (JSON), ready when the last of them is.
async function startOn(t, listeners, where, options = {}) {
  const daemon = await startSojournd({ t, ready: false, ...options, env: { SOJOURN__LISTENERS: JSON.stringify(listeners), ...options.env } });
  await until('it to be ready', async () => {
    if (!daemon.running()) throw new Error(daemon.stderr());
    return (await ask(where, 'GET', '/readyz')).status === 200;
  });
  daemon.key = fs.readFileSync(path.join(daemon.state, 'api-key'), 'utf8').trim();
  return daemon;
}

test('a route exists only where its role is', async (t) => {
  const ports = {};
  for (const role of roles) ports[role] = await freePort();
  const listeners = roles.map((role) => ({ address: `127.0.0.1:${ports[role]}`, roles: [role] }));
  const daemon = await startOn(t, listeners, { port: ports.metrics });
  for (const role of roles) {
    const where = { port: ports[role] };
    assert.equal((await ask(where, 'GET', '/healthz')).status, 200, 'everywhere');
    assert.equal((await ask(where, 'GET', '/readyz')).status, 200, 'everywhere');
    for (const [method, target, needed] of routes) {
      const answer = await ask(where, method, target, { key: daemon.key });
      const here = needed === role;
      const exists = !(answer.status === 404 && answer.json.code === 'not_found');
      // A session that isn't there is 404 as well: told apart by asking without a key.
      const guarded = (await ask(where, method, target)).status;
      assert.equal(needed === 'check' ? exists : guarded === 403, here, `${method} ${target} on ${role}: ${answer.status} ${guarded}`);
      if (!here) assert.equal(answer.status, 404, `${method} ${target} on ${role}`);
    }
  }
  assert.equal((await daemon.stop()).code, 0);
});

test('a key opens only what its roles say, on listeners of all roles too', async (t) => {
  const keys = Object.fromEntries(roles.map((role) => [role, `a-key-for-nothing-but-${role}`]));
  const file = path.join(temporaryFolder('keys'), 'keys');
  fs.writeFileSync(file, roles.map((role) => `sha256:${createHash('sha256').update(keys[role]).digest('base64url')} roles=${role} name=${role}\n`).join(''), { mode: 0o600 });
  const daemon = await startSojournd({ t, env: { SOJOURN__API_KEYS: JSON.stringify([file]) } });
  for (const [method, target, needed] of routes.filter((route) => route[2] !== 'check')) {
    for (const role of roles) {
      const { status } = await ask({ port: daemon.port }, method, target, { key: keys[role] });
      assert.equal(status === 403, role !== needed, `${method} ${target} with ${role}: ${status}`);
    }
  }
});

test('a Unix socket: its mode, its end, and a stale one', async (t) => {
  const folder = temporaryFolder('sockets');
  const [open, shut] = [path.join(folder, 'open.sock'), path.join(folder, 'shut.sock')];
  const listeners = [{ address: `unix:${open}` }, { address: `unix:${shut}`, mode: '0600', roles: ['check'] }];
  const daemon = await startOn(t, listeners, { socketPath: open });
  assert.equal(fs.statSync(open).mode & 0o777, 0o660);
  assert.equal(fs.statSync(shut).mode & 0o777, 0o600);
  assert.equal((await ask({ socketPath: open }, 'POST', '/v1/sessions', { key: daemon.key, body: '{"subject":"ada"}' })).status, 201);
  assert.equal((await ask({ socketPath: shut }, 'POST', '/v1/sessions', { key: daemon.key, body: '{}' })).status, 404);

  const rival = await runSojournd([], { env: { SOJOURN__LISTENERS: JSON.stringify(listeners) } });
  assert.equal(rival.code, 1);
  assert.match(rival.log().at(-1).reason, /^cannot listen on unix:.*open\.sock: Address already in use; end what listens there \(or remove/);
  assert.equal((await ask({ socketPath: open }, 'GET', '/healthz')).status, 200, 'the first one keeps its socket');

  await daemon.kill();
  assert.ok(fs.existsSync(open), 'killed, it leaves the file');
  const next = await startOn(t, listeners, { socketPath: open }, { state: daemon.state });
  assert.equal((await next.stop()).code, 0);
  assert.deepEqual(fs.readdirSync(folder), [], 'ended, it leaves none');

  fs.writeFileSync(open, 'somebody\'s file');
  const blocked = await runSojournd([], { env: { SOJOURN__LISTENERS: JSON.stringify(listeners) } });
  assert.equal(blocked.code, 1);
  assert.match(blocked.log().at(-1).reason, /open\.sock/);
  assert.equal(fs.readFileSync(open, 'utf8'), 'somebody\'s file', 'what is no socket is left alone');
});

test('a Unix socket lets in the named users alone', async (t) => {
  const folder = temporaryFolder('sockets');
  const [mine, others] = [path.join(folder, 'mine.sock'), path.join(folder, 'others.sock')];
  const uid = os.userInfo().uid;
  const daemon = await startOn(t, [{ address: `unix:${mine}`, uids: [12345, uid] }, { address: `unix:${others}`, uids: [uid + 1, 12345] }], { socketPath: mine });
  await assert.rejects(ask({ socketPath: others }, 'GET', '/healthz'), /ECONNRESET|EPIPE|socket hang up/);
  const line = logOf(daemon.stderr()).find((one) => one.message === 'refused a connection by its user id');
  assert.deepEqual([line.level, line.uid, line.address], ['warning', uid, `unix:${others}`]);
});

test('IPv6, and every interface', async (t) => {
  const [six, both] = [await freePort(), await freePort()];
  const daemon = await startOn(t, [{ address: `[::1]:${six}` }, { address: `:${both}` }], { host: '::1', port: six });
  assert.equal((await ask({ host: '::1', port: six }, 'POST', '/v1/sessions', { key: daemon.key, body: '{}' })).status, 201);
  await assert.rejects(ask({ host: '127.0.0.1', port: six }, 'GET', '/healthz'), /ECONNREFUSED/);
  for (const host of ['127.0.0.1', '::1']) assert.equal((await ask({ host, port: both }, 'GET', '/healthz')).status, 200, host);
  await until('the ready line', () => daemon.stderr().includes('"ready"'));
  assert.match(logOf(daemon.stderr()).find((line) => line.message === 'ready').addresses, new RegExp(`^\\[::1\\]:${six} `));
});

test('port 0: the kernel chooses, the log tells, every worker listens there', async (t) => {
  const daemon = await startSojournd({ t, ready: false, env: { SOJOURN__LISTENERS: '[{"address":"127.0.0.1:0"}]', SOJOURN__WORKERS: '3' } });
  const ready = await until('the ready line', () => daemon.stderr().includes('"ready"') && logOf(daemon.stderr()).at(-1));
  const port = Number(/^127\.0\.0\.1:(\d+)$/.exec(ready.addresses)[1]);
  assert.equal(ready.workers, 3);
  assert.equal((await ask({ port }, 'GET', '/readyz')).status, 200);
  // proc(5): local address in hexadecimal, state 0A is listening.
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const listening = fs.readFileSync('/proc/net/tcp', 'utf8').split('\n').filter((row) => row.includes(` ${local} `) && / 0A /.test(row));
  assert.equal(listening.length, 3);
});

// How often each thread of the daemon that serves has been woken.
function wakes(pid) {
  return new Map(fs.readdirSync(`/proc/${pid}/task`).map((tid) => [tid, Number(/voluntary_ctxt_switches:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))[1])]));
}

for (const kind of ['TCP', 'Unix']) {
  test(`every worker serves: ${kind}`, async (t) => {
    const workers = 4;
    const port = await freePort();
    const socketPath = path.join(temporaryFolder('sockets'), 's.sock');
    const where = kind === 'TCP' ? { port } : { socketPath };
    const daemon = await startOn(t, [{ address: kind === 'TCP' ? `127.0.0.1:${port}` : `unix:${socketPath}` }], where, { env: { SOJOURN__WORKERS: String(workers) } });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
    t.after(() => agent.destroy());
    const before = wakes(daemon.pid);
    for (let round = 0; round < 30; round++) {
      const answers = await Promise.all(Array.from({ length: 64 }, () => ask(where, 'GET', '/healthz', { agent })));
      assert.ok(answers.every((answer) => answer.status === 200));
    }
    const busy = [...wakes(daemon.pid)].filter(([tid, count]) => count - (before.get(tid) ?? 0) >= 10).length;
    assert.ok(busy >= workers, `${busy} threads served`);
    assert.equal((await daemon.stop()).code, 0);
  });
}

test('a busy port: the address, what to do, status 1', async (t) => {
  const holder = net.createServer();
  await new Promise((resolve) => holder.listen(0, '127.0.0.1', resolve));
  t.after(() => holder.close());
  const first = await startSojournd({ t });
  for (const port of [holder.address().port, first.port]) {
    const ended = await runSojournd([], { env: { SOJOURN__LISTENERS: `[{"address":"127.0.0.1:${port}"}]` } });
    assert.equal(ended.code, 1);
    const line = ended.log().at(-1);
    assert.equal(line.code, 'busy');
    assert.equal(line.reason, `cannot listen on 127.0.0.1:${port}: Address already in use; end what listens there, or set listeners to another address`);
  }
  assert.equal((await first.call('GET', '/healthz')).status, 200);
});

test('an address that is not this machine\'s, and a port that is not ours', async () => {
  const ended = await runSojournd([], { env: { SOJOURN__LISTENERS: '[{"address":"192.0.2.1:7373"}]' } });
  assert.equal(ended.code, 1);
  assert.match(ended.log().at(-1).reason, /^cannot listen on 192\.0\.2\.1:7373: Cannot assign requested address$/);
  const folder = await runSojournd([], { env: { SOJOURN__LISTENERS: '[{"address":"unix:/nowhere/s.sock"}]' } });
  assert.equal(folder.code, 1);
  assert.match(folder.log().at(-1).reason, /^cannot listen on unix:\/nowhere\/s\.sock: No such file or directory$/);
});
