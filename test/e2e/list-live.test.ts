import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { forge, plainSnapshot } from '../support/forge.ts';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';

interface Row {
  name: string | null;
  identifier: string;
  status: string;
  snapshot: string | null;
  [key: string]: unknown;
}

async function rows(who: Person, repo: string, ...args: string[]): Promise<Row[]> {
  return JSON.parse(await who.ok(repo, 'list', '--json', ...args)) as Row[];
}

const identifiers = (list: Row[]) => list.map((r) => r.identifier);

/** Waits until the list tells these statuses, by identifier. */
async function waitForStatuses(who: Person, repo: string, expected: Record<string, string>): Promise<Row[]> {
  let list: Row[] = [];
  await waitFor(async () => {
    list = await rows(who, repo);
    return Object.entries(expected).every(([id, status]) =>
      list.some((r) => r.identifier === id && r.status === status),
    );
  }, JSON.stringify(expected));
  return list;
}

describe('git session list, of live sessions', () => {
  test('C1, C8, L11, L12: one row for each, with the status its command has given it', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'run', '--id', 'good', '--context', 'test', 'true');
    await ann.ok(repo, 'run', '--id', 'bad', 'exit 3');
    await ann.ok(repo, 'run', '--id', 'long', '--', 'sleep', '4321');
    await ann.ok(repo, 'create', 'shells');
    const list = await waitForStatuses(ann, repo, {
      ...{ good: 'completed', bad: 'failed', long: 'running', shells: 'running' },
    });
    expect(list).toHaveLength(4);
    const bad = list.find((r) => r.identifier === 'bad')!;
    expect(bad).toMatchObject({ exit_code: 3, pid: null, kind: 'run', argv: ['exit 3'], snapshot: null });
    expect(Date.parse(String(bad['end_time']))).toBeGreaterThanOrEqual(Date.parse(String(bad['start_time'])));
    const long = list.find((r) => r.identifier === 'long')!;
    expect(long).toMatchObject({ command: 'sleep 4321', exit_code: null, end_time: null, working_dir: repo });
    expect(process.kill(long['pid'] as number, 0)).toBe(true);

    expect(identifiers(await rows(ann, repo, '--filter', 'running')).toSorted()).toEqual(['long', 'shells']);
    expect(
      identifiers(await rows(ann, repo, '--filter', 'failed', '--filter', 'completed')).toSorted(),
    ).toEqual([...['bad', 'good']]);
    expect(identifiers(await rows(ann, repo, '--active')).toSorted()).toEqual(['long', 'shells']);
    const wrong = await ann.gs(repo, 'list', '--filter', 'runnning');
    expect(wrong).toMatchObject({ code: 129, stdout: '' });
    expect(wrong.stderr).toContain("did you mean 'running'?");
    expect(identifiers(await rows(ann, repo, '--sort', 'task'))).toEqual(['bad', 'good', 'long', 'shells']);
    expect((await ann.gs(repo, 'list', '--sort', 'size')).code).toBe(129);

    const text = await ann.ok(repo, 'list');
    expect(text.split('\n')[0]).toMatch(/^ {2}CONTEXT +IDENTIFIER +STATUS +DURATION +COMMAND$/u);
    expect(text).toMatch(/^ {2}run +long +running +\d+s +sleep 4321$/mu);
    expect(text).toMatch(/^ {2}test +good +completed +\d+s +true$/mu);
    expect(await ann.ok(repo, 'list', '--verbose', 'bad')).toMatch(/ REASON\n.* exit code 3\n$/u);
    expect(await ann.ok(repo, 'list', '--short', 'long')).toMatch(
      /^[0-9a-f]{8} - long \(\d\d:\d\d:\d\d\) \[running\]\n$/u,
    );
    // Two of one identifier are told by their full names.
    await ann.ok(repo, 'run', '--id', 'long', '--', 'sleep', '4321');
    expect(await ann.ok(repo, 'list', '--filter', 'running', 'long')).toMatch(
      /^( {2}run +gs-run-long-\d{14} +running .*\n|.*IDENTIFIER.*\n){3}$/u,
    );
  });

  test('C2, M3: a session that lives and is saved is one row, strangers come with --all, and one has the mark', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'work');
    await ann.tmux('new-session', '-d', '-s', 'stranger', '-c', repo);
    await ann.ok(repo, 'save', '-t', 'work', '-m', 'first');
    expect(await rows(ann, repo)).toMatchObject([
      { name: 'work', status: 'running', kind: 'create', message: 'first', snapshots: 1 },
    ]);
    expect((await rows(ann, repo, '--all')).map((r) => [r.name, r.status])).toEqual([
      ['work', 'running'],
      ['stranger', 'unmanaged'],
    ]);
    expect(await rows(ann, repo, '--filter', 'unmanaged')).toMatchObject([{ session_name: 'stranger' }]);
    // From inside of it.
    const answer = path.join(ann.dir, 'answer');
    const inside = `cd '${repo}'; '${PROGRAM}' list >${answer}.tmp; mv ${answer}.tmp ${answer}`;
    await ann.tmux('send-keys', '-t', '=work:', inside, 'Enter');
    await waitFor(() => existsSync(answer), 'the answer');
    expect(readFileSync(answer, 'utf8')).toMatch(/^ {2}CONTEXT .*\n● session +work +running /u);

    await ann.tmux('kill-session', '-t', '=work');
    expect(await rows(ann, repo)).toMatchObject([
      { name: 'work', status: 'terminated', reason: 'its tmux session went away', pid: null },
    ]);
    expect(await ann.ok(repo, 'list')).toMatch(/^ {2}session +work +terminated/mu);
  });

  test('a session that is saved by two names is the one it was saved as last', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'live', '-c', repo);
    await ann.ok(repo, 'save', 'a');
    await ann.ok(repo, 'save', 'b');
    await ann.ok(repo, 'save', 'a');
    const list = await rows(ann, repo);
    expect(list.map((r) => [r.name, r.status])).toEqual([
      ['a', 'running'],
      ['b', 'saved'],
    ]);
    // What one types to attach to it is tmux's name; what is saved only is restored by its own.
    const text = await ann.ok(repo, 'list');
    expect(text).toMatch(/^ {2}session +live +running/mu);
    expect(text).toMatch(/^ {2}session +b +saved/mu);
    expect(await rows(ann, repo, 'live')).toMatchObject([{ name: 'a' }]);
    expect(await rows(ann, repo, '-n1')).toMatchObject([{ name: 'a', status: 'running' }]);
  });

  test('S14, S15, S17: what was given at the start, and an agent that waits', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', '--ai', '--meta', 'priority=1', 'helper');
    const pane = await ann.tmux('list-panes', '-t', '=helper:', '-F', '#{pane_id}');
    await ann.tmux('set-option', '-p', '-t', pane, '@git-session-agent-state', 'waiting');
    expect(await rows(ann, repo)).toMatchObject([
      {
        ...{ metadata: { priority: '1' }, agent: ['waiting'], attached_clients: 0, last_attached_at: null },
        config: { name: 'helper', working_dir: repo, ai: true },
        created_at: expect.stringMatching(/Z$/u) as string,
        last_accessed_at: expect.stringMatching(/Z$/u) as string,
      },
    ]);
    const text = await ann.ok(repo, 'list');
    expect(text).toMatch(/COMMAND +AGENT\n/u);
    expect(text).toMatch(/ waiting$/mu);
  });

  test('C6: --csv is RFC 4180, with the values as they are', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'run', '--id', 'odd', 'printf "%s" "a, b"; sleep 4321');
    const { stdout } = await ann.gs(repo, 'list', '--csv');
    const [header, record, ...others] = stdout.split('\r\n');
    expect(header).toMatch(/^id,context,identifier,status,duration_seconds,command,/u);
    expect(record).toContain(',"printf ""%s"" ""a, b""; sleep 4321",');
    expect(others).toEqual(['']);
    const both = await ann.gs(repo, 'list', '--csv', '--json');
    expect(both.code).toBe(129);
  });
});

describe('what a list keeps of snapshots it has read', () => {
  async function scene() {
    const ann = person();
    const repo = await ann.repo();
    const snapshot = {
      ...plainSnapshot(await ann.git(repo, 'rev-parse', 'HEAD')),
      message: 'as it is stored',
    };
    const { oid } = await forge(ann, repo, snapshot);
    expect(await rows(ann, repo)).toMatchObject([{ message: 'as it is stored' }]);
    const lists = path.join(ann.home, '.cache/git-session/lists');
    return { ann, repo, oid, file: path.join(lists, readdirSync(lists)[0]!) };
  }
  const readings = async (ann: Person, repo: string) => {
    const trace = path.join(ann.dir, 'trace');
    writeFileSync(trace, '');
    const result = await ann.gsWith({ cwd: repo, env: { GIT_TRACE2_EVENT: trace } }, 'list', '--json');
    const list = JSON.parse(result.stdout) as Row[];
    return { list, read: readFileSync(trace, 'utf8').includes('cat-file') };
  };

  test('O8: a second list reads no snapshot, and says the same', async () => {
    const { ann, repo } = await scene();
    expect(await readings(ann, repo)).toMatchObject({ read: false, list: [{ message: 'as it is stored' }] });
  });

  test.each([
    ['is cut', (file: string) => writeFileSync(file, readFileSync(file, 'utf8').slice(0, -9))],
    [
      'was changed',
      (file: string) => writeFileSync(file, readFileSync(file, 'utf8').replace('as it is', 'as it ix')),
    ],
    ['is something else', (file: string) => writeFileSync(file, '[]\n[]')],
    ['could be written by others', (file: string) => chmodSync(file, 0o622)],
  ])('a file that %s is not believed', async (_, change) => {
    const { ann, repo, file } = await scene();
    change(file);
    expect(await readings(ann, repo)).toMatchObject({ read: true, list: [{ message: 'as it is stored' }] });
    expect(await readings(ann, repo)).toMatchObject({ read: false, list: [{ message: 'as it is stored' }] });
  });

  test('V6: it hides no snapshot whose object has gone since, and keeps none that was deleted', async () => {
    const { ann, repo, oid, file } = await scene();
    expect(readFileSync(file, 'utf8')).toContain(oid);
    await ann.run('rm', ['-f', path.join(repo, '.git/objects', oid.slice(0, 2), oid.slice(2))]);
    expect(await rows(ann, repo)).toMatchObject([{ status: 'damaged' }]);
    const refs = await ann.git(repo, 'for-each-ref', '--format=delete %(refname)', 'refs/sessions');
    await ann.run('git', ['update-ref', '--stdin'], { cwd: repo, input: `${refs}\n` });
    expect(await rows(ann, repo)).toEqual([]);
    expect(readFileSync(file, 'utf8')).not.toContain(oid);
  });

  test('a cache directory that can not be made changes nothing', async () => {
    const { ann, repo } = await scene();
    const env = { XDG_CACHE_HOME: path.join(repo, 'file.txt') };
    const result = await ann.gsWith({ cwd: repo, env }, 'list', '--json');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toMatchObject([{ message: 'as it is stored' }]);
  });
});
