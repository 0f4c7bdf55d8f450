// Measuring: processes pinned to a core, CPU time of a process from /proc,
// load from bench/load.c, medians of alternating runs.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const serverCore = 0;
export const loadCore = Math.min(1, os.cpus().length - 1);

// --quick: whether everything works, not what it costs.
export const quick = process.env.SOJOURN_BENCH_QUICK === '1';
export const rounds = quick ? 1 : 5;
export const seconds = quick ? 0.3 : 3;

export const program = (name) => path.join(path.resolve(process.env.SOJOURN_BUILD), 'bench', name);
export const pinned = (core, command, args) => ['taskset', ['-c', String(core), command, ...args]];

// CPU seconds that a process and all of its threads have used.
export function cpuSeconds(pid) {
  const tasks = fs.readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) =>
    sum + Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]) / 1e9, 0);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function runJson(core, command, args) {
  const done = spawnSync(...pinned(core, command, args), { encoding: 'utf8', maxBuffer: 1 << 24 });
  if (done.status !== 0) throw new Error(`${path.basename(command)} ${args[0]}: ${done.stderr || done.error || done.status}`);
  return JSON.parse(done.stdout);
}

// One run of load.c on its own core; `options` are its arguments by name.
// Gives what it prints: { requests, errors, perSecond, p50_us, p99_us, … }.
export function load(port, { fields = {}, ...options } = {}) {
  const args = [String(port)];
  for (const [name, value] of Object.entries({ seconds, ...options })) args.push(`--${name}`, String(value));
  for (const [name, value] of Object.entries(fields)) args.push('--field', `${name}: ${value}`);
  const result = runJson(loadCore, program('load'), args);
  if (result.errors > 0) throw new Error(`${result.errors} of ${result.requests} requests failed`);
  return result;
}

// LMDB alone, on the server's core.
export const bareLmdb = (...args) => runJson(serverCore, program('lmdb_bench'), args.map(String));

// The same load with what it cost the server: cpu_us, of all its threads, a request.
export function costOf(pid, run) {
  const before = cpuSeconds(pid);
  const result = run();
  return { ...result, cpu_us: ((cpuSeconds(pid) - before) * 1e6) / result.requests };
}

// Runs `first` and `second` in turn and gives the medians and the ratio of medians.
export function alternate(times, first, second, figure = (result) => result.cpu_us) {
  const a = [];
  const b = [];
  for (let i = 0; i < times; i++) {
    a.push(figure(first()));
    b.push(figure(second()));
  }
  return { first: median(a), second: median(b), ratio: median(a) / median(b) };
}

export const us = (value) => `${value.toFixed(value < 10 ? 2 : 1)} µs`;
