// Checks formats.json and texts.json against docs/formats.md, without the program.

import fs from 'node:fs';
import { test } from 'node:test';
import { bindings, ofFormats, ofTexts } from './checks.mjs';

const read = (name) => JSON.parse(fs.readFileSync(new URL(name, import.meta.url)));
for (const [name, check] of Object.entries(ofFormats)) test(name, () => check(read('./formats.json')));
for (const [name, check] of Object.entries(ofTexts)) test(name, () => check(read('./texts.json')));
test('bindings', () => bindings(read('./formats.json')));
