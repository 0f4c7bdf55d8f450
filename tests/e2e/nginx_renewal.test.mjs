// A cookie that the check renews, through a real nginx with the shipped
// configuration: it must not overtake one that the application sets, and no
// cache on the way may keep it.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { freePort, startNginx } from '../kit/processes.mjs';
import { startSojournd } from '../kit/sojournd.mjs';

let daemon;
let nginx;
let application;
let port;

before(async () => {
  daemon = await startSojournd();
  // Sets what its caller asks for: ?c=COOKIE&c=…&cache=VALUE.
  application = http.createServer((request, response) => {
    const query = new URL(request.url, 'http://localhost').searchParams;
    if (query.has('c')) response.setHeader('Set-Cookie', query.getAll('c'));
    if (query.has('cache')) response.setHeader('Cache-Control', query.get('cache'));
    response.end();
  });
  await new Promise((resolve) => application.listen(0, '127.0.0.1', resolve));
  port = await freePort();
  const conf = `
    worker_processes 1; error_log stderr warn; pid nginx.pid; daemon off;
    events { worker_connections 64; }
    http {
      access_log off;
      client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
      include sojourn/sojourn-http.conf;
      server {
        listen 127.0.0.1:${port};
        include sojourn/sojourn-server.conf;
        location / {
          include sojourn/sojourn-protect.conf;
          proxy_pass http://127.0.0.1:${application.address().port};
        }
      }
    }`;
  nginx = await startNginx({ conf, port, daemonPort: daemon.port });
});

after(async () => {
  application?.close();
  for (const process of [nginx, daemon]) await process?.stop();
});

// A cookie that the check renews, and what it is renewed to.
async function outdated() {
  const made = await daemon.call('POST', '/v1/sessions', { body: { subject: 'ada' } });
  const patched = await daemon.call('PATCH', '/v1/session', { body: { a: 1 }, credential: made.json.credential });
  return { old: made.json.credential, newest: patched.json.credential };
}

async function get(credential, query = {}) {
  const response = await fetch(`http://127.0.0.1:${port}/?${new URLSearchParams(query)}`, { headers: { Cookie: `__Host-sojourn=${credential}` } });
  assert.equal(response.status, 200);
  const cookies = response.headers.getSetCookie();
  return { ours: cookies.filter((line) => line.startsWith('__Host-sojourn=')), cookies, cache: response.headers.get('cache-control') ?? '' };
}

test('renewed where the application sets no cookie', async () => {
  const { old, newest } = await outdated();
  const answer = await get(old);
  assert.equal(answer.cookies.length, 1);
  assert.ok(answer.ours[0].startsWith(`__Host-sojourn=${newest};`));
  assert.deepEqual((await get(newest)).cookies, []);
});

test("the application's own session cookie is the only one, wherever it stands", async () => {
  const { old } = await outdated();
  const own = ['__Host-sojourn', 'new'].join('=');
  for (const cookies of [[own], [own, 'flash=1'], ['flash=1', own], ['flash=1', 'theme=dark', own]]) {
    const query = new URLSearchParams(cookies.map((cookie) => ['c', cookie]));
    const answer = await get(old, query);
    assert.deepEqual(answer.ours, [own], cookies.join(' and '));
    assert.equal(answer.cookies.length, cookies.length);
  }
});

test('a reply that a renewed cookie was added to is kept by no cache', async () => {
  const { old, newest } = await outdated();
  for (const cache of ['public, max-age=600', 'max-age=600', '']) {
    const answer = await get(old, cache ? { cache } : {});
    assert.equal(answer.ours.length, 1);
    assert.match(answer.cache, /(^|, )no-store$/, cache);
    assert.equal((await get(newest, cache ? { cache } : {})).cache, cache, 'what the application says stands otherwise');
  }
});
