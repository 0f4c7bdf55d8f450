// Credentials that are not quite ours.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { expectProblem, startApi } from '../../kit/api.mjs';
import { temporaryFolder } from '../../kit/processes.mjs';
import { settings, shared, withSecretsOf } from '../api/fixture.mjs';

const read = (how) => shared.api.call('GET', '/v1/session', how);

// A handle of the shortest counter, and one whose last character has spare bits.
async function handles() {
  const { api } = shared;
  const short = await api.create({ attributes: { a: 'attribute-value' } });
  let { credential } = await api.create();
  for (let n = 0; n < 130; n++) {
    ({ credential } = (await api.call('PATCH', '/v1/session', { credential, body: { n } })).json);
  }
  return [short.credential, credential];
}

test('every truncation, every extension and every changed bit of a handle', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (const good of await handles()) {
    const bytes = Buffer.from(good, 'base64url');
    const bad = [];
    for (let size = 1; size < good.length; size++) bad.push(good.slice(0, size), good.slice(size));
    bad.push(`${good}A`, `${good}=`, `${good}==`, `A${good}`, `${good}${good}`, `${good}.`, `${good} x`, good.toLowerCase(), good.toUpperCase(),
      encodeURIComponent(`${good}%`), bytes.toString('hex'), `${good.slice(0, 30)} ${good.slice(30)}`, `${good}\t!`);
    for (let at = 0; at < good.length; at++) {
      for (let bit = 0; bit < 6; bit++) {
        const changed = alphabet[alphabet.indexOf(good[at]) ^ (1 << bit)];
        bad.push(good.slice(0, at) + changed + good.slice(at + 1));
      }
      bad.push(`${good.slice(0, at)}+${good.slice(at + 1)}`, `${good.slice(0, at)}%${good.slice(at + 1)}`);
    }
    const replies = await Promise.all(bad.filter((text) => text !== good && text.trim()).map(async (credential) => [credential, await read({ credential })]));
    for (const [credential, reply] of replies) {
      const forged = Buffer.from(credential, 'base64url');
      const changed = [...bytes].flatMap((byte, at) => (byte === forged[at] ? [] : [at]));
      const canonical = forged.toString('base64url') === credential && forged.length === bytes.length;
      // A key that this server does not have may be another server's: that proves nothing.
      if (canonical && changed.length === 1 && changed[0] === 1) expectProblem(reply, 503, 'unavailable');
      else expectProblem(reply, 401, 'bad_credential', /^the session credential is not valid$/);
    }
    assert.equal((await read({ credential: good })).status, 200);
  }
});

test('a handle of the other kind, of another realm and under another keyring', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  const refresh = Buffer.from(credential, 'base64url');
  refresh[3] = 2;
  expectProblem(await read({ credential: refresh.toString('base64url') }), 401, 'bad_credential');
  for (const options of [{ state: withSecretsOf(api.state), env: { ...settings, SOJOURN__REALM: 'other' } }, { env: settings }]) {
    const other = await startApi(options);
    try {
      const foreign = await other.create();
      expectProblem(await read({ credential: foreign.credential }), 401, 'bad_credential');
      expectProblem(await other.call('GET', '/v1/session', { credential }), 401, 'bad_credential');
      // Not ours: beside our cookie it is a foreign bearer.
      assert.equal((await other.call('GET', '/v1/session', { cookie: foreign.cookie, credential })).status, 200);
    } finally {
      await other.stop();
    }
  }
});

const key = (kid, state, secret) => `kid=${kid} state=${state} activates=2026-01-01T00:00:00.000Z secret=${secret}\n`;

async function withKeyring(text, run, state = temporaryFolder('state')) {
  fs.writeFileSync(path.join(state, 'keyring'), `sojourn-keyring 1\n${text}`, { mode: 0o600 });
  const api = await startApi({ state });
  try {
    return await run(api, state);
  } finally {
    await api.stop();
  }
}

test('a key that is retired is no proof, one that is not here proves nothing', async () => {
  const one = Buffer.alloc(32, 1).toString('base64url');
  const two = Buffer.alloc(32, 2).toString('base64url');
  let made;
  const state = await withKeyring(key(1, 'published', one), async (api, folder) => {
    made = await api.create({ subject: 'rotated' });
    return folder;
  });
  await withKeyring(key(1, 'published', one) + key(2, 'published', two), async (api) => {
    assert.equal((await api.call('GET', '/v1/session', { credential: made.credential })).json.subject, 'rotated');
    const patched = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { a: 1 } });
    assert.equal(Buffer.from(patched.json.credential, 'base64url')[1], 2, 'the newer key is the active one');
  }, state);
  await withKeyring(key(1, 'retired', one) + key(2, 'published', two), async (api) => {
    for (const target of ['/v1/session', '/check']) {
      expectProblem(await api.call('GET', target, { credential: made.credential }), 401, 'bad_credential');
    }
    expectProblem(await api.call('DELETE', '/v1/session', { credential: made.credential }), 401, 'bad_credential');
  }, state);
  await withKeyring(key(2, 'published', two), async (api) => {
    for (const target of ['/v1/session', '/check', '/check?optional=1']) {
      const reply = await api.call('GET', target, { cookie: made.cookie });
      expectProblem(reply, 503, 'unavailable');
      assert.equal(reply.headers['set-cookie'], undefined);
    }
    const end = expectProblem(await api.call('DELETE', '/v1/session', { cookie: made.cookie }), 503, 'unavailable');
    assert.equal(end.headers['set-cookie'], undefined, 'what cannot be judged is not cleared');
  });
});

test('cookies: huge ones, quoted ones, broken ones', async () => {
  const { api } = shared;
  const made = await api.create();
  const name = '__Host-sojourn';
  const rows = [
    [`${name}=${'A'.repeat(5000)}`, 401, 'bad_credential'],
    [`${name}=${'A'.repeat(12000)}`, 401, 'bad_credential'],
    [`${name}=${made.credential}; ${'x=y; '.repeat(2000)}`, 200],
    [`${name}=${'A'.repeat(17000)}`, 431, 'too_large'],
    [`${name}="${made.credential}`, 401, 'bad_credential'],
    [`${name}=""`, 401, 'no_credential'],
    [`${name}='${made.credential}'`, 401, 'bad_credential'],
    [`${name}=${made.credential},${name}=${made.credential}`, 401, 'bad_credential'],
    [`${name}=${encodeURIComponent(`"${made.credential}"`)}`, 401, 'bad_credential'],
    [`${name}==${made.credential}`, 401, 'bad_credential'],
    [`${name} = ${made.credential} `, 200],
    [`;;=; ;=x;${name}=${made.credential};;`, 200],
    [`a="; ${name}=${made.credential}; b="`, 200],
    [`${name}=Größe`, 401, 'bad_credential'],
  ];
  for (const [cookie, status, code] of rows) {
    const reply = await read({ cookie });
    assert.equal(reply.status, status, `${cookie.slice(0, 60)}: ${reply.text}`);
    assert.equal(reply.json.code, code);
  }
});
