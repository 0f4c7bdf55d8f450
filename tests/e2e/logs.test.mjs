// Logs: one JSON object a line, nothing forged from outside, nothing secret.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryFolder, until } from '../kit/processes.mjs';
import { logOf, startSojournd } from '../kit/sojournd.mjs';

// Sends bytes as they are, gives what comes back.
function raw(port, bytes) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.end(bytes, 'latin1'));
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => (text += part)).on('error', () => {}).once('close', () => resolve(text));
  });
}

const levels = ['debug', 'info', 'warning', 'error'];

// Every line is what it claims to be; returns them.
function checked(daemon) {
  const text = daemon.stderr();
  assert.ok(text.endsWith('\n'));
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/, 'no control character');
  const lines = logOf(text);
  for (const line of lines) {
    assert.deepEqual(Object.keys(line).slice(0, 3), ['time', 'level', 'message']);
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Math.abs(Date.parse(line.time) - Date.now()) < 120000);
    assert.ok(levels.includes(line.level), line.level);
  }
  return lines;
}

// A session's whole life, by every door, with names that would forge a line; gives all that is secret.
async function live(daemon) {
  const subject = 'ada","level":"error","message":"forged"} = \\ \' ü 😀';
  const secrets = [daemon.key];
  const keep = (answer) => {
    if (answer.json?.credential) secrets.push(answer.json.credential);
    return answer.json?.credential;
  };
  const headers = { 'User-Agent': 'x" level="error', 'X-Forwarded-For': '"}\\n{"' };
  const body = { subject, attributes: { note: 'attribute-s3cr3t' }, device: 'd"\\', user_agent: 'agent"} {', address: '192.0.2.1' };
  let credential = keep(await daemon.call('POST', '/v1/sessions', { body, headers }));
  const old = credential;
  credential = keep(await daemon.call('PATCH', '/v1/session', { credential, headers, body: { more: 'attribute-s3cr3t-2' } }));
  await daemon.call('GET', '/v1/session', { credential: old, headers });
  credential = keep(await daemon.call('POST', '/v1/session/rotate', { credential, headers, body: { auth_level: 2 } }));
  await daemon.call('GET', '/check', { credential: old, headers });
  await daemon.call('GET', '/check', { credential: `${credential.slice(0, -2)}AA`, headers });
  await daemon.call('GET', '/check', { headers: { ...headers, Cookie: `__Host-sojourn=${credential}` } });
  await daemon.call('GET', `/check?__Host-sojourn=${credential}`, { headers });
  await daemon.call('GET', '/v1/session', { credential, key: 'wrong-key-that-somebody-mistyped' });
  await daemon.call('POST', '/v1/sessions', { body: { subject: 'a\r\nb' } });
  await daemon.call('POST', '/v1/sessions', { body: `{"${credential}": 1}` });
  await daemon.call('GET', `/v1/subjects/${encodeURIComponent(subject)}/sessions`);
  await daemon.call('DELETE', '/v1/session', { credential, headers });
  await daemon.call('GET', '/check', { credential, headers });
  await raw(daemon.port, `GET /check HTTP/1.1\r\nHost: x\r\nUser-Agent: a\rb\nforged: {"level":"error"}\r\n\r\n`);
  await raw(daemon.port, `GET /\x1b[31m HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${credential}\r\n\r\n`);
  await raw(daemon.port, `\x00\x01\x02{"level":"error"}\n`);
  secrets.push('wrong-key-that-somebody-mistyped', 'attribute-s3cr3t');
  // A handle's id: 20 bytes after format, kid, region and kind (DESIGN.md 3).
  for (const one of [...secrets].filter((text) => /^[A-Za-z0-9_-]{60,}$/.test(text))) secrets.push(Buffer.from(one, 'base64url').subarray(4, 24).toString('base64url'));
  secrets.push(/secret=(\S+)/.exec(fs.readFileSync(path.join(daemon.state, 'keyring'), 'utf8'))[1]);
  return { secrets, subject };
}

for (const level of ['debug', 'info']) {
  test(`a session's life at level ${level}: valid lines, true values, no secret`, async (t) => {
    const daemon = await startSojournd({ t, env: { SOJOURN__LOG__LEVEL: level } });
    const { secrets, subject } = await live(daemon);
    assert.equal((await daemon.stop()).code, 0);
    const lines = checked(daemon);
    const events = lines.filter((line) => line.message === 'session');
    for (const what of ['created', 'rotated', 'ended']) {
      const found = events.find((line) => line.event === what);
      assert.ok(found, `${what} is told`);
      assert.match(found.sid, /^[A-Za-z0-9_-]{22}$/);
      // A sign-out goes by the handle alone and reads no record.
      assert.equal(found.subject, what === 'ended' ? undefined : subject, `${what}: as it was given, escaped`);
    }
    assert.ok(events.some((line) => line.event === 'refused' && line.code === 'bad_credential'));
    assert.ok(!lines.some((line) => line.level === 'error' || line.message === 'forged'));
    assert.equal(lines.some((line) => line.message === 'store call'), level === 'debug');
    assert.ok(secrets.length > 8);
    for (const secret of secrets) assert.ok(!daemon.stderr().includes(secret), `${secret.slice(0, 6)}… is in the log`);
  });
}

test('levels: warning leaves the life of sessions out, error the warnings', async (t) => {
  for (const [level, expected] of [['warning', ['configuration']], ['error', []]]) {
    const daemon = await startSojournd({ t, env: { SOJOURN__LOG__LEVEL: level, SOJOURN__NONSENSE: '1' } });
    await live(daemon);
    await daemon.stop();
    assert.deepEqual((daemon.stderr() ? checked(daemon) : []).map((line) => line.message), expected, level);
  }
});

test('text: one line an event, values quoted where they could be mistaken', async (t) => {
  const daemon = await startSojournd({ t, env: { SOJOURN__LOG__FORMAT: 'text' } });
  const { secrets, subject } = await live(daemon);
  await daemon.stop();
  const rows = daemon.stderr().trimEnd().split('\n');
  for (const one of rows) assert.match(one, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) [^=]+( [a-z_]+=([!-~]+|"([^"\\\u0000-\u001f]|\\.)*"))*$/u);
  assert.ok(rows.some((one) => one.includes(` session event=created sid=`) && one.includes(`subject=${JSON.stringify(subject)}`)), rows.join('\n'));
  assert.ok(rows.every((one) => !/ error /.test(one.slice(24, 40))));
  for (const secret of secrets) assert.ok(!daemon.stderr().includes(secret));
});

test('lines of many workers never mix', async (t) => {
  const daemon = await startSojournd({ t, env: { SOJOURN__WORKERS: '4' } });
  const subject = 's'.repeat(255);
  await Promise.all(Array.from({ length: 400 }, () => daemon.call('POST', '/v1/sessions', { body: { subject } })));
  await until('all lines', () => daemon.stderr().split('"created"').length === 401);
  assert.equal(checked(daemon).filter((line) => line.event === 'created' && line.subject === subject).length, 400);
});

// What waits in a pipe now.
function drain(fd) {
  const part = Buffer.alloc(65536);
  let text = '';
  for (;;) {
    try {
      const size = fs.readSync(fd, part, 0, part.length);
      if (size === 0) return text;
      text += part.toString('utf8', 0, size);
    } catch (error) {
      if (error.code === 'EAGAIN') return text;
      throw error;
    }
  }
}

test('a reader of the log that hangs holds up no request; what it missed is counted', async (t) => {
  const pipe = path.join(temporaryFolder('log'), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const daemon = await startSojournd({ t, under: ['sh', '-c', `exec "$@" 2<>${pipe}`, 'sh'] });
  const fd = fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  t.after(() => fs.closeSync(fd));
  const create = async (subject) => assert.equal((await daemon.call('POST', '/v1/sessions', { body: { subject } })).status, 201);
  // 64 KiB in the pipe and 1 MiB in the daemon are full long before this ends.
  const subject = '"'.repeat(255); // two bytes each in JSON
  for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 50 }, () => create(subject)));
  let text = '';
  await until('the lines that were queued', () => (text += drain(fd)).length > 1 << 20);
  await create('last');
  await until('the last line', () => (text += drain(fd)).includes('"subject":"last"'));
  const lines = logOf(text);
  const gap = lines.filter((line) => line.message === 'standard error did not take the log');
  assert.ok(gap.length > 0);
  const told = lines.filter((line) => line.event === 'created').length;
  assert.equal(gap.reduce((sum, line) => sum + line.lines, told), 2001);
});

test('what a slow reader has not read yet is there after the end', async (t) => {
  const pipe = path.join(temporaryFolder('log'), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const daemon = await startSojournd({ t, under: ['sh', '-c', `exec "$@" 2<>${pipe}`, 'sh'] });
  const fd = fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  t.after(() => fs.closeSync(fd));
  const body = { subject: 's'.repeat(255) };
  for (let i = 0; i < 300; i++) assert.equal((await daemon.call('POST', '/v1/sessions', { body })).status, 201);
  const stopped = daemon.stop();
  let text = '';
  await until('the end', () => (text += drain(fd)).includes('"ended"}'));
  assert.equal((await stopped).code, 0);
  assert.equal(logOf(text).filter((line) => line.event === 'created').length, 300);
});

test('a flood of bad credentials does not flood the log, and is counted', async (t) => {
  const daemon = await startSojournd({ t });
  const good = (await daemon.call('POST', '/v1/sessions', { body: { subject: 'ada' } })).json.credential;
  const refuse = async () => assert.equal((await daemon.call('GET', '/check', { credential: `${good.slice(0, -4)}AAAA` })).status, 401);
  const started = Date.now();
  for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 25 }, refuse));
  const seconds = (Date.now() - started) / 1000;
  await until('a line that counts those before it', async () => {
    await refuse();
    return logOf(daemon.stderr()).at(-1).omitted > 0;
  }, { every: 1100 });
  const lines = logOf(daemon.stderr()).filter((line) => line.event === 'refused');
  assert.ok(lines.length <= 12 * (seconds + 4), `${lines.length} lines in ${seconds} s`);
  const said = lines.reduce((sum, line) => sum + 1 + (line.omitted ?? 0), 0);
  assert.ok(said > 1000 && said < 1020, `${said} are told of`);
  assert.equal((await daemon.call('GET', '/check', { credential: good })).status, 200);
});
