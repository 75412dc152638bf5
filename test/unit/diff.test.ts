import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differenceLines } from '../../src/cli/difference.ts';
import { diffSnapshots, VOLATILE } from '../../src/session/diff.ts';
import type { PaneAgent, Snapshot } from '../../src/session/schema.ts';
import { anySnapshot } from '../support/arbitrary.ts';
import { plainPane, plainSnapshot, plainWindow, typedPane } from '../support/forge.ts';

const head = 'a'.repeat(40);
const base = () => plainSnapshot(head);

function changed(change: (s: Snapshot) => void): Snapshot {
  const s = structuredClone(base());
  change(s);
  return s;
}

const claude = (conversation: string): PaneAgent => ({
  ...{ name: 'claude', conversation, confidence: 'exact', evidence: 'hook', argv: ['claude'] },
});
const agentOf = (s: Snapshot) => s.tmux.windows[0]!.panes[0]!.agent!;

const paths = (a: Snapshot, b: Snapshot) => diffSnapshots(a, b).map((d) => d.path);
const words = (a: Snapshot, b: Snapshot) => differenceLines(diffSnapshots(a, b));

describe('R11: what differs', () => {
  test('a snapshot does not differ from itself, whatever is in it', () => {
    fc.assert(
      fc.property(anySnapshot(), (s) => {
        expect(diffSnapshots(s, structuredClone(s))).toEqual([]);
        expect(diffSnapshots(s, structuredClone(s), { volatile: true })).toEqual([]);
      }),
    );
  });

  test('both directions find the same places, with from and to exchanged', () => {
    const key = (d: { path: string }) => d.path;
    fc.assert(
      fc.property(anySnapshot(), anySnapshot(), fc.boolean(), (a, b, volatile) => {
        const there = diffSnapshots(a, b, { volatile });
        const back = diffSnapshots(b, a, { volatile });
        const sort = <T extends { path: string }>(list: T[]) =>
          list.toSorted((x, y) => (key(x) < key(y) ? -1 : 1));
        const kinds = { added: 'removed', removed: 'added', changed: 'changed' } as const;
        const turned = back.map((d) => ({ path: d.path, kind: kinds[d.kind], from: d.to, to: d.from }));
        expect(sort(there)).toEqual(sort(turned));
        // Every one can be said in words, on one line and with nothing that a terminal obeys.
        for (const line of differenceLines(there))
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}]|undefined|\[object/u);
      }),
    );
  });

  test.each<[string, (s: Snapshot) => void, string]>([
    [
      'a window that was renamed',
      (s) => (s.tmux.windows[0]!.name = 'new'),
      "window 0: renamed 'shell' -> 'new'",
    ],
    ['an agent', (s) => (s.tmux.windows[0]!.panes[0]!.agent = claude('a')), 'pane 0.0: agent none -> claude'],
    [
      'another command',
      (s) => (s.tmux.windows[0]!.panes[0] = typedPane(['vim', 'a b'])),
      "pane 0.0: command a shell -> vim 'a b'",
    ],
    [
      'another directory',
      (s) => (s.tmux.windows[0]!.panes[0]!.cwd = { in: 'home', path: 'x' }),
      'pane 0.0: directory . -> ~/x',
    ],
    [
      'a new window',
      (s) => s.tmux.windows.push(plainWindow({ index: 3, name: 'w', active: false })),
      "window 3: new, 'w' with 1 pane",
    ],
    [
      'a new pane',
      (s) => s.tmux.windows[0]!.panes.push(plainPane({ index: 1 })),
      'pane 0.1: new, a shell in .',
    ],
    [
      'a linked CRQ',
      (s) => s.crqs.push({ id: 'CRQ-1', title: null, status: null, path: null }),
      'CRQ-1: linked',
    ],
    ['a variable', (s) => (s.env['FOO'] = 'bar'), "environment FOO: nothing -> 'bar'"],
    ['another commit', (s) => (s.git.head = 'b'.repeat(40)), 'commit: aaaaaaaaaaaa -> bbbbbbbbbbbb'],
    ['another branch', (s) => (s.git.branch = 'dev'), "branch: 'main' -> 'dev'"],
    ['changed files', (s) => (s.git.changes.staged = 2), 'changed files: none -> 2 staged'],
    [
      'bytes that are no text',
      (s) => (s.tmux.windows[0]!.name = { base64: '/w==' }),
      String.raw`window 0: renamed 'shell' -> '\xff'`,
    ],
    ['a zoomed window', (s) => (s.tmux.windows[0]!.zoomed = true), 'window 0: zoomed'],
  ])('%s', (_, change, line) => {
    expect(words(base(), changed(change))).toEqual([line]);
  });

  test('a command says what follows from it once, JSON has all of it', () => {
    const b = changed((s) => (s.tmux.windows[0]!.panes[0] = typedPane(['vim'])));
    expect(paths(base(), b)).toEqual([
      'tmux.windows[0].panes[0].command',
      'tmux.windows[0].panes[0].relaunch',
    ]);
    expect(words(base(), b)).toHaveLength(1);
  });

  test('bytes that are no text are one value', () => {
    const withName = (base64: string) => changed((s) => (s.tmux.windows[0]!.name = { base64 }));
    expect(diffSnapshots(withName('/w=='), withName('/g=='))).toEqual([
      { path: 'tmux.windows[0].name', kind: 'changed', from: { base64: '/w==' }, to: { base64: '/g==' } },
    ]);
  });

  test('windows and panes are compared by their index, not by their place', () => {
    const two = changed((s) => s.tmux.windows.push(plainWindow({ index: 1, active: false })));
    const turned = structuredClone(two);
    turned.tmux.windows.reverse();
    expect(paths(two, turned)).toEqual([]);
  });

  test('a forged snapshot with one index twice loses neither', () => {
    const twice = changed((s) => s.tmux.windows.push(plainWindow({ name: 'other' })));
    expect(diffSnapshots(base(), twice)).toMatchObject([{ path: 'tmux.windows[0#2]', kind: 'added' }]);
  });
});

describe('R8: what does not count', () => {
  const changes: Record<string, (s: Snapshot) => void> = {
    'session.id': (s) => (s.session.id = 'ffffffff-89ab-4cde-8f01-23456789abcd'),
    'session.name': (s) => (s.session.name = 'other'),
    previous: (s) => (s.previous = '20260101T000000000Z-12345678'),
    savedAt: (s) => (s.savedAt = '2027-01-01T00:00:00.000Z'),
    message: (s) => (s.message = 'm'),
    'host.tool': (s) => (s.host.tool = '9.9.9'),
    redactions: (s) => s.redactions.push({ rule: 'r', where: 'w' }),
    'tmux.sessions[*].createdAt': (s) => (s.tmux.sessions[0]!.createdAt = 1),
    'tmux.sessions[*].lastAttachedAt': (s) => (s.tmux.sessions[0]!.lastAttachedAt = 1),
    'tmux.sessions[*].attachedClients': (s) => (s.tmux.sessions[0]!.attachedClients = 1),
    'tmux.windows[*].panes[*].processes': (s) =>
      s.tmux.windows[0]!.panes[0]!.processes.push({ pid: 1, ppid: 0, argv: ['x'] }),
    'tmux.windows[*].panes[*].alternate': (s) => (s.tmux.windows[0]!.panes[0]!.alternate = true),
    'tmux.windows[*].panes[*].agent.argv': (s) => (agentOf(s).argv = null),
    'tmux.windows[*].panes[*].agent.evidence': (s) => (agentOf(s).evidence = 'argv'),
    'tmux.windows[*].panes[*].agent.confidence': (s) => (agentOf(s).confidence = 'guessed'),
    'tmux.windows[*].panes[*].historyLines': (s) => (s.tmux.windows[0]!.panes[0]!.historyLines = 9),
    'tmux.windows[*].panes[*].scrollback': (s) =>
      (s.tmux.windows[0]!.panes[0]!.scrollback = {
        path: 'scrollback/0.0',
        lines: 1,
        bytes: 1,
        truncated: false,
      }),
    'git.work': (s) => (s.git.work = 'b'.repeat(40)),
  };

  test('the table has a case for each line', () => {
    expect(Object.keys(changes)).toEqual(VOLATILE.map(([path]) => path));
  });

  test.each(VOLATILE.map(([path]) => path))('%s', (path) => {
    const a = changed((s) => {
      s.git.work = 'a'.repeat(40);
      s.tmux.windows[0]!.panes[0]!.agent = claude('a');
    });
    const b = structuredClone(a);
    changes[path]!(b);
    expect(b).not.toEqual(a);
    expect(diffSnapshots(a, b)).toEqual([]);
    expect(diffSnapshots(a, b, { volatile: true })).toHaveLength(1);
  });

  test('but another conversation of an agent does', () => {
    const [a, b] = ['a', 'b'].map((id) => changed((s) => (s.tmux.windows[0]!.panes[0]!.agent = claude(id))));
    expect(paths(a!, b!)).toEqual(['tmux.windows[0].panes[0].agent.conversation']);
    expect(words(a!, b!)).toEqual(["pane 0.0: another conversation, 'a' -> 'b'"]);
  });

  test('a name that tmux gives by itself', () => {
    const named = (name: string, automaticRename: boolean) =>
      changed((s) => Object.assign(s.tmux.windows[0]!, { name, automaticRename }));
    expect(paths(named('vim', true), named('bash', true))).toEqual([]);
    expect(paths(named('vim', false), named('bash', false))).toEqual(['tmux.windows[0].name']);
  });
});

describe('R8: which pane and window was active before', () => {
  const withLast = (pane: number | null, window: number | null) =>
    changed((s) => {
      s.tmux.windows = [0, 1, 2].map((index) =>
        plainWindow({
          ...{ index, active: index === 0, last: index === window },
          panes: [0, 1, 2].map((i) =>
            plainPane({ index: i, active: i === 0, last: index === 0 && i === pane }),
          ),
        }),
      );
      s.tmux.sessions[0]!.lastWindow = window;
    });

  test('counts where there was one', () => {
    expect(paths(withLast(1, 1), withLast(2, 1))).toEqual([
      'tmux.windows[0].panes[1].last',
      'tmux.windows[0].panes[2].last',
    ]);
    expect(paths(withLast(1, 1), withLast(1, 2))).toEqual([
      'tmux.sessions[0].lastWindow',
      'tmux.windows[1].last',
      'tmux.windows[2].last',
    ]);
  });

  test('having none is nothing that tmux could be told', () => {
    expect(paths(withLast(null, null), withLast(1, 2))).toEqual([]);
  });
});

describe('uncommitted work', () => {
  const withWork = (work: string | null) => changed((s) => (s.git.work = work));
  const [one, two] = ['1'.repeat(40), '2'.repeat(40)];

  test('is compared by its trees, where they can be read', () => {
    expect(diffSnapshots(withWork(one), withWork(two), { work: { from: 'tree', to: 'tree' } })).toEqual([]);
    expect(diffSnapshots(withWork(one), withWork(two), { work: { from: 'tree', to: 'other' } })).toEqual([
      { path: 'git.work', kind: 'changed', from: one, to: two },
    ]);
  });

  test('without them, only having some or none counts', () => {
    expect(paths(withWork(one), withWork(two))).toEqual([]);
    expect(words(withWork(one), withWork(null))).toEqual(['uncommitted work: there is none any more']);
    expect(words(withWork(null), withWork(one))).toEqual(['uncommitted work: there is some now']);
  });
});
