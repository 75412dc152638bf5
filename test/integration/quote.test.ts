import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn as spawnPty } from '@lydell/node-pty';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTypeable, launchFile, quoteFor, type ShellKind, sourceLine } from '../../src/trust/quote.ts';

interface Shell {
  name: string;
  kind: ShellKind;
  /** No start-up files: what the user has in them is not what is tested. */
  flags: string[];
  interactive: string[];
}
const SHELLS: Shell[] = [
  { name: 'bash', kind: 'posix', flags: ['--norc', '--noprofile'], interactive: ['-i'] },
  { name: 'dash', kind: 'posix', flags: [], interactive: ['-i'] },
  { name: 'zsh', kind: 'posix', flags: ['-f'], interactive: ['-i'] },
  { name: 'fish', kind: 'fish', flags: ['--no-config'], interactive: ['-i'] },
];
const installed = (name: string): boolean => spawnSync(name, ['-c', 'true']).status === 0;

let directory: string;
beforeAll(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'quote-'));
});
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

const PRINTF = ['/usr/bin/printf', '%s\\0'];
const NAMED = [
  ['', ''],
  ['a\nb', '\n', '\r', '\t', '\u001B[A', '\u0001', '\u007F'],
  ["it's", "'", "''", "'\\''", '"', '\\', '\\\\', "\\'", 'end\\', "'\\"],
  ['!x', '!!', '^a^b', '$HOME', '${x}', '$(id)', '`id`', '$((1))', '<(id)'],
  ['-n', '--', '-', '~', '~root', '=x', '=ls', '%1', '%s', '#c', '*', '?', '[a]', '{a,b}', '\\x41', '\\n'],
  [';', '&', '|', '>', '<', '&&', '||', '>&2', '(', ')', 'a;b', 'A=b', 'if', 'end'],
  ['größe', '👩‍💻', '\u202E', '語', '\uF600', '\uFFFD'],
].map((list) => list.map((s) => Buffer.from(s)));
const RAW = [
  [
    Buffer.from([0xff]),
    Buffer.from([0x80, 0x27, 0xfe]),
    Buffer.from([0xc3]),
    Buffer.from([0xed, 0xa0, 0x80]),
  ],
  [Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1))],
];

const arg = fc.oneof(
  fc.uint8Array({ max: 255, min: 1, maxLength: 12 }).map((b) => Buffer.from(b)),
  fc
    .array(fc.constantFrom(...`'"\\!$\`~=%#*?-{}[]()<>|&; \n\t\r^ab0\u0001\u007Fé👩`), { maxLength: 10 })
    .map((list) => Buffer.from(list.join(''))),
);
const RANDOM = fc.sample(fc.array(arg, { minLength: 1, maxLength: 5 }), { numRuns: 400, seed: 42 });
const ALL = [...NAMED, ...RAW, ...RANDOM];

/** Runs `script` as `shell -c script`. xargs passes the bytes on; node's own arguments are UTF-8 only. */
function runScript(shell: Shell, script: Buffer, locale: string): Buffer {
  const file = join(directory, 'arguments');
  fs.writeFileSync(
    file,
    Buffer.concat([Buffer.from([...shell.flags, '-c', ''].join('\0')), script, Buffer.from([0])]),
  );
  const result = spawnSync('xargs', ['-0', '-x', '-s', '130000', '-a', file, shell.name], {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: directory, LC_ALL: locale },
    maxBuffer: 1 << 26,
  });
  expect(result.stderr.toString('latin1')).toBe('');
  return result.stdout;
}

function printed(argvs: readonly (readonly Buffer[])[]): string {
  return argvs.map((argv) => argv.map((a) => `${a.toString('hex')}\n`).join('')).join('');
}
const shown = (out: Buffer): string =>
  out
    .toString('latin1')
    .split('\0')
    .slice(0, -1)
    .map((a) => `${Buffer.from(a, 'latin1').toString('hex')}\n`)
    .join('');

for (const shell of SHELLS) {
  describe.skipIf(!installed(shell.name))(`A16 A17 quoting for ${shell.name}`, () => {
    const command = (argv: readonly Buffer[]): Buffer =>
      quoteFor(shell.kind, [...PRINTF.map((s) => Buffer.from(s)), ...argv]);

    test.each(['C', 'C.UTF-8'])(`${ALL.length} hostile argument vectors are exact, locale %s`, (locale) => {
      for (let i = 0; i < ALL.length; i += 50) {
        const part = ALL.slice(i, i + 50);
        const script = Buffer.concat(part.flatMap((argv) => [command(argv), Buffer.from('\n')]));
        expect(shown(runScript(shell, script, locale))).toBe(printed(part));
      }
    });

    test('a first word is a program’s name, never an alias, assignment, keyword or pattern', () => {
      const bin = join(directory, 'bin');
      fs.mkdirSync(bin, { recursive: true });
      for (const name of [
        'A=b',
        'if',
        '*',
        '~',
        '%x',
        'a b',
        "it's",
        '-x',
        '!',
        '{',
        '#',
        '\\',
        'end',
        'and',
        'll',
      ]) {
        fs.writeFileSync(join(bin, name), '#!/bin/sh\nprintf "%s\\0" "${0##*/}" "$@"\n', { mode: 0o755 });
        const path = Buffer.from(
          shell.kind === 'fish' ? `set -x PATH ${bin} $PATH\n` : `PATH=${bin}:$PATH\nalias ll=false\n`,
        );
        const argv = [Buffer.from(name), Buffer.from('x y')];
        const out = runScript(
          shell,
          Buffer.concat([path, quoteFor(shell.kind, argv), Buffer.from('\n')]),
          'C.UTF-8',
        );
        expect(shown(out)).toBe(printed([argv]));
      }
    });

    test('a launch file is sourced, removes itself and runs the exact command', () => {
      for (const [i, argv] of ALL.slice(0, 60).entries()) {
        const path = join(directory, i % 2 === 0 ? `launch-${i}` : `-it's a \\ "launch"\n$(id) ${i}`);
        const full = [...PRINTF.map((s) => Buffer.from(s)), ...argv];
        fs.writeFileSync(path, launchFile(full, shell.kind, path), { mode: 0o600 });
        expect(shown(runScript(shell, sourceLine(path, shell.kind), 'C.UTF-8'))).toBe(printed([argv]));
        expect(fs.existsSync(path)).toBe(false);
      }
    });

    test('a sourced command is a job of the interactive shell: Ctrl-Z stops it, fg goes on, Ctrl-C ends it', async () => {
      const path = join(directory, 'job');
      fs.writeFileSync(
        path,
        launchFile(['sh', '-c', 'echo up; while :; do sleep 0.1; done', 'a\nb'], shell.kind, path),
      );
      const line = sourceLine(path, shell.kind);
      expect(isTypeable(line)).toBe(true);
      const pty = spawnPty(shell.name, [...shell.flags, ...shell.interactive], {
        cwd: directory,
        cols: 200,
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: directory,
          TERM: 'dumb',
          PS1: 'READY> ',
          LC_ALL: 'C.UTF-8',
        },
      });
      let out = '';
      pty.onData((data) => (out += data));
      const until = async (pattern: RegExp, what: string): Promise<void> => {
        const end = Date.now() + 20_000;
        while (!pattern.test(out)) {
          if (Date.now() > end) throw new Error(`${what} did not come: ${JSON.stringify(out)}`);
          await new Promise((done) => setTimeout(done, 20));
        }
        out = '';
      };
      try {
        // fish asks root with `#`.
        await until(/READY> |[>#] $/u, 'prompt');
        pty.write(`${line.toString('latin1')}\r`);
        await until(/up\r\n/u, 'start');
        pty.write('\u001A');
        await until(/stopped|suspended|fish_job_summary/iu, 'stop');
        pty.write('jobs\r');
        await until(/sh.*-c|stopped|suspended/iu, 'job list');
        pty.write('fg\r');
        await until(/while|echo up/u, 'continuation');
        // Until the job is in the foreground again a Ctrl-C goes to the shell, which does not mind.
        const interrupt = setInterval(() => pty.write('\u0003echo al""ive\r'), 100);
        try {
          await until(/alive/u, 'shell');
        } finally {
          clearInterval(interrupt);
        }
      } finally {
        pty.kill('SIGKILL');
      }
      expect(fs.existsSync(path)).toBe(false);
    });
  });
}
