// The sojourn command: every verb with every option, for people and for
// machines; what it exits with, where it finds server and key, what it never says.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { freePort, start, temporaryFolder } from '../kit/processes.mjs';
import { cli, configFile, startSojournd } from '../kit/sojournd.mjs';

let daemon;
const issued = []; // credentials and the key: printed where that is asked for, and nowhere else

before(async () => {
  daemon = await startSojournd();
  issued.push(daemon.key);
});
after(() => daemon.stop());

// Runs it to its end: { code, out, err }. Server and key come from the environment unless `env` says otherwise.
async function sojourn(args, { env = {}, under = [], bare = false } = {}) {
  const [command, ...rest] = [...under, cli, ...args];
  const known = bare ? {} : { SOJOURN_SERVER: daemon.url, SOJOURN__STATE: daemon.state };
  const program = start(command, rest, { env: { ...known, ...env } });
  const { code } = await program.exited;
  const printed = { code, out: program.stdout(), err: program.stderr() };
  const secrets = args[0] === 'create' ? [daemon.key] : issued;
  for (const secret of secrets) assert.ok(!(printed.out + printed.err).includes(secret), `${args}: a secret is printed`);
  return printed;
}

async function good(args, options) {
  const printed = await sojourn(args, options);
  assert.deepEqual([printed.code, printed.err], [0, ''], `${args}: ${printed.err}`);
  return printed.out;
}

async function wrong(args, code, pattern, options) {
  const printed = await sojourn(args, options);
  assert.equal(printed.code, code, `${args}: ${printed.out}${printed.err}`);
  assert.equal(printed.out, '', `${args} prints nothing`);
  assert.match(printed.err, pattern);
  assert.match(printed.err, /^sojourn: /);
  assert.equal(printed.err.trimEnd().split('\n').length, 1, 'one line');
}

const row = (text, name) => new RegExp(`^${name} +(.*)$`, 'm').exec(text)?.[1];

async function created(...args) {
  const made = JSON.parse(await good(['create', '--json', ...args]));
  issued.push(made.credential);
  return made;
}

test('create: every option, in both forms', async () => {
  const text = await good(['create', '--subject', 'ada', '--attributes', '{"cart":[1,2.50],"a":"ü"}', '--device', 'phone', '--auth-level=2', '--idle', '10m', '--absolute', '2h']);
  issued.push(row(text, 'credential'));
  assert.equal(row(text, 'subject'), 'ada');
  assert.equal(row(text, 'version'), '1');
  assert.equal(row(text, 'device'), 'phone');
  assert.equal(row(text, 'auth_level'), '2');
  assert.equal(row(text, 'attributes'), '{"cart":[1,2.50],"a":"ü"}');
  const read = await daemon.call('GET', '/v1/session', { credential: row(text, 'credential') });
  assert.deepEqual(read.json.attributes, { cart: [1, 2.5], a: 'ü' });
  assert.equal(read.json.id, row(text, 'id'));
  const minutes = (Date.parse(row(text, 'expires')) - Date.parse(row(text, 'created'))) / 60000;
  assert.ok(minutes >= 10 && minutes <= 11.1, `${minutes}`);
  const made = await created();
  assert.equal(made.session.subject, undefined, 'anonymous');
  assert.match(made.credential, /^[A-Za-z0-9_-]{60,}$/);
});

test('create: what is wrong is named before anything is asked, or as the server says it', async () => {
  await wrong(['create', '--attributes', '{'], 2, /--attributes: /);
  await wrong(['create', '--attributes', '[1]'], 2, /--attributes: must be a JSON object/);
  await wrong(['create', '--attributes', '{},"subject":"eve"'], 2, /--attributes: /);
  await wrong(['create', '--attributes', '{"a":1,"a":2}'], 2, /--attributes: /);
  await wrong(['create', '--auth-level', '256'], 2, /--auth-level: must be 0 to 255/);
  await wrong(['create', '--auth-level', '1,"subject":"eve"'], 2, /--auth-level: must be 0 to 255/);
  await wrong(['create', '--idle', 'soon'], 1, /400 bad_request: .*idle/);
  await wrong(['create', '--subject', 'a\nb'], 1, /400 bad_request: .*subject/);
  await wrong(['create', 'ada'], 2, /'ada' is one argument too many/);
  await wrong(['create', '--subject'], 2, /'--subject' needs a value/);
  await wrong(['create', '--subjet', 'ada'], 2, /'--subjet' is no option of this verb/);
  await wrong(['create', '--json=yes'], 2, /'--json=yes' takes no value/);
});

test('get: metadata by the sid, never the attributes', async () => {
  const { session } = await created('--subject', 'grace', '--attributes', '{"secret":"s3cr3t"}');
  const text = await good(['get', session.id]);
  assert.deepEqual([row(text, 'id'), row(text, 'subject'), row(text, 'version')], [session.id, 'grace', '1']);
  assert.ok(!text.includes('s3cr3t'));
  const json = JSON.parse(await good(['get', session.id, '--json']));
  assert.equal(json.id, session.id);
  assert.equal(json.attributes, undefined);
  await wrong(['get', 'A'.repeat(22)], 1, /404 not_found/);
  await wrong(['get', 'not a sid/../x'], 1, /40[04] (bad_request|not_found)/);
  await wrong(['get'], 2, /get: one SID is needed; 'sojourn help get' says more/);
  await wrong(['get', 'a', 'b'], 2, /'b' is one argument too many/);
});

test('list: oldest first, every page, names that would play with the terminal', async () => {
  const subject = 'list/ä %?#';
  const made = [];
  for (let i = 0; i < 103; i++) {
    const answer = await daemon.call('POST', '/v1/sessions', { body: { subject, device: i === 0 ? 'one' : undefined } });
    assert.equal(answer.status, 201);
    made.push(answer.json.session.id);
  }
  const text = await good(['list', subject]);
  const rows = text.trimEnd().split('\n');
  assert.match(rows[0], /^ID +CREATED +LAST SEEN +EXPIRES +DEVICE$/);
  assert.deepEqual(rows.slice(1).map((line) => line.slice(0, 22)).sort(), made.toSorted ? made.toSorted() : [...made].sort());
  assert.match(rows.find((line) => line.startsWith(made[0])), / one$/);
  const json = JSON.parse(await good(['list', '--json', subject]));
  assert.equal(json.length, 103);
  assert.deepEqual([...json].sort((a, b) => a.created.localeCompare(b.created)).map((one) => one.created), json.map((one) => one.created));
  assert.equal(await good(['list', 'nobody']), 'no session\n');
  assert.deepEqual(JSON.parse(await good(['list', 'nobody', '--json'])), []);
  await wrong(['list'], 2, /list: one SUBJECT is needed/);
});

test('what another server says does not play with the terminal', async (t) => {
  const evil = http.createServer((_, response) => response.end(JSON.stringify({
    sessions: [{ id: 'A\u001b[31mB', device: 'x\u009b2J\u0007\r\ny' }], next: undefined })));
  await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve));
  t.after(() => evil.close());
  const text = await good(['list', 'x', '--server', `http://127.0.0.1:${evil.address().port}`]);
  assert.match(text, /^A\?\[31mB .* x\?2J\?\?\?y$/m);
});

test('end: one, all of a subject, all but one', async () => {
  const sessions = [];
  for (let i = 0; i < 4; i++) sessions.push((await created('--subject', 'eve', '--device', `d${i}`)).session.id);
  assert.equal(await good(['end', sessions[0]]), 'ended\n');
  await wrong(['get', sessions[0]], 1, /404/);
  await wrong(['end', sessions[0]], 1, /404 not_found/);
  assert.match(await good(['end', '--subject', 'eve', '--except', sessions[2]]), /^ended +2\n$/);
  assert.deepEqual(JSON.parse(await good(['list', 'eve', '--json'])).map((one) => one.id), [sessions[2]]);
  assert.deepEqual(JSON.parse(await good(['end', '--json', sessions[2]])), { ended: 1 });
  await created('--subject', 'eve');
  assert.deepEqual(JSON.parse(await good(['end', '--subject=eve', '--json'])), { ended: 1 });
  assert.equal(await good(['list', 'eve']), 'no session\n');
  await wrong(['end'], 2, /either a SID or --subject is needed/);
  await wrong(['end', 'A'.repeat(22), '--subject', 'eve'], 2, /either a SID or --subject is needed/);
  await wrong(['end', 'A'.repeat(22), '--except', 'B'.repeat(22)], 2, /--except goes with --subject/);
  await wrong(['end', '--subject', 'eve', '--except', 'no sid'], 1, /400 bad_request/);
});

test('a value that looks like an option', async () => {
  await created('--subject=--ada');
  assert.match(await good(['list', '--', '--ada']), /^ID /);
});

test('status: ready, with figures; without a key; not ready; nobody', async (t) => {
  const text = await good(['status']);
  assert.deepEqual([row(text, 'server'), row(text, 'healthy'), row(text, 'ready'), row(text, 'store')], [daemon.url, 'yes', 'yes', 'reachable, writable']);
  assert.match(row(text, 'memory'), /^\d+\.\d MiB$/);
  const json = JSON.parse(await good(['status', '--json']));
  assert.deepEqual([json.healthy, json.ready, json.store.reachable, json.store.writable], [true, true, true, true]);
  const earlier = json.requests;
  for (let i = 0; i < 7; i++) await daemon.call('GET', '/healthz');
  const grown = JSON.parse(await good(['status', '--json'])).requests - earlier;
  assert.equal(grown, 7 + 3, 'seven, and the three of a status itself');
  const keyless = await good(['status', '--key-file', '/nowhere']);
  assert.match(keyless, /no figures: \/metrics needs an API key with the role metrics/);

  const stuck = await startSojournd({ t, ready: false, env: { SOJOURN__STORE: 'fault+memory:?fault.refuse=1000', SOJOURN__ACCEPT_LOSS: 'true' } });
  for (;;) {
    const printed = await sojourn(['status', '--server', stuck.url], { env: { SOJOURN__STATE: stuck.state } });
    if (printed.code === 3) continue; // not listening yet
    assert.equal(printed.code, 1);
    assert.equal(row(printed.out, 'ready'), 'no');
    assert.equal(row(printed.out, 'healthy'), 'yes');
    break;
  }
});

test('refused, misused and unreachable are told apart', async (t) => {
  const port = await freePort();
  for (const verb of [['status'], ['get', 'A'.repeat(22)], ['list', 'ada'], ['create'], ['end', '--subject', 'ada']]) {
    await wrong([...verb, '--server', `http://127.0.0.1:${port}`], 3, /cannot reach 127\.0\.0\.1 port \d+: Connection refused/);
    await wrong([...verb, '--json', '--server', `http://127.0.0.1:${port}`], 3, /Connection refused/);
    await wrong([...verb, '--server', 'unix:/nowhere.sock'], 3, /cannot reach \/nowhere\.sock: No such file/);
    await wrong([...verb, '--server', 'https://127.0.0.1'], 2, /TLS is not supported here/);
    await wrong([...verb, '--server', 'localhost:7373'], 2, /is no server; allowed: http:\/\/HOST:PORT or unix:PATH/);
  }
  const mute = net.createServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
  await new Promise((resolve) => mute.listen(0, '127.0.0.1', resolve));
  t.after(() => mute.close());
  await wrong(['list', 'ada', '--server', `http://127.0.0.1:${mute.address().port}`], 3, /the answer is not HTTP: is that sojournd\?/);

  const folder = temporaryFolder('key');
  const key = path.join(folder, 'key');
  fs.writeFileSync(key, 'this-is-no-valid-key-0123', { mode: 0o600 });
  await wrong(['list', 'ada', '--key-file', key], 1, /403 forbidden/);
  fs.chmodSync(key, 0o644);
  await wrong(['list', 'ada', '--key-file', key], 2, /has mode 0644; it must be 0600/);
  await wrong(['list', 'ada', '--key-file', path.join(folder, 'none')], 2, /cannot read '.*none': No such file/);
  fs.writeFileSync(key, 'two words and more of them');
  fs.chmodSync(key, 0o600);
  await wrong(['list', 'ada', '--key-file', key], 2, /not a key by itself/);
});

test('server and key: options win over the environment, that over the state folder', async (t) => {
  const socketPath = path.join(temporaryFolder('sockets'), 's.sock');
  const other = await startSojournd({ t, config: `listeners: [{address: "127.0.0.1:$PORT"}, {address: "unix:${socketPath}"}]\n` });
  const keyFile = path.join(other.state, 'api-key');
  issued.push(other.key);
  await other.call('POST', '/v1/sessions', { body: { subject: 'over-there' } });
  const there = (text) => assert.match(text, /^ID /);
  there(await good(['list', 'over-there'], { bare: true, env: { SOJOURN_SERVER: other.url, SOJOURN__STATE: other.state } }));
  there(await good(['list', 'over-there'], { env: { SOJOURN_SERVER: other.url, SOJOURN_KEY_FILE: keyFile } }));
  there(await good(['list', 'over-there', '--server', other.url, '--key-file', keyFile], { env: { SOJOURN_KEY_FILE: '/nowhere', SOJOURN_SERVER: 'http://127.0.0.1:1' } }));
  there(await good(['list', 'over-there', `--server=unix:${socketPath}`, `--key-file=${keyFile}`]));
  there(await good(['list', 'over-there', `--server=${other.url}/`, `--key-file=${keyFile}`]));
  await wrong(['list', 'over-there', '--server', other.url], 1, /403 forbidden/);
});

test('keys: the keyring, without its secrets', async () => {
  const file = path.join(daemon.state, 'keyring');
  const secret = /secret=(\S+)/.exec(fs.readFileSync(file, 'utf8'))[1];
  for (const args of [['keys'], ['keys', '--file', file]]) {
    const text = await good(args);
    assert.match(text, /^KID  STATE      ACTIVATES                 FINGERPRINT\n1    active     \S+Z  [0-9a-f]{16}\n$/);
    assert.ok(!text.includes(secret));
  }
  const [key] = JSON.parse(await good(['keys', '--json']));
  assert.deepEqual([key.kid, key.state], [1, 'active']);
  const three = path.join(temporaryFolder('keyring'), 'keyring');
  const line = (kid, state, activates) => `kid=${kid} state=${state} activates=${activates} secret=${Buffer.alloc(32, kid).toString('base64url')}\n`;
  fs.writeFileSync(three, `sojourn-keyring 1\n${line(3, 'published', '2999-01-01T00:00:00.000Z')}${line(1, 'retired', '2020-01-01T00:00:00.000Z')}${line(2, 'published', '2021-01-01T00:00:00.000Z')}`, { mode: 0o600 });
  assert.deepEqual(JSON.parse(await good(['keys', '--json', '--file', three])).map((one) => `${one.kid} ${one.state}`), ['1 retired', '2 active', '3 published']);
  await wrong(['keys', '--file', '/nowhere'], 1, /keys: cannot read '\/nowhere'/);
  fs.chmodSync(three, 0o640);
  await wrong(['keys', '--file', three], 1, /must be 0600/);
  fs.writeFileSync(three, 'nonsense\n');
  fs.chmodSync(three, 0o600);
  await wrong(['keys', '--file', three], 1, /line 1: 'sojourn-keyring 1' is expected first/);
  await wrong(['keys', 'rotate'], 2, /'rotate' is one argument too many/);
});

test('config: check and show, as the daemon would', async () => {
  const file = configFile('session:\n  idle: 20m\n');
  assert.equal(await good(['config', 'check', file]), `${file}: good\n`);
  assert.equal(await good(['config', 'check']), 'the environment: good\n');
  assert.match(await good(['config', 'show', file]), new RegExp(`^  idle: "20m"  # ${file}:2$`, 'm'));
  assert.equal(JSON.parse(await good(['config', 'show', '--json', file]))['session.idle'].value, '20m');
  assert.equal(JSON.parse(await good(['config', 'show', '--json']))['session.idle'].value, '30m');
  const bad = configFile('session:\n  idel: 20m\n');
  const refused = await sojourn(['config', 'check', bad]);
  assert.deepEqual([refused.code, refused.out], [1, '']);
  assert.match(refused.err, /:2: unknown key 'session\.idel'; did you mean 'idle'\?/);
  for (const args of [['config'], ['config', 'edit'], ['config', 'check', 'a', 'b']]) {
    const misused = await sojourn(args);
    assert.equal(misused.code, 2, `${args}`);
  }
});

test('help, version, and verbs that are none', async () => {
  const usage = await good(['help']);
  for (const verb of ['status', 'create', 'get', 'list', 'end', 'keys', 'config']) {
    assert.match(usage, new RegExp(`^  ${verb} `, 'm'));
    const help = await good(['help', verb]);
    assert.match(help, new RegExp(`^usage: sojourn ${verb}`));
    assert.equal(await good([verb, '--help']), help);
  }
  assert.equal(await good(['--help']), usage);
  assert.match(await good(['--version']), /^sojourn \d+\.\d+\.\d+\n$/);
  await wrong(['destroy'], 2, /no verb is called 'destroy'; 'sojourn help' lists them/);
  await wrong(['help', 'destroy'], 2, /no verb is called 'destroy'/);
  const none = await sojourn([]);
  assert.equal(none.code, 2);
  assert.match(none.err, /^usage: sojourn VERB/);
});

test('output that goes nowhere is an error', async () => {
  for (const args of [['help'], ['status'], ['keys'], ['list', 'nobody'], ['--version']]) {
    const full = await sojourn(args, { under: ['sh', '-c', 'exec "$0" "$@" >/dev/full'] });
    assert.notEqual(full.code, 0, args[0]);
    assert.match(full.err, /cannot print/);
  }
});
