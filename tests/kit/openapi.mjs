// docs/openapi.yaml as tests use it: linted, matched against requests, its
// schemas compiled. Every object is closed here, so that a member that the
// document does not describe is noticed.

import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { root } from './processes.mjs';

// The packages are those of tests/e2e.
const require = createRequire(path.join(root, 'tests/e2e/package.json'));
const { parse } = require('yaml');
const Ajv = require('ajv/dist/2020').default;
const addFormats = require('ajv-formats').default;

export const file = path.join(root, 'docs/openapi.yaml');
const methods = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];

// What a linter of OpenAPI says about the document: nothing, if it is right.
export async function lint(text = fs.readFileSync(file, 'utf8')) {
  const { createConfig, lintFromString } = require('@redocly/openapi-core');
  const config = await createConfig({ extends: ['recommended-strict'], rules: {
    'operation-operationId': 'off', // OPTIONS and /check have one operation for many
    'operation-4xx-response': 'off', // health has none
    'no-unused-components': 'off', // it does not look into x-anywhere: see unused()
  } });
  const problems = await lintFromString({ source: text, absoluteRef: file, config });
  return problems.map((problem) => `${problem.ruleId}: ${problem.message} ${problem.location[0]?.pointer ?? ''}`);
}

// Components that nothing refers to.
export function unused(text = fs.readFileSync(file, 'utf8')) {
  const { components } = parse(text);
  return Object.entries(components).filter(([kind]) => kind !== 'securitySchemes')
    .flatMap(([kind, named]) => Object.keys(named).map((name) => `#/components/${kind}/${name}`))
    .filter((reference) => !text.includes(`'${reference}'`));
}

function close(node) {
  if (Array.isArray(node)) return node.forEach(close);
  if (node === null || typeof node !== 'object') return undefined;
  if (node.type === 'object' && node.properties && node.additionalProperties === undefined) node.additionalProperties = false;
  Object.values(node).forEach(close);
  return undefined;
}

export class Document {
  constructor(text = fs.readFileSync(file, 'utf8')) {
    this.document = parse(text, { maxAliasCount: 1000 });
    this.closed = JSON.parse(JSON.stringify(this.document));
    close(this.closed);
    this.ajv = new Ajv({ strict: false, allErrors: true });
    addFormats(this.ajv);
    this.ajv.addSchema({ ...this.closed, $id: 'openapi' });
    this.paths = Object.keys(this.document.paths).map((template) => ({
      template,
      expression: new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`),
    }));
    this.validators = new Map();
  }

  at(pointer) {
    return pointer.split('/').slice(1).reduce((node, part) => node?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], this.closed);
  }

  // Where a node really stands, and the node: follows references.
  resolve(pointer) {
    const node = this.at(pointer);
    return node?.$ref ? this.resolve(node.$ref.slice(1)) : { pointer, node };
  }

  // [operation key, response pointer] of what was asked and answered; HEAD is GET's.
  find(method, target, status) {
    const name = target.replace(/[?#].*/s, '');
    const known = this.paths.find(({ expression }) => expression.test(name));
    const item = known && this.document.paths[known.template];
    let verb = method.toLowerCase();
    if (item && !item[verb] && (verb === 'head' || item['x-any-method'])) verb = 'get';
    const escaped = known?.template.replaceAll('~', '~0').replaceAll('/', '~1');
    const own = `/paths/${escaped}/${verb}/responses/${status}`;
    if (item?.[verb]?.responses[status]) return { key: `${verb.toUpperCase()} ${known.template} ${status}`, pointer: own };
    if (this.document['x-anywhere'][status]) return { key: `x-anywhere ${status}`, pointer: `/x-anywhere/${status}` };
    return undefined;
  }

  // Every reply that the document describes, in the words of `find`. What several methods share
  // (an alias in the file: /check) is one.
  keys() {
    const keys = Object.keys(this.document['x-anywhere']).map((status) => `x-anywhere ${status}`);
    for (const [template, item] of Object.entries(this.document.paths)) {
      for (const method of methods.filter((verb) => item[verb])) {
        for (const status of Object.keys(item[method].responses)) keys.push(`${method.toUpperCase()} ${template} ${status}`);
      }
    }
    return keys;
  }

  // The codes that a reply may have; none: it is no problem.
  codes(pointer) {
    const { node } = this.resolve(pointer);
    const schema = node.content?.['application/problem+json']?.schema;
    const code = schema?.allOf?.[1]?.properties?.code;
    return code?.enum ?? (code ? [code.const] : []);
  }

  validate(pointer, value) {
    if (!this.validators.has(pointer)) {
      this.validators.set(pointer, this.ajv.compile({ $ref: `openapi#${encodeURI(pointer)}` }));
    }
    const valid = this.validators.get(pointer);
    return valid(value) ? [] : valid.errors.map((error) => `${error.instancePath || 'it'} ${error.message}`);
  }
}

export const document = new Document();
