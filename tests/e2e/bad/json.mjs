// Bodies that are no JSON object of ours, on every call that takes one; and
// JSON that is unusual and right, which must come back as it was.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectProblem } from '../../kit/api.mjs';
import { shared } from '../api/fixture.mjs';

const nested = (depth, open = '{"a":', close = '}', core = '1') => open.repeat(depth) + core + close.repeat(depth);
const bytes = (...parts) => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

// name: [body, what the text says]
const malformed = {
  'an array': ['[]', /must be a JSON object/],
  'a string': ['"x"', /must be a JSON object/],
  'a number': ['1', /must be a JSON object/],
  null: ['null', /must be a JSON object/],
  true: ['true', /must be a JSON object/],
  'blanks alone': [' \n\t ', /not JSON at byte \d+/],
  'trailing garbage': ['{} x', /not JSON at byte 3/],
  'two documents': ['{}{}', /not JSON at byte 2/],
  'a trailing comma': ['{"a":1,}', /not JSON at byte/],
  'a comment': ['{/**/}', /not JSON at byte/],
  'single quotes': ["{'a':1}", /not JSON at byte 1/],
  'a bare name': ['{a:1}', /not JSON at byte 1/],
  'an unfinished object': ['{"a":1', /not JSON at byte/],
  'an unfinished string': ['{"a":"x', /not JSON at byte/],
  'a control character in a string': ['{"a":"\n"}', /not JSON at byte/],
  'a NUL in a string': [bytes('{"a":"', [0], '"}'), /not JSON at byte/],
  'a NUL after it': [bytes('{}', [0]), /not JSON at byte 2/],
  'a byte order mark': [bytes([0xef, 0xbb, 0xbf], '{}'), /not JSON at byte 0/],
  'UTF-16': [Buffer.from('{}', 'utf16le'), /not JSON at byte/],
  NaN: ['{"a":NaN}', /not JSON at byte/],
  Infinity: ['{"a":-Infinity}', /not JSON at byte/],
  'a leading zero': ['{"a":01}', /not JSON at byte/],
  'a plus sign': ['{"a":+1}', /not JSON at byte/],
  'no digit before the point': ['{"a":.5}', /not JSON at byte/],
  'no digit after the point': ['{"a":1.}', /not JSON at byte/],
  'no digit in the exponent': ['{"a":1e}', /not JSON at byte/],
  hexadecimal: ['{"a":0x1}', /not JSON at byte/],
  'a bad escape': ['{"a":"\\x41"}', /not JSON at byte/],
  'a lone high surrogate': ['{"a":"\\ud800"}', /not JSON at byte/],
  'a lone low surrogate': ['{"a":"\\udc00"}', /not JSON at byte/],
  'a broken pair': ['{"a":"\\ud800\\u0041"}', /not JSON at byte/],
  'a lone continuation byte': [bytes('{"a":"', [0x80], '"}'), /not JSON at byte/],
  'a cut sequence': [bytes('{"a":"', [0xe2, 0x82], '"}'), /not JSON at byte/],
  'an overlong sequence': [bytes('{"a":"', [0xc0, 0xaf], '"}'), /not JSON at byte/],
  'an encoded surrogate': [bytes('{"a":"', [0xed, 0xa0, 0x80], '"}'), /not JSON at byte/],
  'beyond U+10FFFF': [bytes('{"a":"', [0xf4, 0x90, 0x80, 0x80], '"}'), /not JSON at byte/],
  'invalid UTF-8 in a name': [bytes('{"', [0xff], '":1}'), /not JSON at byte/],
  'a member twice': ['{"a":1,"a":1}', /duplicate member "a" at byte 7/],
  'a member twice, escaped': ['{"a":1,"\\u0061":2}', /duplicate member "a" at byte 7/],
  'a member twice, deep inside': ['{"a":[{"b":{"c":1,"d":2,"c":3}}]}', /duplicate member "c" at byte 24/],
  'a member twice among many': [`{${Array.from({ length: 3000 }, (_, i) => `"m${i % 2999}":${i}`).join(',')}}`, /duplicate member "m0"/],
  'nested 33 deep': [nested(33), /nested deeper than 32 at byte 160/],
  'nested 33 deep in arrays': [`{"a":${nested(32, '[', ']')}}`, /nested deeper than 32/],
  'nested without end': [`{"a":${'['.repeat(60000)}`, /nested deeper than 32/],
};

test('malformed bodies are 400 on every call, and nothing is stored', async () => {
  const { api } = shared;
  const { credential } = await api.create({ subject: 'malformed' });
  const calls = [['POST', '/v1/sessions', {}], ['PATCH', '/v1/session', { credential }], ['POST', '/v1/session/rotate', { credential }],
    ['POST', '/v1/revocations', {}]];
  const before = (await api.call('GET', '/metrics')).text.match(/sojourn_session_calls_total\{call="create",outcome="ok"\} (\d+)/)[1];
  for (const [what, [body, detail]] of Object.entries(malformed)) {
    for (const [method, target, how] of calls) {
      const reply = await api.call(method, target, { ...how, body });
      assert.equal(reply.status, 400, `${what}: ${method} ${target}: ${reply.text}`);
      expectProblem(reply, 400, 'bad_request', detail);
    }
  }
  const after = (await api.call('GET', '/metrics')).text.match(/sojourn_session_calls_total\{call="create",outcome="ok"\} (\d+)/)[1];
  assert.equal(after, before, 'no session was made');
  assert.equal((await api.call('GET', '/v1/session', { credential })).json.version, 1);
});

test('numbers keep their text, whatever they are', async () => {
  const { api } = shared;
  const numbers = ['0', '-0', '0.10', '1.0', '1e999', '-1E-999', '1E+2', '12345678901234567890', '123456789012345678901234567890.5',
    '9007199254740993', '0.1e1', '-12.50', '1'.repeat(400)];
  const text = `[${numbers.join(',')}]`;
  const made = await api.call('POST', '/v1/sessions', { body: `{"attributes":{"created":${text}}}` });
  const patched = await api.call('PATCH', '/v1/session', { credential: made.json.credential, body: `{"patched":${text}}` });
  const rotated = await api.call('POST', '/v1/session/rotate', { credential: patched.json.credential, body: `{"attributes":{"rotated":${text}}}` });
  const read = await api.call('GET', '/v1/session', { credential: rotated.json.credential });
  assert.ok(read.text.includes(`"attributes":{"created":${text},"patched":${text},"rotated":${text}}`), read.text);
  const same = await api.call('PATCH', '/v1/session', { credential: rotated.json.credential, body: `{"created":${text}}` });
  assert.equal(same.json.session.version, 3, 'nothing changed');
  const other = await api.call('PATCH', '/v1/session', { credential: rotated.json.credential, body: '{"created":1}' });
  const again = await api.call('PATCH', '/v1/session', { credential: other.json.credential, body: '{"created":1.0}' });
  assert.equal(again.json.session.version, 5, '1.0 is another text than 1');
});

test('strings and names come back as they were said', async () => {
  const { api } = shared;
  const attributes = {
    '': 'no name', ' ': 1, '\u0000': 'NUL\u0000', 'a"b\\c/d': '\b\f\n\r\t\u001f\u007f', __proto__: null, constructor: {}, toString: 'x',
    'ключ': 'значение', '🔑': '👩‍👩‍👧‍👦', 'e\u0301': 'é', '\u2028\u2029': '\ufeff\uffff', '</script>': '<!--', deep: { '': { '': [[], {}, null, true] } },
  };
  Object.defineProperty(attributes, '__proto__', { value: 'own', enumerable: true });
  const made = await api.create({ attributes });
  const read = await api.call('GET', '/v1/session', { credential: made.credential });
  assert.deepEqual(read.json.attributes, JSON.parse(JSON.stringify(attributes)));
  const removed = await api.call('PATCH', '/v1/session', { credential: made.credential, body: '{"\\u0000":null,"":null,"__proto__":null,"deep":{"":null}}' });
  assert.deepEqual(Object.keys(removed.json.session.attributes).length, Object.keys(attributes).length - 3);
  assert.deepEqual(removed.json.session.attributes.deep, {});
});

test('the depth and the size that are allowed are allowed to the last', async () => {
  const { api } = shared;
  const made = await api.create();
  const deep = await api.call('PATCH', '/v1/session', { credential: made.credential, body: nested(32) });
  assert.equal(deep.status, 200, deep.text);
  const filler = (size) => JSON.stringify({ f: 'f'.repeat(size - 8) });
  assert.equal(filler(32768).length, 32768);
  const calls = (size) => [
    ['POST', '/v1/sessions', { body: `{"attributes":${filler(size)}}` }],
    ['POST', '/v1/session/rotate', { body: `{"attributes":${filler(size)}}` }],
    ['PATCH', '/v1/session', { body: filler(size) }],
  ];
  for (const [method, target, how] of calls(32768)) {
    const { credential } = await api.create();
    assert.ok((await api.call(method, target, { credential: target === '/v1/sessions' ? undefined : credential, ...how })).status < 300, target);
  }
  for (const [method, target, how] of calls(32769)) {
    const { credential } = await api.create();
    const reply = await api.call(method, target, { credential: target === '/v1/sessions' ? undefined : credential, ...how });
    expectProblem(reply, 413, 'too_large', /take 32769 bytes and at most 32768 are allowed; the largest: f \(32767 bytes\)/);
  }
  // What counts is the compact form, not the blanks around it.
  const blanks = `{"attributes":{"a":${' '.repeat(60000)}1}}`;
  assert.equal((await api.call('POST', '/v1/sessions', { body: blanks })).status, 201);
  const whole = `{"attributes":{"a":1}${' '.repeat(65536 - 22)}}`;
  assert.equal(whole.length, 65536);
  assert.equal((await api.call('POST', '/v1/sessions', { body: whole })).status, 201);
});

test('a patch that would nest too deep, or grow too large by merging, changes nothing', async () => {
  const { api } = shared;
  let { credential } = await api.create({ attributes: { big: 'b'.repeat(20000), note: 'attribute-value' } });
  const grow = { more: 'm'.repeat(20000) };
  expectProblem(await api.call('PATCH', '/v1/session', { credential, body: grow }), 413, 'too_large', /the largest: (more|big) \(20\d\d\d bytes\), (more|big) \(20\d\d\d bytes\), note \(24 bytes\)/);
  const swapped = await api.call('PATCH', '/v1/session', { credential, body: { ...grow, big: null } });
  assert.equal(swapped.status, 200);
  ({ credential } = swapped.json);
  assert.deepEqual(Object.keys(swapped.json.session.attributes), ['note', 'more']);
});
