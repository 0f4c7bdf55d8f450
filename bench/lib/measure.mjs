// Measuring: processes pinned to a core, CPU time of a process from /proc,
// load from wrk, medians of alternating runs.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';

export const serverCore = 0;
export const loadCore = Math.min(1, os.cpus().length - 1);

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']));

// CPU seconds that a process and its threads (and, with `tree`, its children) have used.
export function cpuSeconds(pid, tree = false) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
  let seconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  if (tree) for (const child of children(pid)) seconds += cpuSeconds(child, true);
  return seconds;
}

export function children(pid) {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
}

export const pinned = (core, command, args) => ['taskset', ['-c', String(core), command, ...args]];

// One run of wrk: { requests, seconds, perSecond, errors, p50_ms, p99_ms }.
export function wrk(url, { connections = 64, seconds = 3, headers = {}, script, args = [] }) {
  const options = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--latency'];
  for (const [name, value] of Object.entries(headers)) options.push('-H', `${name}: ${value}`);
  if (script) options.push('-s', script);
  options.push(url);
  if (args.length) options.push('--', ...args);
  const done = spawnSync('taskset', ['-c', String(loadCore), 'wrk', ...options], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`wrk failed: ${done.stderr || done.stdout}`);
  const requests = Number(/(\d+) requests in/.exec(done.stdout)[1]);
  const errors = Number(/Non-2xx or 3xx responses: (\d+)/.exec(done.stdout)?.[1] ?? 0) +
    [...(/Socket errors: (.*)/.exec(done.stdout)?.[1] ?? '').matchAll(/\d+/g)]
      .reduce((sum, match) => sum + Number(match[0]), 0);
  const percentile = (name) => {
    const [, value, unit] = new RegExp(`${name}%\\s+([\\d.]+)(us|ms|s)`).exec(done.stdout);
    return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit];
  };
  return {
    requests,
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(done.stdout)[1]),
    errors,
    p50_ms: percentile('50'),
    p99_ms: percentile('99'),
  };
}

// CPU microseconds a request of a server under one run of load.
export function costOf(pid, run, tree = false) {
  const before = cpuSeconds(pid, tree);
  const result = run();
  if (result.errors > 0) throw new Error(`${result.errors} of ${result.requests} requests failed`);
  return { ...result, cpu_us: ((cpuSeconds(pid, tree) - before) * 1e6) / result.requests };
}

// Runs `first` and `second` in turn and gives the medians and the ratio of medians.
export function alternate(rounds, first, second, figure = (result) => result.cpu_us) {
  const a = [];
  const b = [];
  for (let round = 0; round < rounds; round++) {
    a.push(figure(first()));
    b.push(figure(second()));
  }
  return { first: median(a), second: median(b), ratio: median(a) / median(b) };
}
