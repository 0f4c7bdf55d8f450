// Two application servers behind a real nginx share their users' sessions
// through sojournd: the shipped configuration (deploy/nginx), the example's
// servers (examples/two-servers), TLS towards the browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import { connects, freePort, root, start, startNginx, temporaryFolder, until } from '../kit/processes.mjs';
import { startSojournd } from '../kit/sojournd.mjs';

let daemon;
let nginx;
let apps;
let port;
let ca;

before(async () => {
  daemon = await startSojournd();
  const certificates = temporaryFolder('tls');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', path.join(certificates, 'key.pem'), '-out', path.join(certificates, 'cert.pem')], { stdio: 'ignore' });
  ca = fs.readFileSync(path.join(certificates, 'cert.pem'));
  const appPorts = [await freePort(), await freePort()];
  apps = ['one', 'two'].map((name, index) =>
    start('node', [path.join(root, 'examples/two-servers/app.mjs'), String(appPorts[index]), name],
      { env: { SOJOURN_URL: daemon.url, SOJOURN_KEY: daemon.key } }));
  for (const appPort of appPorts) await until('an application server', () => connects(appPort));
  port = await freePort();
  const conf = fs.readFileSync(path.join(root, 'examples/two-servers/nginx.conf'), 'utf8')
    .replace('listen 127.0.0.1:7380;',
      `listen 127.0.0.1:${port} ssl; ssl_certificate ${certificates}/cert.pem; ssl_certificate_key ${certificates}/key.pem;`)
    .replace('127.0.0.1:7381', `127.0.0.1:${appPorts[0]}`)
    .replace('127.0.0.1:7382', `127.0.0.1:${appPorts[1]}`);
  nginx = await startNginx({ conf, port, daemonPort: daemon.port });
});

after(async () => {
  for (const process of [nginx, ...(apps ?? []), daemon]) await process?.stop();
});

// A browser's part: keeps the newest cookie it was handed, as a jar does.
class Browser {
  cookie;

  async request(method, target, headers = {}) {
    const answer = await new Promise((resolve, reject) => {
      const fields = { ...headers };
      if (this.cookie) fields.Cookie = this.cookie;
      const request = https.request({ host: '127.0.0.1', servername: 'localhost', port, method, path: target, ca, headers: fields, agent: false },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part) => (text += part));
          response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
        });
      request.once('error', reject).end();
    });
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair, ...attributes] = line.split(/; */);
      assert.match(pair, /^__Host-sojourn=/, 'only the session cookie is set');
      assert.ok(attributes.includes('Secure') && attributes.includes('HttpOnly') && attributes.includes('Path=/'), line);
      this.cookie = attributes.includes('Max-Age=0') ? undefined : pair;
    }
    answer.json = answer.text.startsWith('{') ? JSON.parse(answer.text) : undefined;
    return answer;
  }
}

async function signedIn(user = 'ada') {
  const browser = new Browser();
  const answer = await browser.request('POST', `/sign-in?user=${encodeURIComponent(user)}`);
  assert.equal(answer.status, 200, answer.text);
  assert.ok(browser.cookie, 'signing in sets the cookie');
  return { browser, server: answer.json.server };
}

test('signed in on one server, known on the other', async () => {
  const { browser } = await signedIn('Ada Lovelace');
  const servers = new Set();
  for (let i = 0; i < 4; i++) {
    const answer = await browser.request('GET', '/');
    assert.equal(answer.status, 200);
    assert.equal(answer.json.subject, 'Ada%20Lovelace');
    assert.match(answer.json.session, /^[A-Za-z0-9_-]{22}$/);
    servers.add(answer.json.server);
  }
  assert.deepEqual([...servers].sort(), ['one', 'two']);
});

test('what one server writes, the other reads: nothing is lost over fifty turns', async () => {
  const { browser } = await signedIn();
  for (let i = 1; i <= 50; i++) {
    const answer = await browser.request('POST', '/visit');
    assert.equal(answer.status, 200);
    assert.equal(answer.json.visits, i);
  }
});

test('ended on one, refused on both', async () => {
  const { browser } = await signedIn();
  const kept = browser.cookie;
  const out = await browser.request('POST', '/sign-out');
  assert.equal(out.status, 200);
  assert.equal(browser.cookie, undefined, 'the cookie is cleared');
  browser.cookie = kept;
  for (let i = 0; i < 4; i++) {
    const answer = await browser.request('GET', '/');
    assert.equal(answer.status, 401);
    assert.equal(answer.headers['set-cookie'], undefined, 'a 401 never clears a cookie');
  }
});

test('nobody without a session gets through', async () => {
  const stranger = new Browser();
  assert.equal((await stranger.request('GET', '/')).status, 401);
  stranger.cookie = '__Host-sojourn=AAAA';
  assert.equal((await stranger.request('GET', '/')).status, 401);
  stranger.cookie = undefined;
  assert.equal((await stranger.request('GET', '/?__Host-sojourn=x&sojourn=y')).status, 401);
});

test('the check itself is out of reach from outside', async () => {
  const { browser } = await signedIn();
  assert.equal((await browser.request('GET', '/_sojourn/check')).status, 404);
});

// Sends raw bytes: a client library would tidy the spellings up.
function raw(text) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', servername: 'localhost', port, ca }, () => socket.write(text));
    let answer = '';
    socket.setEncoding('utf8').on('data', (part) => (answer += part));
    socket.once('end', () => resolve(answer)).once('error', reject);
  });
}

const names = ['Sojourn-Subject', 'Sojourn-Session', 'Sojourn-Version', 'Sojourn-Auth-Level', 'Sojourn-Attributes',
  'Sojourn-Key', 'Sojourn-Credential', 'Sojourn-Consistency'];
const spellings = [
  (name) => name,
  (name) => name.toLowerCase(),
  (name) => name.toUpperCase(),
  (name) => [...name].map((letter, i) => (i % 2 ? letter.toUpperCase() : letter.toLowerCase())).join(''),
  (name) => name.replaceAll('-', '_'),
  (name) => name.toUpperCase().replaceAll('-', '_'),
  (name) => name.replace(/-(?=[^-]*$)/, '_'),
  (name) => name.replace('-', '.'),
  (name) => `HTTP_${name.toUpperCase().replaceAll('-', '_')}`,
];

for (const place of ['/headers', '/open/headers']) {
  test(`identity spoofed from outside never reaches the backend: ${place}`, async () => {
    const { browser } = await signedIn('honest');
    for (const name of names) {
      for (const spell of spellings) {
        const field = spell(name);
        const answer = await raw(`GET ${place} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: ${browser.cookie}\r\n` +
          `${field}: evil-1\r\n${field}: evil-2\r\n\r\n`);
        assert.match(answer, /^HTTP\/1\.1 200 /, `${field}: ${answer.slice(0, 80)}`);
        assert.ok(!answer.includes('evil'), `${field} reached the backend: ${answer}`);
        if (place === '/headers') assert.ok(answer.includes('"honest"'), 'the true identity did');
      }
    }
    const all = names.flatMap((name) => spellings.map((spell) => `${spell(name)}: evil\r\n`)).join('');
    const answer = await raw(`GET ${place} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: ${browser.cookie}\r\n${all}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 200 /, answer.slice(0, 80));
    assert.ok(!answer.includes('evil'), `all at once reached the backend: ${answer}`);
  });
}

test('a conflicting second cookie of ours is refused, whatever the order', async () => {
  const one = (await signedIn('one')).browser.cookie;
  const two = (await signedIn('two')).browser.cookie;
  for (const pair of [[one, two], [two, one]]) {
    const browser = new Browser();
    browser.cookie = pair.join('; ');
    assert.equal((await browser.request('GET', '/')).status, 401);
  }
  const same = new Browser();
  same.cookie = `${one}; theme=dark; ${one}`;
  assert.equal((await same.request('GET', '/')).status, 200);
});

test('an older cookie is renewed by the check, and the application\'s own is not overtaken', async () => {
  const { browser } = await signedIn();
  const old = browser.cookie;
  await browser.request('POST', '/visit');
  const newest = browser.cookie;
  assert.notEqual(old, newest);
  browser.cookie = old;
  const answer = await browser.request('GET', '/');
  assert.equal(answer.status, 200);
  assert.equal(browser.cookie, newest, 'handed out again');
  browser.cookie = old;
  const visit = await browser.request('POST', '/visit');
  assert.equal(visit.headers['set-cookie'].length, 1, 'one session cookie a reply');
  assert.notEqual(browser.cookie, newest);
  assert.equal((await browser.request('GET', '/')).headers['set-cookie'], undefined, 'the newest needs no renewal');
});

test('the daemon silent: 503 with Retry-After all the same', async () => {
  const { browser } = await signedIn();
  process.kill(daemon.pid, 'SIGSTOP');
  try {
    const answer = await browser.request('GET', '/');
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal(answer.headers['set-cookie'], undefined);
  } finally {
    process.kill(daemon.pid, 'SIGCONT');
  }
  await until('nginx to try the daemon again', async () => (await browser.request('GET', '/')).status === 200);
});

test('the daemon killed: 503 with Retry-After, no cookie cleared; back: all is well', async () => {
  const { browser } = await signedIn();
  await browser.request('POST', '/visit');
  const cookie = browser.cookie;
  const { state, port: daemonPort } = daemon;
  await daemon.kill();
  for (let i = 0; i < 6; i++) {
    const answer = await browser.request('GET', '/');
    assert.equal(answer.status, 503, answer.text);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal(answer.headers['set-cookie'], undefined);
    assert.equal(answer.json.code, 'unavailable');
  }
  const signIn = await new Browser().request('POST', '/sign-in?user=eve');
  assert.equal(signIn.status, 503, 'an application says so too');
  assert.equal(signIn.headers['retry-after'], '1');
  daemon = await startSojournd({ state, port: daemonPort });
  assert.equal(browser.cookie, cookie);
  const answer = await until('nginx to find the daemon again', async () => {
    const reply = await browser.request('GET', '/');
    return reply.status === 200 && reply;
  });
  assert.equal(answer.json.subject, 'ada');
  const visit = await browser.request('POST', '/visit');
  assert.equal(visit.json.visits, 2, 'the acknowledged visit is there');
});
