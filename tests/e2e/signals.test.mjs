// Signals, the drain, and what must not bring the daemon down.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryFolder, until } from '../kit/processes.mjs';
import { parseMetrics, valueOf } from '../kit/prometheus.mjs';
import { logOf, startSojournd } from '../kit/sojournd.mjs';

const slow = (per, ms) => ({ SOJOURN__STORE: `fault+memory:?fault.delay=${per}&fault.delay_ms=${ms}&fault.ops=put`, SOJOURN__ACCEPT_LOSS: 'true' });
const logged = (daemon, message) => logOf(daemon.stderr()).filter((line) => line.message === message);

// A connection that sends raw bytes: { socket, text(), ended: Promise<text>, error }.
function connect(where, send) {
  const socket = net.connect(typeof where === 'number' ? { port: where, host: '127.0.0.1' } : where);
  const one = { socket, received: '', error: undefined };
  socket.setEncoding('utf8').on('data', (part) => (one.received += part));
  socket.on('error', (error) => (one.error = error));
  one.ended = new Promise((resolve) => socket.once('close', () => resolve(one)));
  one.connected = new Promise((resolve) => socket.once('connect', () => resolve(true)));
  if (send) socket.once('connect', () => socket.write(send));
  return one;
}

const creation = (daemon, more = '') => `POST /v1/sessions HTTP/1.1\r\nHost: x\r\nSojourn-Key: ${daemon.key}\r\nContent-Type: application/json\r\n${more}Content-Length: 2\r\n\r\n{}`;

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal}: what is under way is answered, then it ends in order`, async (t) => {
    const daemon = await startSojournd({ t, env: { ...slow(1000, 4000), SOJOURN__STORE_TIMEOUT: '20s' } });
    const clients = Array.from({ length: 20 }, () => connect(daemon.port, creation(daemon)));
    await until('all to be received', async () => {
      const families = parseMetrics((await daemon.call('GET', '/metrics')).text);
      return valueOf(families, 'sojourn_http_received_total') - valueOf(families, 'sojourn_session_calls_total', { call: 'create', outcome: 'ok' }) >= 15;
    });
    process.kill(daemon.pid, signal);
    for (const client of clients) {
      await client.ended;
      assert.equal(client.error, undefined);
      assert.match(client.received, /^HTTP\/1\.1 201 Created\r\n/);
    }
    assert.ok(clients.some((client) => /\r\nconnection: close\r\n/i.test(client.received)), 'the last reply says so');
    const ended = await daemon.exited;
    assert.deepEqual([ended.code, ended.signal], [0, null], daemon.stderr());
    assert.equal(logged(daemon, 'ending: requests under way are finished first')[0].signal, signal);
    assert.equal(logOf(daemon.stderr()).at(-1).message, 'ended');
    const late = await connect(daemon.port).ended;
    assert.equal(late.error.code, 'ECONNREFUSED');
  });
}

test('who waits in the backlog is let in and answered, on every worker', async (t) => {
  const daemon = await startSojournd({ t, env: { SOJOURN__WORKERS: '4' } });
  process.kill(daemon.pid, 'SIGSTOP');
  const clients = Array.from({ length: 60 }, () => connect(daemon.port, creation(daemon)));
  await Promise.all(clients.map((client) => client.connected)); // by the kernel
  process.kill(daemon.pid, 'SIGTERM');
  process.kill(daemon.pid, 'SIGCONT');
  for (const client of clients) {
    await client.ended;
    assert.match(client.received, /^HTTP\/1\.1 201 /, `${client.error} ${daemon.stderr()}`);
  }
  assert.equal((await daemon.exited).code, 0);
});

test('a Unix socket\'s backlog is let in and handed on, too', async (t) => {
  const socketPath = path.join(temporaryFolder('sockets'), 's.sock');
  const daemon = await startSojournd({ t, env: { SOJOURN__WORKERS: '3' }, config: `listeners: [{address: "unix:${socketPath}"}, {address: "127.0.0.1:$PORT"}]\n` });
  process.kill(daemon.pid, 'SIGSTOP');
  const clients = Array.from({ length: 30 }, () => connect({ path: socketPath }, creation(daemon)));
  await Promise.all(clients.map((client) => client.connected));
  process.kill(daemon.pid, 'SIGTERM');
  process.kill(daemon.pid, 'SIGCONT');
  for (const client of clients) assert.match((await client.ended).received, /^HTTP\/1\.1 201 /, String(client.error));
  assert.equal((await daemon.exited).code, 0);
});

// New connections, one request each, without a pause, until the port refuses.
async function stormUntilRefused(daemon, tally) {
  for (;;) {
    const client = await connect(daemon.port, creation(daemon, 'Connection: close\r\n')).ended;
    if (client.error?.code === 'ECONNREFUSED') return;
    if (/^HTTP\/1\.1 201 [^]*\r\n\r\n\{"session"[^]*\}$/.test(client.received)) tally.answered++;
    else tally.failed.push(client.error?.code ?? JSON.stringify(client.received.slice(0, 80)));
  }
}

test('under load: every accepted request is answered, then connections are refused', async (t) => {
  const daemon = await startSojournd({ t, env: { ...slow(300, 30), SOJOURN__WORKERS: '3' } });
  const tally = { answered: 0, failed: [] };
  const storm = Array.from({ length: 24 }, () => stormUntilRefused(daemon, tally));
  await until('some load', () => tally.answered > 200);
  process.kill(daemon.pid, 'SIGTERM');
  await Promise.all(storm);
  assert.equal((await daemon.exited).code, 0, daemon.stderr());
  assert.deepEqual(tally.failed, []);
});

test('kept-alive connections under load lose no request', async (t) => {
  const daemon = await startSojournd({ t, env: slow(300, 30) });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  t.after(() => agent.destroy());
  const outcome = { ok: 0, refused: 0, other: [] };
  const used = new WeakSet(); // the agent's own reusedSocket does not tell of one that was waited for
  const send = () => new Promise((resolve) => {
    const request = http.request({ port: daemon.port, host: '127.0.0.1', method: 'POST', path: '/v1/sessions', agent,
      headers: { 'Sojourn-Key': daemon.key, 'Content-Type': 'application/json', 'Content-Length': 2 } }, (response) => {
      used.add(request.socket);
      response.resume().once('end', () => (response.statusCode === 201 ? outcome.ok++ : outcome.other.push(response.statusCode), resolve(true)));
    });
    request.once('error', (error) => {
      // RFC 9112 9.3.1: a request that met the end of an idle connection may be sent again.
      if (error.code === 'ECONNREFUSED') outcome.refused++;
      else if (!used.has(request.socket)) outcome.other.push(error.code);
      resolve(error.code !== 'ECONNREFUSED');
    });
    request.end('{}');
  });
  const loops = Array.from({ length: 16 }, async () => { while (await send()); });
  await until('some load', () => outcome.ok > 200);
  process.kill(daemon.pid, 'SIGTERM');
  await Promise.all(loops);
  assert.deepEqual(outcome.other, []);
  assert.equal((await daemon.exited).code, 0);
});

test('one that never finishes is cut off after drain.grace', async (t) => {
  const daemon = await startSojournd({ t, env: { SOJOURN__DRAIN__GRACE: '1s' } });
  const stuck = connect(daemon.port, 'POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
  await stuck.connected;
  await until('its head to be read', async () => /sojourn_http_connections [2-9]/.test((await daemon.call('GET', '/metrics')).text));
  const began = Date.now();
  process.kill(daemon.pid, 'SIGTERM');
  assert.equal((await daemon.exited).code, 0, daemon.stderr());
  const took = Date.now() - began;
  assert.ok(took >= 900 && took < 8000, `${took} ms`);
  await stuck.ended;
});

test('a second signal ends it at once, whichever worker is still busy', async (t) => {
  for (const busy of [0, 1, 2]) {
    const socketPath = path.join(temporaryFolder('sockets'), 's.sock');
    const daemon = await startSojournd({ t, env: { SOJOURN__WORKERS: '3' }, config: `drain: {grace: 5m}\nlisteners: [{address: "unix:${socketPath}"}, {address: "127.0.0.1:$PORT"}]\n` });
    // A Unix socket's connections go to each worker in turn, the first one first.
    const clients = [0, 1, 2].map(() => connect({ path: socketPath }));
    for (const client of clients) await client.connected;
    for (const client of clients) client.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('all three to be served', () => clients.every((client) => client.received.includes('alive')));
    clients[busy].socket.write('POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
    await until('it to be read', async () => (await daemon.call('GET', '/healthz')).status === 200);
    const threads = () => fs.readdirSync(`/proc/${daemon.pid}/task`).length;
    const before = threads();
    process.kill(daemon.pid, 'SIGTERM');
    await Promise.all(clients.filter((_, index) => index !== busy).map((client) => client.ended));
    await until('the other threads to have ended', () => threads() === before - (busy === 0 ? 2 : 1));
    await new Promise((resolve) => setTimeout(resolve, 300)); // the first worker is the main thread's: no sign shows its end
    assert.ok(daemon.running());
    process.kill(daemon.pid, 'SIGINT');
    const ended = await daemon.exited;
    assert.deepEqual([ended.code, ended.signal], [1, null], daemon.stderr());
  }
});

test('SIGHUP and SIGPIPE end nothing; SIGHUP says what it does not do', async (t) => {
  const daemon = await startSojournd({ t });
  for (let i = 0; i < 3; i++) {
    process.kill(daemon.pid, 'SIGPIPE');
    process.kill(daemon.pid, 'SIGHUP');
  }
  const [line] = await until('the line', () => logged(daemon, 'nothing is reloaded; restart to change the configuration')[0] && logged(daemon, 'nothing is reloaded; restart to change the configuration'));
  assert.equal(line.signal, 'SIGHUP');
  assert.equal((await daemon.call('POST', '/v1/sessions', { body: {} })).status, 201);
  assert.equal((await daemon.stop()).code, 0);
});

test('clients that leave, and a log that nobody reads, end nothing', async (t) => {
  const daemon = await startSojournd({ t, env: slow(1000, 50) });
  for (let i = 0; i < 30; i++) {
    const client = connect(daemon.port, creation(daemon).repeat(20));
    await client.connected;
    client.socket.resetAndDestroy?.() ?? client.socket.destroy();
  }
  daemon.child.stderr.destroy();
  for (let i = 0; i < 5; i++) assert.equal((await daemon.call('POST', '/v1/sessions', { body: {} })).status, 201);
  daemon.child.kill('SIGTERM');
  const [code, signal] = await new Promise((resolve) => daemon.child.once('exit', (...how) => resolve(how)));
  assert.deepEqual([code, signal], [0, null]);
});

test('out of descriptors: who is connected is served, who waits is served later, the log stays small', async (t) => {
  const daemon = await startSojournd({ t, env: { SOJOURN__WORKERS: '1' }, under: ['sh', '-c', 'ulimit -n 48; exec "$0" "$@"'] });
  const first = connect(daemon.port);
  await first.connected;
  const others = Array.from({ length: 100 }, () => connect(daemon.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'));
  await until('the lack to be noticed', () => logged(daemon, 'accepting is paused: out of descriptors or memory').length > 0);
  first.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('the first to be served', () => first.received.includes('alive') || others.filter((one) => one.received.includes('alive')).length > 20);
  const lines = logged(daemon, 'accepting is paused: out of descriptors or memory').length;
  await new Promise((resolve) => setTimeout(resolve, 1500)); // a time in which nothing must be said
  assert.ok(logged(daemon, 'accepting is paused: out of descriptors or memory').length - lines <= 1, 'told once, not ten times a second');
  // Each that is answered leaves: in the end all have been.
  const leaving = setInterval(() => others.filter((one) => one.received.includes('alive')).forEach((one) => one.socket.destroy()), 20);
  t.after(() => clearInterval(leaving));
  await until('all of them to be answered', () => others.every((one) => one.received.includes('alive')));
  first.socket.destroy();
  assert.equal((await daemon.call('POST', '/v1/sessions', { body: {} })).status, 201);
  assert.equal((await daemon.stop()).code, 0);
});

test('a daemon that answers ends in order, be it still starting workers', async (t) => {
  for (let i = 0; i < 6; i++) {
    const daemon = await startSojournd({ t, ready: false, env: { SOJOURN__WORKERS: '64' } });
    await until('an answer', async () => (await fetch(`${daemon.url}/healthz`)).status === 200, { every: 1 });
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  }
});

test('what was acknowledged before an end in order or a kill is there afterwards', async (t) => {
  let daemon = await startSojournd({ t });
  const credentials = [];
  for (const end of ['stop', 'kill', 'stop']) {
    for (let i = 0; i < 5; i++) credentials.push((await daemon.call('POST', '/v1/sessions', { body: { subject: 'ada' } })).json.credential);
    await daemon[end]();
    daemon = await startSojournd({ t, state: daemon.state });
    for (const credential of credentials) assert.equal((await daemon.call('GET', '/v1/session', { credential })).status, 200);
  }
});

test('the process shows no secret and leaves no core', async (t) => {
  const daemon = await startSojournd({ t });
  const keyring = /secret=(\S+)/.exec(fs.readFileSync(path.join(daemon.state, 'keyring'), 'utf8'))[1];
  for (const file of ['cmdline', 'environ', 'status']) {
    const text = fs.readFileSync(`/proc/${daemon.pid}/${file}`, 'latin1');
    assert.ok(!text.includes(daemon.key) && !text.includes(keyring), file);
  }
  assert.match(fs.readFileSync(`/proc/${daemon.pid}/limits`, 'utf8'), /^Max core file size\s+0\s+0\s/m);
  process.kill(daemon.pid, 'SIGSEGV');
  const ended = await daemon.exited;
  assert.ok(ended.signal === 'SIGSEGV' || ended.code !== 0);
  assert.deepEqual(fs.readdirSync(daemon.state).sort(), ['api-key', 'keyring', 'store']);
});
