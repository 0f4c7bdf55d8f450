// What docs/operations.md tells an operator to do, done: backup and restore, a
// full store, keys with fewer roles; and what an idle daemon takes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root, temporaryFolder, until } from '../kit/processes.mjs';
import { scrape, valueOf } from '../kit/prometheus.mjs';
import { binary, cli, startSojournd } from '../kit/sojournd.mjs';

const manual = fs.readFileSync(path.join(root, 'docs/operations.md'), 'utf8');

// The indented block of the manual that has this line, as a script with other folders.
function script(line, folders) {
  const block = manual.split(/\n(?! {4})/).find((part) => part.includes(line) && part.includes('\n    '));
  assert.ok(block, `the manual has ${line}`);
  let text = block.split('\n').filter((one) => one.startsWith('    ')).map((one) => one.slice(4)).join('\n');
  for (const [from, to] of folders) text = text.replaceAll(from, to);
  assert.ok(!text.includes('/var/lib'), text);
  return text;
}

const run = (text, env = {}) => execFileSync('sh', ['-euc', text], { encoding: 'utf8', env: { ...process.env, ...env } });

async function create(daemon, body) {
  const answer = await daemon.call('POST', '/v1/sessions', { body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json;
}

test('backup while it runs, loss of everything, restore: as the manual says', async (t) => {
  const backup = temporaryFolder('backup');
  fs.mkdirSync(path.join(backup, 'store'));
  const first = await startSojournd({ t });
  const folders = [['/var/lib/sojourn', first.state], ['/backup', backup], ['/safe', backup]];
  const kept = await create(first, { subject: 'ada', attributes: { cart: [1] } });
  const ended = await create(first, { subject: 'eve' });
  run(script('mdb_copy /var/lib/sojourn/store', folders));
  const patched = await first.call('PATCH', '/v1/session', { credential: kept.credential, body: { cart: [1, 2] } });
  const late = await create(first, { subject: 'bob' });
  assert.equal((await first.call('DELETE', '/v1/session', { credential: ended.credential })).status, 204);
  await first.stop();
  fs.unlinkSync(path.join(first.state, 'keyring'));
  run(script('rm -rf /var/lib/sojourn/store', folders));

  const second = await startSojournd({ t, state: first.state });
  const read = (credential) => second.call('GET', '/v1/session', { credential });
  assert.deepEqual((await read(kept.credential)).json.attributes, { cart: [1] });
  assert.equal((await read(patched.json.credential)).status, 200, 'older than its cookie: goes on, by on_rollback');
  assert.equal(valueOf(await scrape(second), 'sojourn_session_rollbacks_total') >= 1, true);
  const unknown = await read(late.credential);
  assert.deepEqual([unknown.status, unknown.json.code, unknown.headers.get('set-cookie')], [401, 'unknown', null]);
  assert.equal((await read(ended.credential)).status, 200, 'ended after the copy: live in it');
  const swept = await second.call('DELETE', '/v1/subjects/eve/sessions');
  assert.equal(swept.json.ended, 1);
  assert.equal((await read(ended.credential)).status, 401);
});

test('a full store: 507, reads and sign-outs go on, the metric tells, space comes back', async (t) => {
  const state = temporaryFolder('state');
  const daemon = await startSojournd({ t, state, env: { SOJOURN__STORE: `lmdb:${state}/store?max_size=1MiB` } });
  const body = { subject: 'ada', attributes: { filler: 'x'.repeat(8000) } };
  const credentials = [];
  let full;
  while (!full) {
    const answer = await daemon.call('POST', '/v1/sessions', { body });
    if (answer.status === 201) credentials.push(answer.json.credential);
    else full = answer;
    assert.ok(credentials.length < 1000);
  }
  assert.deepEqual([full.status, full.json.code], [507, 'full'], full.text);
  assert.equal(valueOf(await scrape(daemon), 'sojourn_store_writable'), 0);
  assert.match(execFileSync(cli, ['status'], { encoding: 'utf8', env: { ...process.env, SOJOURN_SERVER: daemon.url, SOJOURN__STATE: state } }), /^store +read-only$/m);
  assert.equal((await daemon.call('GET', '/readyz')).status, 200);
  for (const credential of credentials) assert.equal((await daemon.call('GET', '/check', { credential })).status, 200);
  const revoked = await daemon.call('POST', '/v1/revocations', { body: { subject: 'nobody', before: new Date().toISOString() } });
  assert.equal(revoked.status, 204, revoked.text);
  for (const credential of credentials) {
    assert.equal((await daemon.call('DELETE', '/v1/session', { credential })).status, 204);
    assert.equal((await daemon.call('GET', '/check', { credential })).status, 401);
  }
  assert.equal((await daemon.stop()).code, 0);
  const larger = await startSojournd({ t, state, env: { SOJOURN__STORE: `lmdb:${state}/store?max_size=64MiB` } });
  await create(larger, body);
  assert.equal(valueOf(await scrape(larger), 'sojourn_store_writable'), 1);
});

test('a key with fewer roles, made as the manual says', async (t) => {
  const key = 'a-key-for-monitoring-0123456789';
  const [hash] = run(script('printf %s "$KEY" | sha256sum', []), { KEY: key }).split(' ');
  const file = path.join(temporaryFolder('keys'), 'keys');
  const line = /sha256:HASH roles=[a-z,]+ name=[a-z]+/.exec(manual)[0].replace('HASH', hash);
  fs.writeFileSync(file, `${line}\n`, { mode: 0o600 });
  const daemon = await startSojournd({ t, env: { SOJOURN__API_KEYS: JSON.stringify([file]) } });
  assert.equal((await daemon.call('GET', '/metrics', { key })).status, 200);
  assert.equal((await daemon.call('POST', '/v1/sessions', { key, body: {} })).status, 403);
});

test('the example configuration of docs/configuration.md is good', () => {
  const text = /```yaml\n([^]*?)```/.exec(fs.readFileSync(path.join(root, 'docs/configuration.md'), 'utf8'))[1];
  const file = path.join(temporaryFolder('config'), 'sojourn.yaml');
  fs.writeFileSync(file, text);
  assert.equal(execFileSync(binary, ['--check-config', file], { encoding: 'utf8' }), `${file}: good\n`);
});

// Sanitizers multiply memory and code.
const instrumented = /asan|tsan/.test(binary);

test('idle, it takes little', { skip: instrumented && 'measured without sanitizers' }, async (t) => {
  const daemon = await startSojournd({ t });
  await create(daemon, {});
  await until('the log to be written', () => daemon.stderr().includes('"created"'));
  const resident = Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))[1]);
  assert.ok(resident * 1024 <= 12e6, `${resident} KiB`);
  const stripped = path.join(temporaryFolder('stripped'), 'sojournd');
  execFileSync('strip', ['-o', stripped, binary]);
  assert.ok(fs.statSync(stripped).size <= 512 * 1024, `${fs.statSync(stripped).size} bytes`);
});
