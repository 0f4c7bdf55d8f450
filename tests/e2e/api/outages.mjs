// 500, 503, 507 and 409 by real means: the store that fails (fault+lmdb:, see
// src/store/compose/fault_store.h), a store that is full, many writers at once.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { expectProblem, startApi } from '../../kit/api.mjs';
import { temporaryFolder, until } from '../../kit/processes.mjs';

// A state folder with sessions in it, made by a daemon whose store was well.
async function prepared(subjects) {
  const api = await startApi();
  try {
    return { state: api.state, sessions: await Promise.all(subjects.map((subject) => api.create({ subject }))) };
  } finally {
    await api.stop();
  }
}

async function during({ state, faults, env = {}, ...options }, run) {
  const folder = state ?? temporaryFolder('state');
  const store = `fault+lmdb:${folder}/store?${faults}`;
  const api = await startApi({ state: folder, env: { SOJOURN__STORE: store, SOJOURN__STORE_TIMEOUT: '300ms', ...env }, ...options });
  try {
    return await run(api);
  } finally {
    await api.stop();
  }
}

const list = (subject) => `/v1/subjects/${subject}/sessions`;

// Everything that asks the store: [method, target, what to present, whether it writes].
function calls({ credential, id, session: { subject } }) {
  return [
    ['POST', '/v1/sessions', { body: { subject } }, true],
    ['GET', '/v1/session', { credential }, false],
    ['PATCH', '/v1/session', { credential, body: { n: 1 } }, true],
    ['POST', '/v1/session/rotate', { credential }, true],
    ['GET', list(subject), {}, false],
    ['DELETE', list(subject), {}, true],
    ['DELETE', `${list(subject)}/${id}`, {}, true],
    ['GET', `/v1/sessions/${id}`, {}, false],
    ['DELETE', `/v1/sessions/${id}`, {}, true],
    ['POST', '/v1/revocations', { body: { before: '2020-01-01T00:00:00Z' } }, true],
    ['DELETE', '/v1/session', { credential }, true],
  ];
}

test('a store that refuses: 503, "applied": "no" for writes, and nobody is logged out', async () => {
  const { state, sessions: [made] } = await prepared(['ada']);
  await during({ state, faults: 'fault.refuse=1000&fault.ops=get,put,end,mark,list' }, async (api) => {
    for (const [method, target, how, writes] of calls(made)) {
      const reply = expectProblem(await api.call(method, target, how), 503, 'unavailable');
      assert.equal(reply.json.applied, writes ? 'no' : undefined, `${method} ${target}`);
      assert.equal(reply.headers['retry-after'], '1');
      const ends = method === 'DELETE' && target === '/v1/session';
      assert.equal(reply.headers['set-cookie']?.length, ends ? 1 : undefined, `${method} ${target}`);
      assert.equal(reply.headers['clear-site-data'], ends ? '"cache", "storage"' : undefined);
    }
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const reply = await api.call(method, '/check?optional=1', { key: null, credential: made.credential });
      assert.equal(reply.status, 503, 'never a bare 200');
      if (method !== 'HEAD') assert.equal(reply.json.code, 'unavailable');
    }
    // Who presents nothing of ours is told so without the store.
    expectProblem(await api.call('GET', '/v1/session', { credential: 'A'.repeat(60) }), 401, 'bad_credential');
    assert.equal((await api.call('GET', '/readyz')).status, 200, 'a later outage drains nobody');
  });
  await during({ state, faults: 'fault.refuse=0' }, async (api) => {
    assert.equal((await api.call('GET', '/v1/session', { credential: made.credential })).json.version, 1);
  });
});

test('an end that the store refused is tried again until it holds', async () => {
  await during({ faults: 'fault.refuse=300&fault.ops=end' }, async (api) => {
    const made = await Promise.all(Array.from({ length: 24 }, () => api.create()));
    const replies = await Promise.all(made.map(({ cookie }) => api.call('DELETE', '/v1/session', { cookie })));
    const refused = made.filter((_, i) => replies[i].status === 503);
    assert.ok(refused.length > 0 && refused.length < 24, `${refused.length} of 24`);
    for (const { credential } of made) {
      await until('the end', async () => (await api.call('GET', '/v1/session', { credential })).json.code === 'ended', { timeout: 60000 });
    }
  });
});

test('not ready until the revocations are read; what is asked meanwhile is unavailable', async () => {
  await during({ faults: 'fault.refuse=1000&fault.ops=marks', ready: false }, async (api) => {
    await until('the daemon to listen', async () => (await api.call('GET', '/healthz')).status === 200);
    expectProblem(await api.call('GET', '/readyz'), 503, 'unavailable', /marks are being replayed/);
    const key = fs.readFileSync(path.join(api.state, 'api-key'), 'utf8').trim();
    expectProblem(await api.call('POST', '/v1/sessions', { key }), 503, 'unavailable', /revocations/);
    assert.match((await api.call('GET', '/metrics', { key })).text, /^sojourn_ready 0$/m);
  });
});

test('answers that are lost: resolved by the write id, and never merged twice', async () => {
  await during({ faults: 'fault.lose=300&fault.ops=put', env: { SOJOURN__STORE_TIMEOUT: '20s' } }, async (api) => {
    let { credential, session } = await api.create({ subject: 'lossy' });
    for (let n = 1; n <= 40; n++) {
      const reply = await api.call('PATCH', '/v1/session', { credential, body: { [`n${n}`]: n } });
      assert.equal(reply.status, 200, reply.text);
      assert.equal(reply.json.session.version, session.version + 1);
      ({ session, credential } = reply.json);
    }
    assert.equal(Object.keys(session.attributes).length, 40);
  });
});

test('an outcome that stays unknown is told as such, and an unanswered creation is ended', async () => {
  const { state, sessions: [made] } = await prepared(['eve']);
  await during({ state, faults: 'fault.lose=1000&fault.ops=put' }, async (api) => {
    const patch = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { n: 1 } });
    assert.equal(expectProblem(patch, 503, 'unavailable').json.applied, 'unknown');
    const create = await api.call('POST', '/v1/sessions', { body: { subject: 'orphan' } });
    assert.equal(expectProblem(create, 503, 'unavailable').json.applied, 'unknown');
    await until('the orphan to be ended', async () => (await api.call('GET', list('orphan'))).json.sessions.length === 0);
    const rotate = await api.call('POST', '/v1/session/rotate', { credential: made.credential });
    assert.equal(expectProblem(rotate, 503, 'unavailable').json.applied, 'unknown');
  });
});

// Those that read one record.
function readers(made) {
  const rest = [['POST', '/v1/sessions'], ['GET', list('ada')], ['DELETE', list('ada')], ['POST', '/v1/revocations'], ['DELETE', '/v1/session']];
  const own = calls(made).filter(([method, target]) => !rest.some((one) => one[0] === method && one[1] === target));
  return [...own, ['DELETE', `${list('ada')}?except=${made.id}`, {}, true]];
}

// A flipped bit of last_seen is no damage, one of the key's number is a key that is not here: again.
function meet(api, [method, target, how], status) {
  return until(`${method} ${target} to be ${status}`, async () => {
    const reply = await api.call(method, target, how);
    return reply.status === status && reply;
  });
}

test('what is damaged is 500, on every call that reads it', async () => {
  for (let i = 0; i < 7; i++) {
    const { state, sessions: [made] } = await prepared(['ada']);
    const reader = readers(made);
    assert.equal(reader.length, 7);
    await during({ state, faults: 'fault.corrupt=1000&fault.ops=get' }, async (api) => {
      expectProblem(await meet(api, reader[i], 500), 500, 'corrupt', /damaged or were tampered with/);
    });
  }
});

test('what is damaged is logged, is 503 to a proxy, and passed over in a listing', async () => {
  const { state, sessions: [made] } = await prepared(['ada']);
  await during({ state, faults: 'fault.corrupt=1000&fault.ops=get,list' }, async (api) => {
    await meet(api, ['GET', '/check', { key: null, credential: made.credential }], 503);
    await until('the log', () => /"event":"refused","code":"corrupt"/.test(api.stderr()));
    await until('an empty list', async () => (await api.call('GET', list('ada'))).json.sessions.length === 0);
  });
});

test('a store that says full: 507 for writes, ending and reading go on', async () => {
  const { state, sessions: [made, other] } = await prepared(['ada', 'bob']);
  await during({ state, faults: 'fault.full=1000' }, async (api) => {
    for (const [method, target] of [['POST', '/v1/sessions'], ['PATCH', '/v1/session'], ['POST', '/v1/session/rotate']]) {
      const credential = target === '/v1/sessions' ? undefined : made.credential;
      expectProblem(await api.call(method, target, { credential, body: method === 'PATCH' ? { n: 1 } : {} }), 507, 'full', /no room left/);
    }
    assert.equal((await api.call('GET', '/v1/session', { credential: made.credential })).json.version, 1);
    assert.equal((await api.call('DELETE', '/v1/session', { credential: made.credential })).status, 204);
    assert.deepEqual((await api.call('DELETE', list('bob'))).json, { ended: 1 });
    expectProblem(await api.call('GET', '/check', { key: null, credential: other.credential }), 401, 'ended');
  });
});

test('a store that is full: 507, nothing is lost, and ending makes room', async () => {
  const state = temporaryFolder('state');
  const api = await startApi({ state, env: { SOJOURN__STORE: `lmdb:${state}/store?max_size=1MiB` } });
  try {
    const attributes = { filler: 'f'.repeat(24000) };
    const made = [];
    let reply;
    for (let i = 0; i < 2000; i++) {
      reply = await api.call('POST', '/v1/sessions', { body: { subject: 'filler', attributes } });
      if (reply.status !== 201) break;
      made.push(reply.json);
    }
    expectProblem(reply, 507, 'full');
    assert.ok(made.length > 5, `${made.length} sessions fit`);
    for (const { credential, session } of made) {
      assert.deepEqual((await api.call('GET', '/v1/session', { credential })).json.attributes, session.attributes);
    }
    for (const { credential } of made) assert.equal((await api.call('DELETE', '/v1/session', { credential })).status, 204);
    await until('room', async () => (await api.call('POST', '/v1/sessions', { body: { attributes } })).status === 201);
  } finally {
    await api.stop();
  }
});

test('many writers at once: some are told 409, and what is told 200 has landed', async () => {
  await during({ faults: 'fault.delay=1000&fault.delay_ms=25&fault.ops=put', env: { SOJOURN__STORE_TIMEOUT: '60s' } }, async (api) => {
    let { credential } = await api.create({ subject: 'contended' });
    const landed = new Map(); // name -> the last value that was told 200
    const contended = { PATCH: 0, POST: 0 };
    const end = Date.now() + 120000;
    const done = () => (contended.PATCH > 0 && contended.POST > 0) || Date.now() > end;
    const patcher = async (name) => {
      for (let n = 0; !done(); n++) {
        const reply = await api.call('PATCH', '/v1/session', { credential, body: { [name]: n } });
        if (reply.status === 200) landed.set(name, n);
        else if (reply.status === 409) contended.PATCH += 1;
        else expectProblem(reply, 401, 'ended'); // a rotation came through
      }
    };
    const rotator = async () => {
      while (!done()) {
        const reply = await api.call('POST', '/v1/session/rotate', { credential });
        if (reply.status === 200) ({ credential } = reply.json);
        else expectProblem(reply, 409, 'contended', /too many writers at once/);
        contended.POST += reply.status === 409 ? 1 : 0;
      }
    };
    await Promise.all([rotator(), ...Array.from({ length: 110 }, (_, i) => patcher(`a${i}`))]);
    assert.ok(contended.PATCH > 0 && contended.POST > 0, JSON.stringify(contended));
    const { attributes } = (await api.call('GET', '/v1/session', { credential })).json;
    assert.ok(landed.size > 0);
    for (const [name, n] of landed) assert.ok(attributes[name] >= n, `${name}: ${attributes[name]}, not ${n}`);
  });
});

// A backup from before the newest write, which is put back.
async function rolledBack() {
  const state = temporaryFolder('state');
  const backup = temporaryFolder('state');
  let api = await startApi({ state });
  const made = await api.create({ attributes: { n: 0 } });
  await api.stop();
  fs.cpSync(state, backup, { recursive: true });
  api = await startApi({ state });
  const newer = await api.call('PATCH', '/v1/session', { credential: made.credential, body: { n: 1 } });
  await api.stop();
  return { state: backup, credential: newer.json.credential };
}

test('a store that lost writes: accepted under a version above all, or 507 where it cannot be written', async () => {
  const { state, credential } = await rolledBack();
  await during({ state, faults: 'fault.full=1000' }, async (api) => {
    expectProblem(await api.call('GET', '/v1/session', { credential }), 507, 'full');
    expectProblem(await api.call('GET', '/check', { key: null, credential }), 503, 'unavailable');
  });
  await during({ state, faults: 'fault.refuse=0' }, async (api) => {
    const reply = await api.call('GET', '/v1/session', { credential });
    assert.equal(reply.json.version, 3, 'above what the client had seen');
    assert.deepEqual(reply.json.attributes, { n: 0 });
    assert.ok(reply.headers['sojourn-credential'] && reply.headers['set-cookie']);
    assert.match(api.stderr(), /"event":"rolled_back"/);
    const after = await api.call('GET', '/v1/session', { credential: reply.headers['sojourn-credential'] });
    assert.equal(after.json.version, 3);
  });
});

test('consistency.on_rollback: end', async () => {
  const { state, credential } = await rolledBack();
  await during({ state, faults: 'fault.refuse=0', env: { SOJOURN__CONSISTENCY__ON_ROLLBACK: 'end' } }, async (api) => {
    expectProblem(await api.call('GET', '/v1/session', { credential }), 401, 'ended');
    expectProblem(await api.call('GET', '/v1/session', { credential }), 401, 'ended');
  });
});
