// Eight clients patch distinct attributes of one session through a real
// sojournd, a thousand times each: all eight thousand land. Once more with an
// end in the middle: nothing comes back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startSojournd } from '../kit/sojournd.mjs';

const clients = 8;
const patches = 1000;
let daemon;

before(async () => {
  daemon = await startSojournd({ env: { SOJOURN__WORKERS: '4' } });
});

after(async () => {
  await daemon?.stop();
});

async function create() {
  const made = await daemon.call('POST', '/v1/sessions', { body: { subject: 'ada' } });
  assert.equal(made.status, 201, made.text);
  return made.json.credential;
}

// As a client does: what timed out or was contended is sent again.
async function patch(credential, body) {
  for (;;) {
    const told = await daemon.call('PATCH', '/v1/session', { credential, body });
    if (told.status !== 409 && told.status !== 503) return told;
  }
}

test('eight thousand patches land', { timeout: 300_000 }, async () => {
  const first = await create();
  await Promise.all(Array.from({ length: clients }, async (_, client) => {
    let credential = first;
    for (let n = 1; n <= patches; n++) {
      const told = await patch(credential, { [`c${client}`]: n });
      assert.equal(told.status, 200, told.text);
      assert.equal(told.json.session.attributes[`c${client}`], n, 'a client reads its own write');
      credential = told.json.credential ?? credential;
    }
  }));
  const last = await daemon.call('GET', '/v1/session', { credential: first });
  assert.equal(last.status, 200, last.text);
  const wanted = Object.fromEntries(Array.from({ length: clients }, (_, client) => [`c${client}`, patches]));
  assert.deepEqual(last.json.attributes, wanted);
  assert.ok(last.json.version >= 1 + clients * patches, 'every patch is a version of its own');
});

test('ended in the middle, nothing comes back', { timeout: 300_000 }, async () => {
  const first = await create();
  let landed = 0;
  let ended = false;
  let late = 0;
  await Promise.all(Array.from({ length: clients }, async (_, client) => {
    for (let n = 1; n <= patches; n++) {
      const begunAfterEnd = ended;
      const told = await patch(first, { [`c${client}`]: n });
      if (told.status === 401) {
        assert.equal(told.json.code, 'ended');
        return;
      }
      assert.equal(told.status, 200, told.text);
      if (begunAfterEnd) late++;
      landed++;
      if (landed === 1000) {
        const end = await daemon.call('DELETE', '/v1/session', { credential: first });
        assert.equal(end.status, 204, end.text);
        ended = true;
      }
    }
    assert.fail('every client is told that it has ended');
  }));
  assert.ok(ended);
  assert.equal(late, 0, 'nothing that began after the end was told succeeds');
  const last = await daemon.call('GET', '/v1/session', { credential: first });
  assert.equal(last.status, 401);
  assert.equal(last.json.code, 'ended');
});
