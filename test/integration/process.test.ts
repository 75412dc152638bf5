import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCwd, readProcessTrees } from '../../src/process/linux.ts';
import { listProcesses, listProcessesAsync, treesOf } from '../../src/process/ps.ts';
import { type Relaunch } from '../../src/session/relaunch.ts';
import { eventually, inspect, Panes } from './process-panes.ts';

let panes: Panes;
beforeAll(() => {
  panes = new Panes();
  writeFileSync(join(panes.home, 'hold'), '#!/bin/sh\nsleep 321\n', { mode: 0o755 });
});
afterAll(() => panes.close());

interface Row {
  title: string;
  line: string;
  expected: () => Partial<Relaunch>;
}

const rows: Row[] = [
  {
    title: 'S2: a typed command is its argv',
    line: 'sleep 321',
    expected: () => ({ source: 'foreground', confidence: 'argv', steps: [['sleep', '321']], line: null }),
  },
  {
    title: 'S2: an argv with quotes, newline, emoji, an empty word and bytes that are not UTF-8 is exact',
    line: `./hold "it's" 'a "b"' $'two\\nlines' 😀é '' "$(printf '\\377\\376')" '$HOME \`x\`'`,
    expected: () => {
      const argv = [
        '/bin/sh',
        './hold',
        "it's",
        'a "b"',
        'two\nlines',
        '😀é',
        '',
        { base64: '//4=' },
        '$HOME `x`',
      ];
      return { confidence: 'argv', steps: [argv], command: argv };
    },
  },
  {
    title: 'S2: a pipeline is rebuilt in order',
    line: 'sleep 322 | cat -u | tail -n 1',
    expected: () => ({
      confidence: 'rebuilt',
      reason: 'pipeline',
      steps: [],
      line: 'sleep 322 | cat -u | tail -n 1',
    }),
  },
  {
    title: 'S2: redirections are rebuilt',
    line: "sleep 323 </dev/null >>'o ut' 2>&1",
    expected: () => ({ reason: 'redirected', line: `sleep 323 </dev/null >>'${panes.home}/o ut' 2>&1` }),
  },
  {
    title: 'S2: a truncated file and closed descriptors are rebuilt',
    line: 'sleep 335 <&- >t.log 2>&-',
    expected: () => ({ reason: 'redirected', line: `sleep 335 <&- >${panes.home}/t.log 2>&-` }),
  },
  {
    title: 'S2: output into a file that was removed is unknown',
    line: 'sleep 336 >gone & until rm gone 2>&-; do :; done; fg',
    expected: () => ({ confidence: 'unknown', reason: 'deleted-file', steps: [], line: null }),
  },
  {
    title: 'S2: a shell that reads a script from a file is a command',
    line: `echo 'sleep 337' >script; bash <script`,
    expected: () => ({ confidence: 'rebuilt', reason: 'redirected', line: `bash <${panes.home}/script` }),
  },
  {
    title: 'S2: a subshell is unknown',
    line: '(cd /; sleep 324; :)',
    expected: () => ({ confidence: 'unknown', reason: 'subshell', steps: [], line: null }),
  },
  {
    title: 'S2: a subshell that computes, without children, is unknown',
    line: '(while :; do read -t 0.2 x </dev/tty; done)',
    expected: () => ({ confidence: 'unknown', reason: 'subshell' }),
  },
  {
    title: 'S2: a loop in a pipe is unknown',
    line: 'cat | while read -r x; do sleep 1; done',
    expected: () => ({ confidence: 'unknown', reason: 'subshell' }),
  },
  {
    title: 'S2: a pipeline whose leader has ended is unknown',
    line: 'true | sleep 325',
    expected: () => ({ confidence: 'unknown', reason: 'leader-dead', command: null }),
  },
  {
    title: 'S2: process substitution is unknown',
    line: 'tail -f <(sleep 326)',
    expected: () => ({ confidence: 'unknown', reason: 'process-substitution' }),
  },
  {
    title: 'S2: here-document input is unknown',
    line: `cat - /dev/tty <<< "$(printf x)"`,
    expected: () => ({ confidence: 'unknown', steps: [] }),
  },
  {
    title: 'S2: only the foreground job of two is relaunched',
    line: 'sleep 327 & sleep 328',
    expected: () => ({ confidence: 'argv', steps: [['sleep', '328']] }),
  },
  {
    title: 'S2: a rewritten title is split',
    line: `node -e 'process.title = "npm run dev"; setInterval(() => {}, 9e5)' some more arguments`,
    expected: () => ({ confidence: 'rebuilt', reason: 'title-rewritten', steps: [['npm', 'run', 'dev']] }),
  },
  {
    title: 'S2: a program that replaced the shell is the leader',
    line: 'exec sleep 329',
    expected: () => ({ source: 'foreground', confidence: 'argv', steps: [['sleep', '329']] }),
  },
  {
    title: 'S2: a nested shell at its prompt is a step',
    line: 'bash --norc',
    expected: () => ({ confidence: 'argv', reason: 'nested-shell', steps: [['bash', '--norc']] }),
  },
  {
    title: 'S2: a shell that runs a command string is a command',
    line: `bash -c 'sleep 9; sleep 330'`,
    expected: () => ({ confidence: 'argv', steps: [['bash', '-c', 'sleep 9; sleep 330']] }),
  },
  {
    title: 'S2: a command from a file that the shell sources is the leader itself',
    line: `echo 'sleep 331' > src; . './src'`,
    expected: () => ({ confidence: 'argv', steps: [['sleep', '331']] }),
  },
];

describe('S2: commands of real panes', () => {
  it.each(rows)('$title', async ({ line, expected }) => {
    const pane = panes.open();
    await panes.type(pane, line);
    await eventually(() => expect(inspect(pane).relaunch).toMatchObject(expected()));
  });

  it('S2: an idle shell relaunches nothing', async () => {
    const pane = panes.open();
    await panes.ready(pane);
    expect(inspect(pane).relaunch).toMatchObject({
      source: 'none',
      confidence: 'exact',
      reason: 'idle-shell',
    });
  });

  it('S2: a command typed in a nested shell comes after that shell', async () => {
    const pane = panes.open();
    const previousShell = await panes.type(pane, 'bash --norc');
    await panes.type({ ...pane, previousShell }, 'sleep 332');
    await eventually(() =>
      expect(inspect(pane).relaunch).toMatchObject({
        ...{ confidence: 'argv', reason: 'foreground-leader' },
        steps: [
          ['bash', '--norc'],
          ['sleep', '332'],
        ],
      }),
    );
  });

  it.skipIf(!existsSync('/usr/bin/vim'))(
    'S2: vim is the leader; stopped by Ctrl-Z it is a job of an idle shell',
    async () => {
      const pane = panes.open();
      await panes.type(pane, 'vim -u NONE -N x.txt');
      await eventually(() => {
        const { relaunch } = inspect(pane);
        expect(relaunch).toMatchObject({ confidence: 'argv', steps: [['vim', '-u', 'NONE', '-N', 'x.txt']] });
        expect(panes.screen(pane)).toContain('x.txt');
      });
      await eventually(() => {
        panes.keys(pane, 'C-z');
        const { relaunch, processes } = inspect(pane);
        expect(relaunch).toMatchObject({ source: 'none', reason: 'idle-shell' });
        expect(processes.map((p) => [p.state, p.argv[0]])).toContainEqual(['T', 'vim']);
      });
    },
  );

  it('S2: a shell under :shell of vim is rebuilt as vim alone', async () => {
    const pane = panes.open();
    await panes.type(pane, `node -e 'require("child_process").spawn("bash",["--norc"],{stdio:"inherit"})'`);
    await eventually(() => expect(inspect(pane).relaunch).toMatchObject({ reason: 'nested-program' }));
    expect(inspect(pane).relaunch.steps[0]?.[0]).toBe('node');
  });

  it('S2: a pane created with a program is that program; one created with a shell is a shell', async () => {
    const argv = ['sleep', '333'];
    const program = panes.open(...argv);
    await eventually(() => {
      const { relaunch } = inspect(program, { argv });
      expect(relaunch).toMatchObject({ source: 'start', confidence: 'exact', command: argv });
    });
    const shell = panes.open('bash --norc -i');
    await panes.ready(shell);
    expect(inspect(shell, { shell: 'bash --norc -i' }).relaunch).toMatchObject({
      source: 'none',
      reason: 'idle-shell',
    });
    await panes.type(shell, 'sleep 334');
    const expected = { source: 'foreground', steps: [['sleep', '334']] };
    await eventually(() =>
      expect(inspect(shell, { shell: 'bash --norc -i' }).relaunch).toMatchObject(expected),
    );
  });
});

describe('S4: process trees of real panes', () => {
  const argvs = (pid: number, scan?: boolean) =>
    (readProcessTrees([pid], scan === undefined ? {} : { scan }).get(pid) ?? []).map((p) => p.argv);

  it('S4: the whole tree with pids and argument vectors, by both ways of finding children', async () => {
    const pane = panes.open('bash', '-c', 'sleep 9001 & sleep 9002; :');
    await eventually(() => {
      expect(argvs(pane.panePid)).toContainEqual(['sleep', '9001']);
      expect(argvs(pane.panePid)).toContainEqual(['sleep', '9002']);
    });
    const byChildren = readProcessTrees([pane.panePid]).get(pane.panePid);
    const byScan = readProcessTrees([pane.panePid], { scan: true }).get(pane.panePid);
    // Between the two looks a process may fall asleep.
    const still = (found: typeof byScan) => found?.map(({ state: _, ...rest }) => rest);
    expect(still(byScan)).toEqual(still(byChildren));
    expect(byChildren?.every((p) => p.pid === pane.panePid || p.ppid === pane.panePid)).toBe(true);
    const byPs = treesOf(listProcesses(), [pane.panePid]).get(pane.panePid);
    const shape = ({
      pid,
      ppid,
      pgrp,
      tpgid,
    }: {
      pid: number;
      ppid: number;
      pgrp: number;
      tpgid: number;
    }) => ({
      ...{ pid, ppid, pgrp, tpgid },
    });
    expect(byPs?.map(shape)).toEqual(byChildren?.map(shape));
    expect((await listProcessesAsync()).some((p) => p.pid === pane.panePid)).toBe(true);
  });

  it('S4: a child that another thread made is found', async () => {
    const worker = `require('child_process').spawn('sleep', ['9003'])`;
    const pane = panes.open(
      'node',
      '-e',
      `new (require('worker_threads').Worker)(${JSON.stringify(worker)}, {eval: true})`,
    );
    await eventually(() => expect(argvs(pane.panePid)).toContainEqual(['sleep', '9003']));
  });

  it('S4: a zombie has a state and a name, and a vanished pane an empty tree', async () => {
    // The child outlives the shell, which so can't bury it before it becomes another program.
    const pane = panes.open('bash', '-c', 'sleep 0.3 & exec sleep 9004');
    await eventually(() => {
      const [, child] = readProcessTrees([pane.panePid]).get(pane.panePid) ?? [];
      expect(child).toMatchObject({ state: 'Z', argv: ['[sleep]'], argvExact: false });
    });
    panes.tmux('kill-pane', '-t', pane.paneId);
    await eventually(() => expect(argvs(pane.panePid)).toEqual([]));
    expect(inspect(pane).relaunch).toMatchObject({ source: 'none', reason: 'no-process' });
  });
});

describe('S3: working directories', () => {
  it('S3: a deleted directory is told from one whose name ends in (deleted)', async () => {
    const literal = join(panes.home, 'kept (deleted)');
    const removed = join(panes.home, 'removed');
    mkdirSync(literal);
    mkdirSync(removed);
    const [a, b] = [panes.open(), panes.open()];
    await panes.type(a, `cd '${literal}'`);
    await panes.type(b, `cd '${removed}'`);
    await eventually(() => {
      expect(inspect(a).cwd).toEqual({ path: Buffer.from(literal), deleted: false });
      expect(inspect(b).cwd?.path).toEqual(Buffer.from(removed));
    });
    rmdirSync(removed);
    expect(inspect(b).cwd).toEqual({ path: Buffer.from(removed), deleted: true });
    rmdirSync(literal);
    expect(inspect(a).cwd).toEqual({ path: Buffer.from(literal), deleted: true });
  });

  it('S3: a directory of bytes that are not UTF-8', async () => {
    const pane = panes.open();
    await panes.type(pane, `d="$(printf 'x\\377')"; mkdir "$d"; cd "$d"`);
    const path = Buffer.concat([Buffer.from(`${panes.home}/x`), Buffer.from([0xff])]);
    await eventually(() => expect(readCwd(pane.panePid)?.path).toEqual(path));
  });

  it('S3: a process that is gone has none', () => {
    expect(readCwd(2 ** 22 + 1)).toBeNull();
  });
});
