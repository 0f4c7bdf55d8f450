// The daemon that most tests of the interface share, and sessions in every
// state that a credential can be in.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApi } from '../../kit/api.mjs';
import { temporaryFolder } from '../../kit/processes.mjs';

export const shared = {
  api: undefined, // the daemon
  spent: [], // valid credentials of which nothing is stored, or that are expired: for ending
  dead: {}, // code of a 401 -> a credential that gets it
};

// A state folder with the secrets of another one and an empty store.
export function withSecretsOf(state) {
  const folder = temporaryFolder('state');
  for (const name of ['keyring', 'api-key']) {
    fs.copyFileSync(path.join(state, name), path.join(folder, name));
    fs.chmodSync(path.join(folder, name), 0o600);
  }
  return folder;
}

export const settings = { SOJOURN__CHECK__ATTRIBUTES: '["plan","größe"]', SOJOURN__REALM: 'test', SOJOURN__LOG__LEVEL: 'debug' };

async function makeDead(api) {
  const other = await startApi({ env: settings, state: withSecretsOf(api.state) });
  let elsewhere;
  try {
    elsewhere = [await other.create(), await other.create()];
  } finally {
    await other.stop();
  }
  const ended = await api.create();
  assert.equal((await api.call('DELETE', '/v1/session', { credential: ended.credential })).status, 204);
  const lifetimes = { idle: '1s', absolute: '1s' };
  const briefs = [await api.create(lifetimes), await api.create(lifetimes)];
  const left = Date.parse(briefs[1].session.expires) - Date.now();
  await sleep(Math.max(0, left) + 50);
  shared.spent = [elsewhere[1].credential, briefs[1].credential];
  return { bad_credential: 'A'.repeat(60), unknown: elsewhere[0].credential, ended: ended.credential, expired: briefs[0].credential };
}

before(async () => {
  shared.api = await startApi({ env: settings });
  shared.dead = await makeDead(shared.api);
});

after(async () => {
  await shared.api?.stop();
});
