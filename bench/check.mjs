// /check of a 512-byte session on lmdb: beside nginx `return 200` with the same fields.

import { alternate, costOf, load, rounds, us } from './lib/measure.mjs';
import { createSession, discard, startDaemonPeer, startNginxPeer } from './lib/servers.mjs';

// nginx answers with the very fields of a check, beside those it adds to any reply.
async function startSame(daemon, fields) {
  const sample = await fetch(`${daemon.url}/check`, { headers: fields });
  if (sample.status !== 200) throw new Error(`/check answered ${sample.status}`);
  const ours = [...sample.headers].filter(([name]) => name.startsWith('sojourn-') || name === 'cache-control');
  return startNginxPeer({ fields: Object.fromEntries(ours) });
}

export default async function measure() {
  const daemon = await startDaemonPeer();
  const fields = { Cookie: await createSession(daemon) };
  const nginx = await startSame(daemon, fields);
  const run = (peer, options = {}) => () => load(peer.port, { path: '/check', fields, ...options });
  try {
    const cost = alternate(rounds, () => costOf(daemon.pid, run(daemon)), () => costOf(nginx.pid, run(nginx)));
    // Half of what ours can do, offered to both: the same load.
    const rate = Math.round(run(daemon)().perSecond / 2);
    let late = 0;
    const p99 = alternate(rounds, run(daemon, { rate }), run(nginx, { rate }), (result) => {
      late = Math.max(late, result.late_p99_us);
      return result.p99_us;
    });
    return [
      { name: '/check, CPU a request', value: cost.ratio, unit: '× nginx', bar: { most: 1.15 },
        detail: `${us(cost.first)} beside ${us(cost.second)}; 64 connections, 512-byte session, lmdb:` },
      { name: '/check, p99 at half load', value: p99.ratio, unit: '× nginx', bar: { most: 1.3 },
        detail: `${us(p99.first)} beside ${us(p99.second)}; ${rate.toLocaleString('en')} a second from 64 connections, timed from the moment each was due; the generator's own p99 of lateness, which is in both: ${us(late)}` },
    ];
  } finally {
    await discard(daemon, nginx);
  }
}
