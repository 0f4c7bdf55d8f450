// /check of a 512-byte session on lmdb: beside nginx `return 200` of the same size.

import { alternate, costOf, wrk } from './lib/measure.mjs';
import { createSession, startDaemonPeer, startNginxPeer } from './lib/servers.mjs';

// Latency at half the load that saturates: as many requests as half of `perSecond`,
// spread over connections by thinking time is what wrk lacks, so fewer connections stand in.
const quiet = (url, headers) => wrk(url, { connections: 8, seconds: 3, headers });

export default async function measure() {
  const daemon = await startDaemonPeer();
  const credential = await createSession(daemon);
  const headers = { Cookie: `__Host-sojourn=${credential}` };
  const sample = await fetch(`${daemon.url}/check`, { headers });
  if (sample.status !== 200) throw new Error(`/check answered ${sample.status}`);
  const fields = Object.fromEntries([...sample.headers].filter(([name]) => name.startsWith('sojourn-') || name === 'cache-control'));
  const nginx = await startNginxPeer({ fields });
  try {
    const check = () => costOf(daemon.pid, () => wrk(`${daemon.url}/check`, { headers }));
    const peer = () => costOf(nginx.pid, () => wrk(nginx.url, { headers }));
    const cost = alternate(5, check, peer);
    const latency = alternate(5, () => quiet(`${daemon.url}/check`, headers), () => quiet(nginx.url, headers), (r) => r.p99_ms);
    return [
      { name: '/check, CPU a request', value: cost.ratio, unit: '× nginx', bar: { most: 1.15 },
        detail: `${cost.first.toFixed(2)} µs beside ${cost.second.toFixed(2)} µs; 64 connections, 512-byte session, lmdb:` },
      { name: '/check, p99 at moderate load', value: latency.ratio, unit: '× nginx', bar: { most: 1.3 },
        detail: `${latency.first.toFixed(3)} ms beside ${latency.second.toFixed(3)} ms; 8 connections` },
    ];
  } finally {
    await daemon.stop();
    await nginx.stop();
  }
}
