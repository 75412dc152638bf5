import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** What each folder of src may not import; the linter's configuration has to say the same. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  session: ['git', 'tmux', 'store', 'flow', 'cli', 'process', 'trust', 'library'],
  git: ['tmux', 'store', 'flow', 'cli', 'process', 'trust', 'library'],
  tmux: ['git', 'store', 'flow', 'cli', 'library'],
  process: ['git', 'tmux', 'store', 'flow', 'cli', 'library'],
  trust: ['git', 'tmux', 'store', 'flow', 'cli', 'library'],
  store: ['tmux', 'flow', 'cli', 'process', 'library'],
  flow: ['cli', 'library'],
  cli: ['git', 'tmux', 'library'],
  library: ['tmux', 'flow', 'cli', 'process', 'trust'],
};
const FOLDERS = Object.keys(FORBIDDEN);
const IO = ['node:fs', 'node:fs/promises', 'node:child_process', 'node:os', 'node:net'];
const RESTRICTED = 'eslint(no-restricted-properties)';
const PLANTED: readonly (readonly [what: string, file: string, rule: string])[] = [
  ['an import cycle', 'flow/planted-a.ts', 'import(no-cycle)'],
  ['a floating promise', 'flow/planted-promise.ts', 'typescript(no-floating-promises)'],
  ['a switch with a case missing', 'flow/planted-switch.ts', 'typescript(switch-exhaustiveness-check)'],
  ['an explicit any', 'flow/planted-any.ts', 'typescript(no-explicit-any)'],
  ['a write to stdout', 'cli/planted-print.ts', RESTRICTED],
  ['a write to stdout of a flow', 'flow/planted-print.ts', RESTRICTED],
  ['stderr under another name', 'cli/planted-alias.ts', RESTRICTED],
  ['stderr in brackets', 'trust/planted-print.ts', RESTRICTED],
  ['console', 'cli/planted-console.ts', 'eslint(no-console)'],
  ['console of a flow', 'flow/planted-console.ts', 'eslint(no-console)'],
];
/** What a linter takes for something else: streams and descriptors of the terminal by other names. */
const OTHER_WAYS_OUT =
  /(?:from|import\(|require\()\s*['"](?:node:)?(?:console|process)['"]|writeSync\(\s*[12]\b|\w\(\s*['"`]\/dev\/(?:tty|std(?:out|err)|fd)\b|\bprocess\[/u;

interface Finding {
  readonly code: string;
  readonly filename: string;
}

function lint(directory: string): Finding[] {
  const oxlint = path.join(root, 'node_modules/oxlint/bin/oxlint');
  const options = ['--type-aware', '--deny-warnings', '--format', 'json', 'src'];
  let output: string;
  try {
    output = execFileSync(process.execPath, [oxlint, ...options], { cwd: directory, encoding: 'utf8' });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  return (JSON.parse(output) as { diagnostics: Finding[] }).diagnostics;
}

function sourcesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
}

describe('the linter', () => {
  let copy: string;
  const rulesBrokenIn = new Map<string, string[]>();

  function plant(file: string, text: string): void {
    const target = path.join(copy, 'src', file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
  }

  beforeAll(() => {
    copy = mkdtempSync(path.join(tmpdir(), 'git-session-lint-'));
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json', 'src']) {
      cpSync(path.join(root, file), path.join(copy, file), { recursive: true });
    }
    symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));

    for (const from of FOLDERS) {
      plant(`${from}/planted.ts`, 'export const planted = 1;\n');
      for (const to of FOLDERS.filter((folder) => folder !== from)) {
        plant(`${from}/planted-${to}.ts`, `export { planted } from '../${to}/planted.ts';\n`);
        plant(`${from}/deeper/planted-${to}.ts`, `export { planted } from '../../${to}/planted.ts';\n`);
      }
    }
    for (const [i, name] of IO.entries())
      plant(`session/planted-io-${i}.ts`, `export * as io from '${name}';\n`);
    plant('session/planted-crypto.ts', `export { createHash } from 'node:crypto';\n`);
    plant('flow/planted-a.ts', `import { b } from './planted-b.ts';\nexport const a = (): number => b();\n`);
    plant('flow/planted-b.ts', `import { a } from './planted-a.ts';\nexport const b = (): number => a();\n`);
    plant(
      'flow/planted-promise.ts',
      'async function save(): Promise<void> {}\nexport function run(): void {\n  save();\n}\n',
    );
    plant(
      'flow/planted-switch.ts',
      `export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}\n`,
    );
    plant('flow/planted-any.ts', 'export const f = (x: any): string => String(x);\n');
    plant('cli/planted-print.ts', `export const f = () => process.stdout.write('x');\n`);
    plant('flow/planted-print.ts', `export const f = () => process.stdout.write('x');\n`);
    plant('trust/planted-print.ts', `export const f = () => process['stderr'].write('x');\n`);
    plant('cli/planted-alias.ts', `const { stderr } = process;\nexport const f = () => stderr.write('x');\n`);
    plant('cli/planted-console.ts', `export const f = () => console.log('x');\n`);
    plant('flow/planted-console.ts', `export const f = () => console.error('x');\n`);
    for (const { filename, code } of lint(copy)) {
      const file = path.relative('src', path.isAbsolute(filename) ? path.relative(copy, filename) : filename);
      rulesBrokenIn.set(file, [...(rulesBrokenIn.get(file) ?? []), code]);
    }
  });

  afterAll(() => {
    rmSync(copy, { recursive: true, force: true });
  });

  const pairs = FOLDERS.flatMap((from) =>
    FOLDERS.filter((to) => to !== from).map((to) => ({ from, to, allowed: !FORBIDDEN[from]!.includes(to) })),
  );
  it.each(pairs.filter(({ allowed }) => !allowed))('finds $from importing $to', ({ from, to }) => {
    expect(rulesBrokenIn.get(`${from}/planted-${to}.ts`)).toContain('eslint(no-restricted-imports)');
    expect(rulesBrokenIn.get(`${from}/deeper/planted-${to}.ts`)).toContain('eslint(no-restricted-imports)');
  });
  it.each(pairs.filter(({ allowed }) => allowed))('lets $from import $to', ({ from, to }) => {
    expect(rulesBrokenIn.get(`${from}/planted-${to}.ts`)).toBeUndefined();
  });
  it.each(IO.map((name, i) => ({ name, i })))('finds $name in src/session', ({ i }) => {
    expect(rulesBrokenIn.get(`session/planted-io-${i}.ts`)).toContain('eslint(no-restricted-imports)');
  });
  it('lets src/session use node:crypto', () => {
    expect(rulesBrokenIn.get('session/planted-crypto.ts')).toBeUndefined();
  });
  it.each(PLANTED)('finds %s', (_, file, rule) => {
    expect(rulesBrokenIn.get(file)).toContain(rule);
  });
  it('finds none of these in the sources as they are', () => {
    const planted = new Set(PLANTED.map(([, , rule]) => rule).concat('eslint(no-restricted-imports)'));
    const found = [...rulesBrokenIn]
      .filter(([file]) => !path.basename(file).startsWith('planted'))
      .filter(([, rules]) => rules.some((rule) => planted.has(rule)));
    expect(found).toEqual([]);
  });
});

describe('the sources', () => {
  const files = sourcesBelow(path.join(root, 'src'));

  it('load no forbidden folder lazily either, which the linter does not see', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const folder = file.split(path.sep)[0] ?? '';
      const text = readFileSync(path.join(root, 'src', file), 'utf8');
      for (const [, specifier] of text.matchAll(/\b(?:import|require)\(\s*['"]([^'"]+)['"]/g)) {
        const parts = specifier!.split('/');
        if (FORBIDDEN[folder]?.some((name) => parts.includes(name))) wrong.push(`${file}: ${specifier}`);
        if (folder === 'session' && IO.includes(specifier!)) wrong.push(`${file}: ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('print by src/cli/output.ts alone, also in ways that the linter does not see', () => {
    const own = ['cli/output.ts', 'process/own-terminal.ts'];
    const wrong = files.filter((file) => {
      const text = readFileSync(path.join(root, 'src', file), 'utf8');
      return !own.includes(file.split(path.sep).join('/')) && OTHER_WAYS_OUT.test(text);
    });
    expect(wrong).toEqual([]);
  });

  it('lie in the folders that have rules', () => {
    const folders = new Set(
      files.filter((file) => file.includes(path.sep)).map((file) => file.split(path.sep)[0]),
    );
    expect([...folders].filter((folder) => !FOLDERS.includes(folder ?? ''))).toEqual([]);
  });

  it('have names that say what is in them', () => {
    const vague = /^(?:utils?|helpers?|common|misc|shared|lib)(?:\.|$)/i;
    expect(files.filter((file) => file.split(path.sep).some((part) => vague.test(part)))).toEqual([]);
  });
});
