import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteCommand, quoteWord } from '../../src/session/command-line.ts';
import { isShell, isShellLine } from '../../src/session/shell-argv.ts';
import { toText } from '../../src/session/text.ts';

const interactive = [
  'bash',
  '-bash',
  '/bin/zsh',
  '-zsh',
  'sh',
  'dash',
  'fish',
  'ksh93',
  'zsh-5.9',
  'mksh -i',
  'bash -l',
  'bash -i -l',
  'bash --norc',
  'bash --rcfile /x/rc -i',
  'bash --rcfile=/x/rc',
  'bash -O extglob',
  'bash +O extglob -i',
  'bash -o vi',
  'bash -io vi',
  'bash -s a b',
  'bash --',
  'sh -',
  'zsh -o extendedglob',
  'fish -C echo',
  'fish --init-command echo',
  'nu',
  'nu -e ls',
  'elvish',
  'xonsh --rc x',
  'pwsh',
  'pwsh -NoLogo',
  'pwsh -NoExit -Command ls',
  'tcsh',
  'busybox sh',
  'busybox ash -l',
];
const programs = [
  'bash ./x.sh',
  'bash -c ls',
  'bash -lc ls',
  'bash -ic ls',
  'sh -c bash',
  'sh -ec ls',
  'bash --norc x.sh',
  'bash -- x.sh',
  'bash -O extglob x.sh',
  'bash -i x.sh',
  'fish -c ls',
  'fish --command=ls',
  'nu --commands ls',
  'nu x.nu',
  'pwsh -Command ls',
  'pwsh -File x.ps1',
  'pwsh x.ps1',
  'vim',
  'bashful',
  'busybox vi',
  'busybox',
  'node sh',
];

describe('S2: interactive shells', () => {
  it.each(interactive)('S2: %s is one', (line) => {
    expect(isShell(line.split(' '))).toBe(true);
  });
  it.each(programs)('S2: %s is none', (line) => {
    expect(isShell(line.split(' '))).toBe(false);
  });
  it('S2: no words and no UTF-8 are no shell', () => {
    expect(isShell([])).toBe(false);
    expect(isShell([{ base64: '/w==' }])).toBe(false);
  });
  it('S2: a start line is a shell only where nothing in it needs a shell', () => {
    expect(['bash', 'exec bash', ' exec  /bin/zsh -l '].map(isShellLine)).toEqual([true, true, true]);
    expect(['bash; ls', 'make && bash', 'bash -c ls', 'X=1 vim', ''].some(isShellLine)).toBe(false);
    expect(isShellLine({ base64: '/w==' })).toBe(false);
  });
});

describe('S2: POSIX quoting', () => {
  const word = fc
    .oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc
        .string({ unit: fc.constantFrom("'", '"', '\\', '\n', '$', '`', '!', '#', ' ', '~', '*', '=') })
        .map((s) => Buffer.from(s)),
      fc.constantFrom('if', 'time', 'é😀', '-n', '').map((s) => Buffer.from(s)),
    )
    .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0)));

  it.each(['bash', 'dash'])('S2: %s reads back every byte of every word', (shell) => {
    fc.assert(
      fc.property(fc.array(fc.array(word, { maxLength: 4 }), { minLength: 20, maxLength: 40 }), (lines) => {
        const script = lines.map((words) =>
          Buffer.concat([
            Buffer.from("printf '%s\\0' x"),
            ...words.flatMap((w) => [Buffer.from(' '), quoteWord(toText(w))]),
          ]),
        );
        const input = Buffer.concat(script.flatMap((line) => [line, Buffer.from('\n')]));
        const child = spawnSync(shell, [], { input, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } });
        const expected = lines.flatMap((words) => [Buffer.from('x'), ...words]);
        expect(child.stdout).toEqual(Buffer.concat(expected.flatMap((w) => [w, Buffer.from([0])])));
      }),
      { numRuns: 10 },
    );
  });

  it('S2: plain words stay readable, reserved words do not stay bare', () => {
    expect(quoteCommand(['npm', 'run', 'dev:x', '--a=b'])).toBe("npm run dev:x '--a=b'");
    expect(quoteCommand(['if', 'time'])).toBe("'if' 'time'");
    expect(quoteCommand(['a', { base64: '/w==' }])).toEqual({
      base64: Buffer.from("a '\xff'", 'latin1').toString('base64'),
    });
  });
});
