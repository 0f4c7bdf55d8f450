// The same handler in Express with express-session and connect-redis on Redis.

import path from 'node:path';
import { connects, freePort, root, start, temporaryFolder, until } from '../tests/kit/processes.mjs';
import { alternate, costOf, pinned, serverCore, wrk } from './lib/measure.mjs';
import { createSession, startDaemonPeer } from './lib/servers.mjs';

async function startExpress() {
  const [port, redisPort] = [await freePort(), await freePort()];
  const redis = start(...pinned(serverCore, 'redis-server', ['--port', String(redisPort), '--bind', '127.0.0.1',
    '--dir', temporaryFolder('bench-redis'), '--save', '', '--appendonly', 'no']));
  await until('Redis', () => connects(redisPort));
  const server = start(...pinned(serverCore, process.execPath, [path.join(root, 'bench/express/server.mjs'), String(port), String(redisPort)]));
  await until('Express', () => {
    if (!server.running()) throw new Error(server.stderr());
    return server.stdout().includes('ready');
  });
  const url = `http://127.0.0.1:${port}`;
  const signIn = await fetch(`${url}/sign-in?bytes=480`, { method: 'POST' });
  const cookie = signIn.headers.get('set-cookie').split(';')[0];
  const stop = async () => (await server.stop(), await redis.stop());
  return { url, pid: server.pid, cookie, stop };
}

export default async function measure() {
  const daemon = await startDaemonPeer();
  const credential = await createSession(daemon);
  const express = await startExpress();
  try {
    const ours = () => costOf(daemon.pid, () => wrk(`${daemon.url}/check`, { headers: { Cookie: `__Host-sojourn=${credential}` } }));
    // Redis's own CPU is left out: to the peer's favour.
    const theirs = () => costOf(express.pid, () => wrk(`${express.url}/check`, { headers: { Cookie: express.cookie } }));
    const cost = alternate(3, theirs, ours);
    return [{ name: 'Express + express-session + connect-redis, CPU a request', value: cost.ratio, unit: '× /check',
      bar: { least: 20 }, detail: `${cost.first.toFixed(0)} µs beside ${cost.second.toFixed(2)} µs, without Redis's own` }];
  } finally {
    await daemon.stop();
    await express.stop();
  }
}
