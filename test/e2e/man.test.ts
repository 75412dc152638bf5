import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { person, PROGRAM } from '../support/harness.ts';

const root = path.resolve(import.meta.dirname, '../..');
const help = (...args: string[]) => execFileSync(PROGRAM, args, { encoding: 'utf8' });
const page = readFileSync(path.join(root, 'docs/git-session.1.md'), 'utf8');
const isInstalled = ['/bin/man', '/usr/bin/man'].some((file) => existsSync(file));

describe('the manual', () => {
  it('has every command with every option', () => {
    const commands = [...help('-h').matchAll(/^ {3}([a-z]+) /gmu)].map((m) => m[1]!);
    expect(commands.length).toBeGreaterThan(15);
    const missing = commands.flatMap((command) => {
      // From the command's own synopsis to that of the next one.
      const parts = page
        .split(/\n(?=`git session [a-z]+`)/u)
        .filter((part) => part.startsWith(`\`git session ${command}\``));
      const lines = help(command, '-h')
        .split('\n')
        .filter((line) => /^ {4}-/u.test(line));
      const names = lines.flatMap((line) => {
        const [, short, no, long, value] = /^ {4}(?:(-\w), )?--(\[no-\])?([a-z-]+)(?=(=?))/u.exec(line)!;
        return [
          ...(short === undefined ? [] : [short]),
          `--${long}`,
          ...(no === undefined || value === '=' ? [] : [`--no-${long}`]),
        ];
      });
      if (parts.length === 0) return [command];
      const own = parts.join('');
      return names
        .filter((name) => name !== '--json' && !own.includes(`\`${name}\``))
        .map((name) => `${command} ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('K1 has no HTML in it, and no line that man would warn of', () => {
    execFileSync(process.execPath, ['scripts/build.mjs', '--man'], { cwd: root });
    const file = path.join(root, 'man/man1/git-session.1');
    const built = readFileSync(file, 'utf8');
    expect(built.match(/.*&[a-z#0-9]+;.*/gu)).toBe(null);
    expect(built).toContain(String.raw`\(aqrefs/sessions/*\(aq`);
    if (!isInstalled) return;
    const env = { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80' };
    const shown = spawnSync('man', ['--warnings=all', '-l', file], { encoding: 'utf8', env });
    expect([shown.status, shown.stderr]).toEqual([0, '']);
    expect(shown.stdout).toContain('{"ok":false,"error":{"code":...,');
  });

  it.skipIf(!isInstalled)('K1 opens from a checkout by git session --help and git help session', async () => {
    const ann = person();
    execFileSync(process.execPath, ['scripts/setup.mjs'], { cwd: root });
    for (const args of [
      ['session', '--help'],
      ['help', 'session'],
    ]) {
      const result = await ann.run('git', args);
      expect(result).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/git-session\s+-\s+save tmux sessions/u),
      });
    }
  });
});
