import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { person, temporaryFolder } from '../support/harness.ts';

const root = path.resolve(import.meta.dirname, '../..');

function npm(args: string[]): string {
  return execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

test('the packed program works from a global installation', { timeout: 120_000 }, async () => {
  const folder = temporaryFolder();
  const packed = path.join(folder, npm(['pack', '--silent', '--pack-destination', folder]).trim());
  const prefix = path.join(folder, 'prefix');
  npm(['install', '--global', '--prefix', prefix, '--prefer-offline', '--no-audit', '--no-fund', packed]);
  const files = readdirSync(path.join(prefix, 'lib/node_modules/git-session'), { recursive: true });
  for (const file of [
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'dist/cli.cjs',
    'dist/detectors.cjs',
    'dist/types/index.d.ts',
    'docs/format.md',
  ]) {
    expect(files).toContain(file);
  }
  expect(files.filter((f) => String(f).startsWith('completions/'))).toHaveLength(3);
  expect(existsSync(path.join(prefix, 'share/man/man1/git-session.1'))).toBe(true);

  const ann = person();
  const repo = await ann.repo();
  const env = { PATH: `${prefix}/bin:${process.env['PATH']}` };
  const gs = (...args: string[]) => ann.gsWith({ cwd: repo, env }, ...args);
  expect(await gs('--version')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^git-session \d+\.\d+\.\d+/u),
  });
  await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo, 'sleep 4321');
  expect(await gs('save')).toMatchObject({ code: 0, stderr: '' });
  await ann.killServer();
  expect(await gs('restore', 'work')).toMatchObject({
    code: 0,
    stderr: 'approved: saved by this clone\n',
  });
  await ann.waitForCommand('=work:', 'sleep');

  // The README's example of the library, as a program that has installed the package.
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const [, example = ''] = /```js\n([^]*?)```/u.exec(readme) ?? [];
  writeFileSync(path.join(prefix, 'lib/example.mjs'), example.replace("'shop'", "'work'"));
  const ran = await ann.run(process.execPath, [path.join(prefix, 'lib/example.mjs')], { cwd: repo });
  expect(ran).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^work \d{8}T\d{9}Z-[0-9a-f]{8}\n1\n$/u),
    stderr: '',
  });

  // The types, as a program in TypeScript sees them (C27).
  const program = path.join(prefix, 'lib/program.mts');
  writeFileSync(
    program,
    `import { openSessions, type CreatedSession } from 'git-session';
const made: CreatedSession = await (await openSessions({ dir: '.' })).createSession({ argv: ['make'] });
export const said: string = made.id + made.name + made.tmuxId + String(made.pid satisfies number);
// @ts-expect-error there is no such option
await (await openSessions({ dir: '.' })).createSession({ nmae: 'x' });
`,
  );
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const types = ['--typeRoots', path.join(root, 'node_modules/@types'), '--types', 'node'];
  const options = ['--strict', '--noEmit', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2023'];
  const checked = await ann.run(process.execPath, [tsc, ...options, ...types, program]);
  expect(checked).toMatchObject({ code: 0, stdout: '' });
});

test('publint finds no error and no warning', () => {
  const program = path.join(root, 'node_modules/publint/src/cli.js');
  const said = execFileSync(process.execPath, [program, '--strict', '--pack', 'false'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(said).not.toMatch(/^(?:errors|warnings):/imu);
});
