// The same handler in Express with express-session and connect-redis on Redis.

import path from 'node:path';
import { connects, freePort, root, start, temporaryFolder, until } from '../tests/kit/processes.mjs';
import { alternate, costOf, load, pinned, rounds, serverCore, us } from './lib/measure.mjs';
import { createSession, discard, startDaemonPeer } from './lib/servers.mjs';

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
  const signIn = await fetch(`http://127.0.0.1:${port}/sign-in?bytes=480`, { method: 'POST' });
  const cookie = signIn.headers.get('set-cookie').split(';')[0];
  const stop = async () => (await server.stop(), await redis.stop());
  return { port, pid: server.pid, cookie, stop };
}

export default async function measure() {
  const daemon = await startDaemonPeer();
  const cookie = await createSession(daemon);
  const express = await startExpress();
  try {
    const run = (peer, Cookie) => () => costOf(peer.pid, () => load(peer.port, { path: '/check', fields: { Cookie } }));
    // Redis's own CPU is left out: to the peer's favour.
    const cost = alternate(rounds, run(express, express.cookie), run(daemon, cookie));
    return [{ name: 'Express + express-session + connect-redis, CPU a request', value: cost.ratio, unit: '× /check',
      bar: { least: 20 }, detail: `${us(cost.first)} beside ${us(cost.second)}, without Redis's own` }];
  } finally {
    await discard(daemon, express);
  }
}
