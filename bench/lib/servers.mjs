// What the benchmarks measure, started on the server's core.

import fs from 'node:fs';
import path from 'node:path';
import { connects, freePort, start, temporaryFolder, until } from '../../tests/kit/processes.mjs';
import { binary } from '../../tests/kit/sojournd.mjs';
import { children, pinned, serverCore } from './measure.mjs';

// nginx with one worker that answers `return 200` with a body and fields of the given sizes.
export async function startNginxPeer({ bodyBytes = 0, fields = {} } = {}) {
  const folder = temporaryFolder('bench-nginx');
  const port = await freePort();
  fs.mkdirSync(path.join(folder, 'tmp'));
  if (process.getuid?.() === 0) fs.chmodSync(folder, 0o755);
  const lines = Object.entries(fields).map(([name, value]) => `add_header ${name} "${value}";`).join(' ');
  fs.writeFileSync(path.join(folder, 'nginx.conf'), `
    worker_processes 1; daemon off; pid nginx.pid; error_log stderr error;
    events { worker_connections 4096; }
    http {
      access_log off; server_tokens off; keepalive_requests 100000000; default_type text/plain;
      client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
      server { listen 127.0.0.1:${port} backlog=4096; location / { ${lines} return 200 "${'x'.repeat(bodyBytes)}"; } }
    }`);
  const nginx = start(...pinned(serverCore, '/usr/sbin/nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf')]));
  await until('nginx', () => connects(port));
  const worker = await until("nginx's worker", () => children(nginx.pid)[0]);
  return { url: `http://127.0.0.1:${port}/`, pid: worker, stop: nginx.stop };
}

export async function startDaemonPeer({ store, env = {} } = {}) {
  const state = temporaryFolder('bench-state');
  const port = await freePort();
  const settings = {
    SOJOURN__STATE: state,
    SOJOURN__WORKERS: '1',
    SOJOURN__LISTENERS: JSON.stringify([{ address: `127.0.0.1:${port}`, roles: ['app', 'check', 'admin', 'oauth', 'metrics'] }]),
    ...(store ? { SOJOURN__STORE: store } : {}),
    ...env,
  };
  const daemon = start(...pinned(serverCore, binary, []), { env: settings });
  const url = `http://127.0.0.1:${port}`;
  await until('sojournd', async () => {
    if (!daemon.running()) throw new Error(daemon.stderr());
    return (await fetch(`${url}/readyz`)).ok;
  });
  const key = fs.readFileSync(path.join(state, 'api-key'), 'utf8').trim();
  return { url, pid: daemon.pid, key, state, stop: daemon.stop };
}

// A session with 512 bytes of attributes; gives its credential.
export async function createSession(daemon, bytes = 512) {
  const filler = 'x'.repeat(Math.max(0, bytes - '{"filler":""}'.length));
  const response = await fetch(`${daemon.url}/v1/sessions`, {
    method: 'POST',
    headers: { 'Sojourn-Key': daemon.key, 'Content-Type': 'application/json' },
    body: JSON.stringify({ subject: 'ada', attributes: { filler } }),
  });
  if (response.status !== 201) throw new Error(`creation answered ${response.status}: ${await response.text()}`);
  return (await response.json()).credential;
}
