// What holds for every path: keys and roles, methods, and the server's own
// refusals.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { expectProblem, keep, record, sendRaw, startApi } from '../../kit/api.mjs';
import { document } from '../../kit/openapi.mjs';
import { freePort, temporaryFolder, until } from '../../kit/processes.mjs';
import { shared } from './fixture.mjs';

const sid = 'AAAAAAAAAAAAAAAAAAAAAA';
const targets = Object.keys(document.document.paths)
  .map((template) => [template, template.replace('{subject}', 'someone').replace('{sid}', sid)]);
const described = (template) => ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
  .filter((method) => document.document.paths[template][method.toLowerCase()] || (method === 'HEAD' && document.document.paths[template].get));
const open = new Set(['/check', '/healthz', '/readyz']);

test('a missing or wrong API key is 403, before anything else about the request', async () => {
  const { api } = shared;
  const wrong = [null, 'x', `${api.key}x`, api.key.slice(1), api.key.toUpperCase(), 'sojourn_'];
  for (const [template, target] of targets.filter(([name]) => !open.has(name))) {
    for (const method of [...described(template), 'PUT', 'PROPFIND']) {
      for (const key of wrong) {
        const reply = await api.call(method, `${target}?nonsense=1`, { key, body: method === 'HEAD' ? undefined : '{{{', type: 'text/plain' });
        if (method === 'HEAD') assert.equal(reply.status, 403);
        else expectProblem(reply, 403, 'forbidden');
      }
    }
    const twice = await api.call('GET', target, { key: null, headers: [['Sojourn-Key', api.key], ['Sojourn-Key', api.key]] });
    expectProblem(twice, 403, 'forbidden');
  }
});

test('the key may come as a bearer where no client credential is taken, and only there', async () => {
  const { api } = shared;
  const headers = { Authorization: `Bearer ${api.key}` };
  for (const target of ['/v1/subjects/someone/sessions', '/metrics']) {
    assert.equal((await api.call('GET', target, { key: null, headers })).status, 200, target);
    expectProblem(await api.call('GET', target, { key: 'wrong', headers }), 403, 'forbidden');
  }
  assert.equal((await api.call('POST', '/v1/sessions', { key: null, headers })).status, 201);
  for (const [method, target] of [['GET', '/v1/session'], ['PATCH', '/v1/session'], ['DELETE', '/v1/session'], ['POST', '/v1/session/rotate']]) {
    expectProblem(await api.call(method, target, { key: null, headers }), 403, 'forbidden');
  }
});

test('a key opens what its roles open, a listener shows what its roles show', async () => {
  const folder = temporaryFolder('keys');
  const roles = ['app', 'admin', 'metrics', 'check', 'oauth'];
  const keys = Object.fromEntries(roles.map((role) => [role, keep(`test_${crypto.randomBytes(24).toString('base64url')}`)]));
  const lines = roles.map((role) => `sha256:${crypto.createHash('sha256').update(keys[role]).digest('hex')} roles=${role} name=${role}`);
  const file = path.join(folder, 'keys');
  fs.writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  const ports = Object.fromEntries(await Promise.all(roles.map(async (role) => [role, await freePort()])));
  const listeners = roles.map((role) => ({ address: `127.0.0.1:${ports[role]}`, roles: [role] }));
  const port = await freePort();
  listeners.push({ address: `127.0.0.1:${port}`, roles });
  const api = await startApi({ port, env: { SOJOURN__LISTENERS: JSON.stringify(listeners), SOJOURN__API_KEYS: JSON.stringify([file]) } });
  const needs = { '/check': 'check', '/metrics': 'metrics', '/v1/sessions/{sid}': 'admin', '/v1/revocations': 'admin', '/healthz': '', '/readyz': '' };
  try {
    for (const [template, target] of targets) {
      const need = needs[template] ?? 'app';
      const [method] = described(template);
      for (const role of roles.filter((one) => need && !open.has(template) && one !== need)) {
        expectProblem(await api.call(method, target, { key: keys[role] }), 403, 'forbidden');
      }
      for (const role of roles) {
        const reply = record(method, target, await sendRaw(ports[role],
          `${method} ${target} HTTP/1.1\r\nHost: x\r\nSojourn-Key: ${keys[need || 'app']}\r\nContent-Length: 0\r\n\r\n`));
        if (need !== '' && need !== role) expectProblem(reply, 404, 'not_found');
        else assert.ok(reply.status !== 403 && (reply.status !== 404 || template.includes('{sid}')), `${role} ${target}: ${reply.status}`);
      }
    }
  } finally {
    await api.stop();
  }
});

test('methods that a path does not have are 405, with those it has', async () => {
  const { api } = shared;
  for (const [template, target] of targets.filter(([name]) => name !== '/check')) {
    const allowed = described(template);
    const options = await api.call('OPTIONS', target);
    assert.equal(options.status, 204);
    assert.deepEqual(options.headers.allow.split(', ').sort(), [...allowed].sort(), template);
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'LOCK'].filter((one) => !allowed.includes(one))) {
      const reply = await api.call(method, target, { body: method === 'HEAD' ? undefined : '{}' });
      assert.equal(reply.status, 405, `${method} ${target}`);
      assert.equal(reply.headers.allow, options.headers.allow);
      if (method !== 'HEAD') assert.equal(reply.json.code, 'method_not_allowed');
    }
  }
});

test('paths that are not there, however near', async () => {
  const { api } = shared;
  for (const target of ['/', '/v1', '/v1/', '/v1/session/', '//v1/session', '/v1//session', '/v1/Session', '/V1/session', '/v1/%73ession', '/v1/./session',
    '/v1/x/../session', '/v1%2Fsession', '/v1/session/rotate/', '/v1/sessions/', '/v1/subjects//sessions', '/v1/subjects/a/sessions/', '/v1/subjects/a',
    '/v1/subjects/a/sessions/b/c', '/check/', '/Check', '/checks', '/v1/events', '/oauth2/token', '/.well-known/jwks.json', '/favicon.ico', '/metrics/']) {
    expectProblem(await api.call('GET', target), 404, 'not_found');
    expectProblem(await api.call('GET', target, { key: null }), 404, 'not_found');
  }
});

test('health, readiness and metrics', async () => {
  const { api } = shared;
  assert.deepEqual((await api.call('GET', '/healthz', { key: null })).json, { status: 'alive' });
  assert.deepEqual((await api.call('GET', '/readyz', { key: null })).json, { status: 'ready' });
  assert.equal((await api.call('HEAD', '/readyz', { key: null })).status, 200);
  const { text } = await api.call('GET', '/metrics');
  for (const part of ['sojourn_http_requests_total{route="/v1/session",status="2xx"}', 'sojourn_http_outcomes_total{outcome="ended"}',
    'sojourn_http_request_duration_seconds_bucket{route="/check"', 'sojourn_ready 1', 'sojourn_store_reachable 1']) {
    assert.ok(text.includes(part), `${part} in ${text.slice(0, 400)}`);
  }
});

test('bodies larger than http.body_max are 413 on every call that takes one', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  const body = `{"x":"${'x'.repeat(65536)}"}`;
  for (const [method, target] of [['POST', '/v1/sessions'], ['PATCH', '/v1/session'], ['POST', '/v1/session/rotate'], ['POST', '/v1/revocations']]) {
    const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nSojourn-Key: ${api.key}\r\nAuthorization: Bearer ${credential}\r\nContent-Type: application/json\r\n`;
    expectProblem(await api.raw(`${head}Content-Length: ${body.length}\r\n\r\n`, { method, target }), 413, 'too_large');
  }
});

test('what is not HTTP is refused as such', async () => {
  const { api } = shared;
  const head = (line, more = '') => `${line}\r\nHost: x\r\n${more}\r\n`;
  const rows = [
    [head('GET /healthz HTTP/1.1', 'Bad : x\r\n'), 400, 'bad_request'],
    ['GET /healthz HTTP/1.1\r\n\r\n', 400, 'bad_request'],
    [head(`GET /${'a'.repeat(20000)} HTTP/1.1`), 414, 'too_large'],
    [head('GET /healthz HTTP/1.1', `X: ${'a'.repeat(20000)}\r\n`), 431, 'too_large'],
    [head('GET /healthz HTTP/1.1', `${'X: 1\r\n'.repeat(200)}`), 431, 'too_large'],
    [head('PUT /healthz HTTP/1.1', 'Expect: wonders\r\nContent-Length: 1\r\n'), 417, 'bad_request'],
    [head('TRACE /healthz HTTP/1.1'), 501, 'method_not_allowed'],
    [head('CONNECT x:1 HTTP/1.1'), 501, 'method_not_allowed'],
    [head('NONSENSE /healthz HTTP/1.1'), 501, 'method_not_allowed'],
    [head('GET /healthz HTTP/2.7'), 505, 'bad_request'],
    [head('POST /v1/sessions HTTP/1.1', 'Content-Length: 70000\r\n'), 413, 'too_large'],
  ];
  for (const [bytes, status, code] of rows) {
    expectProblem(await api.raw(bytes, { method: 'x', target: '*' }), status, code);
  }
  assert.equal((await api.call('GET', '/healthz')).status, 200);
});

test('a slow client is told so', async () => {
  const api = await startApi({ env: { SOJOURN__HTTP__HEAD_TIMEOUT: '200ms', SOJOURN__HTTP__BODY_TIMEOUT: '200ms' } });
  try {
    const request = { method: 'x', target: '*' };
    expectProblem(await api.raw('GET /healthz HT', request), 408, 'bad_request', /did not come in time/);
    expectProblem(await api.raw('POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{', request), 408, 'bad_request');
  } finally {
    await api.stop();
  }
});

test('one connection too many is told to come later', async () => {
  const api = await startApi({ env: { SOJOURN__HTTP__CONNECTIONS_MAX: '1', SOJOURN__WORKERS: '1' } });
  const held = [];
  try {
    const reply = await until('a connection to be refused', async () => {
      const socket = net.connect({ port: api.port, host: '127.0.0.1' });
      await new Promise((resolve) => socket.once('connect', resolve));
      held.push(socket.on('error', () => {}));
      const answer = await api.raw('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', { method: 'x', target: '*' });
      return answer.status === 503 && answer;
    });
    expectProblem(reply, 503, 'unavailable', /too many connections/);
    assert.ok(Number(reply.headers['retry-after']) > 0);
  } finally {
    held.forEach((socket) => socket.destroy());
    await api.kill();
  }
});
