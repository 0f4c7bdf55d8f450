// Every benchmark runs, and yields figures that can be: not what they are.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { build, root } from '../kit/processes.mjs';

const results = path.join(root, 'bench/RESULTS.md');
const read = () => (fs.existsSync(results) ? fs.readFileSync(results, 'utf8') : '');

// Express and Redis are installed for whole runs alone (./dev bench).
for (const [name, count] of Object.entries({ http: 3, check: 2, writes: 2, million: 4, idle: 2 })) {
  test(`bench ${name}`, { timeout: 120000 }, () => {
    const before = read();
    const text = execFileSync(process.execPath, ['bench/run.mjs', build, '--quick', name], { cwd: root, encoding: 'utf8' });
    const figures = [...text.matchAll(/^(pass|MISS|stated) +(.+): (-?[\d.,]+(?:e-\d+)?) (\S.*)$/gm)];
    assert.equal(figures.length, count, text);
    for (const [line, , figure, value] of figures) {
      const number = Number(value.replaceAll(',', ''));
      assert.ok(Number.isFinite(number), line);
      assert.ok(number > 0 || figure.includes('growth'), line);
    }
    assert.equal(read(), before, 'a quick run writes no results');
  });
}

test('a part that does not exist is refused', () => {
  assert.throws(() => execFileSync(process.execPath, ['bench/run.mjs', build, 'nothing'], { cwd: root, stdio: 'pipe' }),
    (error) => error.status === 1 && error.stderr.includes('there are http, check'));
});
