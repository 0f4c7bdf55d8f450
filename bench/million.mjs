// A million sessions of 512 bytes: the file, the start, what a check costs more, and sweeping them.

import fs from 'node:fs';
import path from 'node:path';
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

// p99 of checks of live sessions, `seconds` a run, beside the records that are left.
async function watch(daemon, rate, runs) {
  const begun = performance.now();
  const before = await daemon.metric('sojourn_store_records');
  const p99 = Array.from({ length: runs }, () => checks(daemon, { rate }).p99_us);
  const left = await daemon.metric('sojourn_store_records');
  return { p99: median(p99), left: left - few, perSecond: Math.round((before - left) / (performance.now() - begun) * 1000) };
}

async function withDaemon(expired, use) {
  const state = diskFolder('swept');
  if (expired > 0) fill(state, expired, day);
  const daemon = { cookies: fill(state, few), ...await startDaemonPeer({ state, env: readOnly }) };
  try {
    return await use(daemon);
  } finally {
    await discard(daemon);
  }
}

// While yesterday's million is swept, for the first minute of it, beside a daemon that has nothing to sweep.
async function sweepFigure() {
  const runs = quick ? rounds : Math.ceil(60 / seconds);
  const rate = await withDaemon(0, (daemon) => Math.round(checks(daemon).perSecond / 2));
  const quiet = await withDaemon(0, (daemon) => watch(daemon, rate, quick ? rounds : 2 * rounds));
  const busy = await withDaemon(many, (daemon) => watch(daemon, rate, runs));
  if (!quick && busy.left <= 0) throw new Error('the sweep ended while it was watched: fewer runs or more sessions');
  return { name: `/check, p99 while ${many.toLocaleString('en')} expired are swept`, value: busy.p99 / quiet.p99, unit: '× quiet', bar: { most: 2 },
    detail: `${us(busy.p99)}, the median of ${runs} runs, beside ${us(quiet.p99)} at ${rate.toLocaleString('en')} a second; ${busy.perSecond.toLocaleString('en')} a second were swept meanwhile, ${busy.left.toLocaleString('en')} were left` };
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
