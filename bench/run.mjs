// ./dev bench [--quick] [NAME…]: runs the benchmarks and prints each figure with
// its bar. Writes bench/RESULTS.md; a named part writes its own section alone.
// --quick: a moment each, to see that everything works; writes nothing.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(path.dirname(new URL(import.meta.url).pathname), '..');
const results = path.join(root, 'bench/RESULTS.md');
const [buildFolder, ...words] = process.argv.slice(2);
const quick = words.includes('--quick');
const names = words.filter((word) => word !== '--quick');
process.env.SOJOURN_BUILD = path.resolve(buildFolder);
if (quick) process.env.SOJOURN_BENCH_QUICK = '1';

// In the order of the page. Each module's default export gives its figures:
// [{ name, value, unit, bar: { most | least } or none, detail }].
const parts = {
  http: 'The HTTP server',
  check: 'Checking a session',
  express: 'Beside Express',
  writes: 'Durable writes',
  million: 'A million sessions',
  idle: 'An idle daemon',
};

function verdict({ value, bar }) {
  if (bar === undefined) return 'stated';
  return (bar.most !== undefined ? value <= bar.most : value >= bar.least) ? 'pass' : 'MISS';
}

function barText({ bar, unit }) {
  if (bar === undefined) return '';
  return bar.most !== undefined ? `≤ ${bar.most} ${unit}` : `≥ ${bar.least} ${unit}`;
}

const number = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3))));

// --- The page ----------------------------------------------------------------

function output(command, pattern = /.*/) {
  try {
    const text = execFileSync('sh', ['-c', `${command} 2>&1`], { encoding: 'utf8' }).trim();
    const found = pattern.exec(text);
    return found ? found[1] ?? found[0] : text;
  } catch {
    return 'unknown';
  }
}

const packageVersion = (name) => output(`dpkg-query -W -f='\${Version}' ${name}`);

function conditions() {
  const cpu = /model name\s*: (.*)/.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown CPU';
  return `${os.cpus().length} cores, ${cpu}, ${Math.round(os.totalmem() / 2 ** 30)} GiB; ${os.type()} ${os.release()}; ` +
    `nginx ${output('/usr/sbin/nginx -v', /nginx\/(\S+)/)}, Redis ${output('redis-server --version', /v=(\S+)/)}, Node.js ${process.version}, ` +
    `LMDB ${packageVersion('liblmdb0')}, libuv ${packageVersion('libuv1')}, OpenSSL ${packageVersion('libssl3')}, ${output('cc --version')}`;
}

function section(name, figures) {
  const rows = figures.map((f) =>
    `| ${f.name} | ${number(f.value)} ${f.unit} | ${barText(f)} | ${verdict(f)} | ${f.detail ?? ''} |`);
  const misses = figures.filter((f) => verdict(f) === 'MISS' && f.cause).map((f) => `\nMissed: ${f.name}. ${f.cause}\n`);
  return `<!-- part: ${name} -->
## ${parts[name]}

\`./dev bench ${name}\`, ${new Date().toISOString().slice(0, 10)}, at ${output(`git -C '${root}' rev-parse --short HEAD`)}.
${conditions()}.

| figure | measured | bar | | how |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
${misses.join('')}`;
}

const head = `# Benchmarks

Written by \`./dev bench\`; [README.md](README.md) says what is measured how. One
core for the server and one for the load, alternating runs, medians. Ratios are
against the peer in the same run: absolute figures move from machine to machine.
`;

// The sections of the page as it is, by part.
function readSections() {
  const text = fs.existsSync(results) ? fs.readFileSync(results, 'utf8') : '';
  const pieces = text.split(/^<!-- part: (\w+) -->$/m).slice(1);
  const sections = {};
  for (let i = 0; i < pieces.length; i += 2) sections[pieces[i]] = `<!-- part: ${pieces[i]} -->${pieces[i + 1]}`.trimEnd() + '\n';
  return sections;
}

function write(measured) {
  const sections = { ...readSections(), ...measured };
  const present = Object.keys(parts).filter((name) => sections[name]);
  fs.writeFileSync(results, [head, ...present.map((name) => sections[name])].join('\n'));
}

// --- The run -----------------------------------------------------------------

const unknown = names.filter((name) => !parts[name]);
if (unknown.length > 0) {
  console.error(`bench: no part is called ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(1);
}
for (const name of names.length > 0 ? names : Object.keys(parts)) {
  console.error(`bench ${name}`);
  const { default: measure } = await import(`./${name}.mjs`);
  const figures = await measure();
  for (const figure of figures) {
    console.log(`${verdict(figure).padEnd(6)} ${figure.name}: ${number(figure.value)} ${figure.unit}  ${barText(figure)}\n       ${figure.detail ?? ''}`);
  }
  if (!quick) write({ [name]: section(name, figures) });
}
