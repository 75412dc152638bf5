import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Redirection } from '../../src/session/command-line.ts';
import {
  decideRelaunch,
  pidsToInspect,
  type ProcessInfo,
  type Relaunch,
  type RelaunchInput,
} from '../../src/session/relaunch.ts';
import { type Text } from '../../src/session/text.ts';

const PANE = 100;
const terminal = (fd: 0 | 1 | 2): Redirection => ({ fd, kind: 'terminal' });
const pipe = (fd: 0 | 1 | 2, inode: number): Redirection => ({ fd, kind: 'pipe', pipe: `pipe:[${inode}]` });
const file = (
  fd: 0 | 1 | 2,
  path: Text,
  mode: NonNullable<Redirection['mode']>,
  position = 0,
): Redirection => ({
  ...{ fd, kind: 'file', path, mode, position },
});
const onTty: Redirection[] = [terminal(0), terminal(1), terminal(2)];

/** The pane's shell, whose terminal is led by `tpgid`. */
const shell = (tpgid: number, over: Partial<ProcessInfo> = {}): ProcessInfo =>
  proc(PANE, 1, ['-bash'], { pgrp: PANE, tpgid, ...over });

function proc(pid: number, ppid: number, argv: Text[], over: Partial<ProcessInfo> = {}): ProcessInfo {
  return { pid, ppid, pgrp: pid, tpgid: -1, tty: 34816, state: 'S', argv, startTime: 1, ...over };
}

function decide(processes: ProcessInfo[], over: Partial<RelaunchInput> = {}): Relaunch {
  const fds = Object.fromEntries(pidsToInspect(PANE, processes).map((pid) => [pid, onTty]));
  return decideRelaunch({ panePid: PANE, processes, start: null, fds, dead: false, ...over });
}

interface Row {
  title: string;
  processes: ProcessInfo[];
  over?: Partial<RelaunchInput>;
  expected: Partial<Relaunch>;
}

const rows: Row[] = [
  {
    title: 'S2: an idle shell relaunches nothing',
    processes: [shell(PANE)],
    expected: {
      source: 'none',
      confidence: 'exact',
      reason: 'idle-shell',
      command: null,
      steps: [],
      line: null,
    },
  },
  {
    title: 'S2: background and stopped jobs leave the shell idle',
    processes: [shell(PANE), proc(101, PANE, ['vim', 'x'], { state: 'T' }), proc(102, PANE, ['sleep', '9'])],
    expected: { source: 'none', reason: 'idle-shell' },
  },
  {
    title: 'S2: a single leader on the terminal is its argv',
    processes: [shell(101), proc(101, PANE, ['sleep', '321'])],
    expected: {
      ...{ source: 'foreground', confidence: 'argv', reason: 'foreground-leader' },
      ...{ command: ['sleep', '321'], steps: [['sleep', '321']], line: null },
    },
  },
  {
    title: 'S2: cmd & cmd2 is cmd2',
    processes: [shell(102), proc(101, PANE, ['sleep', '1']), proc(102, PANE, ['sleep', '2'])],
    expected: { confidence: 'argv', steps: [['sleep', '2']] },
  },
  {
    title: 'S2: children of the leader are its own affair',
    processes: [
      ...[shell(101), proc(101, PANE, ['npm', 'start'])],
      ...[
        proc(102, 101, ['sh', '-c', 'node x'], { pgrp: 101 }),
        proc(103, 102, ['node', 'x'], { pgrp: 101 }),
      ],
    ],
    expected: { confidence: 'argv', steps: [['npm', 'start']] },
  },
  {
    title: 'S2: bytes that are not UTF-8 pass through',
    processes: [shell(101), proc(101, PANE, ['cat', { base64: '/w==' }, ''])],
    expected: { confidence: 'argv', steps: [['cat', { base64: '/w==' }, '']] },
  },
  {
    title: 'S2: an exec-ed program is the leader itself',
    processes: [shell(PANE, { argv: ['vim', 'x'] })],
    expected: {
      source: 'foreground',
      confidence: 'argv',
      reason: 'foreground-leader',
      steps: [['vim', 'x']],
    },
  },
  {
    title: 'S2: redirections are rebuilt, in one line, never a step',
    processes: [shell(101), proc(101, PANE, ['cmd', 'a b'])],
    over: { fds: { 101: [terminal(0), file(1, '/t/o ut', 'write', 5), file(2, '/t/o ut', 'write', 5)] } },
    expected: { confidence: 'rebuilt', reason: 'redirected', steps: [], line: "cmd 'a b' >'/t/o ut' 2>&1" },
  },
  {
    title: 'S2: append, input, read-write and closed descriptors',
    processes: [shell(101), proc(101, PANE, ['cmd'])],
    over: { fds: { 101: [file(0, '/i', 'read'), file(1, '/o', 'append'), { fd: 2, kind: 'closed' }] } },
    expected: { reason: 'redirected', line: 'cmd </i >>/o 2>&-' },
  },
  {
    title: 'S2: two opens of one file are two redirections',
    processes: [shell(101), proc(101, PANE, ['cmd'])],
    over: {
      fds: { 101: [{ fd: 0, kind: 'closed' }, file(1, '/o', 'read-write', 1), file(2, '/o', 'write', 2)] },
    },
    expected: { reason: 'redirected', line: 'cmd <&- 1<>/o 2>/o' },
  },
  {
    title: 'S2: closed output',
    processes: [shell(101), proc(101, PANE, ['cmd'])],
    over: { fds: { 101: [terminal(0), { fd: 1, kind: 'closed' }, terminal(2)] } },
    expected: { reason: 'redirected', line: 'cmd >&-' },
  },
  {
    title: 'S2: a file that was removed can not be opened again',
    processes: [shell(101), proc(101, PANE, ['cmd'])],
    over: { fds: { 101: [terminal(0), { ...file(1, '/o', 'write'), deleted: true }, terminal(2)] } },
    expected: { confidence: 'unknown', reason: 'deleted-file', steps: [], line: null, command: ['cmd'] },
  },
  {
    title: 'S2: a socket as standard input is not recoverable',
    processes: [shell(101), proc(101, PANE, ['cmd'])],
    over: { fds: { 101: [{ fd: 0, kind: 'other' }, terminal(1), terminal(2)] } },
    expected: { confidence: 'unknown', reason: 'redirected', line: null },
  },
  {
    title: 'S2: descriptors that could not be read make the command rebuilt',
    processes: [shell(101), proc(101, PANE, ['sudo', 'make'])],
    over: { fds: {} },
    expected: { confidence: 'rebuilt', reason: 'fds-unknown', steps: [['sudo', 'make']], line: 'sudo make' },
  },
  {
    title: 'S2: a pipeline is ordered by its pipes, not by pid',
    processes: [
      ...[shell(101), proc(101, PANE, ['a'])],
      ...[proc(102, PANE, ['c', "it's"], { pgrp: 101 }), proc(103, PANE, ['b'], { pgrp: 101 })],
    ],
    over: {
      fds: {
        101: [file(0, '/in', 'read'), pipe(1, 1), pipe(2, 1)],
        102: [pipe(0, 2), file(1, '/out', 'write'), terminal(2)],
        103: [pipe(0, 1), pipe(1, 2), terminal(2)],
      },
    },
    expected: {
      confidence: 'rebuilt',
      reason: 'pipeline',
      steps: [],
      line: "a </in 2>&1 | b | c 'it'\\''s' >/out",
    },
  },
  {
    title: 'S2: a pipeline with a dead stage is unknown',
    processes: [shell(101), proc(101, PANE, ['a']), proc(103, PANE, ['c'], { pgrp: 101 })],
    over: {
      fds: { 101: [terminal(0), pipe(1, 1), terminal(2)], 103: [pipe(0, 2), terminal(1), terminal(2)] },
    },
    expected: { confidence: 'unknown', reason: 'pipeline-broken', steps: [], line: null },
  },
  {
    title: 'S2: a last stage that writes into a foreign pipe is unknown',
    processes: [shell(101), proc(101, PANE, ['a']), proc(102, PANE, ['b'], { pgrp: 101 })],
    over: {
      fds: { 101: [terminal(0), pipe(1, 1), terminal(2)], 102: [pipe(0, 1), pipe(1, 9), terminal(2)] },
    },
    expected: { confidence: 'unknown', reason: 'pipeline-broken' },
  },
  {
    title: 'S2: two stages that read one pipe are unknown',
    processes: [shell(101), proc(101, PANE, ['a']), proc(102, PANE, ['b'], { pgrp: 101 })],
    over: {
      fds: { 101: [pipe(0, 1), terminal(1), terminal(2)], 102: [pipe(0, 1), terminal(1), terminal(2)] },
    },
    expected: { confidence: 'unknown', reason: 'pipeline-broken' },
  },
  {
    title: 'S2: stages that no pipe connects are unknown',
    processes: [shell(101), proc(101, PANE, ['a']), proc(102, PANE, ['b'], { pgrp: 101 })],
    expected: { confidence: 'unknown', reason: 'pipeline-broken' },
  },
  {
    title: 'S2: standard error into a foreign pipe is unknown',
    processes: [shell(101), proc(101, PANE, ['a'])],
    over: { fds: { 101: [terminal(0), terminal(1), pipe(2, 4)] } },
    expected: { confidence: 'unknown', reason: 'pipeline-broken' },
  },
  {
    title: 'S2: a dead leader (true | sleep 505) is unknown',
    processes: [shell(101), proc(102, PANE, ['sleep', '505'], { pgrp: 101 })],
    expected: {
      source: 'foreground',
      confidence: 'unknown',
      reason: 'leader-dead',
      command: null,
      steps: [],
    },
  },
  {
    title: 'S2: a zombie leader is dead',
    processes: [shell(101), proc(101, PANE, ['[true]'], { state: 'Z' })],
    expected: { confidence: 'unknown', reason: 'leader-dead' },
  },
  {
    title: 'S2: npm run dev wrote its title over its arguments',
    processes: [shell(101), proc(101, PANE, ['npm run dev', '', '', ''], { exe: '/usr/bin/node' })],
    expected: {
      ...{ confidence: 'rebuilt', reason: 'title-rewritten', command: ['npm', 'run', 'dev'] },
      ...{ steps: [['npm', 'run', 'dev']], line: 'npm run dev' },
    },
  },
  {
    title: 'S2: a title that is no command is unknown',
    processes: [shell(101), proc(101, PANE, ['nginx: master process'], { exe: '/usr/sbin/nginx' })],
    expected: { confidence: 'unknown', reason: 'title-rewritten', steps: [] },
  },
  {
    title: 'S2: a one-word title hides the arguments',
    processes: [shell(101), proc(101, PANE, ['worker', '', '', ''], { exe: '/usr/bin/node' })],
    expected: { confidence: 'unknown', reason: 'title-rewritten', steps: [] },
  },
  {
    title: 'S2: a program whose name holds a space is no title',
    processes: [shell(101), proc(101, PANE, ['/d/my prog', ''], { exe: '/d/my prog' })],
    expected: { confidence: 'argv', steps: [['/d/my prog', '']] },
  },
  {
    title: 'S2: an empty argument alone is no title',
    processes: [shell(101), proc(101, PANE, ['cat', ''])],
    expected: { confidence: 'argv', steps: [['cat', '']] },
  },
  {
    title: 'S2: ssh and sudo keep their whole argv; policy decides later',
    processes: [shell(101), proc(101, PANE, ['ssh', '-t', 'h', 'tmux a'])],
    expected: { confidence: 'argv', steps: [['ssh', '-t', 'h', 'tmux a']] },
  },
  {
    title: 'S2: a subshell is known by its children in its own group',
    processes: [shell(101), proc(101, PANE, ['-bash']), proc(102, 101, ['cmd'], { pgrp: 101 })],
    expected: { source: 'foreground', confidence: 'unknown', reason: 'subshell', steps: [] },
  },
  {
    title: 'S2: a subshell is known by its exec addresses even without children',
    processes: [shell(101, { image: '1:2', argv: ['bash'] }), proc(101, PANE, ['bash'], { image: '1:2' })],
    expected: { confidence: 'unknown', reason: 'subshell' },
  },
  {
    title: 'S2: a pipeline with a forked shell in it (a loop) is unknown',
    processes: [
      ...[shell(101, { image: '1:2' }), proc(101, PANE, ['ls'], { image: '3:4' })],
      proc(102, PANE, ['-bash'], { pgrp: 101, image: '1:2' }),
    ],
    expected: { confidence: 'unknown', reason: 'subshell', steps: [] },
  },
  {
    title: 'S2: process substitution is unknown',
    processes: [shell(101), proc(101, PANE, ['diff', '/dev/fd/63', '/dev/fd/62'])],
    expected: { confidence: 'unknown', reason: 'process-substitution', steps: [] },
  },
  {
    title: 'S2: a loop can not be seen; its current command is',
    processes: [shell(101), proc(101, PANE, ['sleep', '1'])],
    expected: { confidence: 'argv', steps: [['sleep', '1']] },
  },
  {
    title: 'S2: a nested shell at its prompt is one step',
    processes: [shell(101, { argv: ['bash'], image: '1:1' }), proc(101, PANE, ['bash'], { image: '2:2' })],
    expected: {
      source: 'foreground',
      confidence: 'argv',
      reason: 'nested-shell',
      steps: [['bash']],
      line: null,
    },
  },
  {
    title: 'S2: a nested shell with a background job is still one',
    processes: [shell(101, { argv: ['bash'] }), proc(101, PANE, ['bash']), proc(102, 101, ['sleep', '9'])],
    expected: { reason: 'nested-shell', steps: [['bash']] },
  },
  {
    title: 'S2: a command in nested shells is typed after them',
    processes: [
      ...[shell(103), proc(101, PANE, ['bash', '--norc'])],
      ...[proc(102, 101, ['zsh', '-f']), proc(103, 102, ['sleep', '5'])],
    ],
    expected: {
      confidence: 'argv',
      steps: [
        ['bash', '--norc'],
        ['zsh', '-f'],
        ['sleep', '5'],
      ],
    },
  },
  {
    title: 'S2: a pipeline in a nested shell keeps the shell as a step',
    processes: [
      ...[shell(102), proc(101, PANE, ['bash', '--norc'])],
      ...[proc(102, 101, ['a']), proc(103, 101, ['b'], { pgrp: 102 })],
    ],
    over: {
      fds: { 102: [terminal(0), pipe(1, 1), terminal(2)], 103: [pipe(0, 1), terminal(1), terminal(2)] },
    },
    expected: { confidence: 'rebuilt', reason: 'pipeline', steps: [['bash', '--norc']], line: 'a | b' },
  },
  {
    title: 'S2: a login shell as a nested one is typed with -l, and rebuilt',
    processes: [shell(101, { argv: ['bash'] }), proc(101, PANE, ['-zsh', '-f'])],
    expected: { confidence: 'rebuilt', reason: 'nested-shell', steps: [['zsh', '-l', '-f']] },
  },
  {
    title: 'S2: a command under a rebuilt nested shell is rebuilt with it',
    processes: [shell(102, { argv: ['bash'] }), proc(101, PANE, ['-zsh']), proc(102, 101, ['top'])],
    expected: { confidence: 'rebuilt', reason: 'argv-inexact', steps: [['zsh', '-l'], ['top']] },
  },
  {
    title: 'S2: what runs under :shell of vim is never typed into vim',
    processes: [
      ...[shell(103), proc(101, PANE, ['vim', 'x'])],
      ...[proc(102, 101, ['bash']), proc(103, 102, ['rm', '-rf', 'y'])],
    ],
    expected: {
      ...{ confidence: 'rebuilt', reason: 'nested-program', command: ['rm', '-rf', 'y'] },
      ...{ steps: [['vim', 'x']], line: 'vim x' },
    },
  },
  {
    title: 'S2: bash reading a script from standard input is a command',
    processes: [shell(101), proc(101, PANE, ['bash'])],
    over: { fds: { 101: [file(0, '/s', 'read'), terminal(1), terminal(2)] } },
    expected: { confidence: 'rebuilt', reason: 'redirected', steps: [], line: 'bash </s' },
  },
  {
    title: 'S2: a shell that runs a script is a command',
    processes: [
      shell(101),
      proc(101, PANE, ['bash', './x.sh']),
      proc(102, 101, ['sleep', '1'], { pgrp: 101 }),
    ],
    expected: { confidence: 'argv', reason: 'foreground-leader', steps: [['bash', './x.sh']] },
  },
  {
    title: 'S2: an orphaned leader is rebuilt',
    processes: [shell(101), proc(101, 1, ['sleep', '8'])],
    expected: { confidence: 'rebuilt', reason: 'orphan-leader', steps: [['sleep', '8']] },
  },
  {
    title: 'S2: endless nesting is cut',
    processes: [
      shell(160),
      ...Array.from({ length: 60 }, (_, i) =>
        proc(101 + i, 100 + i, ['bash', '--norc', '-i', '-O', `o${i}`]),
      ),
    ],
    expected: { confidence: 'unknown', reason: 'nested-too-deep' },
  },
  {
    title: 'S2: a pane created with a program restarts that, not the leader',
    processes: [shell(101, { argv: ['npm', 'run', 'x'] }), proc(101, PANE, ['vim'])],
    over: { start: { argv: ['npm', 'run', 'x'] } },
    expected: { source: 'start', confidence: 'exact', reason: 'start-command', command: ['vim'], steps: [] },
  },
  {
    title: 'S2: a pane created with a shell line restarts that, also when its process is gone',
    processes: [],
    over: { start: { shell: 'make; exec bash' } },
    expected: { source: 'start', confidence: 'exact', command: null },
  },
  {
    title: 'S2: a pane created with a shell is a shell',
    processes: [shell(PANE, { argv: ['bash', '--norc'] })],
    over: { start: { argv: ['bash', '--norc'] } },
    expected: { source: 'none', reason: 'idle-shell' },
  },
  {
    title: 'S2: a start shell under sh -c is the pane itself',
    processes: [shell(101, { argv: ['sh', '-c', 'bash'] }), proc(101, PANE, ['bash'])],
    over: { start: { shell: 'bash' } },
    expected: { source: 'none', reason: 'idle-shell', steps: [] },
  },
  {
    title: 'S2: a job of a start shell under sh -c',
    processes: [
      ...[shell(102, { argv: ['sh', '-c', 'bash'] }), proc(101, PANE, ['bash'])],
      proc(102, 101, ['top']),
    ],
    over: { start: { shell: 'exec  bash -l' } },
    expected: { confidence: 'argv', steps: [['top']] },
  },
  {
    title: 'S2: a dead pane relaunches nothing, whatever started it',
    processes: [],
    over: { dead: true, start: { argv: ['make', 'x'] } },
    expected: { source: 'none', confidence: 'exact', reason: 'dead-pane', steps: [] },
  },
  {
    title: 'S2: a pane whose process vanished is unknown',
    processes: [],
    expected: { source: 'none', confidence: 'unknown', reason: 'no-process' },
  },
  {
    title: 'S2: a process without a terminal is unknown',
    processes: [shell(-1)],
    expected: { source: 'none', confidence: 'unknown', reason: 'no-terminal' },
  },
  {
    title: 'S2: an argv without boundaries is rebuilt',
    processes: [shell(101), proc(101, PANE, ['vim', 'a', 'b'], { argvExact: false })],
    expected: { confidence: 'rebuilt', reason: 'argv-inexact', steps: [['vim', 'a', 'b']], line: 'vim a b' },
  },
];

describe('S2: which process a pane relaunches', () => {
  it.each(rows)('$title', ({ processes, over, expected }) => {
    expect(decide(processes, over)).toMatchObject(expected);
  });

  it('S2: any process table gives a decision that the snapshot can hold', () => {
    const argv = fc.array(fc.oneof(fc.constantFrom('bash', '-zsh', 'a b', '', '-c'), fc.string()), {
      minLength: 1,
      maxLength: 4,
    });
    const row = fc.record({
      ...{ pid: fc.integer({ min: 99, max: 106 }), ppid: fc.integer({ min: 98, max: 106 }) },
      ...{ pgrp: fc.integer({ min: 99, max: 106 }), tpgid: fc.integer({ min: -1, max: 106 }) },
      ...{ state: fc.constantFrom('S', 'R', 'Z', 'T'), argv },
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 9 }), fc.boolean(), (table, known) => {
        const processes = table.map((p) => proc(p.pid, p.ppid, p.argv, p));
        const result = known ? decide(processes) : decide(processes, { fds: {} });
        expect(result.reason).toMatch(/^[a-z][a-z0-9-]{0,63}$/u);
        expect(result.steps.length).toBeLessThanOrEqual(32);
        expect(result.steps.every((step) => step.length > 0)).toBe(true);
        expect(result.confidence !== 'argv' || result.steps.length > 0).toBe(true);
      }),
    );
  });

  it('S2: descriptors are asked for the foreground job only', () => {
    const job = [
      shell(101),
      proc(101, PANE, ['a']),
      proc(102, PANE, ['b'], { pgrp: 101 }),
      proc(103, PANE, ['c']),
    ];
    expect(pidsToInspect(PANE, job)).toEqual([101, 102]);
    expect(pidsToInspect(PANE, [shell(PANE)])).toEqual([]);
    expect(pidsToInspect(PANE, [shell(PANE, { argv: ['vim'] })])).toEqual([PANE]);
    expect(pidsToInspect(PANE, [])).toEqual([]);
  });
});
