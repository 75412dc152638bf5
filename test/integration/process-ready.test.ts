import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bootId,
  currentOwner,
  isAlive,
  isRunning,
  ownerState,
  processStartTime,
} from '../../src/process/identity.ts';
import { shellKind } from '../../src/process/shell-kind.ts';
import { readyShells, waitReady } from '../../src/process/shell-ready.ts';
import { readCanonical } from '../../src/process/termios.ts';
import { eventually, Panes } from './process-panes.ts';

let panes: Panes;
beforeAll(() => {
  panes = new Panes();
});
afterAll(() => panes.close());

const shells = [
  { name: 'bash', command: (rc: string) => ['bash', '--rcfile', rc, '-i'] },
  { name: 'dash', command: (rc: string) => ['env', `ENV=${rc}`, 'dash', '-i'] },
];

describe('R: shells of real panes', () => {
  it.each(shells)(
    'R: $name with a slow start-up file is ready only at its prompt, and the line is echoed once',
    async ({ name, command }) => {
      const rc = join(panes.home, `${name}.rc`);
      const gate = join(panes.home, `${name}.go`);
      const passed = join(panes.home, `${name}.rounds`);
      writeFileSync(rc, `until [ -e '${gate}' ]; do echo . >> '${passed}'; sleep 0.01; done\nPS1='> '\n`);
      const pane = panes.open(...command(rc));
      // Many looks while the start-up file runs: none may take it for a prompt.
      for (let i = 0; i < 40; i++) expect((await readyShells([pane])).size).toBe(0);
      const waiting = panes.type(pane, 'echo ty"ped"-once');
      writeFileSync(gate, '');
      expect(await waiting).toBe(pane.panePid);
      await eventually(() => expect(panes.screen(pane)).toContain('\ntyped-once'));
      expect(panes.screen(pane).match(/echo ty/gu)).toHaveLength(1);
      expect(shellKind(pane.panePid)).toBe('posix');
    },
  );

  it('R: a line over 4 KiB arrives whole once the shell is ready', async () => {
    const pane = panes.open('bash', '--norc');
    await panes.type(pane, `x='${'y'.repeat(5000)}'; echo "len=\${#x}"`);
    await eventually(() => expect(panes.screen(pane)).toContain('len=5000'));
  });

  it('R: nested shells become ready one after the other in one wait', async () => {
    const [a, b] = [panes.open('bash', '--norc'), panes.open('dash')];
    const seen: string[] = [];
    const failed = await waitReady([a, b], {
      timeoutMs: 20_000,
      onReady: (pane, { pid }) => {
        const step = pane.previousShell === undefined ? 1 : 2;
        seen.push(`${pane.paneId} ${step}`);
        if (step === 2) return undefined;
        panes.keys(pane, '-l', 'bash --norc\n');
        return { ...pane, previousShell: pid };
      },
    });
    expect(failed).toEqual([]);
    const steps = [a, b].flatMap(({ paneId }) => [`${paneId} 1`, `${paneId} 2`]);
    expect(seen.toSorted()).toEqual(steps.toSorted());
  });

  it('R: a program is never ready, and a pane that ends is told at once', async () => {
    const [program, ending] = [panes.open('sleep', '9100'), panes.open('sleep', '9101')];
    panes.tmux('kill-pane', '-t', ending.paneId);
    const failed = await waitReady([program, ending], {
      timeoutMs: 300,
      onReady: () => expect.unreachable(),
    });
    expect(Object.fromEntries(failed.map(({ pane, reason }) => [pane.paneId, reason]))).toEqual({
      [program.paneId]: 'timeout',
      [ending.paneId]: 'gone',
    });
  });

  it('R: an abort ends a wait early', async () => {
    const program = panes.open('sleep', '9102');
    const wait = waitReady([program], {
      timeoutMs: 1e6,
      signal: AbortSignal.timeout(30),
      onReady: () => undefined,
    });
    expect(await wait).toEqual([{ pane: program, reason: 'aborted' }]);
  });

  it('R: many panes become ready in one wait; terminals are read alike by stty and by perl', async () => {
    const many = Array.from({ length: 20 }, () => panes.open('bash', '--norc'));
    const ready = new Set<string>();
    const failed = await waitReady(many, {
      timeoutMs: 30_000,
      onReady: (pane) => {
        ready.add(pane.paneId);
        return undefined;
      },
    });
    expect({ failed, ready: ready.size }).toEqual({ failed: [], ready: 20 });
    const ttys = many.map((pane) => pane.tty);
    const atOnce = await readCanonical([...ttys, '/dev/pts/none', '-F', '/dev/pts/$(id)']);
    expect(atOnce).toEqual(new Map(ttys.map((tty) => [tty, false])));
    expect(await readCanonical(ttys.slice(0, 3))).toEqual(
      new Map(ttys.slice(0, 3).map((tty) => [tty, false])),
    );
  });
});

describe('process identity', () => {
  it('this process is alive, with the same answer twice', () => {
    const owner = currentOwner();
    expect(owner).toEqual(currentOwner());
    expect(ownerState(owner)).toBe('alive');
    expect(bootId()).not.toBe('');
  });

  it('a child is alive until it ends', async () => {
    const child = spawn('sleep', ['9103']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const startTime = processStartTime(pid) ?? 0;
    const owner = { ...currentOwner(), pid, startTime };
    expect([isAlive(owner), isRunning(pid)]).toEqual([true, true]);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect([isAlive(owner), isRunning(pid)]).toEqual([false, false]);
    expect(processStartTime(pid)).toBeNull();
  });

  it('a reused pid and another boot are dead; another host and another namespace are unknown', () => {
    const owner = currentOwner();
    expect(ownerState({ ...owner, startTime: owner.startTime - 1 })).toBe('dead');
    expect(ownerState({ ...owner, bootId: `0-0 ${owner.bootId.split(' ')[1]}` })).toBe('dead');
    expect(ownerState({ ...owner, bootId: `${owner.bootId.split(' ')[0]} pid:[1]` })).toBe('unknown');
    expect(ownerState({ ...owner, host: 'elsewhere' })).toBe('unknown');
    expect(isAlive({ ...owner, host: 'elsewhere' })).toBe(true);
    expect(ownerState({ ...owner, bootId: '' })).toBe('unknown');
    expect(processStartTime(-1)).toBeNull();
    expect([isRunning(-1), isRunning(0), isRunning(1)]).toEqual([false, false, true]);
  });
});
