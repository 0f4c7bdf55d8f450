// Durable creates and patches beside LMDB alone committing the same in groups.

import fs from 'node:fs';
import path from 'node:path';
import { alternate, bareLmdb, load, quick, rounds } from './lib/measure.mjs';
import { createSession, diskFolder, discard, startDaemonPeer } from './lib/servers.mjs';

const patched = 1000;
const writers = 64;
const writeSeconds = quick ? 0.3 : 4;

async function makeSessions(daemon) {
  const cookies = [];
  while (cookies.length < patched) {
    cookies.push(...await Promise.all(Array.from({ length: 50 }, () => createSession(daemon))));
  }
  const file = path.join(daemon.state, 'cookies');
  fs.writeFileSync(file, `${cookies.join('\n')}\n`);
  return file;
}

export default async function measure() {
  const daemon = await startDaemonPeer();
  const bare = { state: diskFolder('bare') };
  const fields = { 'Sojourn-Key': daemon.key };
  const cookies = await makeSessions(daemon);
  const filler = 'x'.repeat(499);
  const requests = {
    creates: { method: 'POST', path: '/v1/sessions', fields: { ...fields, 'Content-Type': 'application/json' },
      body: JSON.stringify({ subject: 'ada', attributes: { filler } }) },
    patches: { method: 'PATCH', path: '/v1/session', fields: { ...fields, 'Content-Type': 'application/merge-patch+json' },
      cookies, body: '{"n":#}' },
  };
  const figures = [];
  try {
    for (const [kind, request] of Object.entries(requests)) {
      let writes = 0;
      let bareFlushed = 0;
      const recordBytes = bareLmdb('size', path.join(daemon.state, 'store')).record_bytes;
      const before = await daemon.metric('sojourn_lmdb_flushes_total');
      const rate = alternate(rounds, () => {
        const result = load(daemon.port, { ...request, connections: writers, seconds: writeSeconds });
        writes += result.requests;
        return result;
      }, () => {
        const folder = path.join(bare.state, kind);
        fs.mkdirSync(folder);
        const result = bareLmdb(kind, folder, writeSeconds, recordBytes, writers);
        bareFlushed = result.writes / result.flushes;
        fs.rmSync(folder, { recursive: true });
        return result;
      }, (result) => result.perSecond);
      const flushes = await daemon.metric('sojourn_lmdb_flushes_total') - before;
      figures.push({ name: `durable ${kind}, ${writers} connections`, value: rate.ratio, unit: '× bare LMDB', bar: { least: 0.8 },
        detail: `${Math.round(rate.first).toLocaleString('en')} a second beside ${Math.round(rate.second).toLocaleString('en')}; ` +
          `${(writes / flushes).toFixed(1)} writes a flush beside ${bareFlushed.toFixed(1)}; records of ${recordBytes} bytes` });
    }
    return figures;
  } finally {
    await discard(daemon, bare);
  }
}
