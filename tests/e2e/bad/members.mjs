// Members of bodies: unknown, misspelt, of the wrong type, too large, out of
// range, and with every kind of Unicode.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectProblem } from '../../kit/api.mjs';
import { shared } from '../api/fixture.mjs';

const create = (body) => shared.api.call('POST', '/v1/sessions', { body });

async function made() {
  const { text } = await shared.api.call('GET', '/metrics');
  return Number(/sojourn_session_calls_total\{call="create",outcome="ok"\} (\d+)/.exec(text)[1]);
}

async function refuse(rows, send) {
  for (const [body, detail] of rows) {
    const reply = await send(body);
    assert.equal(reply.status, 400, `${JSON.stringify(body).slice(0, 100)}: ${reply.text}`);
    expectProblem(reply, 400, 'bad_request', detail);
  }
}

const text = /must be a string/;
const wrongTypes = (name, detail, values) => values.map((value) => [{ [name]: value }, detail]);
const notText = [null, 1, true, [], {}, ['x']];
const notLevel = [null, '1', 1.5, -1, 256, true, [1], {}];
const notTexts = [null, 'pwd', 1, {}, [1], ['pwd', null], [['pwd']]];
const notDuration = [null, 30, '', '30', '0', '0s', '-1m', '+1m', '1.5h', '1 h', 'h', '1w', '1H', '٣m', '1m30s', '99999999999999999999d', '1e3s', true, {}, []];

test('wrong types name the member and what it must be', async () => {
  const before = await made();
  await refuse([
    ...['subject', 'device', 'address', 'user_agent', 'carrier', 'client', 'scope', 'audience']
      .flatMap((name) => wrongTypes(name, new RegExp(`^"${name}" must be a string$`), notText)),
    ...wrongTypes('attributes', /^"attributes" must be an object$/, [null, 'x', 1, [], true]),
    ...wrongTypes('auth_level', /^"auth_level" must be a whole number from 0 to 255$/, notLevel),
    ...wrongTypes('amr', /^"amr" must be an array of strings$/, notTexts),
    ...['idle', 'absolute'].flatMap((name) => wrongTypes(name, new RegExp(`^"${name}" must be a duration above 0 such as "30m" \\(ms, s, m, h, d\\)$`), notDuration)),
  ], create);
  for (const level of ['1.0', '1e1', '-0', '01']) {
    expectProblem(await create(`{"auth_level":${level}}`), 400, 'bad_request', level === '01' ? /not JSON/ : /"auth_level" must be a whole number/);
  }
  assert.equal(await made(), before);
});

test('unknown and misspelt members are named, with those that are allowed', async () => {
  const before = await made();
  const allowed = /; allowed here: subject, attributes, device, address, user_agent, auth_level, amr, carrier, client, scope, audience, idle, absolute$/;
  for (const name of ['Subject', 'subject ', 'sub', 'user-agent', 'userAgent', 'attribute', '', '\u0000', 'id', 'version', 'created', 'credential', '__proto__']) {
    const reply = await create(`{${JSON.stringify(name)}:"x"}`);
    expectProblem(reply, 400, 'bad_request', allowed);
    assert.ok(reply.json.detail.startsWith('unknown member "'), reply.text);
  }
  const long = await create({ ['n'.repeat(5000)]: 1 });
  expectProblem(long, 400, 'bad_request', /unknown member "n{64}"/);
  assert.equal(await made(), before);
  const { credential } = await shared.api.create();
  const rotate = (body) => shared.api.call('POST', '/v1/session/rotate', { credential, body });
  await refuse([[{ device: 'x' }, /^unknown member "device"; allowed here: subject, attributes, auth_level, amr$/],
    ...wrongTypes('subject', text, notText), ...wrongTypes('attributes', /must be an object/, [null, 1, []]),
    ...wrongTypes('auth_level', /whole number from 0 to 255/, notLevel), ...wrongTypes('amr', /must be an array of strings/, notTexts),
    [{ subject: '' }, /^subject: must not be empty; leave it out for none$/], [{ subject: 'x'.repeat(256) }, /^subject: at most 255 bytes/]], rotate);
  assert.equal((await shared.api.call('GET', '/v1/session', { credential })).json.version, 1);
});

test('texts have a size, in bytes, and no control characters', async () => {
  const before = await made();
  const limits = { subject: 255, device: 255, address: 255, user_agent: 1024 };
  const fine = [];
  for (const [name, max] of Object.entries(limits)) {
    const detail = new RegExp(`^${name}: at most ${max} bytes of UTF-8 without control characters$`);
    fine.push({ [name]: 'x'.repeat(max) }, { [name]: `${'ü'.repeat((max - 1) / 2)}x` }, { [name]: `xxx${'🔑'.repeat(Math.floor((max - 3) / 4))}` });
    await refuse([[{ [name]: 'x'.repeat(max + 1) }, detail], [{ [name]: 'ü'.repeat(Math.floor(max / 2) + 1) }, detail], [{ [name]: 'x'.repeat(40000) }, detail],
      ...['\u0000', '\t', '\n', '\r\nSet-Cookie: a=b', '\u001b[2J', '\u007f', '\u0080', '\u0085', '\u009f'].map((bad) => [{ [name]: `a${bad}b` }, detail])], create);
  }
  await refuse([[{ subject: '' }, /^subject: must not be empty; leave it out for none$/]], create);
  assert.equal(await made(), before);
  for (const body of fine) assert.equal((await create(body)).status, 201, JSON.stringify(body).slice(0, 80));
  for (const name of ['device', 'address', 'user_agent']) assert.equal((await create({ [name]: '' })).json.session[name], '');
});

test('amr: 16 strings of 64 bytes, and no more', async () => {
  const detail = /^amr: an array of at most 16 strings of 64 bytes without control characters$/;
  const full = Array.from({ length: 16 }, (_, i) => `${i}`.padEnd(64, '"'));
  assert.deepEqual((await create({ amr: full })).json.session.amr, full);
  assert.deepEqual((await create({ amr: [] })).json.session.amr, []);
  await refuse([[{ amr: [...full, 'x'] }, detail], [{ amr: ['x'.repeat(65)] }, detail], [{ amr: ['ü'.repeat(33)] }, detail], [{ amr: ['a\nb'] }, detail],
    [{ amr: Array.from({ length: 5000 }, () => 'x') }, detail]], create);
});

test('lifetimes: 1 s <= idle <= absolute <= 30 d', async () => {
  const detail = /^idle and absolute: 1s <= idle <= absolute <= 2592000 s$/;
  await refuse([{ idle: '999ms' }, { absolute: '999ms' }, { idle: '2h', absolute: '1h' }, { absolute: '31d' }, { absolute: '2592001s' }, { idle: '13h' }, { absolute: '36525d' }]
    .map((body) => [body, detail]), create);
  for (const body of [{ idle: '1s' }, { absolute: '30d' }, { idle: '30d', absolute: '30d' }, { absolute: '1s' }, { idle: '1000ms' }, { absolute: '720h' }, { idle: '12h' }]) {
    assert.equal((await create(body)).status, 201, JSON.stringify(body));
  }
});

test('carriers that this version does not have, and what goes with them', async () => {
  await refuse([
    [{ carrier: 'sealed' }, /^carrier: only cookie so far$/], [{ carrier: 'token', client: 'c', scope: 's', audience: 'a' }, /^carrier: only cookie so far$/],
    [{ carrier: 'Cookie' }, /^"carrier" must be one of cookie, sealed, token$/], [{ carrier: '' }, /^"carrier" must be one of/],
    ...['client', 'scope', 'audience'].map((name) => [{ [name]: 'x' }, /^"client", "scope" and "audience" go with "carrier": "token"$/]),
  ], create);
});

test('subjects of every kind of Unicode are themselves and nobody else', async () => {
  const { api } = shared;
  const subjects = ['a', 'A', ' ', ' a', 'a ', 'a b', 'a+b', 'a%20b', 'a%b', '%', '%2F', 'a/b', '/', '..', '../x', '.', '?', '#', 'a&b=c', ';', '\\', '"', "'", '<b>', '{subject}',
    'null', 'true', '0', '-1', 'é', 'e\u0301', 'ß', 'ss', 'İ', 'ı', 'Ω', '\u2126', '日本語', 'العربية', 'עברית', '\u202eabc', 'a\u200db', '\u200b', '\ufeff', '\u00a0', '\u2028', '👩‍👩‍👧‍👦',
    '\ue000', '\uffff', '\u{10ffff}', '\ufdd0', 'ﬀ', 'K', '\u212a', 'a'.repeat(255), '🔑'.repeat(63)];
  const own = new Map();
  for (const subject of subjects) own.set(subject, await api.create({ subject }));
  for (const [subject, one] of own) {
    const target = `/v1/subjects/${encodeURIComponent(subject)}/sessions`;
    const list = await api.call('GET', target);
    assert.deepEqual(list.json.sessions.map((session) => session.id).filter((id) => [...own.values()].some((other) => other.id === id)), [one.id], subject);
    const check = await api.call('GET', '/check', { key: null, cookie: one.cookie });
    assert.equal(decodeURIComponent(check.headers['sojourn-subject']), subject);
    assert.match(check.headers['sojourn-subject'], /^([A-Za-z0-9._~-]|%[0-9A-F]{2})+$/);
    assert.equal((await api.call('DELETE', `${target}/${one.id}`)).status, 204);
  }
  const escaped = await create('{"subject":"\\u00e9\\ud83d\\udd11"}');
  assert.equal(escaped.json.session.subject, 'é🔑');
});
