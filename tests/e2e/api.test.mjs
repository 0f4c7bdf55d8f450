// The HTTP interface against docs/openapi.yaml, both ways: every reply that a
// test sees is described there (tests/kit/api.mjs checks it), and every path,
// status and code that is described has been produced here, by real means.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { unseen } from '../kit/api.mjs';
import { document, file, lint, unused } from '../kit/openapi.mjs';
import { root } from '../kit/processes.mjs';
import './api/sessions.mjs';
import './api/subjects.mjs';
import './api/check.mjs';
import './api/consistency.mjs';
import './api/cookies.mjs';
import './api/anywhere.mjs';
import './api/outages.mjs';

test('the document is OpenAPI 3.1, and a linter has nothing to say', async () => {
  assert.deepEqual(await lint(), []);
  assert.deepEqual(unused(), []);
  const text = fs.readFileSync(file, 'utf8');
  assert.notDeepEqual(await lint(text.replace("'#/components/responses/Created'", "'#/components/responses/Gone'")), []);
  assert.notDeepEqual(await lint(text.replace('operationId: createSession', 'operationIdentity: createSession')), []);
});

test('every route that is built is described, and no other', () => {
  const routes = fs.readFileSync(path.join(root, 'src/front/routes.c'), 'utf8');
  const built = [...routes.matchAll(/\{"(\/[^"]*)"/g)].map((match) => match[1]);
  assert.deepEqual(Object.keys(document.document.paths).sort(), built.sort());
});

// The last: what the parts above have not produced.
test('every path, status and code of the document has been produced', () => {
  assert.deepEqual(unseen(), []);
});
