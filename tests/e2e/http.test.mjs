// The daemon's HTTP server over real sockets, byte for byte: what keep-alive,
// pipelining, strict framing, deadlines, caps, clients that leave and drain look
// like from outside. Every rule has its cases in tests/unit/wire.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../kit/processes.mjs';
import { scrape, valueOf } from '../kit/prometheus.mjs';
import { startSojournd } from '../kit/sojournd.mjs';

let daemon;
before(async () => (daemon = await startSojournd()));
after(() => daemon.stop());

// A connection that keeps what it gets. `ended`: the server has closed its side.
async function connect({ port }, { allowHalfOpen = false } = {}) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen });
  const wire = { socket, text: '', ended: false };
  socket.setEncoding('latin1').on('data', (text) => (wire.text += text));
  socket.on('end', () => (wire.ended = true)).on('error', () => (wire.ended = true));
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  wire.send = (bytes) => socket.write(bytes, 'latin1');
  wire.replies = (heads) => parse(wire.text, heads).replies;
  wire.take = (count, heads) => until(`${count} replies in ${wire.text.slice(-300)}`, () => wire.replies(heads).length >= count && wire.replies(heads));
  wire.end = () => until(`the server to close after ${wire.text.slice(-300)}`, () => wire.ended);
  wire.destroy = () => socket.destroy();
  return wire;
}

// Whole responses at the front of `text`; those with an index in `heads` have no body.
function parse(text, heads = []) {
  const replies = [];
  for (;;) {
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return { replies, rest: text };
    const [line, ...fields] = text.slice(0, end).split('\r\n');
    assert.match(line, /^HTTP\/1\.1 \d\d\d [A-Z]/);
    const headers = new Map(fields.map((field) => [field.slice(0, field.indexOf(':')).toLowerCase(), field.slice(field.indexOf(':') + 2)]));
    const size = heads.includes(replies.length) ? 0 : Number(headers.get('content-length') ?? 0);
    if (text.length < end + 4 + size) return { replies, rest: text };
    replies.push({ status: Number(line.slice(9, 12)), headers, body: text.slice(end + 4, end + 4 + size) });
    text = text.slice(end + 4 + size);
  }
}

const get = (target, ...fields) => [`GET ${target} HTTP/1.1`, 'Host: localhost', ...fields, '', ''].join('\r\n');
const statuses = (replies) => replies.map((reply) => reply.status);

// --- Connections ---------------------------------------------------------------

test('a connection stays open for HTTP/1.1, and for 1.0 if asked', async () => {
  for (const [request, connection, stays] of [
    [get('/healthz'), undefined, true],
    [get('/healthz', 'Connection: close'), 'close', false],
    ['GET /healthz HTTP/1.0\r\n\r\n', 'close', false],
    ['GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'keep-alive', true],
  ]) {
    const wire = await connect(daemon);
    wire.send(request);
    const [first] = await wire.take(1);
    assert.equal(first.status, 200);
    assert.equal(first.headers.get('connection'), connection);
    if (stays) {
      wire.send(request);
      assert.deepEqual(statuses(await wire.take(2)), [200, 200]);
      wire.destroy();
    } else {
      await wire.end();
    }
  }
});

test('pipelined requests are answered in order', async () => {
  const wire = await connect(daemon);
  const targets = Array.from({ length: 100 }, (_, i) => (i % 3 ? '/healthz' : `/nowhere/${i}`));
  wire.send(targets.map((target) => get(target)).join(''));
  const replies = await wire.take(100);
  assert.deepEqual(statuses(replies), targets.map((target) => (target === '/healthz' ? 200 : 404)));
  wire.destroy();
});

test('a request may come byte by byte', async () => {
  const wire = await connect(daemon);
  for (const byte of `POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nSojourn-Key: ${daemon.key}\r\nTransfer-Encoding: chunked\r\n` +
    'Content-Type: application/json\r\n\r\n9\r\n{"subject\r\n8\r\n":"ada"}\r\n0\r\n\r\n') {
    wire.send(byte);
    await new Promise(setImmediate);
  }
  const [reply] = await wire.take(1);
  assert.equal(reply.status, 201, reply.body);
  assert.equal(JSON.parse(reply.body).session.subject, 'ada');
  wire.destroy();
});

test('a client that ends its side is still answered', async () => {
  const wire = await connect(daemon, { allowHalfOpen: true });
  wire.socket.end(get('/healthz') + get('/nowhere'));
  assert.deepEqual(statuses(await wire.take(2)), [200, 404]);
  await wire.end();
  wire.destroy();
});

// --- Messages --------------------------------------------------------------------

test('HEAD says what GET says, without the body; OPTIONS says what is allowed', async () => {
  const wire = await connect(daemon);
  wire.send(get('/healthz') + get('/healthz').replace('GET', 'HEAD') +
    get('/v1/session', `Sojourn-Key: ${daemon.key}`).replace('GET', 'OPTIONS'));
  const [whole, head, options] = await wire.take(3, [1]);
  assert.equal(head.status, 200);
  const told = ({ headers }) => [...headers].filter(([name]) => name !== 'date');
  assert.deepEqual(told(head), told(whole));
  assert.deepEqual([options.status, options.headers.get('allow')], [204, (await daemon.call('PUT', '/v1/session')).headers.get('allow')]);
  wire.destroy();
});

test('no reply tells what serves it; all tell the time', async () => {
  const wire = await connect(daemon);
  wire.send(get('/healthz') + get('/nowhere') + get('/v1/session') + 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n');
  for (const { headers, body } of await wire.take(4)) {
    assert.ok(Math.abs(Date.parse(headers.get('date')) - Date.now()) < 5000);
    for (const name of ['server', 'x-powered-by', 'via']) assert.ok(!headers.has(name));
    assert.doesNotMatch(body, /sojourn/i);
  }
  await wire.end();
});

test('a body is asked for if it will be read, and refused if not', async () => {
  const post = (size) => `POST /v1/sessions HTTP/1.1\r\nHost: a\r\nSojourn-Key: ${daemon.key}\r\nContent-Type: application/json\r\n` +
    `Expect: 100-continue\r\nContent-Length: ${size}\r\n\r\n`;
  const wire = await connect(daemon);
  wire.send(post(2));
  await until('100', () => wire.text === 'HTTP/1.1 100 Continue\r\n\r\n');
  wire.send('{}');
  assert.deepEqual(statuses(await wire.take(2)), [100, 201]);
  wire.send(post(65537));
  assert.deepEqual(statuses(await wire.take(3)), [100, 201, 413]);
  await wire.end();
});

const smuggled = get('/healthz');
for (const [name, request, status] of [
  ['both lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['a repeated length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n', 400],
  ['another coding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 400],
  ['a bad chunk', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n', 400],
  ['bare LF', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['bare CR', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n', 400],
  ['line folding', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n', 400],
  ['space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['NUL', 'GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n', 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['a bare target', 'GET healthz HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a TLS client', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03' + 'r'.repeat(500), 400],
  ['an HTTP/2 client', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n', 501],
  ['another expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n', 417],
  ['a long target', `GET /${'x'.repeat(20000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
  ['large fields', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20000)}\r\n\r\n`, 431],
  ['many fields', `GET / HTTP/1.1\r\nHost: a\r\n${'X:\r\n'.repeat(100)}\r\n`, 431],
]) {
  test(`refused, and nothing after it served: ${name}`, async () => {
    const wire = await connect(daemon);
    const refusals = async () => valueOf(await scrape(daemon), 'sojourn_http_refused_total', { status: String(status) });
    const counted = await refusals();
    wire.send(get('/healthz') + request + smuggled);
    await wire.end();
    const { replies, rest } = parse(wire.text);
    assert.deepEqual([statuses(replies), rest], [[200, status], '']);
    const { headers, body } = replies[1];
    assert.equal(headers.get('connection'), 'close');
    assert.equal(headers.get('content-type'), 'application/problem+json');
    assert.equal(JSON.parse(body).status, status);
    assert.equal(await refusals(), counted + 1);
  });
}

// --- Slow, many, gone ----------------------------------------------------------------

// Sends `bytes` over and over until the server closes; gives how long that took.
async function drip(wire, bytes) {
  const began = performance.now();
  while (!wire.ended) {
    wire.send(bytes);
    await sleep(50);
    assert.ok(performance.now() - began < 20000, 'never cut off');
  }
  return performance.now() - began;
}

test('a slow client stretches no deadline', async (t) => {
  const server = await startSojournd({ t, env: {
    SOJOURN__HTTP__HEAD_TIMEOUT: '400ms', SOJOURN__HTTP__BODY_TIMEOUT: '600ms', SOJOURN__HTTP__KEEP_ALIVE: '1s' } });
  for (const [before_, bytes, least] of [
    ['GET / HTTP/1.1\r\n', 'X: y\r\n', 400],
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n', 'x', 600],
    ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\nx\r\n', 600],
  ]) {
    const wire = await connect(server);
    wire.send(before_);
    assert.ok(await drip(wire, bytes) >= least - 50);
    const [reply] = wire.replies();
    assert.deepEqual([reply.status, reply.headers.get('connection')], [408, 'close']);
  }
  const idle = await connect(server);
  const began = performance.now();
  await idle.end();
  assert.ok(performance.now() - began >= 950);
  assert.equal(idle.text, '');
});

test('a client that does not read is not read from, and not kept for ever', async (t) => {
  const server = await startSojournd({ t, env: { SOJOURN__HTTP__WRITE_TIMEOUT: '1500ms' } });
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]) * 1024;
  const wire = await connect(server);
  wire.socket.pause();
  const quiet = memory();
  const batch = get(`/nowhere/${'x'.repeat(200)}`).repeat(1000);
  for (let i = 0; i < 100; i++) wire.send(batch);
  let waiting;
  await until('the server to stop reading', () => {
    const before = waiting;
    waiting = wire.socket.writableLength;
    return waiting > 0 && waiting === before;
  }, { every: 100 });
  assert.ok(memory() - quiet < 16 * 2 ** 20, 'the replies pile up');
  await until('the connection to be cut', async () => valueOf(await scrape(server), 'sojourn_http_write_timed_out_total') === 1);
  wire.destroy();
});

test('connections above the cap are turned away, and only those', async (t) => {
  const server = await startSojournd({ t, env: { SOJOURN__WORKERS: '1', SOJOURN__HTTP__CONNECTIONS_MAX: '8' } });
  const wires = [];
  await until('a connection to be turned away', async () => {
    const wire = await connect(server);
    wires.push(wire);
    wire.send(get('/healthz'));
    return (await wire.take(1))[0].status === 503;
  });
  const away = wires.pop();
  await away.end();
  assert.equal(away.replies()[0].headers.get('connection'), 'close');
  assert.ok(away.replies()[0].headers.has('retry-after'));
  for (const wire of wires) wire.send(get('/healthz'));
  for (const wire of wires) assert.deepEqual(statuses(await wire.take(2)), [200, 200]);
  for (const wire of wires) wire.destroy();
  await until('room again', async () => (await fetch(`${server.url}/healthz`).catch(() => ({}))).status === 200);
});

// Reads hang until the store's deadline; then /check answers 503.
const hangingStore = (deadline) => ({
  SOJOURN__STORE: 'fault+memory:?fault.hang=1000&fault.ops=get', SOJOURN__ACCEPT_LOSS: 'true', SOJOURN__STORE_TIMEOUT: deadline });

async function withCredential(server) {
  const answer = await server.call('POST', '/v1/sessions', { body: { subject: 'ada' } });
  assert.equal(answer.status, 201, answer.text);
  return `Authorization: Bearer ${answer.json.credential}`;
}

test('a client that leaves is noticed while its reply is pending, and its call cancelled', async (t) => {
  const server = await startSojournd({ t, env: hangingStore('15s') });
  const credential = await withCredential(server);
  const seen = async () => {
    const families = await scrape(server);
    return [valueOf(families, 'sojourn_http_abandoned_total'), valueOf(families, 'sojourn_session_calls_total', { call: 'load', outcome: 'cancelled' })];
  };
  for (const [round, leave] of ['destroy', 'resetAndDestroy'].entries()) {
    const wire = await connect(server);
    const received = valueOf(await scrape(server), 'sojourn_http_received_total');
    wire.send(get('/check', credential));
    await until('the request', async () => valueOf(await scrape(server), 'sojourn_http_received_total') > received + 1);
    const left = performance.now();
    wire.socket[leave]();
    await until('the server to notice', async () => (await seen()).every((count) => count === round + 1));
    assert.ok(performance.now() - left < 10000, 'only when the store had answered');
  }
});

test('a slow reply holds back the quick ones behind it, and no other connection', async (t) => {
  const server = await startSojournd({ t, env: { ...hangingStore('1500ms'), SOJOURN__WORKERS: '1' } });
  const credential = await withCredential(server);
  const wire = await connect(server);
  wire.send(get('/check', credential) + get('/healthz') + get('/nowhere'));
  const other = await connect(server);
  other.send(get('/healthz'));
  await other.take(1);
  assert.equal(wire.text, '');
  assert.deepEqual(statuses(await wire.take(3)), [503, 200, 404]);
  wire.destroy();
  other.destroy();
});

test('at the end requests under way are finished, and idle connections closed at once', async (t) => {
  const server = await startSojournd({ t, env: hangingStore('3s') });
  const credential = await withCredential(server);
  const idle = await connect(server);
  idle.send(get('/healthz'));
  await idle.take(1);
  const received = valueOf(await scrape(server), 'sojourn_http_received_total');
  const busy = await connect(server);
  busy.send(get('/check', credential) + get('/healthz'));
  const half = await connect(server);
  half.send('GET /healthz HTTP/1.1\r\nHo');
  await until('the requests to be under way', async () => valueOf(await scrape(server), 'sojourn_http_received_total') >= received + 3);
  const began = performance.now();
  server.child.kill('SIGTERM');
  await idle.end();
  assert.ok(performance.now() - began < 2000, 'only with the others');
  half.send('st: a\r\n\r\n');
  const [late] = await half.take(1);
  assert.deepEqual([late.status, late.headers.get('connection')], [200, 'close']);
  const replies = await busy.take(2);
  assert.deepEqual(statuses(replies), [503, 200]);
  assert.deepEqual(replies.map(({ headers }) => headers.get('connection')), [undefined, 'close']);
  await busy.end();
  assert.deepEqual((await server.exited).code, 0);
});
