// What nobody should send: each has its status, its code, and a text that says
// what was wrong and what is allowed; nothing of it is stored, the daemon goes
// on, and no secret is in a reply (tests/kit/api.mjs looks) or in the log.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { keptSecrets } from '../kit/api.mjs';
import { shared } from './api/fixture.mjs';
import './bad/credentials.mjs';
import './bad/json.mjs';
import './bad/members.mjs';
import './bad/targets.mjs';

test('the daemon that met all of it is well, and its log holds no secret', async () => {
  const { api } = shared;
  assert.ok(api.running());
  assert.equal((await api.call('GET', '/readyz')).status, 200);
  const log = api.stderr();
  const lines = log.trim().split('\n');
  assert.ok(lines.length > 200, `${lines.length} lines`);
  for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), line);
  assert.ok(keptSecrets().length > 200);
  for (const secret of keptSecrets()) {
    assert.ok(!log.includes(secret), 'a credential or a key');
    if (secret.length !== 60) continue;
    const id = Buffer.from(secret, 'base64url').subarray(4, 24);
    for (const coding of ['base64url', 'base64', 'hex']) assert.ok(!log.includes(id.toString(coding)), 'an id');
  }
  const keyring = fs.readFileSync(path.join(api.state, 'keyring'), 'utf8');
  const [, secret] = /secret=(\S+)/.exec(keyring);
  assert.ok(!log.includes(secret), 'the keyring');
  assert.ok(!log.includes('attribute-value'), 'an attribute');
});
