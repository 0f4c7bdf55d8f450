// Consistency as a client of HTTP sees it, and which credential counts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectProblem } from '../../kit/api.mjs';
import { shared } from './fixture.mjs';

test('read your writes: no credential is ever shown older data than it was handed', async () => {
  const { api } = shared;
  const made = await api.create({ attributes: { n: 0 } });
  const held = [made.credential];
  for (let n = 1; n <= 30; n++) {
    // By the newest credential and by any older one: each merges onto what is newest.
    const credential = held[n % 3 === 0 ? 0 : held.length - 1];
    const reply = await api.call('PATCH', '/v1/session', { credential, body: { n } });
    assert.equal(reply.json.session.version, n + 1);
    held.push(reply.json.credential);
    const reads = await Promise.all(held.map((one) => api.call('GET', '/v1/session', { credential: one })));
    reads.forEach((read, i) => {
      assert.equal(read.json.attributes.n, n);
      const newest = i === held.length - 1;
      assert.equal(read.headers['sojourn-credential'], newest ? undefined : held.at(-1));
      assert.equal(read.headers['set-cookie']?.length, newest ? undefined : 1);
    });
  }
});

test('a patch that changes nothing hands the newer credential to an older one', async () => {
  const { api } = shared;
  const made = await api.create();
  const newer = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { a: 1 } });
  const reply = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { a: 1 } });
  assert.equal(reply.json.session.version, 2);
  assert.equal(reply.json.credential, newer.json.credential);
  assert.equal(reply.headers['sojourn-credential'], newer.json.credential);
});

test('no lost update: patches of different attributes at once all land', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  await Promise.all(Array.from({ length: 24 }, async (_, i) => {
    const reply = await api.call('PATCH', '/v1/session', { credential, body: { [`a${i}`]: i } });
    assert.equal(reply.status, 200, reply.text);
    assert.equal(reply.json.session.attributes[`a${i}`], i, 'its own write is in its answer');
  }));
  const { json } = await api.call('GET', '/v1/session', { credential });
  assert.equal(json.version, 25);
  assert.equal(Object.keys(json.attributes).length, 24);
});

test('no resurrection: of patches, rotations and ends at once, nothing lives after the end', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  const calls = Array.from({ length: 24 }, (_, i) => (i === 12
    ? api.call('DELETE', '/v1/session', { credential })
    : api.call('PATCH', '/v1/session', { credential, body: { [`a${i}`]: i } })));
  const replies = await Promise.all(calls);
  assert.equal(replies[12].status, 204);
  for (const reply of replies) {
    const newer = reply.json?.credential;
    if (newer) expectProblem(await api.call('GET', '/v1/session', { credential: newer }), 401, 'ended');
  }
  expectProblem(await api.call('PATCH', '/v1/session', { credential, body: { x: 1 } }), 401, 'ended');
});

test('of rotations at once, one wins, and the others\' successors are dead', async () => {
  const { api } = shared;
  const { credential } = await api.create({ subject: 'rotator' });
  const replies = await Promise.all(Array.from({ length: 8 }, () => api.call('POST', '/v1/session/rotate', { credential })));
  const won = replies.filter((reply) => reply.status === 200);
  assert.equal(won.length, 1);
  replies.filter((reply) => reply !== won[0]).forEach((reply) => expectProblem(reply, 401, 'ended'));
  const { sessions } = (await api.call('GET', '/v1/subjects/rotator/sessions')).json;
  assert.ok(sessions.some((session) => session.id === won[0].json.session.id));
  assert.equal((await api.call('GET', '/v1/session', { credential: won[0].json.credential })).status, 200);
});

test('Sojourn-Consistency: strong, or nothing', async () => {
  const { api } = shared;
  const { credential } = await api.create();
  for (const [method, target] of [['GET', '/v1/session'], ['PATCH', '/v1/session'], ['POST', '/v1/session/rotate'], ['DELETE', '/v1/session']]) {
    for (const headers of [{ 'Sojourn-Consistency': 'eventual' }, { 'Sojourn-Consistency': '' }, { 'Sojourn-Consistency': 'Strong' },
      [['Sojourn-Consistency', 'strong'], ['Sojourn-Consistency', 'strong']]]) {
      expectProblem(await api.call(method, target, { credential, headers }), 400, 'bad_request', /Sojourn-Consistency must be "strong"/);
    }
  }
  assert.equal((await api.call('GET', '/v1/session', { credential, headers: { 'sojourn-consistency': 'strong' } })).status, 200);
});

test('which credential counts: the cookie, else the bearer; two that differ are refused', async () => {
  const { api } = shared;
  const one = await api.create({ subject: 'one' });
  const two = await api.create({ subject: 'two' });
  const subject = async (how) => {
    const reply = await api.call('GET', '/v1/session', how);
    return reply.status === 200 ? reply.json.subject : reply.json.code;
  };
  const name = '__Host-sojourn';
  const rows = [
    [{ cookie: one.cookie, credential: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln' }, 'one'], // a foreign bearer
    [{ cookie: one.cookie, credential: 'A'.repeat(5000) }, 'one'],
    [{ cookie: one.cookie, headers: { Authorization: 'Basic YTpi' } }, 'one'],
    [{ cookie: one.cookie, credential: one.credential }, 'one'],
    [{ cookie: one.cookie, credential: two.credential }, 'bad_credential'],
    [{ cookie: `${one.cookie}; ${two.cookie}` }, 'bad_credential'],
    [{ cookie: `${two.cookie}; ${one.cookie}` }, 'bad_credential'],
    [{ cookie: `${one.cookie}; ${one.cookie}` }, 'one'],
    [{ cookie: `${one.cookie}; ${name}=` }, 'bad_credential'],
    [{ cookie: `${name}=; ${one.cookie}` }, 'bad_credential'],
    [{ headers: [['Cookie', one.cookie], ['Cookie', two.cookie]] }, 'bad_credential'],
    [{ headers: [['Cookie', one.cookie], ['Cookie', 'a=b'], ['Cookie', one.cookie]] }, 'one'],
    [{ headers: [['Authorization', `Bearer ${one.credential}`], ['Authorization', `Bearer ${two.credential}`]] }, 'bad_credential'],
    [{ headers: [['Authorization', `Bearer ${one.credential}`], ['Authorization', `bearer  ${one.credential} `]] }, 'one'],
    [{ headers: { Authorization: `BEARER ${one.credential}` } }, 'one'],
    [{ headers: { Authorization: one.credential } }, 'no_credential'],
    [{ headers: { Authorization: `Token ${one.credential}` } }, 'no_credential'],
    [{ cookie: `${name}=` }, 'no_credential'],
    [{ cookie: `${name}` }, 'no_credential'],
    [{ cookie: `${name}=`, credential: one.credential }, 'one'],
    // Look-alikes are never ours, whatever browsers make of them.
    ...['__host-sojourn', '__HOST-sojourn', '__Host-Sojourn', '__Secure-sojourn', 'sojourn', 'x__Host-sojourn', '__Host-sojourn2']
      .flatMap((other) => [[{ cookie: `${other}=${one.credential}` }, 'no_credential'],
        [{ cookie: `${other}=${two.credential}; ${one.cookie}` }, 'one']]),
  ];
  for (const [how, expected] of rows) assert.equal(await subject(how), expected, JSON.stringify(how));
});

test('a credential in a URL or a body opens nothing, and closes nothing', async () => {
  const { api } = shared;
  const made = await api.create({ subject: 'by url' });
  const target = `/v1/session?access_token=${made.credential}`;
  for (const [method, how] of [['GET', {}], ['PATCH', { body: {} }], ['DELETE', {}], ['GET', { body: JSON.stringify({ credential: made.credential }), type: 'application/json' }]]) {
    expectProblem(await api.call(method, target, how), 401, 'no_credential');
  }
  expectProblem(await api.call('GET', `/v1/session?credential=${made.credential}`), 400, 'bad_request', /unknown query parameter "credential"/);
  expectProblem(await api.call('GET', `/check?access_token=${made.credential}`, { key: null }), 401, 'no_credential');
  assert.equal((await api.call('GET', '/check?access_token=x', { key: null, cookie: made.cookie })).status, 200);
  assert.equal((await api.call('GET', '/v1/session?access_token=x', { cookie: made.cookie })).json.subject, 'by url');
});
