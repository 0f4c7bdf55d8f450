// kill -9 under write load, twenty times: what was acknowledged is there.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clean, Ledger, startSojournd, stateFolder } from './crash_kit.mjs';

after(clean);

const nothing = { lost: [], back: [], stale: [], other: [] };

async function killTwenty(context, store) {
  const state = stateFolder('kill');
  const ledger = new Ledger();
  const env = store ? { SOJOURN__STORE: store(state) } : {};
  let server = await startSojournd({ state, env });
  for (let round = 0; round < 20; round++) {
    const before = ledger.sessions.length;
    const clients = ledger.run(server);
    while (ledger.sessions.length < before + 40) await sleep(5);
    await sleep(Math.random() * 200);
    await server.kill();
    await clients;
    server = await startSojournd({ state, env });
    assert.deepEqual(await ledger.check(server), nothing, `after kill ${round + 1}`);
  }
  for (const session of ledger.sessions) session.checked = false;
  assert.deepEqual(await ledger.check(server), nothing, 'at the end');
  assert.deepEqual(ledger.refused, []);
  await server.stop();
  const states = ledger.sessions.map((session) => session.state);
  context.diagnostic(`${states.length} sessions, ${states.filter((each) => each === 'ended').length} ended`);
  assert.ok(states.includes('open') && states.includes('ended'));
}

test('kill -9 loses nothing that was acknowledged', (context) => killTwenty(context));

// The page cache outlives the process: only a machine's crash may cost a patch.
test('nor with durability=interval', (context) =>
  killTwenty(context, (state) => `lmdb:${state}/store?durability=interval&interval=60s`));
