// The state folder and the secrets in it: made at the first start, used by the
// next, and refused when they are not what they should be.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../kit/processes.mjs';
import { binary, logOf, obeyingModes, runSojournd, startSojournd } from '../kit/sojournd.mjs';

const modeOf = (file) => fs.statSync(file).mode & 0o777;
const inState = (state, ...names) => path.join(state, ...names);

// A state folder as a first start leaves it, with one session.
async function usedState(t) {
  const state = path.join(temporaryFolder('state'), 'made', 'by-us');
  const daemon = await startSojournd({ t, state });
  const answer = await daemon.call('POST', '/v1/sessions', { body: { subject: 'ada' } });
  assert.equal(answer.status, 201);
  assert.equal((await daemon.stop()).code, 0);
  return { state, daemon, key: daemon.key, credential: answer.json.credential };
}

// Starts on `state`, which must be refused with one line that matches.
async function refused(state, pattern, options = {}) {
  const ended = await runSojournd([], { ...options, env: { SOJOURN__STATE: state, SOJOURN__LISTENERS: '[{"address":"127.0.0.1:0"}]', ...options.env } });
  assert.equal(ended.code, 1, ended.stderr());
  const last = ended.log().at(-1);
  assert.equal(last.message, 'cannot start');
  assert.match(last.reason, pattern);
  return last;
}

test('the first start makes what is missing, for its user alone, and says where', async (t) => {
  const { state, daemon } = await usedState(t);
  assert.equal(modeOf(state), 0o700);
  assert.equal(modeOf(inState(state, 'keyring')), 0o600);
  assert.equal(modeOf(inState(state, 'api-key')), 0o600);
  assert.equal(modeOf(inState(state, 'store')), 0o700);
  for (const name of fs.readdirSync(inState(state, 'store'))) assert.equal(modeOf(inState(state, 'store', name)), 0o600, name);
  assert.deepEqual(fs.readdirSync(state).sort(), ['api-key', 'keyring', 'store']);
  const [keyring, key, ready] = logOf(daemon.stderr());
  assert.deepEqual([keyring.message, keyring.file], ['made a keyring', inState(state, 'keyring')]);
  assert.deepEqual([key.message, key.file], ['made an API key with every role', inState(state, 'api-key')]);
  assert.deepEqual([ready.message, ready.state, ready.addresses], ['ready', state, `127.0.0.1:${daemon.port}`]);
  assert.match(fs.readFileSync(inState(state, 'api-key'), 'utf8'), /^sojourn_[A-Za-z0-9_-]{43}\n?$/);
});

test('an odd umask does not open or close anything', async (t) => {
  for (const mask of ['000', '777']) {
    const state = path.join(temporaryFolder('state'), 'new');
    const daemon = await startSojournd({ t, state, under: ['sh', '-c', `umask ${mask}; exec "$0" "$@"`] });
    assert.equal(modeOf(state), 0o700, mask);
    assert.equal(modeOf(inState(state, 'keyring')), 0o600, mask);
    assert.equal(modeOf(inState(state, 'store', 'data.mdb')), 0o600, mask);
    assert.equal((await daemon.stop()).code, 0);
  }
});

test('the second start makes nothing, and its sessions are there', async (t) => {
  const { state, key, credential } = await usedState(t);
  const before = ['keyring', 'api-key'].map((name) => fs.readFileSync(inState(state, name), 'utf8'));
  const daemon = await startSojournd({ t, state });
  assert.equal(daemon.key, key);
  assert.equal((await daemon.call('GET', '/v1/session', { credential })).json.subject, 'ada');
  assert.deepEqual(logOf(daemon.stderr()).map((line) => line.message).filter((text) => text.startsWith('made')), []);
  assert.deepEqual(['keyring', 'api-key'].map((name) => fs.readFileSync(inState(state, name), 'utf8')), before);
});

test('a key may be written by hand, with its newline', async (t) => {
  const state = temporaryFolder('state');
  fs.writeFileSync(inState(state, 'api-key'), 'a-key-of-our-own-choice\n', { mode: 0o600 });
  const daemon = await startSojournd({ t, state });
  assert.equal((await daemon.call('POST', '/v1/sessions', { body: {}, key: 'a-key-of-our-own-choice' })).status, 201);
  assert.equal((await daemon.call('POST', '/v1/sessions', { body: {}, key: 'a-key-of-our-own-choicE' })).status, 403);
});

test('where the state folder is', () => {
  const shown = (env, under = []) => {
    const [command, ...rest] = [...under, binary, '--show-config', '--json'];
    return JSON.parse(execFileSync(command, rest, { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' }));
  };
  const home = { HOME: '/home/somebody' };
  const anybody = process.getuid() !== 0 ? []
    : spawnSync('unshare', ['-U', 'true']).status === 0 ? ['unshare', '-U'] : ['setpriv', '--reuid=65534', '--clear-groups'];
  assert.equal(shown(home, anybody).state.value, '/home/somebody/.local/state/sojourn');
  assert.equal(shown({ ...home, XDG_STATE_HOME: '/srv/state' }, anybody).state.value, '/srv/state/sojourn');
  assert.equal(shown({ ...home, XDG_STATE_HOME: 'relative' }, anybody).state.value, '/home/somebody/.local/state/sojourn');
  if (process.getuid() === 0) assert.equal(shown({ ...home, XDG_STATE_HOME: '/srv/state' }).state.value, '/var/lib/sojourn');
  const named = shown({ ...home, SOJOURN__STATE: '/srv/sojourn' }, anybody);
  assert.deepEqual(named.state, { value: '/srv/sojourn', source: 'SOJOURN__STATE' });
  assert.equal(named.store.value, 'lmdb:/srv/sojourn/store');
  assert.equal(named['keyring.file'].value, '/srv/sojourn/keyring');
  assert.deepEqual(named.api_keys.value, ['/srv/sojourn/api-key']);
});

test('secrets that others may read or write stop the start', async (t) => {
  const { state } = await usedState(t);
  for (const name of ['keyring', 'api-key']) {
    for (const mode of [0o640, 0o604, 0o620, 0o601]) {
      fs.chmodSync(inState(state, name), mode);
      const last = await refused(state, new RegExp(`${name}' has mode ${mode.toString(8).padStart(4, '0')}; it must be 0600`));
      assert.equal(last.code, 'permission');
    }
    fs.chmodSync(inState(state, name), 0o600);
  }
  assert.equal((await (await startSojournd({ t, state })).stop()).code, 0, 'put right, it starts');
});

test('a state folder in which others may write stops the start, before anything is made in it', async (t) => {
  const folder = temporaryFolder('state');
  for (const mode of [0o770, 0o707, 0o1777]) {
    fs.chmodSync(folder, mode);
    const last = await refused(folder, new RegExp(`has mode ${mode.toString(8).padStart(4, '0')}; nobody but its owner may write in it`));
    assert.equal(last.code, 'permission');
    assert.deepEqual(fs.readdirSync(folder), []);
  }
  if (process.getuid() === 0) {
    fs.chmodSync(folder, 0o700);
    fs.chownSync(folder, 65534, 65534);
    await refused(folder, /belongs to user 65534; it must belong to user 0 or root/);
    fs.chownSync(folder, 0, 0);
  }
  fs.chmodSync(folder, 0o755);
  assert.equal((await (await startSojournd({ t, state: folder })).stop()).code, 0, 'others may look');
});

test('secrets that cannot be read, and what is no file', async (t) => {
  const { state } = await usedState(t);
  for (const name of ['keyring', 'api-key']) {
    const file = inState(state, name);
    fs.chmodSync(file, 0);
    await refused(state, new RegExp(`cannot read '.*${name}': Permission denied`), { under: obeyingModes });
    fs.chmodSync(file, 0o600);
    fs.renameSync(file, `${file}.kept`);
    fs.mkdirSync(file);
    await refused(state, new RegExp(`${name}' is not a regular file`));
    fs.rmdirSync(file);
    execFileSync('mkfifo', ['-m', '600', file]);
    await refused(state, new RegExp(`${name}' is not a regular file`));
    fs.unlinkSync(file);
    fs.renameSync(`${file}.kept`, file);
  }
});

test('a damaged keyring: the line, what is expected, and none of its secret', async (t) => {
  const { state } = await usedState(t);
  const file = inState(state, 'keyring');
  const whole = fs.readFileSync(file, 'utf8');
  const secret = /secret=(\S+)/.exec(whole)[1];
  const damages = [
    ['', /line 1/], ['\0'.repeat(64), /line 1/], [whole.replace('sojourn-keyring 1', 'sojourn-keyring 2'), /line 1: 'sojourn-keyring 1' is expected/],
    [whole.slice(0, -10), /line 2: secret=/], [whole.replace('kid=1', 'kid=0'), /line 2: kid=1 to 255/],
    [whole.replace('kid=1', 'kid=256'), /line 2: kid=/], [whole.replace('published', 'active'), /line 2: state=/],
    [whole.replace(/activates=\S+/, 'activates=yesterday'), /line 2: activates=/], [`${whole}${whole.split('\n')[1]}\n`, /1/],
    [whole.replace('published', 'retired'), /retired|no key/], ['x'.repeat(70000), /larger than/],
  ];
  for (const [text, pattern] of damages) {
    fs.writeFileSync(file, text);
    const last = await refused(state, pattern);
    assert.ok(last.reason.includes(file), `${last.reason} names the file`);
    assert.ok(!JSON.stringify(last).includes(secret.slice(0, 12)), 'the secret stays secret');
  }
  fs.writeFileSync(file, whole);
  assert.equal((await (await startSojournd({ t, state })).stop()).code, 0, 'put right, it starts');
});

test('any byte of the keyring flipped: refused', async (t) => {
  const { state } = await usedState(t);
  const whole = fs.readFileSync(inState(state, 'keyring'));
  const secretAt = whole.indexOf('secret=') + 'secret='.length;
  for (let at = 0; at < whole.length; at += 2) {
    if (/[TZ]/.test(String.fromCharCode(whole[at])) && at < secretAt) continue; // RFC 3339 5.6: small ones mean the same
    const bytes = Buffer.from(whole);
    bytes[at] ^= at < secretAt ? 0x20 : 1; // in the secret, mostly another valid one: the store knows
    fs.writeFileSync(inState(state, 'keyring'), bytes);
    await refused(state, /keyring/);
  }
});

test('a lost keyring: the store refuses the new one, which does not stay', async (t) => {
  const { state } = await usedState(t);
  const file = inState(state, 'keyring');
  const kept = fs.readFileSync(file);
  fs.unlinkSync(file);
  const last = await refused(state, /made with another keyring/);
  assert.equal(last.code, 'mismatch');
  assert.ok(!fs.existsSync(file), 'nobody takes the new one for the lost one');
  fs.writeFileSync(file, kept, { mode: 0o600 });
  assert.equal((await (await startSojournd({ t, state })).stop()).code, 0, 'restored, it starts');
});

test('the keyring of another store, and another realm, are refused and change nothing', async (t) => {
  const one = await usedState(t);
  const two = await usedState(t);
  const before = fs.readFileSync(inState(one.state, 'store', 'data.mdb'));
  await refused(one.state, /another keyring/, { env: { SOJOURN__KEYRING__FILE: inState(two.state, 'keyring') } });
  assert.ok(fs.existsSync(inState(two.state, 'keyring')), 'a keyring that was there stays');
  await refused(one.state, /of realm 'default', not 'other'/, { env: { SOJOURN__REALM: 'other' } });
  assert.ok(fs.readFileSync(inState(one.state, 'store', 'data.mdb')).equals(before));
});

test('API key files: wrong lines are named, their content is not', async (t) => {
  const { state } = await usedState(t);
  const file = inState(state, 'api-key');
  for (const [text, pattern] of [
    ['', /there is no key/], ['short\n', /:1: neither a key by itself/], ['two words here are no key at all\n', /:1: neither/],
    [`sha256:${'0'.repeat(64)}\n`, /:1: the key has no roles=/], [`# x\nsha256:${'0'.repeat(63)} roles=app\n`, /:2: the hash must be/],
    [`sha256:${'0'.repeat(64)} roles=app,root\n`, /:1: after the hash come roles=.*app, check, admin, oauth, metrics/],
    [`sha256:${'0'.repeat(64)} roles=app\nsha256:${'0'.repeat(64)} roles=check\n`, /:2: this key is listed before/],
    ['x'.repeat(300 * 1024), /larger than/],
  ]) {
    fs.writeFileSync(file, text);
    const last = await refused(state, pattern);
    assert.ok(!last.reason.includes('two words'), 'a key may be what stands there');
  }
  await refused(state, /'\/nowhere\/keys': No such file/, { env: { SOJOURN__API_KEYS: '["/nowhere/keys"]' } });
});

test('a second daemon on the same store is refused, and the first does not notice', async (t) => {
  const { state, credential } = await usedState(t);
  const first = await startSojournd({ t, state });
  const last = await refused(state, /store: another process has this store open/);
  assert.equal(last.code, 'busy');
  assert.equal((await first.call('GET', '/v1/session', { credential })).status, 200);
});

test('a state folder that nothing can be written into', async (t) => {
  const folder = temporaryFolder('state');
  fs.chmodSync(folder, 0o500);
  await refused(folder, /cannot .*'.*keyring.*': Permission denied/, { under: obeyingModes });
  await refused(path.join(folder, 'below'), /cannot make .*below.*Permission denied/, { under: obeyingModes });
  const { state } = await usedState(t);
  fs.writeFileSync(path.join(folder + '-file'), '');
  await refused(folder + '-file', /file/, {});
  fs.chmodSync(inState(state, 'store'), 0o500);
  fs.chmodSync(inState(state, 'store', 'data.mdb'), 0o400);
  await refused(state, /store.*Permission denied/, { under: obeyingModes });
});

test('memory: forgets, which has to be accepted', async (t) => {
  const ended = await runSojournd([], { env: { SOJOURN__STORE: 'memory:' } });
  assert.equal(ended.code, 1);
  assert.match(ended.stderr(), /SOJOURN__STORE: store: memory: forgets every session with the process; set accept_loss: true if that is meant/);
  const daemon = await startSojournd({ t, env: { SOJOURN__STORE: 'memory:', SOJOURN__ACCEPT_LOSS: 'true' } });
  assert.equal((await daemon.call('POST', '/v1/sessions', { body: {} })).status, 201);
  assert.deepEqual(fs.readdirSync(daemon.state).sort(), ['api-key', 'keyring']);
  const wrapped = await runSojournd([], { env: { SOJOURN__STORE: 'trace+memory:' } });
  assert.equal(wrapped.code, 1, wrapped.stderr());
  assert.match(wrapped.stderr(), /accept_loss/);
});

test('a shared store needs a keyring that is there; an unknown store is named', async (t) => {
  const redis = { env: { SOJOURN__STORE: 'redis://somewhere' } };
  const empty = temporaryFolder('state');
  await refused(empty, /there is no keyring; with a shared store every daemon needs the same one/, redis);
  assert.ok(!fs.existsSync(inState(empty, 'keyring')));
  const { state } = await usedState(t);
  await refused(state, /this build has no store 'redis'; it has memory: lmdb:/, redis);
  await refused(state, /lmdb: there is no parameter 'size'; allowed: /, { env: { SOJOURN__STORE: `lmdb:${state}/store?size=1` } });
});
