// Lost power (loss.h): whatever was written since the last completed flush is
// taken back, wholly or in an arbitrary part, and what was acknowledged is there.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { scrape, valueOf } from '../kit/prometheus.mjs';
import { clean, Ledger, losePower, startWatched, stateFolder } from './crash_kit.mjs';

after(clean);

const nothing = { lost: [], back: [], stale: [], other: [] };

async function loadAndKill(server, ledger, options) {
  const before = ledger.sessions.length;
  const clients = ledger.run(server, options);
  while (ledger.sessions.length < before + 40) await sleep(5);
  await sleep(Math.random() * 200);
  await server.kill();
  await clients;
}

test('lost power loses nothing that was acknowledged', async (context) => {
  const state = stateFolder('power');
  const ledger = new Ledger();
  let lost = 0;
  let server = await startWatched(state);
  for (let round = 0; round < 12; round++) {
    await loadAndKill(server, ledger);
    lost += losePower(state, round % 3 === 0 ? undefined : round).lost;
    server = await startWatched(state);
    assert.deepEqual(await ledger.check(server), nothing, `after round ${round}`);
  }
  assert.deepEqual(ledger.refused, []);
  await server.stop();
  context.diagnostic(`${ledger.sessions.length} sessions, ${lost} pages lost`);
  assert.ok(lost > 0, 'no kill ever met a write that was not flushed');
});

// The other way round: were flushes not waited for, this would be seen.
test('flushes that lie lose what they lied about, and that alone', async () => {
  const state = stateFolder('power');
  const honest = new Ledger();
  const deceived = new Ledger();
  let server = await startWatched(state);
  await loadAndKill(server, honest);
  losePower(state);
  server = await startWatched(state, { lies: true });
  assert.deepEqual(await honest.check(server), nothing);
  await loadAndKill(server, deceived);
  assert.ok(losePower(state).lost > 0);
  server = await startWatched(state);
  assert.deepEqual(await honest.check(server), nothing);
  const wrong = await deceived.check(server);
  const gone = deceived.sessions.length;
  assert.ok(gone >= 40);
  assert.equal(wrong.lost.length, gone);
  assert.deepEqual([wrong.back, wrong.stale, wrong.other], [[], [], []]);
  await server.stop();
});

// A session whose newest version is a patch that no flush has made sure of.
async function patched(server) {
  const made = await server.call('POST', '/v1/sessions', { body: { subject: 'ada', attributes: { n: 0 } } });
  assert.equal(made.status, 201, made.text);
  const answer = await server.call('PATCH', '/v1/session', { credential: made.json.credential, body: { n: 1 } });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.credential;
}

test('durability=interval may lose patches, says so, and loses nothing else', async () => {
  const state = stateFolder('power');
  const ledger = new Ledger();
  const env = { SOJOURN__STORE: `lmdb:${state}/store?durability=interval&interval=60s` };
  let server = await startWatched(state, { env });
  for (let round = 0; round < 6; round++) {
    await loadAndKill(server, ledger);
    losePower(state, round % 2 === 0 ? undefined : round);
    server = await startWatched(state, { env });
    const wrong = await ledger.check(server, { more: 0 });
    assert.deepEqual([wrong.lost, wrong.back, wrong.other], [[], [], []], `after round ${round}`);
    const behind = valueOf(await scrape(server), 'sojourn_session_rollbacks_total');
    assert.equal(behind, wrong.stale.length, 'each loss shows as behind');
  }
  assert.deepEqual(ledger.refused, []);
  const credential = await patched(server);
  await server.kill();
  losePower(state);
  server = await startWatched(state, { env });
  const seen = await server.call('GET', '/v1/session', { credential });
  assert.equal(seen.status, 200, seen.text);
  assert.equal(seen.json.attributes.n, 0);
  assert.equal(valueOf(await scrape(server), 'sojourn_session_rollbacks_total'), 1);
  await server.stop();
});

test('the end of the interval makes sure of patches', async () => {
  const state = stateFolder('power');
  const env = { SOJOURN__STORE: `lmdb:${state}/store?durability=interval&interval=50ms` };
  let server = await startWatched(state, { env });
  const credential = await patched(server);
  for (let i = 0; i < 400 && fs.statSync(path.join(state, 'journal')).size > 0; i++) await sleep(25);
  await server.kill();
  assert.equal(losePower(state).lost, 0);
  server = await startWatched(state, { env });
  assert.equal((await server.call('GET', '/v1/session', { credential })).json.attributes.n, 1);
  await server.stop();
});
