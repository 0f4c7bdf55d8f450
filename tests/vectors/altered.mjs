// Whether both readers of the vectors notice an altered one. Every value is altered, one at a
// time: Node must notice it wherever it decides anything, and the C programs (PROGRAMS, by
// file) must notice one of every column. A column is a value's path without its row.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ofFormats, ofTexts } from './checks.mjs';

const programs = JSON.parse(process.env.PROGRAMS);
const read = (name) => JSON.parse(fs.readFileSync(new URL(name, import.meta.url)));

function* leaves(value, at = []) {
  if (value === null || typeof value !== 'object') yield at;
  else for (const key of Object.keys(value)) yield* leaves(value[key], [...at, key]);
}

// Inside a merge patch's documents any member is as good as another.
const columnOf = (at) => (at[0] === 'merge_patch' ? [at[0], at[2]] : at.filter((key) => !/^\d+$/.test(key))).join('.');

function other(value) {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (value === null) return '0';
  return value.slice(0, -1) + (value.endsWith('0') ? '1' : '0');
}

function altered(vectors, at) {
  const copy = structuredClone(vectors);
  const parent = at.slice(0, -1).reduce((value, key) => value[key], copy);
  parent[at.at(-1)] = other(parent[at.at(-1)]);
  return copy;
}

function noticedByNode(checks, vectors) {
  try {
    for (const check of Object.values(checks)) check(vectors);
    return false;
  } catch {
    return true;
  }
}

function noticedByProgram(name, vectors, folder) {
  fs.writeFileSync(path.join(folder, name), JSON.stringify(vectors));
  const done = spawnSync(programs[name], [folder], { stdio: 'ignore' });
  assert.ok(done.status !== null || done.signal === 'SIGABRT', `${programs[name]} did not run`);
  return done.status !== 0;
}

// `free`: columns whose values need not decide anything in every row.
function check(name, checks, free) {
  const vectors = read(name);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sojourn-vectors-'));
  const seen = new Map();
  assert.ok(!noticedByNode(checks, vectors) && !noticedByProgram(name, vectors, folder), 'unaltered ones pass');
  for (const at of leaves(vectors)) {
    const column = columnOf(at);
    const copy = altered(vectors, at);
    const noticed = noticedByNode(checks, copy);
    assert.ok(noticed || free.test(column), `${name} ${at.join('.')} can be altered unnoticed`);
    if (!noticed || seen.get(column)) continue;
    seen.set(column, true);
    assert.ok(noticedByProgram(name, copy, folder), `${name} ${at.join('.')} can be altered unnoticed by the program`);
  }
  for (const at of leaves(vectors)) assert.ok(seen.get(columnOf(at)), `${columnOf(at)} decides nothing`);
  fs.rmSync(folder, { recursive: true });
}

test('formats.json', () => check('formats.json', ofFormats, /^$/));
// What is put in may be overwritten by a patch, belong to another cookie, or be refused anyway.
test('texts.json', () => check('texts.json', ofTexts,
  /^merge_patch\.(target|patch)$|^cookie_headers\.(headers|name)$|^set_cookies\.(?!line)|\.text$|\.at$/));
