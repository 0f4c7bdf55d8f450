// A million sessions of 512 bytes: the file, the start, what a check costs more, and sweeping them.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alternate, bareLmdb, costOf, load, median, quick, rounds, seconds, us } from './lib/measure.mjs';
import { diskFolder, discard, fill, startDaemonPeer } from './lib/servers.mjs';

const many = Number(process.env.SOJOURN_BENCH_SESSIONS ?? (quick ? 3000 : 1000000));
const few = 1000;
const day = 86400;
const mebibytes = (bytes) => `${Math.round(bytes / 2 ** 20).toLocaleString('en')} MiB`;

function filled(count) {
  const state = diskFolder(`sessions-${count}`);
  return { state, cookies: fill(state, count) };
}

const storeOf = (peer) => path.join(peer.state, 'store');
const sizeOf = (folder) => fs.statSync(path.join(folder, 'data.mdb')).size;
// last_seen is written back less often than the runs last, so that checks only read.
const readOnly = { SOJOURN__SESSION__TOUCH_EVERY: '10m' };
const checks = (peer, options = {}) => load(peer.port, { path: '/check', cookies: peer.cookies, ...options });

// As many checks as there are sessions: a run that is too short would measure page faults.
function warm(peer, count) {
  for (let answered = 0; answered < count;) answered += checks(peer, { seconds: quick ? 0.3 : 10 }).requests;
}

function fileFigure(big, bare) {
  const recordBytes = bareLmdb('size', storeOf(big)).record_bytes;
  const bareBytes = bareLmdb('fill', bare.many, many, recordBytes).bytes;
  bareLmdb('fill', bare.few, few, recordBytes);
  const bytes = sizeOf(storeOf(big));
  return { name: `file of ${many.toLocaleString('en')} sessions`, value: bytes / bareBytes, unit: '× bare LMDB', bar: { most: 1.15 },
    detail: `${mebibytes(bytes)} beside ${mebibytes(bareBytes)}; records of ${recordBytes} bytes in the same tables` };
}

async function readyFigure(big) {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const daemon = await startDaemonPeer({ state: big.state, env: readOnly, every: 1 });
    times.push(daemon.ready_ms);
    await daemon.stop();
  }
  return { name: `ready with ${many.toLocaleString('en')} sessions`, value: median(times), unit: 'ms', bar: { most: 100 },
    detail: 'from starting the process to 200 from /readyz' };
}

async function growthFigure(big, small, bare) {
  const of = async (filled) => ({ ...filled, ...await startDaemonPeer({ state: filled.state, env: readOnly }) });
  const [large, little] = [await of(big), await of(small)];
  try {
    warm(large, many); // its pages come into the map
    checks(little);
    const ours = alternate(rounds, () => costOf(large.pid, () => checks(large)), () => costOf(little.pid, () => checks(little)));
    const theirs = alternate(rounds, () => bareLmdb('get', bare.many, seconds, many), () => bareLmdb('get', bare.few, seconds, few));
    const growth = ours.first - ours.second;
    const bareGrowth = theirs.first - theirs.second;
    return { name: `/check, growth in CPU from 1,000 to ${many.toLocaleString('en')} sessions, above a bare get's`, value: growth - bareGrowth,
      unit: 'µs', bar: { most: 0.3 },
      detail: `${us(ours.second)} to ${us(ours.first)}: ${us(growth)}; bare get ${us(theirs.second)} to ${us(theirs.first)}: ${us(bareGrowth)}` };
  } finally {
    await large.stop();
    await little.stop();
  }
}

// Checks of live sessions while a million of yesterday's are swept, from the first to the last, and afterwards.
async function sweepFigure() {
  const state = diskFolder('swept');
  fill(state, many, day);
  const cookies = fill(state, few);
  const daemon = { cookies, ...await startDaemonPeer({ state, env: readOnly }) };
  try {
    const rate = Math.round(checks(daemon).perSecond / 2);
    const remaining = async () => await daemon.metric('sojourn_store_records') - few;
    const begun = performance.now();
    const before = await remaining();
    const sweeping = [];
    const quietly = [];
    let left = before;
    let perSecond = 0;
    while (left > 0 && (!quick || sweeping.length < rounds)) {
      const { p99_us } = checks(daemon, { rate });
      left = await remaining();
      // The run in which it ends is in part a quiet one: it tells nothing.
      if (left > 0) {
        sweeping.push(p99_us);
        perSecond = Math.round((before - left) / (performance.now() - begun) * 1000);
      }
    }
    while (left > 0) {
      await sleep(100);
      left = await remaining();
    }
    await sleep(quick ? 0 : 1000);
    while (quietly.length < rounds) quietly.push(checks(daemon, { rate }).p99_us);
    // Too few to be seen being swept: only a quick run is so short.
    const busy = sweeping.length > 0 ? median(sweeping) : median(quietly);
    return { name: `/check, p99 while ${many.toLocaleString('en')} expired are swept`, value: busy / median(quietly), unit: '× quiet', bar: { most: 2 },
      detail: `${us(busy)}, the median of ${sweeping.length} runs, beside ${us(median(quietly))} at ${rate.toLocaleString('en')} a second; ${perSecond.toLocaleString('en')} a second were swept` };
  } finally {
    await discard(daemon);
  }
}

export default async function measure() {
  const [big, small] = [filled(many), filled(few)];
  const bare = { many: diskFolder('bare-many'), few: diskFolder('bare-few') };
  const figures = [];
  try {
    figures.push(fileFigure(big, bare), await readyFigure(big), await growthFigure(big, small, bare));
  } finally {
    await discard(big, small, { state: bare.many }, { state: bare.few });
  }
  return [...figures, await sweepFigure()];
}
