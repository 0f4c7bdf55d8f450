// A user's sessions, any session by its id, and revocations.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectProblem, startApi } from '../../kit/api.mjs';
import { shared } from './fixture.mjs';

const of = (subject) => `/v1/subjects/${encodeURIComponent(subject)}/sessions`;
const ids = (reply) => reply.json.sessions.map((session) => session.id);

async function make(api, subject, count) {
  const made = [];
  for (let i = 0; i < count; i++) {
    made.push(await api.create({ subject, device: `device ${i}` }));
    await sleep(2); // so that "oldest first" has an order
  }
  return made;
}

test('a user\'s live sessions are listed, oldest first, in pages', async () => {
  const { api } = shared;
  const subject = 'Größe/ü 100%+?&=#';
  const made = await make(api, subject, 7);
  await api.create({ subject: 'Größe' });
  const whole = await api.call('GET', of(subject));
  assert.deepEqual(ids(whole), made.map((one) => one.id));
  assert.equal(whole.json.next, undefined);
  for (const session of whole.json.sessions) {
    assert.equal(session.subject, subject);
    assert.equal(session.attributes, undefined, 'without the credential nobody reads them');
  }
  const paged = [];
  let cursor = '';
  for (let pages = 0; pages < 10 && cursor !== undefined; pages++) {
    const page = await api.call('GET', `${of(subject)}?limit=3${cursor && `&cursor=${cursor}`}`);
    assert.ok(page.json.sessions.length <= 3);
    paged.push(...ids(page));
    cursor = page.json.next;
  }
  assert.deepEqual(paged, ids(whole));
  assert.deepEqual((await api.call('GET', of('nobody'))).json, { sessions: [] });
});

test('the default page has 50, the largest 100', async () => {
  const { api } = shared;
  const subject = 'many';
  await Promise.all(Array.from({ length: 104 }, () => api.create({ subject })));
  assert.equal((await api.call('GET', of(subject))).json.sessions.length, 50);
  const page = await api.call('GET', `${of(subject)}?limit=100`);
  assert.equal(page.json.sessions.length, 100);
  assert.equal((await api.call('GET', `${of(subject)}?limit=100&cursor=${page.json.next}`)).json.sessions.length, 4);
  assert.equal((await api.call('DELETE', of(subject))).json.ended, 104);
});

test('limits and cursors that no listing gave are refused', async () => {
  const { api } = shared;
  await make(api, 'pager', 3);
  for (const limit of ['0', '101', '-1', '1.5', 'x', '', '18446744073709551617', '%31%30x']) {
    expectProblem(await api.call('GET', `${of('pager')}?limit=${limit}`), 400, 'bad_request', /"limit" must be from 1 to 100/);
  }
  const { next } = (await api.call('GET', `${of('pager')}?limit=1`)).json;
  const bytes = Buffer.from(next, 'base64url');
  const forged = ['', 'x', 'AAAA', next.slice(0, -1), next.slice(0, 8), `${next}AAAA`, 'A'.repeat(200), '%2B%2F', next.toUpperCase() === next ? 'AB' : `${next}=`];
  for (let i = 0; i < 2; i++) {
    const other = Buffer.from(bytes);
    other[i] ^= 0xff; // the key's number, the kind of listing
    forged.push(other.toString('base64url'));
  }
  for (const cursor of forged) {
    expectProblem(await api.call('GET', `${of('pager')}?cursor=${cursor}`), 400, 'bad_request', /cursor/);
  }
  // A cursor is a place, not a permission: one of another's listing shows nothing of it.
  const moved = await api.call('GET', `${of('nobody')}?cursor=${next}`);
  assert.deepEqual(moved.json, { sessions: [] });
});

test('all of a user\'s sessions end, or all but one', async () => {
  const { api } = shared;
  const made = await make(api, 'ender', 4);
  const other = await api.create({ subject: 'bystander' });
  const kept = made[2];
  assert.deepEqual((await api.call('DELETE', `${of('ender')}?except=${kept.id}`)).json, { ended: 3 });
  assert.deepEqual(ids(await api.call('GET', of('ender'))), [kept.id]);
  for (const one of made) {
    const reply = await api.call('GET', '/v1/session', { credential: one.credential });
    if (one === kept) assert.equal(reply.status, 200);
    else expectProblem(reply, 401, 'ended');
  }
  // What the spared session becomes is spared as well.
  const rotated = await api.call('POST', '/v1/session/rotate', { credential: kept.credential });
  assert.equal((await api.call('GET', '/check', { key: null, credential: rotated.json.credential })).status, 200);
  // An id that is not the user's spares nothing.
  assert.deepEqual((await api.call('DELETE', `${of('ender')}?except=${other.id}`)).json, { ended: 1 });
  assert.deepEqual((await api.call('DELETE', of('ender'))).json, { ended: 0 });
  assert.equal((await api.call('GET', '/v1/session', { credential: other.credential })).status, 200);
  const after = await api.create({ subject: 'ender' });
  assert.equal((await api.call('GET', '/v1/session', { credential: after.credential })).status, 200, 'what is made later lives');
  for (const except of ['x', '', `${kept.id}A`, kept.id.slice(1)]) {
    expectProblem(await api.call('DELETE', `${of('ender')}?except=${except}`), 400, 'bad_request', /except: a session's id, 22 characters/);
  }
});

test('my devices: a user ends one of their own, and no other', async () => {
  const { api } = shared;
  const [mine] = await make(api, 'owner', 1);
  const [theirs] = await make(api, 'stranger', 1);
  expectProblem(await api.call('DELETE', `${of('owner')}/${theirs.id}`), 404, 'not_found');
  expectProblem(await api.call('DELETE', `${of('owner')}/AAAAAAAAAAAAAAAAAAAAAA`), 404, 'not_found');
  expectProblem(await api.call('DELETE', `${of('owner')}/x`), 404, 'not_found');
  assert.equal((await api.call('GET', '/v1/session', { credential: theirs.credential })).status, 200);
  assert.equal((await api.call('DELETE', `${of('owner')}/${mine.id}`)).status, 204);
  expectProblem(await api.call('DELETE', `${of('owner')}/${mine.id}`), 404, 'not_found');
  expectProblem(await api.call('GET', '/v1/session', { credential: mine.credential }), 401, 'ended');
  expectProblem(await api.call('DELETE', `/v1/subjects/a%07b/sessions/${mine.id}`), 400, 'bad_request', /subject/);
  expectProblem(await api.call('DELETE', `${of('owner')}/${mine.id}?except=1`), 400, 'bad_request', /unknown query parameter "except"; allowed here: none/);
});

test('an administrator looks at any session and ends it', async () => {
  const { api } = shared;
  const made = await api.create({ subject: 'watched', device: 'tv', attributes: { secret: 'yes' } });
  const { attributes, ...metadata } = made.session;
  const reply = await api.call('GET', `/v1/sessions/${made.id}`);
  assert.deepEqual(reply.json, metadata);
  assert.equal((await api.call('HEAD', `/v1/sessions/${made.id}`)).status, 200);
  expectProblem(await api.call('GET', `/v1/sessions/${made.id}?x=1`), 400, 'bad_request', /unknown query parameter "x"/);
  expectProblem(await api.call('DELETE', `/v1/sessions/${made.id}?x=1`), 400, 'bad_request', /unknown query parameter "x"/);
  assert.equal((await api.call('DELETE', `/v1/sessions/${made.id}`)).status, 204);
  for (const method of ['GET', 'DELETE']) {
    expectProblem(await api.call(method, `/v1/sessions/${made.id}`), 404, 'not_found');
    expectProblem(await api.call(method, `/v1/sessions/${made.credential.slice(0, 22)}`), 404, 'not_found');
  }
  expectProblem(await api.call('GET', '/v1/session', { cookie: made.cookie }), 401, 'ended');
});

test('a revocation refuses what was made before it, of one subject or of everybody', async () => {
  const api = await startApi();
  try {
    const old = await api.create({ subject: 'r1' });
    const other = await api.create({ subject: 'r2' });
    const nobody = await api.create();
    const now = () => new Date().toISOString();
    assert.equal((await api.call('POST', '/v1/revocations', { body: { before: '2020-01-01T00:00:00Z' } })).status, 204);
    assert.equal((await api.call('GET', '/v1/session', { credential: old.credential })).status, 200);
    assert.equal((await api.call('POST', '/v1/revocations', { body: { before: now(), subject: 'r1' } })).status, 204);
    expectProblem(await api.call('GET', '/v1/session', { credential: old.credential }), 401, 'ended');
    assert.deepEqual((await api.call('GET', of('r1'))).json, { sessions: [] });
    assert.equal((await api.call('GET', '/v1/session', { credential: other.credential })).status, 200);
    assert.equal((await api.call('POST', '/v1/revocations', { body: { before: now(), client: 'shop' } })).status, 204);
    assert.equal((await api.call('GET', '/v1/session', { credential: other.credential })).status, 200);
    const fresh = await api.create({ subject: 'r1' });
    assert.equal((await api.call('GET', '/v1/session', { credential: fresh.credential })).status, 200, 'made after the mark');
    await sleep(2);
    assert.equal((await api.call('POST', '/v1/revocations', { body: { before: now() } })).status, 204);
    for (const one of [other, nobody, fresh]) {
      expectProblem(await api.call('GET', '/check', { key: null, credential: one.credential }), 401, 'ended');
    }
    const last = await api.create({ subject: 'r2' });
    assert.equal((await api.call('GET', '/v1/session', { credential: last.credential })).status, 200);
  } finally {
    await api.stop();
  }
});

test('revocations that say too little, too much, or the future', async () => {
  const { api } = shared;
  const refuse = async (body, detail) => expectProblem(await api.call('POST', '/v1/revocations', { body }), 400, 'bad_request', detail);
  await refuse(undefined, /"before" is required/);
  await refuse({ subject: 'x' }, /"before" is required/);
  for (const before of ['', 'yesterday', '2026-01-02', 1767323045, null, '2026-02-30T00:00:00Z', '2026-01-02T03:04:05']) {
    await refuse({ before }, /"before" must be a moment such as "2026-01-02T03:04:05.678Z"/);
  }
  await refuse({ before: '2999-01-01T00:00:00Z' }, /before: must not lie in the future/);
  await refuse({ before: '1969-12-31T23:59:59Z' }, /before: not before 1970/);
  await refuse({ before: '2020-01-01T00:00:00Z', subject: 'a', client: 'b' }, /subject or client, not both/);
  await refuse({ before: '2020-01-01T00:00:00Z', subject: '' }, /subject: must not be empty/);
  await refuse({ before: '2020-01-01T00:00:00Z', client: '' }, /client: must not be empty/);
  await refuse({ before: '2020-01-01T00:00:00Z', client: 'c'.repeat(256) }, /client: at most 255 bytes/);
  await refuse({ before: '2020-01-01T00:00:00Z', user: 'a' }, /unknown member "user"; allowed here: before, subject, client/);
});

test('policy.max_sessions: a creation or a sign-in ends the oldest beyond it', async () => {
  const api = await startApi({ env: { SOJOURN__POLICY__MAX_SESSIONS: '3' } });
  try {
    const made = await make(api, 'limited', 5);
    assert.deepEqual(ids(await api.call('GET', of('limited'))), made.slice(2).map((one) => one.id));
    expectProblem(await api.call('GET', '/v1/session', { credential: made[0].credential }), 401, 'ended');
    const anonymous = await api.create();
    const signedIn = await api.call('POST', '/v1/session/rotate', { credential: anonymous.credential, body: { subject: 'limited' } });
    assert.deepEqual(ids(await api.call('GET', of('limited'))), [made[3].id, made[4].id, signedIn.json.session.id]);
    const raced = await Promise.all(Array.from({ length: 20 }, () => api.create({ subject: 'racer' })));
    const alive = ids(await api.call('GET', of('racer')));
    assert.equal(alive.length, 3);
    assert.ok(alive.every((id) => raced.some((one) => one.id === id)));
  } finally {
    await api.stop();
  }
});
