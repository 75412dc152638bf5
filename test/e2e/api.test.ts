import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { transform } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import * as library from '../../src/index.ts';
import { type Person, person } from '../support/harness.ts';

const root = path.resolve(import.meta.dirname, '../..');
const text = readFileSync(path.join(root, 'docs/api.md'), 'utf8');
const blocks = [...text.matchAll(/^#+ (.*)$|```ts\n([^]*?)```/gmu)];

/** The examples, each under the heading that it stands below. */
const examples: [string, string][] = [];
for (const [, heading, code] of blocks) {
  if (heading !== undefined) examples.push([heading, '']);
  else examples.push([examples.at(-1)![0], code!]);
}
const programs = examples.filter(([, code]) => code !== '');

/** A directory of a program that has the package as npm would link it. */
function application(ann: Person): string {
  const app = path.join(ann.dir, 'app');
  mkdirSync(path.join(app, 'node_modules/@types'), { recursive: true });
  symlinkSync(root, path.join(app, 'node_modules/git-session'));
  symlinkSync(path.join(root, 'node_modules/@types/node'), path.join(app, 'node_modules/@types/node'));
  return app;
}

describe('docs/api.md', () => {
  beforeAll(() => {
    // The declarations are not in the fast build.
    execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'pipe' });
  }, 180_000);

  test('D1 T15: all examples compile against the types of the package', { timeout: 120_000 }, async () => {
    const ann = person();
    const app = application(ann);
    expect(programs.length).toBeGreaterThan(7);
    const files = programs.map(([, code], i) => {
      const file = path.join(app, `example-${i}.mts`);
      writeFileSync(file, code);
      return file;
    });
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const options = ['--strict', '--noEmit', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2023'];
    const checked = await ann.run(process.execPath, [tsc, ...options, '--types', 'node', ...files], {
      cwd: app,
    });
    expect(checked).toMatchObject({ code: 0, stdout: '' });
  });

  test.each(programs)('D1: the example of "%s" runs, and prints what it says', async (_, code) => {
    const ann = person();
    const app = application(ann);
    const repo = await ann.repo();
    const { code: script } = await transform(code, { loader: 'ts', format: 'esm', target: 'node20' });
    writeFileSync(path.join(app, 'example.mjs'), script);
    const expected = [...code.matchAll(/\/\/ -> (.*)$/gmu)].map(([, line]) => line!);
    const ran = await ann.run(process.execPath, [path.join(app, 'example.mjs')], { cwd: repo });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(
      ran.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual(expected);
  });

  test('D1: it names everything that is exported, and every operation', () => {
    const exported = Object.entries(library)
      .filter(([, value]) => !isErrorClass(value))
      .map(([name]) => name);
    const operations = Object.getOwnPropertyNames(library.SessionManager.prototype);
    const internal = ['constructor', 'append', 'require', 'all', 'announce'];
    const named = new Set(text.match(/\w+/gu));
    const missing = [...exported, ...operations].filter((n) => !named.has(n) && !internal.includes(n));
    expect(missing).toEqual([]);
  });
});

function isErrorClass(value: unknown): boolean {
  return typeof value === 'function' && value.prototype instanceof Error;
}
