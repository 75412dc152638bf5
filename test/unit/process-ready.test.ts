import { describe, expect, it } from 'vitest';
import { type Foreground, type ReadyTarget } from '../../src/process/foreground.ts';
import { readyShells, waitReady, type Probe } from '../../src/process/shell-ready.ts';
import { kindOf, readsPlainly } from '../../src/process/shell-kind.ts';

const busy: Foreground = { state: 'busy' };
const at = (pid: number, ready = false): Foreground => ({ state: 'shell', pid, kind: 'posix', ready });
const pane = (n: number): ReadyTarget => ({ paneId: `%${n}`, panePid: n, tty: `/dev/pts/${n}` });

/** A machine on a virtual clock: what leads each pane and its terminal's mode as functions of the time in ms. */
function machine(
  foreground: (pane: ReadyTarget, ms: number) => Foreground,
  canonical: (tty: string, ms: number) => boolean | undefined = () => false,
) {
  const log = { asked: 0, pauses: [] as number[], ms: 0 };
  const probe: Probe = {
    foregrounds: async (panes) => new Map(panes.map((p) => [p.paneId, foreground(p, log.ms)])),
    canonical: async (ttys) => {
      log.asked += ttys.length;
      return new Map(
        ttys.flatMap((tty): [string, boolean][] => {
          const mode = canonical(tty, log.ms);
          return mode === undefined ? [] : [[tty, mode]];
        }),
      );
    },
    now: () => log.ms,
    sleep: async (ms) => {
      log.pauses.push(ms);
      log.ms += ms;
    },
  };
  return { log, probe };
}

describe('R: waiting for a shell that can be typed into', () => {
  it('a pane is ready when its shell sleeps and the terminal has left canonical mode', async () => {
    const { probe, log } = machine(
      (_, ms) => (ms < 300 ? busy : at(1)),
      (_, ms) => ms < 400,
    );
    const ready: number[] = [];
    const failed = await waitReady([pane(1)], {
      ...{ timeoutMs: 1000, probe },
      onReady: (_, shell) => {
        ready.push(shell.pid);
        return undefined;
      },
    });
    expect({ failed, ready }).toEqual({ failed: [], ready: [1] });
    expect(log.ms).toBeGreaterThanOrEqual(400);
    expect(log.ms).toBeLessThanOrEqual(450);
  });

  it('pauses grow from 5 to 50 ms, and terminals are asked only for panes that look ready', async () => {
    const { probe, log } = machine((_, ms) => (ms < 1000 ? busy : at(1)));
    await waitReady([pane(1)], { timeoutMs: 5000, probe, onReady: () => undefined });
    expect(log.pauses[0]).toBeLessThan(10);
    expect(Math.max(...log.pauses)).toBe(50);
    expect(log.asked).toBe(1);
  });

  it('a shell without a line editor needs no terminal mode', async () => {
    const { probe, log } = machine(
      () => at(7, true),
      () => true,
    );
    expect(await readyShells([pane(1)], probe)).toEqual(new Map([['%1', { pid: 7, kind: 'posix' }]]));
    expect(log.asked).toBe(0);
  });

  it('a program that starts between the two looks is not typed into', async () => {
    let looks = 0;
    const { probe } = machine(() => (looks++ % 2 === 0 ? at(1) : busy));
    expect((await readyShells([pane(1)], probe)).size).toBe(0);
    let pids = 0;
    const other = machine(() => at(pids++));
    expect((await readyShells([pane(1)], other.probe)).size).toBe(0);
  });

  it('a terminal that does not answer is not ready', async () => {
    const { probe } = machine(
      () => at(1),
      () => undefined,
    );
    expect((await readyShells([pane(1)], probe)).size).toBe(0);
  });

  it('panes that never get ready come back with the reason', async () => {
    const { probe } = machine((p) => (p.panePid === 2 ? { state: 'gone' } : p.panePid === 3 ? at(3) : busy));
    const seen: string[] = [];
    const failed = await waitReady([pane(1), pane(2), pane(3)], {
      ...{ timeoutMs: 200, probe },
      onReady: ({ paneId }) => {
        seen.push(paneId);
        return undefined;
      },
    });
    expect(seen).toEqual(['%3']);
    expect(failed.map(({ pane: { paneId }, reason }) => [paneId, reason])).toEqual([
      ['%2', 'gone'],
      ['%1', 'timeout'],
    ]);
  });

  it('a nested step waits for another leader, with a timeout of its own', async () => {
    const { probe } = machine((p, ms) =>
      p.previousShell === undefined ? at(1) : ms < 150 || p.previousShell === 2 ? busy : at(2),
    );
    const pids: number[] = [];
    const failed = await waitReady([pane(1)], {
      ...{ timeoutMs: 200, probe },
      onReady: (p, { pid }) => {
        pids.push(pid);
        return { ...p, previousShell: pid };
      },
    });
    expect(pids).toEqual([1, 2]);
    expect(failed).toMatchObject([{ pane: { previousShell: 2 }, reason: 'timeout' }]);
  });

  it('an abort ends the wait and calls nobody', async () => {
    const controller = new AbortController();
    const { probe } = machine(() => busy);
    const sleeping: Probe = { ...probe, sleep: async () => controller.abort() };
    const failed = await waitReady([pane(1)], {
      ...{ timeoutMs: 1e6, signal: controller.signal, probe: sleeping },
      onReady: () => expect.unreachable(),
    });
    expect(failed).toEqual([{ pane: pane(1), reason: 'aborted' }]);
  });

  it('an exception of the caller ends the wait', async () => {
    const { probe } = machine(() => at(1));
    const wait = waitReady([pane(1)], {
      ...{ timeoutMs: 100, probe },
      onReady: () => {
        throw new Error('typed wrong');
      },
    });
    await expect(wait).rejects.toThrow('typed wrong');
  });
});

describe('R: kinds of shells', () => {
  it.each([
    ['/usr/bin/dash', 'sh', 'posix', true],
    ['/usr/bin/bash', 'sh', 'posix', false],
    ['/bin/busybox', 'ash', 'posix', false],
    ['/usr/bin/zsh-5.9', '-zsh', 'posix', false],
    ['/usr/bin/fish', '-fish', 'fish', false],
    [null, '-fish', 'fish', false],
    [null, 'nu', 'other', false],
    ['/usr/bin/tcsh', '-csh', 'other', false],
  ] as const)('%s as %s is %s', (exe, argv0, kind, plain) => {
    expect(kindOf(exe, [argv0])).toBe(kind);
    expect(readsPlainly(exe, [argv0])).toBe(plain);
  });

  it('bash without line editing reads plainly', () => {
    expect(readsPlainly('/bin/bash', ['bash', '--noediting'])).toBe(true);
  });
});
