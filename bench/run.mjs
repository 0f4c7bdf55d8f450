// ./dev bench [NAME…]: runs the benchmarks, prints each figure with its bar, and
// writes bench/RESULTS.md (whole runs alone: a named part prints and writes nothing).

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '..');
const [buildFolder, ...names] = process.argv.slice(2);
process.env.SOJOURN_BUILD = path.resolve(buildFolder);

// In the order of the page. Each module's default export gives its figures:
// [{ name, value, unit, bar: { most | least } or none, detail }].
const parts = ['http', 'check', 'express', 'writes', 'million', 'idle'];

function verdict(figure) {
  if (figure.bar === undefined) return 'stated';
  const good = figure.bar.most !== undefined ? figure.value <= figure.bar.most : figure.value >= figure.bar.least;
  return good ? 'pass' : 'MISS';
}

function barText({ bar, unit }) {
  if (bar === undefined) return '';
  return bar.most !== undefined ? `≤ ${bar.most} ${unit}` : `≥ ${bar.least} ${unit}`;
}

const number = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3))));

function version(command, args, pattern) {
  try {
    const text = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return pattern ? pattern.exec(text)?.[1] ?? text.trim() : text.trim();
  } catch {
    return 'not here';
  }
}

function page(figures) {
  const cpu = /model name\s*: (.*)/.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown CPU';
  const rows = figures.map((f) =>
    `| ${f.name} | ${number(f.value)} ${f.unit} | ${barText(f)} | ${verdict(f)} | ${f.detail ?? ''} |`);
  return `# Benchmarks

Written by \`./dev bench\` on ${new Date().toISOString().slice(0, 10)}, at commit ${version('git', ['-C', root, 'rev-parse', '--short', 'HEAD'])}.
One core for the server, one for the load; alternating runs; medians. Ratios are
against the peer in the same run: absolute figures move from machine to machine.

Machine: ${os.cpus().length} cores, ${cpu}; ${os.type()} ${os.release()}; ${Math.round(os.totalmem() / 2 ** 30)} GiB.
nginx ${version('sh', ['-c', '/usr/sbin/nginx -v 2>&1'], /nginx\/(\S+)/)}, Redis ${version('redis-server', ['--version'], /v=(\S+)/)}, Node.js ${process.version}, ${version('cc', ['--version'], /^(.*)$/m)}.

| figure | measured | bar | | how |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const unknown = names.filter((name) => !parts.includes(name));
if (unknown.length > 0) {
  console.error(`bench: no part is called ${unknown.join(', ')}; there are ${parts.join(', ')}`);
  process.exit(1);
}
const figures = [];
for (const name of names.length ? names : parts) {
  console.error(`bench ${name}`);
  const { default: measure } = await import(`./${name}.mjs`);
  for (const figure of await measure()) {
    console.log(`${verdict(figure).padEnd(6)} ${figure.name}: ${number(figure.value)} ${figure.unit} ${barText(figure)}  ${figure.detail ?? ''}`);
    figures.push(figure);
  }
}
if (names.length === 0) fs.writeFileSync(path.join(root, 'bench/RESULTS.md'), page(figures));
