// What the documents say is what the programs do.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../kit/processes.mjs';
import { binary } from '../kit/sojournd.mjs';

const document = (name) => fs.readFileSync(path.join(root, name), 'utf8');

test('docs/configuration.md is what sojournd prints', () => {
  const printed = execFileSync(binary, ['--help-config=markdown'], { encoding: 'utf8' });
  assert.equal(document('docs/configuration.md'), printed,
    'regenerate it: build/sojournd --help-config=markdown >docs/configuration.md');
});
