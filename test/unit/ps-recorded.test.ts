import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePs, treesOf } from '../../src/process/ps.ts';

type Columns = Parameters<typeof parsePs>[1];

function recorded(n: number, columns: Columns): ReturnType<typeof parsePs> {
  const url = new URL(`../support/ps-fixtures/macos-recorded-${n}.txt`, import.meta.url);
  return parsePs(readFileSync(url), columns);
}

/** Seconds since 1970 of a local time, without the parser of dates that is under test. */
function local(...time: [number, number, number, number, number, number]): number {
  return new Date(...time).getTime() / 1000;
}

describe('S4: ps as recorded on macOS (sources in test/support/ps-fixtures/README.md)', () => {
  it('S4: ids, terminals, states and commands of three terminals', () => {
    const all = recorded(1, ['pid', 'ppid', 'pgid', 'tty', 'stat', 'command']);
    const fish = '/opt/homebrew/bin/fish';
    const snapshots = '/Users/someone/.claude/shell-snapshots/snapshot-zsh';
    const sourcekit =
      '/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/bin/sourcekit-lsp';
    expect(all.map((p) => [p.pid, p.ppid, p.pgrp, p.tty, p.state, p.argv, p.argvExact])).toEqual([
      [11925, 11924, 11925, 'ttys000', 'S', ['fish', '-c', fish, '-il'], false],
      [11950, 11925, 11950, 'ttys000', 'S', [fish, '-il'], false],
      [12618, 11950, 12618, 'ttys000', 'S', ['claude', '-r'], false],
      [27895, 12618, 12618, 'ttys000', 'S', ['caffeinate', '-i', '-t', '300'], false],
      [
        8017,
        12618,
        8017,
        '??',
        'S',
        ['/bin/zsh', '-c', 'source', `${snapshots}-1790218583336-m8r8bj.sh`],
        false,
      ],
      [
        31741,
        12618,
        31741,
        '??',
        'S',
        ['/bin/zsh', '-c', 'source', `${snapshots}-1790443015834-hu8xa3.sh`],
        false,
      ],
      [43971, 11924, 43971, 'ttys002', 'S', ['fish', '-c', fish, '-il'], false],
      [43992, 43971, 43992, 'ttys002', 'S', [fish, '-il'], false],
      [49363, 11924, 49363, 'ttys005', 'S', ['fish', '-c', fish, '-il'], false],
      [49381, 49363, 49381, 'ttys005', 'S', [fish, '-il'], false],
      [49547, 49381, 49547, 'ttys005', 'S', ['claude'], true],
      [63629, 49547, 49547, 'ttys005', 'S', [sourcekit], true],
    ]);
    const trees = treesOf(all, [11925, 43971, 49363]);
    expect(trees.get(11925)?.map((p) => p.pid)).toEqual([11925, 11950, 12618, 27895, 8017, 31741]);
    expect(trees.get(43971)?.map((p) => p.pid)).toEqual([43971, 43992]);
    expect(trees.get(49363)?.map((p) => p.pid)).toEqual([49363, 49381, 49547, 63629]);
  });

  it('S4: the foreground group of a terminal; the header is no process', () => {
    const all = recorded(2, ['pid', 'pgid', 'tpgid', 'stat', 'command']);
    const plan = '/home/plan-probe/.commandcode/plans/add-modulo-to-calc.md';
    expect(all.map((p) => [p.pid, p.pgrp, p.tpgid, p.state, p.argv, p.argvExact])).toEqual([
      [7409, 85718, 85718, 'S', ['vi', plan], false],
      [85718, 85718, 85718, 'S', ['command-code'], true],
    ]);
  });

  it('S4: a process without a terminal has the foreground group 0', () => {
    const all = recorded(3, ['pid', 'pgid', 'tpgid', 'stat', 'tty']);
    expect(all.map((p) => [p.pid, p.pgrp, p.tpgid, p.state, p.tty])).toEqual([[66034, 66034, 0, 'S', '??']]);
  });

  it('S4: start times of one-digit and two-digit days, padded to 28 columns', () => {
    const servers = recorded(4, ['pid', 'ppid', 'tty', 'lstart', 'command']);
    const started = local(2026, 8, 2, 4, 37, 35);
    const vite = '<main>/frontend/node_modules/.../vite/bin/vite.js';
    expect(servers.map((p) => [p.pid, p.ppid, p.tty, p.startTime, p.argv])).toEqual([
      [95315, 1, '??', started, ['node', '/opt/homebrew/bin/pnpm', 'run', 'dev']],
      [95414, 95315, '??', started, ['node', vite]],
    ]);
    const anvil = recorded(5, ['pid', 'lstart', 'command']);
    const argv = ['anvil', '--fork-url', 'base', '--chain-id', '31337', '--block-time', '1'];
    expect(anvil.map((p) => [p.pid, p.startTime, p.argv])).toEqual([
      [34474, local(2026, 8, 21, 20, 4, 0), argv],
    ]);
  });

  it('S4: a recording of other columns than were asked for has no rows', () => {
    expect(recorded(1, undefined)).toEqual([]);
    expect(recorded(3, ['pid', 'pgid', 'tpgid', 'stat'])).toEqual([]);
    expect(recorded(5, ['pid', 'ppid', 'lstart', 'command'])).toEqual([]);
  });
});
