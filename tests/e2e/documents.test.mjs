// What the documents say is what the programs do.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../kit/processes.mjs';
import { binary, cli } from '../kit/sojournd.mjs';

const document = (name) => fs.readFileSync(path.join(root, name), 'utf8');

test('docs/configuration.md is what sojournd prints', () => {
  const printed = execFileSync(binary, ['--help-config=markdown'], { encoding: 'utf8' });
  assert.equal(document('docs/configuration.md'), printed,
    'regenerate it: build/sojournd --help-config=markdown >docs/configuration.md');
});

// Every C source below src/, as [name, text].
function sources(folder = path.join(root, 'src')) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? sources(name) : name.endsWith('.c') ? [[name, fs.readFileSync(name, 'utf8')]] : [];
  });
}

test('docs/operations.md lists every message that the daemon can log', () => {
  const manual = document('docs/operations.md');
  const messages = new Set(sources().flatMap(([, text]) =>
    [...text.matchAll(/(?:SJ__LOG|sj__log_write)\(\s*SJ__LOG_[A-Z]+,\s*((?:"[^"]*"\s*)+)/g)].map((found) => found[1].replace(/"\s*"/g, '').trim().slice(1, -1))));
  assert.ok(messages.size > 10);
  assert.deepEqual([...messages].filter((message) => !manual.includes(`\`${message}\``)), []);
});

test('what README and manuals run is there: every option and verb in their command lines', () => {
  const printed = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' });
  const usage = printed(binary, '--help') + printed(cli, 'help') + ['status', 'create', 'get', 'list', 'end', 'keys', 'config'].map((verb) => printed(cli, 'help', verb)).join('');
  let seen = 0;
  for (const name of ['README.md', 'docs/operations.md', 'docs/configuration.md', 'docs/stores/lmdb.md', 'deploy/nginx/README.md']) {
    for (const [, program, rest] of document(name).matchAll(/(?:^ {4}|`)(?:build\/)?(sojournd|sojourn) ([^`\n#]*)/gm)) {
      const words = rest.trim().split(/\s+/).filter((word) => word.startsWith('--'));
      if (program === 'sojourn') words.push(rest.trim().split(/\s+/)[0]);
      for (const word of words.filter(Boolean)) {
        seen++;
        assert.ok(usage.includes(word.split('=')[0]), `${name}: ${program} ${rest.trim()}: no ${word}`);
      }
    }
  }
  assert.ok(seen > 15, `${seen}`);
});
