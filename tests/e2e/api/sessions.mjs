// /v1/sessions, /v1/session and /v1/session/rotate: what they do, and every
// way in which they refuse.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectProblem } from '../../kit/api.mjs';
import { shared } from './fixture.mjs';

const everything = {
  subject: 'Ada Lovelace', attributes: { plan: 'pro', cart: { items: 2 } }, device: 'phone', address: '192.0.2.1',
  user_agent: 'Browser/1.0', auth_level: 2, amr: ['pwd', 'otp'], idle: '10m', absolute: '1h', carrier: 'cookie',
};

test('a session is made, with all that was said', async () => {
  const { api } = shared;
  const before = Date.now();
  const reply = await api.call('POST', '/v1/sessions', { body: everything });
  assert.equal(reply.status, 201);
  const { session, credential, set_cookie: setCookie } = reply.json;
  const { idle, absolute, ...told } = everything;
  for (const [name, value] of Object.entries(told)) assert.deepEqual(session[name], value, name);
  assert.equal(session.version, 1);
  assert.equal(reply.headers.etag, '"1"');
  assert.equal(reply.headers['sojourn-credential'], credential);
  assert.deepEqual(reply.headers['set-cookie'], setCookie);
  assert.match(setCookie[0], new RegExp(`^__Host-sojourn=${credential}; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax$`));
  assert.ok(Math.abs(Date.parse(session.created) - before) < 60000);
  // Idle expiry has touch_every of slack.
  assert.equal(Date.parse(session.expires) - Date.parse(session.last_seen), 11 * 60000);
});

test('an empty body makes an anonymous session with the defaults', async () => {
  const { api } = shared;
  for (const body of [undefined, '', '{}']) {
    const reply = await api.call('POST', '/v1/sessions', { body });
    assert.equal(reply.status, 201);
    assert.deepEqual(Object.keys(reply.json.session).sort(),
      ['attributes', 'auth_level', 'carrier', 'created', 'expires', 'id', 'last_seen', 'version']);
    assert.deepEqual(reply.json.session.attributes, {});
    assert.match(reply.json.set_cookie[0], /; Max-Age=43200;/);
  }
});

test('what a body may not say is 400 (bad_input.test.mjs has all of it)', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  for (const [method, target] of [['POST', '/v1/sessions'], ['PATCH', '/v1/session'], ['POST', '/v1/session/rotate'], ['POST', '/v1/revocations']]) {
    const how = target.startsWith('/v1/session/') || method === 'PATCH' ? { credential } : {};
    expectProblem(await api.call(method, target, { ...how, body: '[]' }), 400, 'bad_request', /must be a JSON object/);
  }
});

test('the id is public and says nothing of the credential', async () => {
  const { api } = shared;
  const made = await api.create({ subject: 'sid' });
  assert.ok(!made.credential.includes(made.id) && !made.id.includes(made.credential.slice(8, 20)));
  for (const credential of [made.id, Buffer.from(made.id, 'base64url').toString('hex')]) {
    expectProblem(await api.call('GET', '/v1/session', { credential }), 401, 'bad_credential');
  }
});

test('a session is read by cookie and by bearer', async () => {
  const { api } = shared;
  const made = await api.create(everything);
  for (const how of [{ credential: made.credential }, { cookie: made.cookie }, { cookie: `theme=dark; ${made.cookie}; x=1` },
    { cookie: `__Host-sojourn="${made.credential}"` }, { cookie: made.cookie, credential: made.credential }]) {
    const reply = await api.call('GET', '/v1/session', how);
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.json, made.session);
    assert.equal(reply.headers.etag, '"1"');
    assert.equal(reply.headers['set-cookie'], undefined, 'nothing newer to hand out');
  }
  const head = await api.call('HEAD', '/v1/session', { credential: made.credential });
  assert.equal(head.status, 200);
  assert.equal(Number(head.headers['content-length']), Buffer.byteLength(JSON.stringify(made.session)));
});

test('a patch merges, commits one version, and hands out what is newer', async () => {
  const { api } = shared;
  const made = await api.create({ attributes: { a: 1, b: { c: 2, d: 3 }, e: [1, 2] } });
  const reply = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { a: null, b: { c: null, x: 4 }, e: [9] } });
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.json.session.attributes, { b: { d: 3, x: 4 }, e: [9] });
  assert.equal(reply.json.session.version, 2);
  assert.equal(reply.headers.etag, '"2"');
  assert.notEqual(reply.json.credential, made.credential);
  assert.equal(reply.headers['sojourn-credential'], reply.json.credential);
  assert.deepEqual(reply.headers['set-cookie'], reply.json.set_cookie);
});

test('a patch that changes nothing commits nothing', async () => {
  const { api } = shared;
  const made = await api.create({ attributes: { a: 1, b: { c: [1, 'x', null] } } });
  for (const body of [undefined, '{}', { a: 1 }, { b: { c: [1, 'x', null] } }, { gone: null }, { b: {} }]) {
    const reply = await api.call('PATCH', '/v1/session', { credential: made.credential, body });
    assert.equal(reply.status, 200);
    assert.deepEqual(Object.keys(reply.json), ['session']);
    assert.equal(reply.json.session.version, 1);
    assert.equal(reply.headers['set-cookie'], undefined);
  }
});

test('If-Match makes a write strict', async () => {
  const { api } = shared;
  const made = await api.create();
  let { credential } = made;
  const patch = (tag, body = { n: Math.random() }) =>
    api.call('PATCH', '/v1/session', { credential, body, headers: { 'If-Match': tag } });
  for (const tag of ['"2"', '"0"', '"01"', '"x"', '""', 'W/"1"', '"18446744073709551615"', '"18446744073709551616"', '"-1"', '" 1"']) {
    expectProblem(await patch(tag), 412, 'version_mismatch', /version 1/);
  }
  for (const tag of ['1', '"1', '1"', '"1", "2"', '"', '**', 'w/"1"', '"a"b"']) {
    expectProblem(await patch(tag), 400, 'bad_request', /If-Match must be one entity tag/);
  }
  const twice = await api.call('PATCH', '/v1/session', { credential, body: { n: 1 }, headers: [['If-Match', '"1"'], ['If-Match', '"1"']] });
  expectProblem(twice, 400, 'bad_request', /If-Match/);
  const good = await patch('"1"');
  assert.equal(good.json.session.version, 2);
  credential = good.json.credential;
  assert.equal((await patch('*')).json.session.version, 3);
  expectProblem(await patch('"2"', {}), 412, 'version_mismatch', /version 3/);
  const rotate = (tag) => api.call('POST', '/v1/session/rotate', { credential, headers: { 'If-Match': tag } });
  expectProblem(await rotate('"2"'), 412, 'version_mismatch', /version 3/);
  expectProblem(await rotate('2'), 400, 'bad_request', /If-Match/);
  assert.equal((await rotate('"3"')).json.session.version, 4);
});

test('rotating gives a new id, and the old one is dead at once', async () => {
  const { api } = shared;
  const made = await api.create(everything);
  const reply = await api.call('POST', '/v1/session/rotate', { cookie: made.cookie, body: { attributes: { plan: null, seen: true } } });
  assert.equal(reply.status, 200);
  const { session, credential } = reply.json;
  assert.notEqual(session.id, made.id);
  assert.equal(session.version, 2);
  assert.deepEqual(session.attributes, { cart: { items: 2 }, seen: true });
  assert.equal(session.subject, everything.subject);
  assert.equal(session.created, made.session.created, 'the same family');
  for (const method of ['GET', 'PATCH']) {
    expectProblem(await api.call(method, '/v1/session', { credential: made.credential }), 401, 'ended');
  }
  expectProblem(await api.call('GET', '/check', { key: null, credential: made.credential }), 401, 'ended');
  expectProblem(await api.call('POST', '/v1/session/rotate', { credential: made.credential }), 401, 'ended');
  assert.equal((await api.call('GET', '/v1/session', { credential })).json.id, session.id);
});

test('a sign-in keeps an anonymous cart, and nothing of another subject', async () => {
  const { api } = shared;
  const anonymous = await api.create({ attributes: { cart: 3 }, absolute: '1h' });
  const ada = await api.call('POST', '/v1/session/rotate', { credential: anonymous.credential, body: { subject: 'ada', auth_level: 1, amr: ['pwd'] } });
  assert.deepEqual(ada.json.session.attributes, { cart: 3 });
  assert.equal(ada.json.session.subject, 'ada');
  assert.ok(ada.json.session.created >= anonymous.session.created);
  const same = await api.call('POST', '/v1/session/rotate', { credential: ada.json.credential, body: { subject: 'ada' } });
  assert.deepEqual(same.json.session.attributes, { cart: 3 });
  const bob = await api.call('POST', '/v1/session/rotate', { credential: same.json.credential, body: { subject: 'bob', attributes: { own: 1 } } });
  assert.deepEqual(bob.json.session.attributes, { own: 1 });
  assert.equal(bob.json.session.subject, 'bob');
  assert.equal(bob.json.session.auth_level, 0, 'nor another\'s level');
  assert.equal(bob.json.session.amr, undefined);
  expectProblem(await api.call('GET', '/v1/session', { credential: same.json.credential }), 401, 'ended');
});

test('ending: 204 for any valid MAC, the cookie cleared, and what the browser keeps of the site', async () => {
  const { api, dead, spent } = shared;
  const made = await api.create({ subject: 'leaver' });
  for (const credential of [made.credential, made.credential, dead.ended, ...spent]) {
    const reply = await api.call('DELETE', '/v1/session', { credential });
    assert.equal(reply.status, 204);
    assert.deepEqual(reply.headers['set-cookie'],
      ['__Host-sojourn=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Lax']);
    assert.equal(reply.headers['clear-site-data'], '"cache", "storage"');
    assert.equal(reply.headers['sojourn-credential'], undefined);
  }
  expectProblem(await api.call('GET', '/v1/session', { credential: made.credential }), 401, 'ended');
  expectProblem(await api.call('DELETE', '/v1/session'), 401, 'no_credential');
  expectProblem(await api.call('DELETE', '/v1/session', { credential: dead.bad_credential }), 401, 'bad_credential');
});

test('each 401 has its code, on every call that takes a credential', async () => {
  const { api, dead } = shared;
  for (const [method, target] of [['GET', '/v1/session'], ['PATCH', '/v1/session'], ['POST', '/v1/session/rotate']]) {
    const none = expectProblem(await api.call(method, target), 401, 'no_credential');
    assert.equal(none.headers['www-authenticate'], 'Bearer realm="test"');
    for (const [code, credential] of Object.entries(dead)) {
      const reply = expectProblem(await api.call(method, target, { credential }), 401, code);
      assert.equal(reply.headers['www-authenticate'], 'Bearer realm="test", error="invalid_token"');
    }
  }
});

test('too large: 413 names the largest attributes', async () => {
  const { api } = shared;
  const big = { small: 1, huge: 'h'.repeat(20000), large: 'l'.repeat(13000) };
  const detail = /take \d+ bytes and at most 32768 are allowed; the largest: huge \(\d+ bytes\), large \(\d+ bytes\), small/;
  expectProblem(await api.call('POST', '/v1/sessions', { body: { attributes: big } }), 413, 'too_large', detail);
  const made = await api.create({ attributes: { small: 1 } });
  const { credential } = made;
  expectProblem(await api.call('PATCH', '/v1/session', { credential, body: big }), 413, 'too_large', detail);
  expectProblem(await api.call('POST', '/v1/session/rotate', { credential, body: { attributes: big } }), 413, 'too_large', detail);
  assert.equal((await api.call('GET', '/v1/session', { credential })).json.version, 1, 'nothing was stored');
});

test('other media types, and bodies under a content coding, are 415', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  const calls = [['POST', '/v1/sessions', 'application/json'], ['PATCH', '/v1/session', 'application/merge-patch+json'],
    ['POST', '/v1/session/rotate', 'application/json'], ['POST', '/v1/revocations', 'application/json']];
  for (const [method, target, right] of calls) {
    const send = (type, headers) => api.call(method, target, { credential: target.includes('session/') || method === 'PATCH' ? credential : undefined, body: '{}', type, headers });
    for (const type of ['text/plain', 'application/jsonx', 'application/json; charset=latin1', `${right}; version=1`, '*/*', 'application',
      right === 'application/json' ? 'application/merge-patch+json' : 'application/json', '', null]) {
      expectProblem(await send(type), 415, 'unsupported_media_type', new RegExp(`must be ${right.replace('+', '\\+')} in UTF-8`));
    }
    for (const coding of ['gzip', 'identity, gzip']) {
      expectProblem(await send(right, { 'Content-Encoding': coding }), 415, 'unsupported_media_type', /without Content-Encoding/);
    }
    const twice = await send(right, [['Content-Type', right]]);
    expectProblem(twice, 415, 'unsupported_media_type');
  }
});

test('media types compare without case, and take charset=utf-8', async () => {
  const { api } = shared;
  for (const type of ['Application/JSON', 'application/json;charset=utf-8', 'application/json ; charset="UTF-8"', 'application/json;']) {
    assert.equal((await api.call('POST', '/v1/sessions', { body: '{}', type })).status, 201, type);
  }
  const { credential } = await api.create();
  const reply = await api.call('PATCH', '/v1/session', { credential, body: '{}', type: 'Application/Merge-Patch+JSON; charset=utf-8' });
  assert.equal(reply.status, 200);
});
