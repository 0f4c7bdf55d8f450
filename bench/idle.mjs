// What an idle daemon takes: resident memory, and the size of the stripped program.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../tests/kit/processes.mjs';
import { binary } from '../tests/kit/sojournd.mjs';
import { discard, startDaemonPeer } from './lib/servers.mjs';

export default async function measure() {
  const daemon = await startDaemonPeer({ env: { SOJOURN__WORKERS: '2' } });
  await sleep(2000);
  const resident = Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))[1]) / 1024;
  await discard(daemon);
  const stripped = path.join(temporaryFolder('stripped'), 'sojournd');
  execFileSync('strip', ['-o', stripped, binary]);
  return [
    { name: 'idle daemon, resident', value: resident, unit: 'MiB', bar: { most: 12 }, detail: 'two workers, lmdb:' },
    { name: 'sojournd, stripped', value: fs.statSync(stripped).size / 1024, unit: 'KiB' },
  ];
}
