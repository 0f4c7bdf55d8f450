// Session cookies under each configuration of them, and what the store knows.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { expectProblem, keptSecrets, startApi } from '../../kit/api.mjs';
import { shared } from './fixture.mjs';

const configurations = [
  [{}, '__Host-sojourn', 'Path=/; Secure; HttpOnly; SameSite=Lax'],
  [{ SOJOURN__COOKIE__DOMAIN: 'example.org' }, '__Secure-sojourn', 'Domain=example.org; Path=/; Secure; HttpOnly; SameSite=Lax'],
  [{ SOJOURN__COOKIE__INSECURE_DEV: 'true' }, 'sojourn', 'Path=/; HttpOnly; SameSite=Lax'],
  [{ SOJOURN__COOKIE__NAME: 'sid', SOJOURN__COOKIE__SAME_SITE: 'strict' }, 'sid', 'Path=/; Secure; HttpOnly; SameSite=Strict'],
  [{ SOJOURN__COOKIE__NAME: '__Host-shop', SOJOURN__COOKIE__SAME_SITE: 'none' }, '__Host-shop', 'Path=/; Secure; HttpOnly; SameSite=None'],
];

for (const [env, name, attributes] of configurations) {
  test(`cookies as ${JSON.stringify(env)} has them: ${name}`, async () => {
    const api = await startApi({ env });
    try {
      const made = await api.create();
      assert.deepEqual(made.set_cookie, [`${name}=${made.credential}; Max-Age=43200; ${attributes}`]);
      assert.equal((await api.call('GET', '/check', { key: null, cookie: made.cookie })).status, 200);
      for (const [, other] of configurations.filter((one) => one[1] !== name)) {
        expectProblem(await api.call('GET', '/check', { key: null, cookie: `${other}=${made.credential}` }), 401, 'no_credential');
      }
      const end = await api.call('DELETE', '/v1/session', { cookie: made.cookie });
      // The same name, path and domain, or the browser would keep what it has.
      assert.deepEqual(end.headers['set-cookie'], [`${name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ${attributes}`]);
    } finally {
      await api.stop();
    }
  });
}

test('Max-Age runs to the absolute end, and never beyond 400 days', async () => {
  const api = await startApi({ env: { SOJOURN__SESSION__ABSOLUTE_MAX: '400d' } });
  try {
    const age = async (body) => Number(/Max-Age=(\d+)/.exec((await api.create(body)).set_cookie[0])[1]);
    assert.equal(await age({ idle: '1s', absolute: '1s' }), 1);
    assert.equal(await age({ absolute: '400d' }), 400 * 86400);
    const made = await api.create({ absolute: '1h' });
    const patched = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { a: 1 } });
    const left = Number(/Max-Age=(\d+)/.exec(patched.json.set_cookie[0])[1]);
    assert.ok(left <= 3600 && left > 3500, `${left}`);
  } finally {
    await api.stop();
  }
});

test('the store holds no usable id and no readable data', async () => {
  const { api } = shared;
  const made = await api.create({ subject: 'Readable Subject', device: 'Readable Device', address: '203.0.113.77', user_agent: 'Readable Agent',
    amr: ['readable-method'], attributes: { readable: 'Readable Attribute' } });
  const patched = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { more: 'Readable Too' } });
  const bytes = fs.readFileSync(path.join(api.state, 'store', 'data.mdb'));
  assert.ok(bytes.includes(Buffer.from(made.id, 'base64url')), 'it is the store: the key, which is public, is there');
  for (const text of ['Readable', 'readable', '203.0.113.77', api.key, made.credential, patched.json.credential]) {
    assert.ok(!bytes.includes(text), text);
  }
  let ids = 0;
  for (const secret of keptSecrets().filter((one) => one.length === 60)) {
    ids += 1;
    assert.ok(!bytes.includes(Buffer.from(secret, 'base64url').subarray(4, 24)), 'an id');
  }
  assert.ok(ids > 100);
});
