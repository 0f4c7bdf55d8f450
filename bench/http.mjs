// An empty reply of our HTTP server beside nginx `return 200`: CPU a request.

import path from 'node:path';
import { freePort, connects, start, until } from '../tests/kit/processes.mjs';
import { alternate, costOf, pinned, serverCore, wrk } from './lib/measure.mjs';
import { startNginxPeer } from './lib/servers.mjs';

const pipelining = path.resolve(import.meta.dirname, 'lib/pipeline.lua');

async function startOurs() {
  const port = await freePort();
  const program = path.join(process.env.SOJOURN_BUILD, 'bench/http_bench');
  const server = start(...pinned(serverCore, program, [`127.0.0.1:${port}`]));
  await until('http_bench', () => connects(port));
  return { url: `http://127.0.0.1:${port}/`, pid: server.pid, stop: server.stop };
}

export default async function measure() {
  const ours = await startOurs();
  const nginx = await startNginxPeer();
  const seconds = Number(process.env.SOJOURN_BENCH_SECONDS ?? 3);
  const rounds = Number(process.env.SOJOURN_BENCH_ROUNDS ?? 5);
  const compare = (options) => {
    const run = (peer) => () => costOf(peer.pid, () => wrk(peer.url, { seconds, ...options }));
    return alternate(rounds, run(ours), run(nginx));
  };
  const figure = (name, { first, second, ratio }, bar) => ({
    name, value: ratio, unit: '× nginx', bar,
    detail: `CPU a request: ${first.toFixed(2)} µs beside ${second.toFixed(2)} µs`,
  });
  try {
    return [
      figure('empty reply, 64 connections', compare({ connections: 64 }), { most: 0.9 }),
      figure('empty reply, 512 connections', compare({ connections: 512 }), { most: 0.9 }),
      figure('empty reply, 64 connections, pipelined by 16', compare({ connections: 64, script: pipelining })),
    ];
  } finally {
    await ours.stop();
    await nginx.stop();
  }
}
