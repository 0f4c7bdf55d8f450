// Starting and stopping real servers for tests: free ports, temporary folders,
// readiness by polling, stop by process id.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
export const build = process.env.SOJOURN_BUILD ?? path.join(root, 'build');

// Removed when the test program ends: a store's file is allocated ahead, 16 MiB and more.
export function temporaryFolder(name = 'test') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `sojourn-${name}-`));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

process.setMaxListeners(0); // one a folder

// A port that nobody listens on. It is free when this returns; a server that
// can take port 0 should.
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve, reject) => server.listen(0, '127.0.0.1', resolve).once('error', reject));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// Polls until `probe` gives something true; says what it waited for otherwise.
export async function until(what, probe, { timeout = 20000, every = 20 } = {}) {
  const end = Date.now() + timeout;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    if (Date.now() > end) throw new Error(`waited ${timeout} ms in vain for ${what}`);
    await sleep(every);
  }
}

export function connects(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host });
    const end = (value) => (socket.destroy(), resolve(value));
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

// Starts a program. The result knows what it printed and how it ended:
// { pid, stdout(), stderr(), exited: Promise<{code, signal}>, running(), stop(), kill() }
export function start(command, args, { env = {}, cwd, stdin = 'ignore' } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: [stdin, 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const running = () => child.exitCode === null && child.signalCode === null;
  const end = async (signal) => {
    if (running()) child.kill(signal);
    return exited;
  };
  return {
    pid: child.pid,
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    running,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

// nginx with a configuration of ours in a folder of its own; deploy/nginx is at
// hand as sojourn/, pointed at the daemon's port.
export async function startNginx({ conf, port, daemonPort, files = {} }) {
  const folder = temporaryFolder('nginx');
  fs.mkdirSync(path.join(folder, 'tmp'));
  fs.mkdirSync(path.join(folder, 'sojourn'));
  const shipped = path.join(root, 'deploy/nginx');
  for (const name of fs.readdirSync(shipped).filter((file) => file.endsWith('.conf'))) {
    const text = fs.readFileSync(path.join(shipped, name), 'utf8');
    fs.writeFileSync(path.join(folder, 'sojourn', name), text.replaceAll('127.0.0.1:7373', `127.0.0.1:${daemonPort}`));
  }
  for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), content);
  fs.writeFileSync(path.join(folder, 'nginx.conf'), conf);
  openToWorkers(folder);
  const nginx = start(nginxBinary(), ['-p', folder, '-c', path.join(folder, 'nginx.conf')]);
  await until('nginx', async () => {
    if (!nginx.running()) throw new Error(`nginx ended: ${nginx.stderr()}`);
    return connects(port);
  });
  return { ...nginx, folder };
}

// As root, nginx's workers run as another user and must get at their folders.
function openToWorkers(folder) {
  if (process.getuid?.() !== 0) return;
  fs.chmodSync(folder, 0o755);
  fs.chmodSync(path.join(folder, 'tmp'), 0o777);
}

function nginxBinary() {
  return ['/usr/sbin/nginx', '/usr/bin/nginx'].find((file) => fs.existsSync(file)) ?? 'nginx';
}
