import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { canary, forge, plainPane, plainSnapshot, plainWindow } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';
import { secrets } from '../support/samples.ts';
import { saveIn } from '../support/store.ts';
import { refs, save, world } from '../support/two-clones.ts';

const [GITHUB, , , , , SLACK] = secrets('scan').map(({ secret }) => secret) as [string, ...string[]] &
  Record<5, string>;

interface Looks {
  ok: boolean;
  snapshots: number;
  logs: number;
  looks: {
    kind: string;
    name: string;
    id: string | null;
    found: { rule: string; where: string }[];
    unseen: string[];
  }[];
}

async function looks(who: Person, repo: string, ...args: string[]): Promise<Looks & { code: number }> {
  const result = await who.gs(repo, 'scan', '--json', ...args);
  expect(result.stdout + result.stderr).not.toContain(GITHUB);
  return { code: result.code, ...(JSON.parse(result.stdout) as Looks) };
}

/** A segment as another program may write it. */
async function segment(who: Person, repo: string, name: string, line: object, hour = '09'): Promise<string> {
  const input = `${JSON.stringify(line)}\n`;
  const { stdout } = await who.run('git', ['hash-object', '-w', '--stdin'], { cwd: repo, input });
  const oid = stdout.trim();
  const id = `20261121T${hour}0000000Z-${oid.slice(0, 8)}`;
  await who.git(repo, 'update-ref', `refs/sessions/${name}/${id}/events`, oid);
  return id;
}

const event = (sequence: number, data: object) => ({
  ...{ at: '2026-11-21T09:00:00.000Z', clock: 1, clone: 'c', data, sequence },
  ...{ session: '01234567-89ab-4cde-8f01-23456789abcd', type: 'command-executed', version: 1 },
});

test('E6 scan names the lines that uncommitted work adds: of the worktree, the index, untracked files', async () => {
  const ann = person();
  const repo = await ann.repo();
  const write = (name: string, text: string | Buffer) => writeFileSync(path.join(repo, name), text);
  write('old.js', `a\nexport TOKEN=${GITHUB}\nb\n`);
  write('both.js', 'one\ntwo\nthree\n');
  await ann.git(repo, 'add', '.');
  await ann.git(repo, 'commit', '-qm', 'a secret that is committed is in the history already');
  write('old.js', `new\na\nexport TOKEN=${GITHUB}\nb\n`);
  write('both.js', `one\ntwo\n\nconst x = "${GITHUB}"\nthree\n`);
  write('staged.js', `x\ny = ${SLACK}\n`);
  await ann.git(repo, 'add', 'staged.js');
  write('staged.js', 'x\n');
  write('with space é.txt', `\n\n${GITHUB}\n`);
  write(`${GITHUB}.txt`, `${SLACK}\n`);
  write('image.bin', Buffer.concat([Buffer.from([0, 1, 2]), Buffer.from(GITHUB)]));
  write('large.txt', Buffer.alloc(17 * 1024 * 1024, `${GITHUB}\n`));
  await saveIn(repo, { name: 'work' });
  const { code, looks: found } = await looks(ann, repo);
  expect(code).toBe(1);
  const [{ found: said, unseen }] = found as [Looks['looks'][0]];
  expect(said.map(({ rule, where }) => `${rule} in ${where}`).toSorted()).toEqual([
    'github-token in both.js:4 of the uncommitted work',
    'github-token in the name of a file of the uncommitted work',
    'github-token in with space é.txt:3 of the uncommitted work',
    'slack-token in [redacted:github-token].txt:1 of the uncommitted work',
    'slack-token in staged.js:2 of the uncommitted work',
  ]);
  expect(unseen).toEqual(['large.txt of the uncommitted work']);
  const text = await ann.gs(repo, 'scan', 'work');
  expect(text.stdout).toMatch(/^work\/\S+: \S+ in \S/u);
  expect(text.stderr).toMatch(/^warning: work\/\S+: not looked at: large\.txt of the uncommitted work$/mu);
  expect(text.stderr).toContain('hint: remove one everywhere here: git session forget work/');
  // Only what was allowed is left out.
  const allowed = await looks(ann, repo, '--allow-secret', 'github-token');
  expect(new Set(allowed.looks[0]!.found.map(({ rule }) => rule))).toEqual(new Set(['slack-token']));
  expect((await looks(ann, repo, '--allow-secret', 'github-token,slack-token')).code).toBe(0);
  expect((await ann.gs(repo, 'scan', '--allow-secret', 'all')).code).toBe(129);
});

test('C6 E7 scan runs no program of the repository, and nothing in the data turns it off', async () => {
  const ann = person();
  const repo = await ann.repo();
  const file = canary(ann);
  for (const key of ['diff.x.textconv', 'diff.x.command', 'diff.external', 'filter.x.smudge']) {
    await ann.git(repo, 'config', key, `touch ${file}; cat`);
  }
  await ann.git(repo, 'config', 'diff.x.binary', 'true');
  writeFileSync(path.join(repo, '.gitattributes'), '* diff=x -text\n*.txt -diff\n');
  writeFileSync(path.join(repo, 'new.txt'), `gitleaks:allow secretlint-disable\n${GITHUB} # nosec\n`);
  await saveIn(repo, { name: 'work' });
  const { looks: found } = await looks(ann, repo);
  expect(found[0]!.found).toEqual([{ rule: 'github-token', where: 'new.txt:2 of the uncommitted work' }]);
  expect(existsSync(file)).toBe(false);
});

test('E6 scan looks at snapshots, text of panes, logs and CRQ notes, and names each place', async () => {
  const ann = person();
  const repo = await ann.repo();
  const scrollback = { path: 'scrollback/1.2', lines: 1, bytes: 50, truncated: false };
  const panes = [plainPane({ index: 2, scrollback, command: ['curl', GITHUB] })];
  const plain = plainSnapshot(null);
  const value = { ...plain, tmux: { ...plain.tmux, windows: [plainWindow({ index: 1, panes })] } };
  await forge(ann, repo, value, { name: 'work', files: { 'scrollback/1.2': Buffer.from(`x\n${SLACK}\n`) } });
  await segment(ann, repo, 'work', event(7, { command: 'mysql -phunter22 db', success: true }));
  await segment(ann, repo, 'logged', event(3, { error: `HTTP 401 ${GITHUB}` }));
  await segment(ann, repo, 'fine', event(3, { command: 'npm test' }));
  await ann.git(repo, 'notes', '--ref=crq', 'add', '-m', `CRQ: CRQ-1 ${GITHUB}`);
  const all = await looks(ann, repo);
  expect([all.code, all.snapshots, all.logs]).toEqual([1, 1, 3]);
  const head = await ann.git(repo, 'rev-parse', '--short=12', 'HEAD');
  const said = all.looks.flatMap(({ kind, name, found }) =>
    found.map((f) => [kind, name, `${f.rule} in ${f.where}`]),
  );
  expect(said).toEqual([
    ['snapshot', 'work', 'github-token in pane 1.2'],
    ['snapshot', 'work', 'slack-token in the scrollback of pane 1.2'],
    ['log', 'logged', 'github-token in event 3 of the log'],
    ['log', 'work', 'mysql-password in event 7 of the log'],
    ['notes', null, `github-token in the note on ${head}`],
  ]);
  expect((await looks(ann, repo, 'fine')).code).toBe(0);
  expect((await looks(ann, repo, 'logged')).looks).toHaveLength(1);
  expect((await ann.gs(repo, 'scan', 'nope')).code).toBe(1);
});

test('E6 what is only in a journal yet is looked at too', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
  const [journal = ''] = (
    await ann.run('sh', ['-c', 'ls .git/git-session/journal/*.jsonl'], { cwd: repo })
  ).stdout.split('\n');
  const file = path.join(repo, journal);
  const session = /"session":"([^"]+)"/u.exec(readFileSync(file, 'utf8'))![1];
  expect((await looks(ann, repo)).code).toBe(0);
  writeFileSync(file, `${JSON.stringify({ ...event(9, { reason: GITHUB }), session })}\n`, { flag: 'a' });
  expect((await looks(ann, repo)).looks).toMatchObject([
    { kind: 'log', name: 'work', found: [{ rule: 'github-token', where: 'event 9 of the log' }] },
  ]);
});

test('E6 push holds back a snapshot, a log or the notes, says what to type, and sends the rest', async () => {
  const { ann, origin, a } = await world();
  writeFileSync(path.join(a, 'new.js'), `const key = "${GITHUB}"\n`);
  await saveIn(a, { name: 'dirty' });
  await save(ann, a, 1, 'clean');
  await segment(ann, a, 'clean', event(1, { command: `curl ${SLACK}` }));
  const link = await segment(ann, a, 'linked', { version: 1, type: 'deleted', data: { snapshots: [] } });
  await ann.git(a, 'notes', '--ref=crq', 'add', '-m', `CRQ: CRQ-1 ${GITHUB}`);
  const result = await ann.gs(a, 'push');
  expect(result.code).toBe(1);
  expect(result.stderr).not.toContain(GITHUB);
  expect(result.stderr).toMatch(
    /error: 'dirty\/\S+' was not pushed: it holds what looks like a secret \(github-token in new\.js:1 of the uncommitted work\)/u,
  );
  expect(result.stderr).toContain("error: the log of 'clean' was not pushed: ");
  expect(result.stderr).toContain('error: the CRQ notes were not pushed: ');
  expect(result.stderr).toContain(
    'hint: push it all the same: --allow-secret github-token --allow-secret slack-token\n',
  );
  expect(result.stderr).toMatch(/hint: remove it everywhere here: git session forget dirty\/\S+\n/u);
  const there = await refs(ann, origin, 'refs');
  expect(there.filter((ref) => !ref.startsWith('refs/heads/'))).toEqual([
    expect.stringMatching(/^refs\/sessions\/clean\/[^/]+\/context$/u),
    expect.stringMatching(/^refs\/sessions\/clean\/[^/]+\/snapshot$/u),
    `refs/sessions/linked/${link}/events`,
  ]);
  const json = JSON.parse((await ann.gs(a, 'push', '--json')).stdout) as {
    error: { data: { held: { kind: string; name: string | null; found: string[] }[] } };
  };
  expect(json.error.data.held.map(({ kind, name }) => [kind, name])).toEqual([
    ['snapshot', 'dirty'],
    ['log', 'clean'],
    ['notes', null],
  ]);
  await ann.gs(a, 'push', '--allow-secret', 'slack-token');
  expect(await refs(ann, origin)).toHaveLength(4);
  await ann.ok(a, 'sync', '--allow-secret', 'github-token', '--allow-secret', 'slack-token');
  expect(await refs(ann, origin)).toHaveLength(6);
  expect((await ann.gs(a, 'push', '--allow-secret', 'github')).code).toBe(129);
});

test('H1 a second push reads nothing that the first one has looked at, and one of a new version would', async () => {
  const { ann, a } = await world();
  writeFileSync(path.join(a, 'new.js'), 'const key = 1\n');
  await saveIn(a, { name: 'work' });
  await segment(ann, a, 'work', event(1, { command: 'npm test' }));
  const traced = async () => {
    const trace = path.join(ann.dir, 'trace');
    writeFileSync(trace, '');
    const result = await ann.gsWith({ cwd: a, env: { GIT_TRACE: trace } }, 'push');
    expect(result.code).toBe(0);
    return readFileSync(trace, 'utf8');
  };
  expect(await traced()).toContain('diff-tree');
  const second = await traced();
  expect(second).not.toContain('diff-tree');
  writeFileSync(path.join(a, 'new.js'), `const key = "${GITHUB}"\n`);
  await saveIn(a, { name: 'work' });
  // What is found stays found.
  for (let n = 0; n < 2; n++) expect((await ann.gs(a, 'push')).stderr).toContain('github-token in new.js:1');
});

test('E6 what comes later in a log that is held back stays too; what came before it, and deletions, are pushed', async () => {
  const { ann, origin, a } = await world();
  const before = await segment(ann, a, 'work', event(1, { command: 'npm test' }), '08');
  await segment(ann, a, 'work', event(2, { command: `curl ${SLACK}` }), '09');
  await segment(ann, a, 'work', event(3, { command: 'npm run build' }), '10');
  const deletion = { version: 1, type: 'deleted', clone: 'c', sequence: 1, data: { snapshots: [] } };
  const after = await segment(ann, a, 'work', deletion, '11');
  expect((await ann.gs(a, 'push')).code).toBe(1);
  const there = [before, after].map((id) => `refs/sessions/work/${id}/events`);
  expect(await refs(ann, origin)).toEqual(there);
  // Also where the later one was looked at before.
  expect((await ann.gs(a, 'push')).code).toBe(1);
  expect(await refs(ann, origin)).toEqual(there);
});
