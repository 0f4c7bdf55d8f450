// Durable creates and patches beside LMDB alone committing the same in groups.

import fs from 'node:fs';
import path from 'node:path';
import { bareLmdb, costOf, load, median, quick, rounds, us } from './lib/measure.mjs';
import { diskFolder, discard, fill, startDaemonPeer } from './lib/servers.mjs';

const patched = 1000;
const writers = 64;
const writeSeconds = quick ? 0.3 : 4;

// A daemon of its own for every run, so that both sides begin with the same small file.
async function startFilled() {
  const state = diskFolder('writes');
  const cookies = fill(state, patched);
  return { cookies, ...await startDaemonPeer({ state }) };
}

function requestsOf(kind, daemon) {
  const key = { 'Sojourn-Key': daemon.key };
  return kind === 'creates'
    ? { method: 'POST', path: '/v1/sessions', fields: { ...key, 'Content-Type': 'application/json' },
        body: JSON.stringify({ subject: 'ada', attributes: { filler: 'x'.repeat(499) } }) }
    : { method: 'PATCH', path: '/v1/session', fields: { ...key, 'Content-Type': 'application/merge-patch+json' },
        cookies: daemon.cookies, body: '{"n":#}' };
}

async function ours(kind) {
  const daemon = await startFilled();
  try {
    const before = await daemon.metric('sojourn_lmdb_flushes_total');
    const result = costOf(daemon.pid, () => load(daemon.port, { ...requestsOf(kind, daemon), connections: writers, seconds: writeSeconds }));
    const flushes = await daemon.metric('sojourn_lmdb_flushes_total') - before;
    const recordBytes = bareLmdb('size', path.join(daemon.state, 'store')).record_bytes;
    return { perSecond: result.perSecond, perFlush: result.requests / flushes, cpu_us: result.cpu_us, recordBytes };
  } finally {
    await discard(daemon);
  }
}

function bare(kind, recordBytes) {
  const state = diskFolder('bare');
  const result = bareLmdb(kind, state, writeSeconds, recordBytes, writers);
  fs.rmSync(state, { recursive: true });
  return { ...result, perFlush: result.writes / result.flushes };
}

async function figure(kind) {
  const [a, b] = [[], []];
  for (let i = 0; i < rounds; i++) {
    a.push(await ours(kind));
    b.push(bare(kind, a[0].recordBytes));
  }
  const of = (runs, name) => median(runs.map((run) => run[name]));
  const rate = [of(a, 'perSecond'), of(b, 'perSecond')];
  const [mine, alone] = [of(a, 'cpu_us'), of(b, 'cpu_us')];
  return { name: `durable ${kind}, ${writers} connections`, value: rate[0] / rate[1], unit: '× bare LMDB', bar: { least: 0.8 },
    detail: `${Math.round(rate[0]).toLocaleString('en')} a second beside ${Math.round(rate[1]).toLocaleString('en')}; ` +
      `${of(a, 'perFlush').toFixed(1)} writes a flush beside ${of(b, 'perFlush').toFixed(1)}; ` +
      `${us(mine)} of CPU a write beside ${us(alone)}; records of ${a[0].recordBytes} bytes`,
    cause: `One core does all of it: beside LMDB's ${us(alone)} a write, HTTP, JSON, sealing twice, the audit's line and the reply ` +
      `take ${us(mine - alone)}, while this disk flushes too fast to hide them behind its wait.` };
}

export default async function measure() {
  return [await figure('creates'), await figure('patches')];
}
