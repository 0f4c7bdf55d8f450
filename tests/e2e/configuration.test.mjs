// A wrong configuration is refused before anything starts or is made, and the
// message names the place, what was wrong and what is allowed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../kit/processes.mjs';
import { binary, configFile, logOf, obeyingModes, runSojournd, startSojournd } from '../kit/sojournd.mjs';

// [what the file says, what the daemon says: after "sojournd: FILE:"]
const wrong = [
  ['sesion:\n  idle: 20m\n', /^1: unknown key 'sesion'; did you mean 'session'\?$/],
  ['session:\n  idel: 20m\n', /^2: unknown key 'session\.idel'; did you mean 'idle'\?$/],
  ['session.idle: 20m\n', /^1: unknown key 'session\.idle'; write 'session:' and, indented under it, 'idle:'$/],
  ['zzzzzzzzzz: 1\n', /^1: unknown key 'zzzzzzzzzz'; sojournd --help-config lists all$/],
  ['\n\nsession:\n  idle: 0s\n', /^4: session\.idle: '0s' is not allowed; allowed: a duration, 1s to 400d$/],
  ['session:\n  idle: 401d\n', /^2: session\.idle: '401d' is not allowed; allowed: a duration, 1s to 400d$/],
  ['session:\n  idle: 20\n', /^2: session\.idle: '20' is not allowed; allowed: a duration/],
  ['session:\n  idle: -5m\n', /^2: session\.idle: '-5m' is not allowed/],
  ['session:\n  idle: [20m]\n', /^2: session\.idle: is a list; allowed: a duration/],
  ['session:\n  idle: {a: 1}\n', /^2: session\.idle: is a map; allowed: a duration/],
  ['session:\n  idle:\n', /^2: session\.idle: has no value; allowed: a duration/],
  ['session: 5\n', /^1: session: is not a map of settings$/],
  ['session:\n  idle: 13h\n', /^2: session\.idle: session\.idle must not be longer than session\.absolute$/],
  ['workers: 257\n', /^1: workers: '257' is not allowed; allowed: a whole number, 0 to 256$/],
  ['workers: 99999999999999999999\n', /^1: workers: '99999999999999999999' is not allowed/],
  ['workers: 0x10\n', /^1: workers: '0x10' is not allowed/],
  ['accept_loss: yes\n', /^1: accept_loss: 'yes' is not allowed; allowed: true or false$/],
  ['log:\n  level: loud\n', /^2: log\.level: 'loud' is not allowed; allowed: one of debug, info, warning, error$/],
  ['http:\n  body_max: 1GiB\n', /^2: http\.body_max: '1GiB' is not allowed; allowed: a size in bytes, 1KiB to 16MiB$/],
  ['realm: "a b"\n', /^1: realm: is malformed; allowed: 1 to 64 of A-Z a-z 0-9 \. _ -$/],
  ['realm: ""\n', /^1: realm: is empty/],
  ['cookie:\n  name: "a=b"\n', /^2: cookie\.name: is malformed; allowed: up to 64 characters/],
  ['cookie:\n  domain: .example.org\n', /^2: cookie\.domain: is malformed; allowed: a domain name such as example\.org$/],
  ['cookie:\n  name: __Host-x\n  domain: example.org\n', /^2: cookie\.name: browsers refuse a __Host- cookie with a domain; use __Secure-$/],
  ['listeners: 7373\n', /^1: listeners: is not a list; allowed: a list of 1 to 16 maps, each with an address$/],
  ['listeners: []\n', /^1: listeners: is empty/],
  ['listeners:\n  - address: localhost:7373\n', /^1: listeners: .*localhost/],
  ['listeners:\n  - address: 127.0.0.1:7373\n    roles: [app, root]\n', /^3: listeners\.roles: 'root' is not allowed; allowed: a list of one or more of app, check, admin, oauth, metrics$/],
  ['listeners:\n  - address: 127.0.0.1:7373\n    role: [app]\n', /^3: listeners: unknown key 'role'; did you mean 'roles'\?$/],
  ['listeners:\n  - roles: [app]\n', /^2: listeners: an element has no address/],
  ['listeners:\n  - address: 127.0.0.1:7373\n    mode: 0600\n', /^1: listeners: 127\.0\.0\.1:7373: mode and uids are for Unix sockets$/],
  ['listeners:\n  - address: unix:/run/x\n    mode: 0888\n', /^3: listeners\.mode: '0888' is not allowed; allowed: an octal mode, 0600 to 0777$/],
  ['listeners:\n  - address: 127.0.0.1:7373\n  - address: 127.0.0.1:7373\n', /^1: listeners: 127\.0\.0\.1:7373 is listed twice$/],
  ['workers: 1\nrealm: a\nworkers: 2\n', /^3: 'workers' is set twice \(first in line 1\)$/],
  ['a: &x 1\n', /^1: anchors/], ['a: *x\n', /^1: /], ['a: !!str 1\n', /^1: tags/],
  ['workers: 1\n---\nworkers: 2\n', /^2: a second document/],
  ['workers: [1\n', /^\d+: not YAML: /], ['\tworkers: 1\n', /^1: not YAML: /], ['workers: "1\n', /^\d+: not YAML: /],
  ['- workers\n', /^1: the document must be a map of settings/],
  ['realm: "\\u0007"\n', /^1: realm: is not UTF-8 without control characters/],
  [Buffer.from('realm: a\nstate: \xff\n', 'latin1'), /^2: not YAML in UTF-8: /],
  [`check:\n  attributes: [${Array(33).fill('a').join(', ')}]\n`, /^2: check\.attributes: has too many elements; allowed: a list of 0 to 32 elements/],
];

test('wrong files: file, line, what is allowed', async () => {
  const state = path.join(temporaryFolder('state'), 'never');
  for (const [text, pattern] of wrong) {
    const file = configFile(text);
    const ended = await runSojournd(['--config', file], { env: { SOJOURN__STATE: state } });
    const said = ended.stderr();
    assert.equal(ended.code, 1, `${text}: ${said}`);
    assert.ok(said.startsWith(`sojournd: ${file}:`), said);
    assert.match(said.slice(`sojournd: ${file}:`.length).trimEnd(), pattern, `for ${JSON.stringify(String(text))}`);
    assert.equal(said.trimEnd().split('\n').length, 1, 'one line');
    const checked = await runSojournd(['--check-config', file], { env: { SOJOURN__STATE: state } });
    assert.deepEqual([checked.code, checked.stderr()], [1, said], 'the check says the same');
  }
  assert.ok(!fs.existsSync(state), 'nothing was made');
});

test('a file that cannot be read', async () => {
  const unreadable = configFile('workers: 1\n');
  fs.chmodSync(unreadable, 0);
  const cases = [['/nowhere/sojourn.yaml', /^sojournd: cannot read '\/nowhere\/sojourn\.yaml': No such file or directory$/],
    [temporaryFolder('config'), /is not a regular file$/], [unreadable, /Permission denied$/],
    [configFile('#'.repeat(70000)), /is larger than 65536 bytes$/]];
  for (const [file, pattern] of cases) {
    const ended = await runSojournd(['--config', file], { under: obeyingModes });
    assert.equal(ended.code, 1);
    assert.match(ended.stderr().trimEnd(), pattern);
  }
});

test('wrong variables are named', async () => {
  for (const [name, value, pattern] of [
    ['SOJOURN__SESSION__IDLE', '0s', /^SOJOURN__SESSION__IDLE: session\.idle: '0s' is not allowed; allowed: a duration, 1s to 400d$/],
    ['SOJOURN__WORKERS', '', /^SOJOURN__WORKERS: workers: '' is not allowed; allowed: a whole number/],
    ['SOJOURN__CHECK__ATTRIBUTES', 'theme', /^SOJOURN__CHECK__ATTRIBUTES: check\.attributes: a list is given as JSON here: /],
    ['SOJOURN__CHECK__ATTRIBUTES', '{"a":1}', /^SOJOURN__CHECK__ATTRIBUTES: check\.attributes: is not a list/],
    ['SOJOURN__LISTENERS', '[{"address":"127.0.0.1:7373","roles":["root"]}]', /^SOJOURN__LISTENERS: listeners\.roles: 'root' is not allowed/],
    ['SOJOURN__LISTENERS', '[{"address":"127.0.0.1:7373","roles":["app"]},{"address":"nowhere"}]', /^SOJOURN__LISTENERS: listeners: .*nowhere/],
  ]) {
    const ended = await runSojournd([], { env: { [name]: value } });
    assert.equal(ended.code, 1);
    assert.match(ended.stderr().trimEnd().replace(/^sojournd: /, ''), pattern);
  }
});

test('a store\'s password is not repeated in any message', async () => {
  const file = configFile('store: "redis://user:hunter2-secret@host:6379\\u0007"\n');
  const ended = await runSojournd(['--config', file]);
  assert.equal(ended.code, 1);
  const later = await runSojournd([], { env: { SOJOURN__STORE: 'redis://user:hunter2-secret@host:6379', SOJOURN__KEYRING__FILE: '/nowhere' } });
  assert.equal(later.code, 1);
  const shown = await runSojournd(['--show-config'], { env: { SOJOURN__STORE: 'redis://user:hunter2-secret@host:6379' } });
  assert.match(shown.stdout(), /redis:\/\/user:\*\*\*@host:6379/);
  for (const one of [ended, later, shown]) assert.ok(!(one.stderr() + one.stdout()).includes('hunter2'), one.stderr());
});

test('the environment wins over the file, the file over the default; unknown variables warn', async (t) => {
  const env = { SOJOURN__SESSION__IDLE: '7m', SOJOURN__CHECK__ATTRIBUTES: '["theme","plan"]', SOJOURN__SESION__IDLE: '1m', SOJOURN__X: '\u001b[31m', SOJOURN_KEY: 'not-ours' };
  const file = configFile('session:\n  idle: 20m\n  absolute: 8h\ncheck:\n  attributes: [a]\n');
  const shown = JSON.parse(execFileSync(binary, ['--show-config', '--json', '--config', file], { env: { ...process.env, ...env }, encoding: 'utf8' }));
  assert.deepEqual(shown['session.idle'], { value: '7m', source: 'SOJOURN__SESSION__IDLE' });
  assert.deepEqual(shown['session.absolute'], { value: '8h', source: `${file}:3` });
  assert.deepEqual(shown['session.absolute_max'], { value: '30d', source: 'default' });
  assert.deepEqual(shown['check.attributes'], { value: ['theme', 'plan'], source: 'SOJOURN__CHECK__ATTRIBUTES' });

  const daemon = await startSojournd({ t, env, config: 'listeners: [{address: "127.0.0.1:$PORT"}]\nsession:\n  idle: 20m\n' });
  const answer = await daemon.call('POST', '/v1/sessions', { body: {} });
  const { session } = answer.json;
  const minutes = (Date.parse(session.expires) - Date.parse(session.created)) / 60000;
  assert.ok(minutes >= 7 && minutes < 9, `${minutes}: seven, and the lazy touch's tenth`);
  const warnings = logOf(daemon.stderr()).filter((line) => line.level === 'warning');
  assert.deepEqual(warnings.map((line) => line.warning).sort(),
    ['SOJOURN__SESION__IDLE names no setting and is ignored', 'SOJOURN__X names no setting and is ignored']);
});

test('--check-config, --show-config: good ones', async () => {
  const file = configFile('session:\n  idle: 20m\n');
  const good = await runSojournd(['--check-config', file], { env: { SOJOURN__OTHER: '1' } });
  assert.deepEqual([good.code, good.stdout()], [0, `${file}: good\n`]);
  assert.match(good.stderr(), /warning: SOJOURN__OTHER names no setting/);
  const none = await runSojournd(['--check-config']);
  assert.deepEqual([none.code, none.stdout()], [0, 'the environment: good\n']);
  const shown = await runSojournd(['--show-config', '--config', file]);
  assert.match(shown.stdout(), new RegExp(`^  idle: "20m"  # ${file}:2$`, 'm'));
  const again = configFile(shown.stdout());
  assert.equal((await runSojournd(['--check-config', again])).code, 0, 'what is shown can be read');
});

test('wrong arguments: status 2, the usage, nothing started', async () => {
  for (const [args, pattern] of [[['--confg', 'x'], /unknown argument '--confg'/], [['--config'], /'--config' needs a file/],
    [['--config', 'a', '--config', 'b'], /one file at most: 'b'/], [['x.yaml'], /unknown argument 'x\.yaml'/],
    [['--version', '--help'], /'--help' does not go with what stands before it/]]) {
    const ended = await runSojournd(args);
    assert.equal(ended.code, 2);
    assert.match(ended.stderr(), pattern);
    assert.match(ended.stderr(), /^usage: sojournd/m);
  }
  const help = await runSojournd(['--help']);
  assert.deepEqual([help.code, help.stderr()], [0, '']);
  assert.match(help.stdout(), /^usage: sojournd/);
  assert.match((await runSojournd(['--version'])).stdout(), /^sojournd \d+\.\d+\.\d+\n$/);
  assert.match((await runSojournd(['--help-config'])).stdout(), /^session\.idle\n {4}A session ends/m);
});

test('output that goes nowhere is an error', async () => {
  for (const args of [['--help'], ['--show-config'], ['--help-config'], ['--check-config']]) {
    const full = await runSojournd(args, { under: ['sh', '-c', 'exec "$0" "$@" >/dev/full'] });
    assert.equal(full.code, 1, args[0]);
    assert.match(full.stderr(), /No space left on device/);
  }
});
