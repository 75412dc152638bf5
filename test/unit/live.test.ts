import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  commandIsOver,
  endedForGood,
  isGlob,
  type JobStatus,
  judge,
  type LiveFacts,
  matchSessions,
  runName,
  windowName,
} from '../../src/session/live.ts';
import type { StateName } from '../../src/session/lifecycle.ts';
import { isSessionName } from '../../src/session/names.ts';
import { endGroups } from '../../src/process/end.ts';
import { jobRuns, parseJob } from '../../src/process/job.ts';

const at = new Date('2026-11-21T10:11:12.345Z');

describe('runName', () => {
  test('N1 is <prefix>-<context>-<identifier>-<time>', () => {
    expect(runName('gs', 'task', 'api-dev', at)).toBe('gs-task-api-dev-20261121101112');
  });

  test('N2 takes any identifier, and leaves nothing that tmux or git would change', () => {
    expect(runName('gs', 'run', 'feature/auth', at)).toBe('gs-run-feature-auth-20261121101112');
    expect(runName('gs', 'run', 'v1.2:x', at)).toBe('gs-run-v1-2-x-20261121101112');
    expect(runName('gs', 'run', '', at)).toBe('gs-run-session-20261121101112');
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.string(),
        fc.string(),
        (id, context, prefix) => {
          const name = runName(prefix, context, id, at);
          expect(isSessionName(name)).toBe(true);
          expect(name).toMatch(/^[A-Za-z0-9_-]+-20261121101112$/u);
        },
      ),
    );
  });
});

describe('judge', () => {
  const job = (change: Partial<JobStatus>): JobStatus => ({
    ...{ state: 'running', exitCode: null, start: 1, end: null, pid: 5, startTime: 7, group: 4 },
    ...change,
  });
  const facts = (change: Partial<LiveFacts>): LiveFacts => ({
    ...{ kind: 'run', alive: true, attachedClients: 0, wasAttached: false },
    ...{ job: job({}), jobRuns: true, ended: null },
    ...change,
  });
  const killed = { at: '', how: 'killed' } as const;
  const shells = { kind: 'create', job: null } as const;
  const gone = { alive: false, ended: killed };
  const said = (name: StateName, text: string | null = null) => ({ name, text, at: null });
  const exited = (exitCode: number) => job({ state: 'exited', exitCode, end: 2 });
  const cases: [what: string, Partial<LiveFacts>, status: string][] = [
    ['a command that runs', {}, 'running'],
    ['L11 one that nobody looks at any more', { wasAttached: true }, 'detached'],
    ['one that somebody looks at', { wasAttached: true, attachedClients: 1 }, 'running'],
    ['L12 exit 0', { job: exited(0) }, 'completed'],
    ['L12 exit 3', { job: exited(3) }, 'failed'],
    ['exit 0, and tmux is gone', { job: exited(0), alive: false }, 'completed'],
    ['exit 0, killed afterwards', { job: exited(0), alive: false, ended: killed }, 'completed'],
    [
      'L10 killed',
      { job: job({ state: 'hangup', exitCode: 129 }), alive: false, ended: killed },
      'terminated',
    ],
    ['tmux went away', { job: job({ state: 'hangup', exitCode: 129 }), alive: false }, 'failed'],
    ['tmux went away, the command goes on', { alive: false }, 'running'],
    ['a process that left no word', { alive: false, jobRuns: false }, 'failed'],
    ['a kill that did not work', { ended: killed }, 'running'],
    ['never started', { job: null, alive: false }, 'failed'],
    ['exit 3, and it was brought back', { job: exited(3), revived: true }, 'running'],
    [
      'lost, brought back, and lost again',
      { job: job({ state: 'hangup' }), revived: true, alive: false },
      'failed',
    ],
    ['brought back, and nobody looks', { jobRuns: false, revived: true, wasAttached: true }, 'detached'],
    ['a session of shells', { kind: 'create', job: null }, 'running'],
    ['a session of shells, without tmux', { kind: 'create', job: null, alive: false }, 'terminated'],
    ['L2 shells that nobody has started', { ...shells, log: null }, 'created'],
    ['L2 a command before the start', { ...shells, log: said('created') }, 'created'],
    ['what was adopted was there before', { kind: 'adopt', job: null, log: said('created') }, 'running'],
    ['started shells', { ...shells, log: said('running') }, 'running'],
    [
      'started shells that nobody looks at',
      { ...shells, log: said('running'), wasAttached: true },
      'detached',
    ],
    ['paused', { ...shells, log: said('paused', 'to eat'), wasAttached: true }, 'paused'],
    ['paused, without tmux', { ...shells, log: said('paused', 'x'), alive: false }, 'terminated'],
    ['a run that is paused', { log: said('paused', 'x') }, 'paused'],
    ['a run that was paused, and has ended', { log: said('paused', 'x'), job: exited(0) }, 'completed'],
    ['a run that is said to be complete, and runs', { log: said('completed') }, 'running'],
    ['completed', { ...shells, log: said('completed') }, 'completed'],
    ['completed, and then killed', { ...shells, log: said('completed'), ...gone }, 'completed'],
    ['said to have failed', { ...shells, log: said('failed', 'no luck') }, 'failed'],
    [
      'L10 killed, as the log has it too',
      { ...shells, log: said('failed', 'killed'), ...gone },
      'terminated',
    ],
    ['killed, and brought back', { ...shells, log: said('failed', 'killed') }, 'running'],
  ];
  test.each(cases)('%s', (_, change, status) => {
    const judged = judge(facts(change));
    expect(judged.status).toBe(status);
    // What a person could not tell by themselves has its reason.
    if (judged.status === 'failed' && judged.exitCode === null) expect(judged.reason).not.toBeNull();
  });
});

describe('what a restore of all leaves out, and what does not get its id back', () => {
  const killed = { at: '', how: 'killed' } as const;
  const job = (state: JobStatus['state']): JobStatus => ({
    ...{ state, exitCode: 0, start: 1, end: null, pid: 5, startTime: 7, group: 4 },
  });
  test.each([
    ['a run that runs', 'run', job('running'), true, null, false, false],
    ['a run whose tmux went away', 'run', job('hangup'), false, null, false, true],
    ['a run that left no word', 'run', job('running'), false, null, false, true],
    ['a run that has exited', 'run', job('exited'), false, null, true, true],
    ['a run that was killed', 'run', job('hangup'), false, killed, true, true],
    ['a session of shells', 'create', null, false, null, false, false],
    ['a session of shells that was killed', 'create', null, false, killed, true, false],
  ] as const)('R14 %s', (_, kind, status, runs, ended, over, isNew) => {
    expect(endedForGood({ kind, job: status, ended })).toBe(over);
    expect(commandIsOver({ kind, job: status, jobRuns: runs })).toBe(isNew);
  });
  test.each([
    ['create', 'completed', true],
    ['create', 'failed', true],
    ['create', 'paused', false],
    ['create', 'running', false],
    ['run', 'failed', false],
  ] as const)('R14 what the log of a %s says last: %s', (kind, name, over) => {
    const log = { name, text: null, at: null };
    expect(endedForGood({ kind, job: kind === 'run' ? job('hangup') : null, ended: null, log })).toBe(over);
  });
});

describe("C16: the name of a run's window", () => {
  test.each<[string[] | null, string]>([
    [['/usr/bin/vi', 'a b'], 'vi'],
    [['make test && echo ok'], 'make'],
    [['A=1 B=2 ./run.sh x'], 'run.sh'],
    [['(cd sub; ls)'], 'cd'],
    [['! grep x'], 'grep'],
    [['--', 'x'], 'ident'],
    [[''], 'ident'],
    [[], 'ident'],
    [null, 'ident'],
    [['g++', 'x.cc'], 'g++'],
    [['x'.repeat(40)], 'x'.repeat(30)],
    [['日本語', 'x'], '日本語'],
  ])('%j is %s', (argv, name) => {
    expect(windowName({ argv, identifier: 'ident' })).toBe(name);
  });
});

describe('matchSessions', () => {
  const one = (name: string, identifier = name, id = '0'.repeat(8)) => ({
    ...{ id: `${id}-0000-4000-8000-000000000000`, tmuxId: `$${name.length}` },
    names: [name, identifier],
  });
  const all = [one('auth', 'a', '1a2b3c4d'), one('auth-2', 'b'), one('api', 'v1.2:x'), one('web', 'auth')];
  const names = (pattern: string) => matchSessions(all, pattern).map((s) => s.names[0]);

  test('C11 an exact name wins over names that begin with it, and over identifiers', () => {
    expect(names('auth')).toEqual(['auth']);
  });
  test('C10 a part of a name', () => {
    expect(names('ut')).toEqual(['auth', 'auth-2', 'web']);
    expect(names('h-2')).toEqual(['auth-2']);
    expect(names('nothing')).toEqual([]);
  });
  test('N2 the identifier as it was given', () => {
    expect(names('v1.2:x')).toEqual(['api']);
  });
  test('O10 ids of tmux, of ours, and their beginning', () => {
    expect(names('$6')).toEqual(['auth-2']);
    expect(names('1a2b3c4d-0000-4000-8000-000000000000')).toEqual(['auth']);
    expect(names('1a2b')).toEqual(['auth']);
    expect(names('1a')).toEqual([]);
  });
  test('a glob means all that it covers, and no more', () => {
    expect(names('auth*')).toEqual(['auth', 'auth-2', 'web']);
    expect(names('a?i')).toEqual(['api']);
    expect(isGlob('a?i')).toBe(true);
    expect(isGlob('[ab]')).toBe(false);
  });
});

describe('parseJob', () => {
  const stat = `7 (a) b) S ${Array.from({ length: 50 }, (_, i) => i).join(' ')}`;
  test('reads what the script writes', () => {
    const text = `state=exited\ncode=3\nstart=100.500000000\nend=102\npid=7\ngroup=6\nstat=${stat}\n`;
    expect(parseJob(text)).toEqual({
      ...{ state: 'exited', exitCode: 3, start: 100.5, end: 102, pid: 7, startTime: 18, group: 6 },
    });
  });
  test('reads what a date without nanoseconds, and a system without /proc, leave', () => {
    const text = 'state=running\ncode=\nstart=100.N\nend=\npid=7\nstat=\n';
    expect(parseJob(text)).toEqual({
      ...{ state: 'running', exitCode: null, start: 100, end: null, pid: 7, startTime: null, group: null },
    });
  });
  test('takes nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseJob(text)).toBeNull();
      }),
    );
    expect(parseJob('state=done\n')).toBeNull();
  });
});

describe('no signal goes where it could reach more than the job', () => {
  test.each(['0', '1', '00', '000001'])('a pid or group %s is none', (none) => {
    const status = (pid: string, group: string) => `state=running\npid=${pid}\ngroup=${group}\nstat=\n`;
    expect(parseJob(status('7', '6'))).toMatchObject({ pid: 7, group: 6 });
    expect(parseJob(status('7', none))).toBeNull();
    expect(parseJob(status(none, '6'))).toBeNull();
    expect(parseJob(status('', none))).toBeNull();
  });

  test('the start as ps gives it', () => {
    const startTime = (stat: string) => parseJob(`state=running\npid=7\nstat=${stat}\n`)?.startTime;
    const at = new Date(2026, 10, 5, 10, 11, 12).getTime() / 1000;
    expect(startTime('Thu Nov  5 10:11:12 2026')).toBe(at);
    expect(startTime('Thu Nov  5 10:11:12 2026    ')).toBe(at);
    expect(startTime('Abc Xyz  5 10:11:12 2026')).toBeNull();
    expect(startTime('2026')).toBeNull();
  });

  test('a pid without the start of its process runs for nobody', () => {
    const job = parseJob(`state=running\npid=${process.pid}\ngroup=${process.pid}\nstat=\n`);
    expect(job?.pid).toBe(process.pid);
    expect(jobRuns(job)).toBe(false);
  });

  test('what is no group is not ended', async () => {
    // Never the real one: that would reach everything here.
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    try {
      const leaders = [1, 0, -1, -7, Number.NaN, 1.5].map((pid) => ({ pid, startTime: null }));
      expect(await endGroups(leaders)).toEqual([]);
      expect(kill).not.toHaveBeenCalled();
    } finally {
      kill.mockRestore();
    }
  });
});
