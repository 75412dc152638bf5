import { describe, expect, it } from 'vitest';
import type { TmuxPane } from '../../src/session/schema.ts';
import { summarize } from '../../src/session/summary.ts';
import { plainPane, plainSnapshot, plainWindow } from '../support/forge.ts';

const process = (argv: TmuxPane['processes'][number]['argv']): TmuxPane['processes'] => [
  { pid: 7, ppid: 1, argv },
];

function commandOf(...panes: Partial<TmuxPane>[]) {
  const snapshot = plainSnapshot(null);
  snapshot.tmux.windows = [plainWindow({ panes: panes.map((p, index) => plainPane({ index, ...p })) })];
  const { command, program } = summarize(snapshot);
  return [command, program];
}

describe('C1, C8: what a list tells of a snapshot', () => {
  it.each<[string, Partial<TmuxPane>[], (string | null)[]]>([
    ['a command', [{ command: ['/usr/bin/vi', 'a b'] }], ["/usr/bin/vi 'a b'", 'vi']],
    ['a login shell', [{ processes: process(['-bash']) }], ['bash', 'bash']],
    ['a program that is called -', [{ command: ['-'] }], ['-', '-']],
    ['no UTF-8', [{ command: [{ base64: '/2E=' }] }], [expect.any(String), expect.any(String)] as string[]],
    ['nothing', [{}], [null, null]],
    ['the active pane', [{ active: false, command: ['top'] }, { command: ['vi'] }], ['vi', 'vi']],
    [
      'the first pane where none is active',
      [
        { active: false, command: ['top'] },
        { active: false, command: ['vi'] },
      ],
      ['top', 'top'],
    ],
  ])('%s', (_, panes, expected) => {
    expect(commandOf(...panes)).toEqual(expected);
  });

  it('the active window, the sums of all, and what the snapshot says itself', () => {
    const snapshot = plainSnapshot('b'.repeat(40));
    snapshot.message = 'before lunch';
    snapshot.tmux.windows = [
      plainWindow({ active: false, panes: [plainPane({ command: ['top'], historyLines: 5 })] }),
      plainWindow({ index: 1, panes: [plainPane({ command: ['vi'], historyLines: 7 })] }),
    ];
    expect(summarize(snapshot)).toMatchObject({
      ...{ command: 'vi', historyLines: 12, windows: 2, panes: 2, message: 'before lunch' },
      ...{ sessionId: snapshot.session.id, tmuxName: 'forged', branch: 'main', head: 'b'.repeat(40) },
    });
    snapshot.tmux.windows.forEach((w) => (w.active = false));
    expect(summarize(snapshot).command).toBe('top');
  });
});
