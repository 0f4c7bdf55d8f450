// /check: forward authentication.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectProblem } from '../../kit/api.mjs';
import { until } from '../../kit/processes.mjs';
import { shared } from './fixture.mjs';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
const check = (how = {}, query = '', method = 'GET') => shared.api.call(method, `/check${query}`, { key: null, ...how });

test('any method: 200 with who it is, each 401 with its code, 403 for a level that is not there', async () => {
  const { api, dead } = shared;
  const made = await api.create({ subject: 'Ada Lovelace/ü~', auth_level: 3 });
  for (const method of methods) {
    const how = { credential: made.credential };
    const reply = await check(how, '?level=3&optional=0', method);
    assert.equal(reply.status, 200, method);
    assert.equal(reply.text, '');
    assert.equal(reply.headers['sojourn-subject'], 'Ada%20Lovelace%2F%C3%BC~');
    assert.equal(reply.headers['sojourn-session'], made.id);
    assert.equal(reply.headers['sojourn-version'], '1');
    assert.equal(reply.headers['sojourn-auth-level'], '3');
    assert.equal(reply.headers['set-cookie'], undefined);
    if (method === 'HEAD') {
      assert.equal((await check({}, '', method)).status, 401);
      continue;
    }
    expectProblem(await check({}, '', method), 401, 'no_credential');
    for (const [code, credential] of Object.entries(dead)) expectProblem(await check({ credential }, '', method), 401, code);
    expectProblem(await check(how, '?level=4', method), 403, 'step_up');
    expectProblem(await check(how, '?lvl=4', method), 403, 'forbidden', /unknown query parameter "lvl"; allowed here: optional, renew, level, max_age/);
  }
  for (const [query, status] of [['?level=4', 403], ['?lvl=1', 403], ['', 200]]) {
    assert.equal((await check({ credential: made.credential }, query, 'HEAD')).status, status);
  }
});

test('an anonymous session passes without a subject, a body is not looked at', async () => {
  const { api } = shared;
  const made = await api.create();
  const reply = await check({ cookie: made.cookie, body: '{{{', type: 'text/nonsense' }, '', 'POST');
  assert.equal(reply.status, 200);
  assert.equal(reply.headers['sojourn-subject'], undefined);
  assert.equal(reply.headers['sojourn-auth-level'], '0');
});

test('optional=1: a bare 200 instead of 401, and never of 403', async () => {
  const { api, dead } = shared;
  for (const credential of [undefined, ...Object.values(dead)]) {
    const reply = await check({ credential }, '?optional=1');
    assert.equal(reply.status, 200);
    assert.equal(reply.text, '');
    assert.deepEqual(reply.fields.filter(([name]) => /sojourn|cookie/i.test(name)), []);
  }
  const { credential } = await api.create({ auth_level: 1 });
  expectProblem(await check({ credential }, '?optional=1&level=2'), 403, 'step_up');
  assert.equal((await check({ credential }, '?optional=1')).headers['sojourn-auth-level'], '1');
});

test('max_age counts from the last change of subject, level or amr', async () => {
  const { api } = shared;
  const made = await api.create({ subject: 'aging', amr: ['pwd'] });
  await sleep(1100);
  expectProblem(await check({ credential: made.credential }, '?max_age=1'), 403, 'step_up');
  assert.equal((await check({ credential: made.credential }, '?max_age=3600')).status, 200);
  const patched = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { x: 1 } });
  expectProblem(await check({ credential: patched.json.credential }, '?max_age=1'), 403, 'step_up');
  let { credential } = patched.json;
  let turn = 0;
  // On a slow machine a second may pass between the two calls: again, then.
  await until('a fresh authentication to be fresh', async () => {
    turn += 1;
    const rotated = await api.call('POST', '/v1/session/rotate', { credential, body: { amr: ['pwd', `otp${turn}`] } });
    ({ credential } = rotated.json);
    return (await check({ credential }, '?max_age=1')).status === 200;
  });
  const nobody = await api.create();
  expectProblem(await check({ credential: nobody.credential }, '?max_age=999999999'), 403, 'step_up');
});

test('renew=1 hands out the newer cookie, and nothing else does', async () => {
  const { api } = shared;
  const made = await api.create();
  const newer = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { a: 1 } });
  for (const [how, query, handed] of [
    [{ cookie: made.cookie }, '', false], [{ cookie: made.cookie }, '?renew=0', false], [{ cookie: made.cookie }, '?renew=1', true],
    [{ credential: newer.json.credential }, '?renew=1', false]]) {
    const reply = await check(how, query);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers['sojourn-version'], '2');
    assert.equal(reply.headers['sojourn-credential'], undefined);
    if (!handed) assert.equal(reply.headers['set-cookie'], undefined);
    else assert.equal(reply.headers['set-cookie'][0].split('; ')[0], newer.json.set_cookie[0].split('; ')[0]);
  }
});

test('check.attributes names what Sojourn-Attributes carries', async () => {
  const { api } = shared;
  const told = async (attributes) => {
    const { credential } = await api.create({ attributes });
    const reply = await check({ credential });
    return Buffer.from(reply.headers['sojourn-attributes'], 'base64url').toString();
  };
  assert.equal(await told({ other: 1 }), '{}');
  assert.equal(await told({ plan: 'pro', other: 1, größe: [1, { a: '\u0000"\\' }] }), '{"plan":"pro","größe":[1,{"a":"\\u0000\\"\\\\"}]}');
});

test('a query that is malformed, repeated or misspelt opens nothing', async () => {
  const { api } = shared;
  const { credential } = await api.create({ auth_level: 255 });
  const refused = {
    '?optional=2': /"optional" must be 0 or 1/, '?optional': /"optional" must be 0 or 1/, '?optional=true': /"optional"/,
    '?renew=yes': /"renew" must be 0 or 1/, '?level=256': /"level" must be a whole number from 0 to 255/, '?level=-1': /"level"/,
    '?level=': /"level"/, '?level=1.0': /"level"/, '?max_age=': /"max_age" must be a whole number of seconds/, '?max_age=1s': /"max_age"/,
    '?max_age=99999999999999999999': /"max_age"/, '?level=1&level=1': /repeated query parameter "level"/, '?Level=1': /unknown query parameter "Level"/,
    '?%6cevel=1&level=1': /repeated query parameter "level"/, '?le%00vel=1': /malformed % escape or a NUL/,
    '?=1': /unknown query parameter ""/,
  };
  for (const [query, detail] of Object.entries(refused)) {
    expectProblem(await check({ credential }, query), 403, 'forbidden', detail);
    expectProblem(await check({}, query), 403, 'forbidden', detail);
  }
  for (const query of ['?', '?&', '?level=255&&max_age=9223372036854775', '?%6cevel=255', '?level=%32%35%35']) {
    const { status } = await check({ credential: (await api.create({ subject: 's', auth_level: 255 })).credential }, query);
    assert.equal(status, 200, query);
  }
});

test('it needs no API key, and one is no credential', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  assert.equal((await check({ credential, key: 'wrong' })).status, 200);
  expectProblem(await check({ credential: api.key }), 401, 'bad_credential');
  expectProblem(await check({ key: api.key }), 401, 'no_credential');
});

test('what a browser says of consistency does not steer the check', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  for (const value of ['strong', 'evil', '']) {
    assert.equal((await check({ credential, headers: { 'Sojourn-Consistency': value } })).status, 200);
  }
});
