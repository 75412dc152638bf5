import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foregroundIn, type ReadyTarget } from '../../src/process/foreground.ts';
import { parseCmdline, parseStat } from '../../src/process/procfs.ts';
import { parsePs, treesOf } from '../../src/process/ps.ts';
import { parseModes } from '../../src/process/termios.ts';
import { decideRelaunch, type StartCommand } from '../../src/session/relaunch.ts';
import { fromText, toText } from '../../src/session/text.ts';

const bytes = (options: { minLength?: number } = {}) =>
  fc.uint8Array({ maxLength: 40, ...options }).map((array) => Buffer.from(array));
const word = bytes().map((buffer) => Buffer.from(buffer.filter((byte) => byte !== 0)));
const pid = fc.integer({ min: 1, max: 2 ** 22 });

function statLine(comm: Buffer, numbers: readonly (number | string)[]): Buffer {
  return Buffer.concat([
    Buffer.from(`${numbers[0]} (`),
    comm,
    Buffer.from(`) S ${numbers.slice(1).join(' ')}\n`),
  ]);
}

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../support/ps-fixtures/${name}.txt`, import.meta.url));
}

describe('S4: /proc parsers', () => {
  it('S4: stat is read after the last parenthesis, whatever bytes the name holds', () => {
    fc.assert(
      fc.property(
        word,
        pid,
        pid,
        pid,
        fc.integer({ min: -1, max: 2 ** 22 }),
        (comm, own, ppid, pgrp, tpgid) => {
          const zeros = Array.from({ length: 11 }, () => 0);
          const line = statLine(comm, [
            own,
            ppid,
            pgrp,
            7,
            34816,
            tpgid,
            ...zeros,
            3,
            0,
            4242,
            0,
            0,
            0,
            0,
            0,
            99,
          ]);
          expect(parseStat(line)).toEqual({
            ...{ pid: own, comm, state: 'S', ppid, pgrp, tty: 34816, tpgid, threads: 3, startTime: 4242 },
          });
        },
      ),
    );
  });

  it('S4: a damaged stat line is null, never half a process', () => {
    fc.assert(
      fc.property(bytes(), (garbage) => {
        const stat = parseStat(garbage);
        expect(stat === null || Number.isSafeInteger(stat.ppid)).toBe(true);
      }),
    );
    expect(parseStat(Buffer.from('12 (a) S 1 2 3'))).toBeNull();
    expect(parseStat(Buffer.from(''))).toBeNull();
  });

  it('S4: the addresses of exec are one value, absent where the kernel hides them', () => {
    const real = readFileSync('/proc/self/stat');
    expect(parseStat(real)?.image).toMatch(/^\d+:\d+$/u);
    const hidden = statLine(Buffer.from('x'), [1, ...Array.from({ length: 50 }, () => 0)]);
    expect(parseStat(hidden)?.image).toBeUndefined();
  });

  it('S2: cmdline gives back every argument vector byte for byte, empty arguments included', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (argv) => {
        const cmdline = Buffer.concat(argv.flatMap((arg) => [arg, Buffer.from([0])]));
        const parsed = parseCmdline(cmdline);
        expect(parsed).toEqual(argv.map((arg) => toText(arg)));
        expect(parsed.map((arg) => fromText(arg))).toEqual(argv);
      }),
    );
  });

  it('S2: cmdline of a zombie is empty; a title without the last NUL is kept', () => {
    expect(parseCmdline(Buffer.alloc(0))).toEqual([]);
    expect(parseCmdline(Buffer.from('nginx: master'))).toEqual(['nginx: master']);
    expect(parseCmdline(Buffer.from('npm run dev\0\0\0'))).toEqual(['npm run dev', '', '']);
  });
});

describe('S4: ps parser (macOS)', () => {
  const all = parsePs(fixture('macos'));
  const trees = treesOf(all, [2002, 2003, 2004, 2005, 2006, 2007, 999]);
  const decide = (panePid: number, start: StartCommand | null = null) =>
    decideRelaunch({ panePid, processes: trees.get(panePid) ?? [], start, dead: false });

  it('S4: every row of an output in the form of macOS (written by hand, not recorded) is read', () => {
    expect(all).toHaveLength(17);
    expect(all.find((p) => p.pid === 2050)).toMatchObject({
      ...{ ppid: 2003, pgrp: 2050, tpgid: 2050, tty: 'ttys002', state: 'S', argvExact: false },
      argv: ['vim', 'src/my', 'notes.txt'],
    });
    expect(all.find((p) => p.pid === 2070)).toMatchObject({
      state: 'Z',
      argv: ['(sleep)'],
      argvExact: false,
    });
    expect(all.find((p) => p.pid === 2002)).toMatchObject({
      argv: ['-zsh'],
      argvExact: true,
      tty: 'ttys001',
    });
    expect(all.every((p) => Number.isSafeInteger(p.startTime))).toBe(true);
  });

  it('S4: trees hold the descendants only; an unknown pid has none', () => {
    expect(trees.get(2004)?.map((p) => p.pid)).toEqual([2004, 2060, 2061]);
    expect(trees.get(999)).toEqual([]);
  });

  it('S2: decisions from ps degrade, because argument boundaries and descriptors are lost', () => {
    expect(decide(2002)).toMatchObject({ source: 'none', confidence: 'exact', reason: 'idle-shell' });
    expect(decide(2003)).toMatchObject({ confidence: 'rebuilt', reason: 'argv-inexact' });
    expect(decide(2004)).toMatchObject({
      confidence: 'rebuilt',
      reason: 'pipeline',
      line: 'cat | grep -e two spaces',
    });
    expect(decide(2005)).toMatchObject({ confidence: 'unknown', reason: 'leader-dead', steps: [] });
    expect(decide(2006)).toMatchObject({ confidence: 'argv', reason: 'nested-shell', steps: [['bash']] });
    expect(decide(2007)).toMatchObject({ confidence: 'rebuilt', reason: 'fds-unknown', command: ['top'] });
  });

  it('R: the shell that leads a pane is found in a tree', () => {
    const at = (panePid: number, over: Partial<ReadyTarget> = {}) =>
      foregroundIn(trees.get(panePid) ?? [], { paneId: '%1', panePid, tty: '/dev/ttys001', ...over });
    expect(at(2002)).toEqual({ state: 'shell', pid: 2002, kind: 'posix', ready: false });
    expect(at(2002, { previousShell: 2002 })).toEqual({ state: 'busy' });
    expect(at(2003)).toEqual({ state: 'busy' });
    expect(at(2005)).toEqual({ state: 'busy' });
    expect(at(2006, { previousShell: 2006 })).toEqual({
      state: 'shell',
      pid: 2080,
      kind: 'posix',
      ready: false,
    });
    expect(at(999)).toEqual({ state: 'gone' });
  });

  it('S4: rows in the form of procps parse too (written by hand; the real ps is in the integration tests)', () => {
    const linux = parsePs(fixture('linux-procps'));
    expect(linux.map((p) => p.state)).toEqual(['S', 'S', 'S', 'S', 'S', 'S', 'Z']);
    const tree = treesOf(linux, [2542]).get(2542) ?? [];
    expect(decideRelaunch({ panePid: 2542, processes: tree, start: null, dead: false }).reason).toBe(
      'leader-dead',
    );
  });

  it('S4: rows survive any command, and lines of another form are skipped', () => {
    const printable = word.map((buffer) => Buffer.from(buffer.filter((byte) => byte !== 10)));
    fc.assert(
      fc.property(pid, pid, printable, bytes(), (own, parent, command, noise) => {
        const row = Buffer.from(`${own} ${parent} 1 -1 ?? S Sat Nov 21 09:00:00 2026 `);
        const junk = Buffer.concat([Buffer.from('x '), Buffer.from(noise.filter((byte) => byte !== 10))]);
        const output = Buffer.concat([junk, Buffer.from('\n'), row, command, Buffer.from('\n')]);
        expect(parsePs(output).map((p) => [p.pid, p.ppid])).toEqual([[own, parent]]);
      }),
    );
  });
});

describe('R: terminal modes', () => {
  it('stty and perl sections are read alike; a terminal without an answer is absent', () => {
    const output =
      '\n@/dev/pts/1 speed 38400 baud; rows 24;\nisig icanon iexten\n' +
      '\n@/dev/pts/2 isig -icanon\n@/dev/pts/3 \n@/dev/pts/4 -icanon\n@/dev/pts/5 icanon\n';
    const modes = { '/dev/pts/1': true, '/dev/pts/2': false, '/dev/pts/4': false, '/dev/pts/5': true };
    expect(Object.fromEntries(parseModes(output))).toEqual(modes);
  });
});
