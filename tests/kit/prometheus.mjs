// A strict reader of Prometheus' text format 0.0.4: throws at whatever a scraper
// could stumble over, and at what promtool's linter would say of our own names.

import assert from 'node:assert/strict';

const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const number = /^(?:[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN)$/;
const types = ['counter', 'gauge', 'histogram'];

function take(state, pattern, what) {
  const found = pattern.exec(state.rest);
  assert.ok(found, `line ${state.line}: ${what} expected at '${state.rest}'`);
  state.rest = state.rest.slice(found[0].length);
  return found[0];
}

// {a="b",c="d\n"}: a map; values may escape a backslash, a quote and a line feed alone.
function readLabels(state) {
  const labels = {};
  if (!state.rest.startsWith('{')) return labels;
  take(state, /^\{/, '{');
  for (;;) {
    const key = take(state, labelName, 'a label');
    assert.ok(!(key in labels), `line ${state.line}: label ${key} twice`);
    assert.ok(!key.startsWith('__'), `line ${state.line}: label ${key} is reserved`);
    const value = take(state, /^="(?:[^"\\\n]|\\[\\"n])*"/, 'a quoted value');
    labels[key] = value.slice(2, -1).replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    if (state.rest.startsWith('}')) break;
    take(state, /^,/, ', or }');
  }
  take(state, /^\}/, '}');
  return labels;
}

function readSample(line, text) {
  const state = { line, rest: text };
  const sample = { name: take(state, name, 'a name'), labels: readLabels(state) };
  const value = take(state, /^ \S+$/, 'one space and a value').slice(1);
  assert.match(value, number, `line ${line}: a number`);
  sample.value = value === '+Inf' ? Infinity : value === '-Inf' ? -Infinity : Number(value);
  return sample;
}

const identity = (sample, without) =>
  JSON.stringify([sample.name, ...Object.entries(sample.labels).filter(([key]) => key !== without).sort()]);

function checkHistogram(family) {
  const series = new Map();
  for (const sample of family.samples) {
    const suffix = sample.name.slice(family.name.length);
    assert.ok(['_bucket', '_sum', '_count'].includes(suffix), `${sample.name} in histogram ${family.name}`);
    const key = identity({ name: family.name, labels: sample.labels }, 'le');
    const one = series.get(key) ?? series.set(key, { buckets: [] }).get(key);
    if (suffix === '_bucket') one.buckets.push([sample.labels.le === '+Inf' ? Infinity : Number(sample.labels.le), sample.value]);
    else one[suffix] = sample.value;
  }
  for (const [key, one] of series) {
    assert.ok(one.buckets.length > 1 && one._sum !== undefined && one._count !== undefined, `${key}: incomplete`);
    one.buckets.reduce((before, bucket) => {
      assert.ok(bucket[0] > before[0], `${key}: bounds ascend`);
      assert.ok(bucket[1] >= before[1], `${key}: buckets are cumulative`);
      return bucket;
    }, [-Infinity, 0]);
    assert.deepEqual(one.buckets.at(-1), [Infinity, one._count], `${key}: the last bucket is the count`);
    assert.ok(one._count > 0 || one._sum === 0, `${key}: nothing sums to nothing`);
  }
}

function checkFamily(family) {
  assert.ok(family.samples.length > 0, `${family.name} has no sample`);
  if (family.type === 'histogram') {
    assert.match(family.name, /_(seconds|bytes)$/, 'a histogram names its unit');
    checkHistogram(family);
    return;
  }
  assert.equal(family.type === 'counter', family.name.endsWith('_total'), `${family.name}: _total is for counters`);
  for (const sample of family.samples) {
    assert.equal(sample.name, family.name);
    if (family.type === 'counter') assert.ok(sample.value >= 0 && Number.isSafeInteger(sample.value), sample.name);
  }
}

// Families by name: { name, help, type, samples: [{ name, labels, value }] }.
export function parseMetrics(text) {
  assert.ok(text.endsWith('\n'), 'the last line ends with a line feed');
  assert.ok(!text.includes('\r'), 'no carriage return');
  const families = new Map();
  const seen = new Set();
  let family;
  text.slice(0, -1).split('\n').forEach((row, index) => {
    const line = index + 1;
    const heading = /^# (HELP|TYPE) (\S+) (.+)$/.exec(row);
    if (heading?.[1] === 'HELP') {
      assert.ok(!families.has(heading[2]), `line ${line}: ${heading[2]} begins a second time`);
      assert.equal(name.exec(heading[2])?.[0], heading[2], `line ${line}: a valid name`);
      assert.doesNotMatch(heading[3], /\\(?![\\n])/, `line ${line}: escapes`);
      family = { name: heading[2], help: heading[3], samples: [] };
      families.set(family.name, family);
    } else if (heading) {
      assert.ok(family?.name === heading[2] && !family.type && family.samples.length === 0, `line ${line}: TYPE after its HELP`);
      assert.ok(types.includes(heading[3]), `line ${line}: type ${heading[3]}`);
      family.type = heading[3];
    } else {
      const sample = readSample(line, row);
      assert.ok(family?.type && sample.name.startsWith(family.name), `line ${line}: ${sample.name} outside its family`);
      assert.ok(!seen.has(identity(sample)), `line ${line}: ${row} twice`);
      seen.add(identity(sample));
      family.samples.push(sample);
    }
  });
  for (const one of families.values()) checkFamily(one);
  return families;
}

// The value of the one sample with that name and exactly these labels (le aside).
export function valueOf(families, wanted, labels = {}) {
  const family = families.get(wanted) ?? families.get(wanted.replace(/_(bucket|sum|count)$/, ''));
  assert.ok(family, `no metric ${wanted}`);
  const found = family.samples.filter((sample) => sample.name === wanted &&
    Object.keys({ ...sample.labels, ...labels }).every((key) => sample.labels[key] === labels[key]));
  assert.equal(found.length, 1, `${wanted} ${JSON.stringify(labels)}: ${found.length} samples`);
  return found[0].value;
}

// What the daemon's /metrics say now.
export async function scrape(daemon) {
  const answer = await daemon.call('GET', '/metrics');
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return parseMetrics(answer.text);
}
