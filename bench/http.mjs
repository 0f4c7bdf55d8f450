// An empty reply of our HTTP server beside nginx `return 200`: CPU a request.

import { connects, freePort, start, until } from '../tests/kit/processes.mjs';
import { alternate, costOf, load, pinned, program, rounds, serverCore, us } from './lib/measure.mjs';
import { discard, startNginxPeer } from './lib/servers.mjs';

async function startOurs() {
  const port = await freePort();
  const server = start(...pinned(serverCore, program('http_bench'), [`127.0.0.1:${port}`]));
  await until('http_bench', () => connects(port));
  return { port, pid: server.pid, stop: server.stop };
}

export default async function measure() {
  const ours = await startOurs();
  const nginx = await startNginxPeer();
  const compare = (name, options, bar) => {
    const run = (peer) => () => costOf(peer.pid, () => load(peer.port, options));
    const { first, second, ratio } = alternate(rounds, run(ours), run(nginx));
    return { name: `empty reply, ${name}`, value: ratio, unit: '× nginx', bar, detail: `${us(first)} of CPU a request beside ${us(second)}` };
  };
  try {
    return [
      compare('64 connections', { connections: 64 }, { most: 0.9 }),
      compare('512 connections', { connections: 512 }, { most: 0.9 }),
      compare('64 connections, pipelined by 16', { connections: 64, pipeline: 16 }),
    ];
  } finally {
    await discard(ours, nginx);
  }
}
