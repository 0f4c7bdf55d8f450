// Paths, queries and fields that nobody should send.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectProblem } from '../../kit/api.mjs';
import { document } from '../../kit/openapi.mjs';
import { shared } from '../api/fixture.mjs';

const subjects = (segment, method = 'GET') => shared.api.call(method, `/v1/subjects/${segment}/sessions`);

test('subjects in paths: escapes are decoded once, and what comes out is judged', async () => {
  const { api } = shared;
  const slash = await api.create({ subject: 'a/b' });
  const plus = await api.create({ subject: 'a+b' });
  assert.deepEqual((await subjects('a%2Fb')).json.sessions.map((one) => one.id), [slash.id]);
  assert.deepEqual((await subjects('a%2fb')).json.sessions.map((one) => one.id), [slash.id]);
  assert.deepEqual((await subjects('a+b')).json.sessions.map((one) => one.id), [plus.id]);
  assert.deepEqual((await subjects('a%252Fb')).json.sessions, []);
  expectProblem(await api.call('GET', '/v1/subjects/a/b/sessions'), 404, 'not_found');
  for (const method of ['GET', 'DELETE']) {
    for (const segment of ['%00', 'a%00b']) {
      expectProblem(await subjects(segment, method), 400, 'bad_request', /malformed % escape or a NUL/);
    }
    for (const segment of ['%FF', '%C0%AF', '%ED%A0%80', '%F4%90%80%80', '%E2%82', 'a%0Ab', '%0D%0ASet-Cookie:x', '%7F', '%C2%85', 'x'.repeat(256), '%C3%BC'.repeat(128), '%20'.repeat(300)]) {
      expectProblem(await subjects(segment, method), 400, 'bad_request', /^subject: at most 255 bytes of UTF-8 without control characters$/);
    }
  }
});

test('targets that are no targets', async () => {
  const { api } = shared;
  for (const target of ['/v1/subjects/%/sessions', '/v1/subjects/%4/sessions', '/v1/subjects/%zz/sessions', '/v1/session?%', '/v1/session?a=%x1', '/v1/session#f',
    '/v1/ses sion', '/v1/\u00fc', '/v1/\x01', '/v1\\session', 'v1/session', '/v1/session?a="', '']) {
    const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\nSojourn-Key: ${api.key}\r\n\r\n`, 'latin1');
    const reply = await api.raw(bytes, { method: 'GET', target: '/v1/session' });
    expectProblem(reply, 400, 'bad_request');
  }
});

test('a query parameter that a call does not have is named, with those it has', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  const own = { '/v1/subjects/{subject}/sessions GET': 'cursor, limit', '/v1/subjects/{subject}/sessions DELETE': 'except' };
  for (const [template, item] of Object.entries(document.document.paths)) {
    if (!template.startsWith('/v1/')) continue;
    const target = template.replace('{subject}', 'someone').replace('{sid}', 'AAAAAAAAAAAAAAAAAAAAAA');
    for (const method of ['GET', 'POST', 'PATCH', 'DELETE'].filter((verb) => item[verb.toLowerCase()])) {
      const allowed = own[`${template} ${method}`] ?? 'none';
      for (const name of ['x', 'Limit', 'limits', 'exept', 'level', 'dry_run']) {
        const reply = await api.call(method, `${target}?${name}=1`, { credential: template.startsWith('/v1/session') && !template.startsWith('/v1/sessions') ? credential : undefined });
        expectProblem(reply, 400, 'bad_request', new RegExp(`^unknown query parameter "${name}"; allowed here: ${allowed}$`));
      }
    }
  }
  expectProblem(await api.call('GET', '/v1/subjects/a/sessions?limit=1&limit=2'), 400, 'bad_request', /^repeated query parameter "limit"/);
  expectProblem(await api.call('GET', '/v1/subjects/a/sessions?limit=1;cursor=x'), 400, 'bad_request', /"limit" must be from 1 to 100/);
  expectProblem(await api.call('GET', `/v1/session?${'n'.repeat(3000)}`, { credential }), 400, 'bad_request', /unknown query parameter "n{64}"/);
  expectProblem(await api.call('GET', '/v1/session?%22%0A%1B=1', { credential }), 400, 'bad_request', /unknown query parameter "\\"\\n\\u001b"/);
  expectProblem(await api.call('GET', '/v1/session?a%00=1', { credential }), 400, 'bad_request', /malformed % escape or a NUL/);
  assert.equal((await api.call('GET', '/v1/session', { credential })).json.version, 1);
});

test('fields too large, too many, or with what fields may not hold', async () => {
  const { api } = shared;
  const send = (lines, target = '/v1/session') => api.raw(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n`, 'latin1'), { method: 'GET', target });
  expectProblem(await send(`Authorization: Bearer ${'A'.repeat(17000)}`), 431, 'too_large');
  expectProblem(await send(`Sojourn-Key: ${'k'.repeat(15000)}`), 403, 'forbidden');
  expectProblem(await send('Cookie: a=b\r\n'.repeat(120).trim()), 431, 'too_large');
  for (const bad of ['X: a\x00b', 'X: a\x01b', 'X : a', 'X\x80: a', ' X: a', 'X', ': a', 'X: a\r\n folded', 'X: a\rb', 'X: a\nY: b']) {
    expectProblem(await send(bad), 400, 'bad_request');
  }
  const { credential } = await api.create();
  const long = await api.call('GET', '/check', { key: null, credential, headers: { 'User-Agent': 'u'.repeat(8000), Referer: `http://x/${'r'.repeat(4000)}` } });
  assert.equal(long.status, 200);
});

test('ids in paths that are no ids', async () => {
  const { api } = shared;
  for (const sid of ['x', 'A'.repeat(21), 'A'.repeat(23), '%00', '%2F', `${'A'.repeat(21)}B`, `${'A'.repeat(21)}%3D`, '..', '%2e%2e', `${'A'.repeat(20)}%2B%2F`, '*', 'A'.repeat(5000)]) {
    const nul = sid === '%00';
    for (const [method, target] of [['GET', `/v1/sessions/${sid}`], ['DELETE', `/v1/sessions/${sid}`], ['DELETE', `/v1/subjects/a/sessions/${sid}`]]) {
      expectProblem(await api.call(method, target), nul ? 400 : 404, nul ? 'bad_request' : 'not_found');
    }
  }
});
