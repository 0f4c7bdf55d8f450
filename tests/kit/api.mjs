// A client of the HTTP interface that holds every reply to docs/openapi.yaml
// and to what is true of all of them, and remembers which it has seen.

import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { document } from './openapi.mjs';
import { startSojournd } from './sojournd.mjs';

const seen = new Map(); // "GET /v1/session 401" -> set of codes
const secrets = new Set(); // credentials and keys that were ever handed out

// Fields that any reply may have; all others must be in the document.
const plain = new Set(['date', 'content-length', 'content-type', 'connection', 'keep-alive', 'cache-control']);
const handsOut = new Set(['POST /v1/sessions 201', 'PATCH /v1/session 200', 'POST /v1/session/rotate 200']);

export function keep(secret) {
  if (secret) secrets.add(secret);
  return secret;
}

export function keptSecrets() {
  return [...secrets];
}

// The replies of the document that nobody has produced: "GET /v1/session 401 expired".
export function unseen() {
  const missing = [];
  for (const key of document.keys()) {
    const found = document.find(...key.startsWith('x-anywhere') ? ['x', '*', key.split(' ')[1]] : key.split(' '));
    const codes = key.startsWith('HEAD ') ? [] : document.codes(found.pointer); // no body, no code
    const got = seen.get(key);
    if (!got) missing.push(key);
    else missing.push(...codes.filter((code) => !got.has(code)).map((code) => `${key} ${code}`));
  }
  return missing;
}

function checkFields(reply, response, pointer, where) {
  const names = Object.fromEntries(Object.entries(response.headers ?? {}).map(([name]) => [name.toLowerCase(), name]));
  for (const [name, value] of reply.fields) {
    const lower = name.toLowerCase();
    assert.ok(plain.has(lower) || names[lower], `${where}: the field ${name} is not described`);
    if (!names[lower]) continue;
    const { pointer: at } = document.resolve(`${pointer}/headers/${names[lower]}`);
    assert.deepEqual(document.validate(`${at}/schema`, value), [], `${where}: ${name}: ${value}`);
  }
  for (const name of Object.values(names)) {
    const { node } = document.resolve(`${pointer}/headers/${name}`);
    if (node.required) assert.ok(reply.headers[name.toLowerCase()] !== undefined, `${where}: lacks ${name}`);
  }
}

function checkBody(reply, response, pointer, method, where) {
  const type = reply.headers['content-type']?.split(';')[0];
  if (method === 'HEAD' || !response.content) {
    assert.equal(reply.text, '', `${where}: has a body`);
    return;
  }
  assert.ok(response.content[type], `${where}: the type ${type} is not described`);
  if (type === 'text/plain') return;
  assert.notEqual(reply.json, undefined, `${where}: not JSON: ${reply.text}`);
  const at = `${pointer}/content/${type.replace('/', '~1')}/schema`;
  assert.deepEqual(document.validate(at, reply.json), [], `${where}: ${reply.text}`);
}

// SECURITY: what is true of every reply, whatever it is to.
function checkAll(reply, key, where) {
  assert.equal(reply.headers['cache-control'], 'no-store', `${where}: no-store`);
  assert.equal(reply.headers.server, undefined, `${where}: no banner`);
  if (reply.status === 401) {
    assert.equal(reply.headers['set-cookie'], undefined, `${where}: no 401 touches a cookie`);
    assert.equal(reply.headers['clear-site-data'], undefined, `${where}: no 401 clears anything`);
  }
  if (reply.status >= 400 && reply.text) {
    assert.equal(reply.headers['content-type'], 'application/problem+json', where);
    assert.equal(reply.json.status, reply.status, where);
  }
  for (const line of reply.headers['set-cookie'] ?? []) checkCookie(line, where);
  const inBody = secretsIn(reply.text);
  if (!handsOut.has(key)) assert.deepEqual(inBody, [], `${where}: a secret in the body`);
  const others = reply.fields.filter(([name]) => !/^(set-cookie|sojourn-credential)$/i.test(name));
  assert.deepEqual(secretsIn(JSON.stringify(others)), [], `${where}: a secret in a field`);
}

function secretsIn(text) {
  return text ? [...secrets].filter((secret) => text.includes(secret)) : [];
}

// RFC 6265bis 4.1: name and value within 4,096 bytes, 400 days at most, the prefixes' rules.
export function checkCookie(line, where = line) {
  const [pair, ...attributes] = line.split('; ');
  const names = attributes.map((attribute) => attribute.split('=')[0]);
  assert.ok(Buffer.byteLength(pair) - 1 <= 4096, where);
  assert.equal(new Set(names).size, names.length, `${where}: an attribute twice: ${line}`);
  assert.ok(names.includes('HttpOnly') && names.includes('Path') && names.includes('SameSite'), line);
  if (/^__(Host|Secure)-/i.test(pair)) assert.ok(names.includes('Secure'), line);
  if (/^__Host-/i.test(pair)) assert.ok(attributes.includes('Path=/') && !names.includes('Domain'), line);
  const age = attributes.find((attribute) => attribute.startsWith('Max-Age='));
  assert.ok(Number(age.slice(8)) <= 400 * 86400, line);
}

export function record(method, target, reply) {
  const where = `${method} ${target.slice(0, 120)} -> ${reply.status}`;
  const found = document.find(method, target, reply.status);
  assert.ok(found, `${where} is not in the document: ${reply.text}`);
  const { pointer, node: response } = document.resolve(found.pointer);
  if (reply.json?.credential) keep(reply.json.credential);
  keep(reply.headers['sojourn-credential']);
  for (const line of reply.headers['set-cookie'] ?? []) keep(/^[^=]+=([^;]*)/.exec(line)[1]);
  checkAll(reply, found.key, where);
  checkFields(reply, response, pointer, where);
  checkBody(reply, response, pointer, method, where);
  // What is described once for several methods (/check) counts for the method that was used.
  if (!seen.has(found.key)) seen.set(found.key, new Set());
  seen.get(found.key).add(reply.json?.code);
  return reply;
}

function toReply(status, fields, text) {
  const headers = {};
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    if (lower === 'set-cookie') (headers[lower] ??= []).push(value);
    else headers[lower] = value;
  }
  let json;
  try {
    json = text ? JSON.parse(text) : undefined;
  } catch {
    json = undefined;
  }
  return { status, fields, headers, text, json };
}

function pairs(flat) {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 512 });

// One request by a client library. `headers`: an object or, for repeated fields, a list of pairs.
function send(port, method, target, { headers = [], body } = {}) {
  const list = (Array.isArray(headers) ? headers : Object.entries(headers)).flat();
  const bytes = body === undefined ? undefined : Buffer.from(body);
  if (bytes) list.push('Content-Length', String(bytes.length));
  list.push('Host', `127.0.0.1:${port}`);
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, method, path: target, headers: list, agent }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part)).once('error', reject);
      response.once('end', () => resolve(toReply(response.statusCode, pairs(response.rawHeaders), Buffer.concat(parts).toString())));
    });
    request.once('error', reject).end(bytes);
  });
}

// Bytes as they are, on a connection of their own; the (first) reply, when the other side closes
// or the body is whole.
export function sendRaw(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1' }, () => socket.write(bytes));
    let text = '';
    const finish = () => {
      socket.destroy();
      const [head, ...rest] = text.split('\r\n\r\n');
      const [line, ...fields] = head.split('\r\n');
      const status = Number(line.split(' ')[1]);
      resolve(toReply(status, fields.map((field) => field.split(/: (.*)/s).slice(0, 2)), rest.join('\r\n\r\n')));
    };
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
      const size = /\r\ncontent-length: (\d+)/i.exec(text);
      const head = text.indexOf('\r\n\r\n');
      if (head >= 0 && (/^HTTP\/1.1 204/.test(text) || (size && text.length >= head + 4 + Number(size[1])))) finish();
    });
    socket.once('end', finish).once('error', (error) => (text ? finish() : reject(error)));
  });
}

const typeOf = (method) => (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');

// A daemon and what tests ask of it. `call` presents the API key (key: null leaves it out), a
// credential as bearer, or a cookie; `type` null leaves Content-Type out; `body` that is no text
// is sent as JSON.
export async function startApi(options = {}) {
  const daemon = await startSojournd(options);
  keep(daemon.key);
  const api = { ...daemon };
  // A daemon that ends badly, or that a sanitizer has something to say about, fails its test.
  api.stop = async () => {
    const { code, signal } = await daemon.stop();
    assert.deepEqual([code, signal], [0, null], daemon.stderr().slice(-2000));
    assert.doesNotMatch(daemon.stderr(), /Sanitizer|runtime error/);
    assert.deepEqual(secretsIn(daemon.stderr()), [], 'a secret in the log');
  };
  api.call = async (method, target, { body, credential, cookie, type, key = daemon.key, headers = [] } = {}) => {
    const fields = Array.isArray(headers) ? [...headers] : Object.entries(headers);
    if (key !== null && key !== undefined) fields.push(['Sojourn-Key', key]);
    if (credential) fields.push(['Authorization', `Bearer ${credential}`]);
    if (cookie) fields.push(['Cookie', cookie]);
    if (body !== undefined && type !== null) fields.push(['Content-Type', type ?? typeOf(method)]);
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return record(method, target, await send(daemon.port, method, target, { headers: fields, body: text }));
  };
  api.raw = async (bytes, { method, target }) => record(method, target, await sendRaw(daemon.port, bytes));
  // A new session: its reply's body, and what to present.
  api.create = async (body = {}) => {
    const reply = await api.call('POST', '/v1/sessions', { body });
    assert.equal(reply.status, 201, reply.text);
    return { ...reply.json, id: reply.json.session.id, cookie: reply.json.set_cookie[0].split(';')[0] };
  };
  return api;
}

export function expectProblem(reply, status, code, detail) {
  assert.equal(reply.status, status, reply.text);
  assert.equal(reply.json.code, code, reply.text);
  if (detail) assert.match(reply.json.detail, detail);
  return reply;
}
