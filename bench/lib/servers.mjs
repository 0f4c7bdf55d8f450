// What the benchmarks measure, started on the server's core.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { connects, freePort, start, temporaryFolder, until } from '../../tests/kit/processes.mjs';
import { binary } from '../../tests/kit/sojournd.mjs';
import { pinned, program, serverCore } from './measure.mjs';

// A folder on a disk: what is flushed to a tmpfs costs nothing.
export function diskFolder(name) {
  const candidates = [process.env.SOJOURN_BENCH_FOLDER, os.tmpdir(), '/var/tmp', path.resolve('build')];
  const isDisk = (folder) => !['tmpfs', 'ramfs', 'overlayfs'].includes(
    execFileSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }).trim());
  const parent = candidates.find((folder) => folder && fs.existsSync(folder) && isDisk(folder)) ?? os.tmpdir();
  return fs.mkdtempSync(path.join(parent, `sojourn-bench-${name}-`));
}

// nginx with one worker that answers `return 200` with the given fields.
export async function startNginxPeer({ fields = {} } = {}) {
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
      server { listen 127.0.0.1:${port} backlog=4096; location / { ${lines} return 200 ""; } }
    }`);
  const nginx = start(...pinned(serverCore, '/usr/sbin/nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf')]));
  await until('nginx', () => connects(port));
  const children = () => fs.readFileSync(`/proc/${nginx.pid}/task/${nginx.pid}/children`, 'latin1').trim();
  const worker = await until("nginx's worker", () => Number(children().split(' ')[0]));
  return { url: `http://127.0.0.1:${port}/`, port, pid: worker, state: folder, stop: nginx.stop };
}

// Whether /readyz answers 200, asked with as little around it as can be.
function isReady(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => socket.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
    socket.once('data', (data) => (socket.destroy(), resolve(data.toString('latin1').startsWith('HTTP/1.1 200'))));
    socket.once('error', () => resolve(false));
  });
}

// sojournd with one worker and its defaults. Its log goes to a file: nobody
// reads a pipe while a load runs. `ready_ms`: from start to ready.
export async function startDaemonPeer({ state = diskFolder('state'), env = {}, every = 20 } = {}) {
  const port = await freePort();
  const log = path.join(state, 'log');
  const settings = {
    SOJOURN__STATE: state,
    SOJOURN__WORKERS: '1',
    SOJOURN__LISTENERS: JSON.stringify([{ address: `127.0.0.1:${port}`, roles: ['app', 'check', 'admin', 'oauth', 'metrics'] }]),
    ...env,
  };
  const [command, args] = pinned(serverCore, binary, []);
  const begun = performance.now();
  const daemon = start('sh', ['-c', 'exec "$@" 2>"$0"', log, command, ...args], { env: settings });
  const url = `http://127.0.0.1:${port}`;
  await until('sojournd', async () => {
    if (!daemon.running()) throw new Error(fs.readFileSync(log, 'utf8'));
    return isReady(port);
  }, { every });
  const ready_ms = performance.now() - begun;
  const key = fs.readFileSync(path.join(state, 'api-key'), 'utf8').trim();
  const metric = async (name) => {
    const text = await (await fetch(`${url}/metrics`, { headers: { 'Sojourn-Key': key } })).text();
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  return { url, port, pid: daemon.pid, key, state, ready_ms, metric, stop: daemon.stop };
}

// Makes sessions in a state folder; gives the file of their Cookie values.
export function fill(state, count, age = 0) {
  const cookies = path.join(state, `cookies-${count}-${age}`);
  const out = fs.openSync(cookies, 'w', 0o600);
  const done = spawnSync(program('fill'), [state, String(count), '512', String(age)], { stdio: ['ignore', out, 'pipe'] });
  fs.closeSync(out);
  if (done.status !== 0) throw new Error(`fill: ${done.stderr}`);
  return cookies;
}

// Stops and removes what a benchmark made.
export async function discard(...peers) {
  for (const peer of peers) {
    await peer.stop?.();
    if (peer.state) fs.rmSync(peer.state, { recursive: true, force: true });
  }
}

// A session with so many bytes of attributes; gives the Cookie value that presents it.
export async function createSession(daemon, bytes = 512) {
  const filler = 'x'.repeat(Math.max(0, bytes - '{"filler":""}'.length));
  const response = await fetch(`${daemon.url}/v1/sessions`, {
    method: 'POST',
    headers: { 'Sojourn-Key': daemon.key, 'Content-Type': 'application/json' },
    body: JSON.stringify({ subject: 'ada', attributes: { filler } }),
  });
  if (response.status !== 201) throw new Error(`creation answered ${response.status}: ${await response.text()}`);
  return `__Host-sojourn=${(await response.json()).credential}`;
}
