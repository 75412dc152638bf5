import { describe, expect, it } from 'vitest';
import { approvalSubject } from '../../src/session/approval.ts';
import { canonicalJson } from '../../src/session/codec.ts';
import type { PaneAgent, Snapshot } from '../../src/session/schema.ts';
import { plainPane, plainSnapshot, plainWindow, typedPane } from '../support/forge.ts';

const REPOSITORY = '/r/.git';
const ID = '20261121T080000000Z-0123abcd';
const OID = '0'.repeat(40);

function snapshot(): Snapshot {
  const s = plainSnapshot('a'.repeat(40));
  s.env = { EDITOR: 'vi' };
  s.git.work = 'b'.repeat(40);
  s.tmux.windows = [
    plainWindow({ panes: [typedPane(['make', 'all']), plainPane({ index: 1, start: { shell: 'vi' } })] }),
    plainWindow({ index: 1, panes: [typedPane(['ls'])] }),
  ];
  return s;
}

const agent = (argv: string[], conversation = 'a'): PaneAgent => ({
  ...{ name: 'claude', conversation, confidence: 'exact', evidence: 'hook', argv },
});

const subject = (s: Snapshot, repository = REPOSITORY, id = ID, oid = OID) =>
  canonicalJson(approvalSubject(repository, id, oid, s));

describe('E9, section 6: what an approval is about', () => {
  it('is the same for the same snapshot', () => {
    expect(subject(snapshot())).toBe(subject(snapshot()));
  });

  const first = (s: Snapshot) => s.tmux.windows[0]!.panes[0]!;
  it.each<[string, (s: Snapshot) => void]>([
    ['a step', (s) => (first(s).relaunch.steps = [['make', 'al']])],
    ['the split of the words', (s) => (first(s).relaunch.steps = [['make all']])],
    ['the order of the steps', (s) => (first(s).relaunch.steps = [['make'], ['all']])],
    ['a line that is shown', (s) => (first(s).relaunch.line = 'rm -rf x | y')],
    ['a start line', (s) => (s.tmux.windows[0]!.panes[1]!.start = { shell: 'vim' })],
    ['a start line that becomes a program', (s) => (s.tmux.windows[0]!.panes[1]!.start = { argv: ['vi'] })],
    ['a directory', (s) => (first(s).cwd = { in: 'repo', path: 'src' })],
    ['where a directory lies', (s) => (first(s).cwd = { in: 'home', path: '' })],
    ['an agent', (s) => (first(s).agent = agent(['claude']))],
    ['the number of a pane', (s) => (first(s).index = 5)],
    ['the number of a window', (s) => (s.tmux.windows[0]!.index = 5)],
    ['a pane more', (s) => s.tmux.windows[1]!.panes.push(plainPane({ index: 1 }))],
    ['a window less', (s) => s.tmux.windows.pop()],
    ['a variable', (s) => (s.env = { EDITOR: 'vim' })],
    ['one variable more', (s) => (s.env = { EDITOR: 'vi', A: '' })],
    ['the base commit', (s) => (s.git.head = 'c'.repeat(40))],
    ['the worktree commit', (s) => (s.git.work = null)],
  ])('%s makes it another one', (_, change) => {
    const changed = snapshot();
    change(changed);
    expect(subject(changed)).not.toBe(subject(snapshot()));
  });

  it('another conversation or command of an agent makes it another one', () => {
    const all = [agent(['claude']), agent(['claude'], 'b'), agent(['claude', '--x']), null].map((a) => {
      const changed = snapshot();
      first(changed).agent = a;
      return subject(changed);
    });
    expect(new Set(all).size).toBe(all.length);
  });

  it('another repository, id or object makes it another one', () => {
    const all = [
      subject(snapshot()),
      subject(snapshot(), '/other/.git'),
      subject(snapshot(), REPOSITORY, `${ID.slice(0, -1)}e`),
      subject(snapshot(), REPOSITORY, ID, '1'.repeat(40)),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});
