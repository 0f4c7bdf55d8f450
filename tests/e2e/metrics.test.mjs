// /metrics: the text is valid, what it counts is what happened, and every name
// stands in docs/operations.md. /healthz and /readyz through an outage.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { root, temporaryFolder, until } from '../kit/processes.mjs';
import { parseMetrics, scrape, valueOf } from '../kit/prometheus.mjs';
import { startSojournd } from '../kit/sojournd.mjs';

let daemon;
before(async () => (daemon = await startSojournd()));
after(() => daemon.stop());

// How much each of `wanted` ([name, labels]) grew over `work`.
async function growth(server, wanted, work) {
  const first = await scrape(server);
  await work();
  const last = await scrape(server);
  return wanted.map(([name, labels]) => valueOf(last, name, labels) - valueOf(first, name, labels));
}

async function created(server, document = { subject: 'ada' }) {
  const answer = await server.call('POST', '/v1/sessions', { body: document });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

test('the text is valid, whatever has happened', async () => {
  parseMetrics((await daemon.call('GET', '/metrics')).text);
  const { credential } = await created(daemon, { subject: 'a"\\\n{}'.replace('\n', ' ') });
  await daemon.call('GET', '/v1/session', { credential });
  await daemon.call('GET', '/nowhere/"\\%0a');
  await daemon.call('DELETE', '/v1/session', { credential });
  const families = await scrape(daemon);
  assert.ok(families.size > 25);
});

test('the reader of the tests is strict', () => {
  const family = (body) => `# HELP x_total X.\n# TYPE x_total counter\n${body}\n`;
  parseMetrics(family('x_total{a="b"} 1\nx_total{a="c"} 2'));
  for (const wrong of [
    family('x_total{a="b"} 1\nx_total{a="b"} 2'), family('x_total{a="b} 1'), family('x_total{a="\\x"} 1'), family('x_total  1'),
    family('x_total -1'), family('x_total 1.5'), family('y_total 1'), family('x_total 1') + family('x_total{a="b"} 1'),
    '# TYPE x_total counter\nx_total 1\n', '# HELP x_total X.\n# TYPE x_total gauge\nx_total 1\n', family('x_total 1').slice(0, -1),
    '# HELP h_seconds H.\n# TYPE h_seconds histogram\nh_seconds_bucket{le="1"} 2\nh_seconds_bucket{le="+Inf"} 1\nh_seconds_sum 1\nh_seconds_count 1\n',
    '# HELP h_seconds H.\n# TYPE h_seconds histogram\nh_seconds_bucket{le="1"} 1\nh_seconds_bucket{le="+Inf"} 2\nh_seconds_sum 1\nh_seconds_count 1\n',
  ]) {
    assert.throws(() => parseMetrics(wrong), wrong);
  }
});

test('every metric is documented, and every documented one exists', async () => {
  const manual = fs.readFileSync(path.join(root, 'docs/operations.md'), 'utf8');
  const documented = new Set([...manual.matchAll(/`((?:sojourn|process)_[a-z_]+)/g)].map((found) => found[1]));
  const seen = new Set((await scrape(daemon)).keys());
  assert.deepEqual([...seen].filter((name) => !documented.has(name)), [], 'not documented');
  assert.deepEqual([...documented].filter((name) => !seen.has(name)), [], 'documented, but not there');
});

test('requests are counted once, by route and class of status, with their latency', async () => {
  const route = '/v1/sessions';
  const wanted = [
    ['sojourn_http_requests_total', { route, status: '2xx' }],
    ['sojourn_http_requests_total', { route, status: '4xx' }],
    ['sojourn_http_request_duration_seconds_count', { route }],
    ['sojourn_http_requests_total', { route: 'other', status: '4xx' }],
    ['sojourn_http_outcomes_total', { outcome: 'bad_request' }],
    ['sojourn_http_outcomes_total', { outcome: 'forbidden' }],
    ['sojourn_http_outcomes_total', { outcome: 'not_found' }],
    ['sojourn_http_received_total', {}],
  ];
  const grown = await growth(daemon, wanted, async () => {
    for (let i = 0; i < 3; i++) await created(daemon);
    assert.equal((await daemon.call('POST', route, { body: '{' })).status, 400);
    assert.equal((await daemon.call('POST', route, { body: {}, key: 'wrong' })).status, 403);
    assert.equal((await daemon.call('GET', '/nowhere')).status, 404);
  });
  assert.deepEqual(grown, [3, 2, 5, 1, 1, 1, 1, 7]); // the last: six, and the second scrape
});

test('calls are counted by operation and outcome', async () => {
  const calls = (call, outcome = 'ok') => ['sojourn_session_calls_total', { call, outcome }];
  const wanted = [calls('create'), calls('load'), calls('load', 'ended'), calls('patch'), calls('patch', 'version_mismatch'),
    calls('end'), ['sojourn_session_seconds_count', { call: 'load' }],
    ['sojourn_store_calls_total', { op: 'end', outcome: 'ok' }]];
  const grown = await growth(daemon, wanted, async () => {
    const { credential } = await created(daemon);
    assert.equal((await daemon.call('GET', '/v1/session', { credential })).status, 200);
    assert.equal((await daemon.call('PATCH', '/v1/session', { credential, body: { a: 1 } })).status, 200);
    const late = await daemon.call('PATCH', '/v1/session', { credential, body: { a: 2 }, headers: { 'If-Match': '"1"' } });
    assert.equal(late.status, 412);
    assert.equal((await daemon.call('DELETE', '/v1/session', { credential })).status, 204);
    assert.equal((await daemon.call('GET', '/check', { credential })).status, 401);
  });
  assert.deepEqual(grown, [1, 1, 1, 1, 1, 1, 2, 1]);
});

test('gauges: connections, the store, the build, the process', async () => {
  const idle = valueOf(await scrape(daemon), 'sojourn_http_connections');
  const sockets = Array.from({ length: 5 }, () => net.connect(daemon.port, '127.0.0.1'));
  await until('five more connections', async () => valueOf(await scrape(daemon), 'sojourn_http_connections') >= idle + 5);
  for (const socket of sockets) socket.destroy();
  await until('five fewer', async () => valueOf(await scrape(daemon), 'sojourn_http_connections') <= idle);
  const before = await scrape(daemon);
  await created(daemon);
  const families = await scrape(daemon);
  assert.equal(valueOf(families, 'sojourn_store_records') - valueOf(before, 'sojourn_store_records'), 1);
  assert.ok(valueOf(families, 'sojourn_store_used_bytes') > 0);
  assert.equal(valueOf(families, 'sojourn_store_limit_bytes'), 16 * 2 ** 30);
  for (const name of ['sojourn_ready', 'sojourn_store_reachable', 'sojourn_store_writable']) assert.equal(valueOf(families, name), 1, name);
  const version = /version: '([^']+)'/.exec(fs.readFileSync(path.join(root, 'meson.build'), 'utf8'))[1];
  assert.equal(valueOf(families, 'sojourn_build_info', { version }), 1);
  assert.equal(valueOf(families, 'process_open_fds'), fs.readdirSync(`/proc/${daemon.pid}/fd`).length);
  assert.equal(valueOf(families, 'process_threads'), fs.readdirSync(`/proc/${daemon.pid}/task`).length);
  assert.ok(Math.abs(valueOf(families, 'process_start_time_seconds') - Date.now() / 1000) < 120);
});

test('a key with the role metrics is needed', async (t) => {
  const file = path.join(temporaryFolder('keys'), 'keys');
  const line = (key, roles) => `sha256:${createHash('sha256').update(key).digest('hex')} roles=${roles}\n`;
  fs.writeFileSync(file, line('only-for-the-app-123', 'app,check,admin,oauth') + line('only-for-metrics-123', 'metrics'), { mode: 0o600 });
  const server = await startSojournd({ t, env: { SOJOURN__API_KEYS: JSON.stringify([file]) } });
  assert.equal((await server.call('GET', '/metrics', { key: 'only-for-the-app-123' })).status, 403);
  assert.equal((await server.call('GET', '/metrics', { key: '' })).status, 403);
  assert.equal((await server.call('POST', '/v1/sessions', { key: 'only-for-metrics-123', body: {} })).status, 403);
  assert.equal((await server.call('GET', '/metrics', { key: 'only-for-metrics-123' })).status, 200);
  const bearer = await server.call('GET', '/metrics', { key: '', headers: { Authorization: 'Bearer only-for-metrics-123' } });
  assert.equal(bearer.status, 200, 'as scrapers send it');
  parseMetrics(bearer.text);
});

test('not ready until the store has answered; alive all the same', async (t) => {
  const server = await startSojournd({
    t,
    env: { SOJOURN__STORE: 'fault+memory:?fault.refuse=1000', SOJOURN__ACCEPT_LOSS: 'true' },
    ready: false,
  });
  const health = await until('/healthz', async () => (await server.call('GET', '/healthz', { key: '' })).status === 200);
  assert.ok(health);
  const ready = await server.call('GET', '/readyz', { key: '' });
  assert.equal(ready.status, 503);
  assert.equal(ready.json.code, 'unavailable');
  assert.equal(ready.headers.get('retry-after'), '1');
  server.key = fs.readFileSync(path.join(server.state, 'api-key'), 'utf8').trim();
  const families = await scrape(server);
  assert.equal(valueOf(families, 'sojourn_ready'), 0);
  assert.equal(valueOf(families, 'sojourn_store_reachable'), 0);
  const early = await server.call('POST', '/v1/sessions', { body: {} });
  assert.equal(early.status, 503, early.text);
  assert.equal((await server.stop()).code, 0, server.stderr());
});

test('an outage after that keeps it ready, and shows', async (t) => {
  const server = await startSojournd({
    t,
    env: { SOJOURN__STORE: 'fault+memory:?fault.refuse=1000&fault.ops=put', SOJOURN__ACCEPT_LOSS: 'true' },
  });
  const before = await scrape(server);
  assert.equal(valueOf(before, 'sojourn_store_reachable'), 1);
  const refused = await server.call('POST', '/v1/sessions', { body: {} });
  assert.equal(refused.status, 503);
  const families = await scrape(server);
  assert.equal(valueOf(families, 'sojourn_store_reachable'), 0, 'its latest call was not answered');
  assert.equal(valueOf(families, 'sojourn_ready'), 1);
  assert.equal((await server.call('GET', '/readyz', { key: '' })).status, 200);
  assert.ok(valueOf(families, 'sojourn_store_calls_total', { op: 'put', outcome: 'unavailable' }) >= 1);
  assert.equal(valueOf(families, 'sojourn_session_calls_total', { call: 'create', outcome: 'unavailable' }), 1);
});
