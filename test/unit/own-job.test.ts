import { describe, expect, test } from 'vitest';
import { withoutOwnJob } from '../../src/session/own-job.ts';
import type { ProcessInfo } from '../../src/session/relaunch.ts';

/** A process in the foreground group 20, below the shell 10. */
const process = (pid: number, ppid: number, argv: string[], pgrp = 20): ProcessInfo => ({
  ...{ pid, ppid, pgrp, tpgid: 20, tty: 1, state: 'S', argv, startTime: 0 },
});
const shell = process(10, 1, ['-bash'], 10);
const us = (ppid: number) => process(30, ppid, ['node', '--', '/usr/bin/git-session', 'save']);
const prompt = [{ ...shell, tpgid: 10 }];

describe('withoutOwnJob', () => {
  test.each([
    ['typed as git session', [shell, process(20, 10, ['git', 'session', 'save']), us(20)]],
    ['typed as a program of its own', [shell, { ...us(10), pid: 30, pgrp: 20 }, process(20, 10, ['git'])]],
    [
      'an alias with !',
      [
        shell,
        process(20, 10, ['git', 's']),
        process(21, 20, ['/bin/sh', '-c', 'git session save']),
        process(22, 21, ['git', 'session', 'save']),
        us(22),
      ],
    ],
    [
      'with its output in a pipe',
      [shell, process(20, 10, ['git', 'session', 'save']), us(20), process(31, 10, ['tee', 'log'])],
    ],
  ])('is the shell at its prompt: %s', (what, processes) => {
    const list = what.includes('of its own') ? [shell, { ...us(10), pgrp: 30, tpgid: 30 }] : processes;
    const at = what.includes('of its own') ? list.map((p) => ({ ...p, tpgid: 30 })) : list;
    expect(withoutOwnJob(at, 30)).toEqual(prompt);
  });

  test('what runs in the background stays', () => {
    const background = process(40, 10, ['sleep', '9'], 40);
    const list = [shell, process(20, 10, ['git', 'session', 'save']), us(20), background];
    expect(withoutOwnJob(list, 30)).toEqual([...prompt, { ...background, tpgid: 10 }]);
  });

  test.each([
    ['a script', process(20, 10, ['bash', 'work.sh'])],
    ['watch', process(20, 10, ['watch', 'git', 'session', 'save'])],
    ['make', process(20, 10, ['make', 'save'])],
  ])('%s that calls us is a command of its own', (_, leader) => {
    const list = [shell, leader, process(21, 20, ['git', 'session', 'save']), us(21)];
    expect(withoutOwnJob(list, 30)).toEqual(list);
  });

  test('a pane that we are not in, or in which we are in the background, stays as it is', () => {
    const other = [shell, process(20, 10, ['vim'])];
    expect(withoutOwnJob(other, 30)).toEqual(other);
    const behind = [shell, process(20, 10, ['vim']), { ...us(10), pgrp: 30 }];
    expect(withoutOwnJob(behind, 30)).toEqual(behind);
  });

  test('without the shell above, nothing is known', () => {
    const list = [process(20, 10, ['git', 'session', 'save']), us(20)];
    expect(withoutOwnJob(list, 30)).toEqual(list);
    expect(withoutOwnJob([shell, us(20)], 30)).toEqual([shell, us(20)]);
  });
});
