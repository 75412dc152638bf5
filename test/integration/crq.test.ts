import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { InvalidConfigError } from '../../src/session/errors.ts';
import { toText } from '../../src/session/text.ts';
import {
  type CrqContext,
  describeCrqs,
  discoverCrqs,
  listCrqDocuments,
} from '../../src/store/crq-discovery.ts';
import { linkCrqs, linksOf } from '../../src/store/crq-notes.ts';
import { removeCrqLines } from '../../src/store/note-lines.ts';

let home: string;
let top: string;
let repo: Repository;
const defaults = { crqPath: [] };
const identity = { name: 'Ann', email: 'ann@example.org' };
const id = '20250821T101112131Z-0a1b2c3d';

function git(...args: string[]): string {
  return execFileSync('git', args, {
    cwd: top,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trimEnd();
}

function put(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(top, file)), { recursive: true });
  writeFileSync(path.join(top, file), text);
}

function commit(message: string): string {
  git('add', '-A');
  git('commit', '-q', '--allow-empty', '-m', message);
  return git('rev-parse', 'HEAD');
}

const document = (title: string, status: string) => `# Change Request: ${title}\n\n**Status:** ${status}\n`;

/** Where we are, as the caller knows it from `git status`. */
function context(part: Partial<CrqContext> = {}): CrqContext {
  const branch = git('branch', '--show-current');
  return {
    branch: branch === '' ? null : branch,
    upstream: null,
    head: git('rev-parse', 'HEAD'),
    config: defaults,
    ...part,
  };
}

async function found(part: Partial<CrqContext> = {}): Promise<string[]> {
  return (await discoverCrqs(repo, context(part))).map((crq) => crq.id);
}

beforeEach(async () => {
  home = realpathSync(mkdtempSync(path.join(tmpdir(), 'crq-')));
  // Nothing of the user's configuration or of a git that runs us.
  vi.stubEnv('HOME', home);
  vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null');
  vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1');
  for (const who of ['AUTHOR', 'COMMITTER']) {
    vi.stubEnv(`GIT_${who}_NAME`, 'A');
    vi.stubEnv(`GIT_${who}_EMAIL`, 'a@example.org');
  }
  top = path.join(home, 'r');
  mkdirSync(top);
  git('init', '-q', '-b', 'main');
  repo = await openRepository(top);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

describe('Q1, Q3: links between sessions and CRQs', () => {
  test('link, read from both sides, unlink', async () => {
    const base = commit('one');
    const other = commit('two');
    const crqs = [
      { id: 'CRQ-42', title: 'Save\nsessions' },
      { id: 'CRQ-7', title: null },
    ];
    expect(await linkCrqs(repo, { base, name: 'fix/api', id, crqs, identity })).toBe(true);
    expect(await linkCrqs(repo, { base, name: 'fix/api', id, crqs, identity })).toBe(false);
    expect(await linkCrqs(repo, { base: other, name: 'b', id, crqs: [], identity })).toBe(false);
    await linkCrqs(repo, { base: other, name: 'b', id, crqs: crqs.slice(0, 1), identity });
    expect(git('log', '--format=%N', '--notes=crq', '-1', base)).toBe(
      `CRQ: CRQ-42 fix/api/${id} Save sessions\nCRQ: CRQ-7 fix/api/${id}`,
    );
    const title = 'Save sessions';
    expect(await linksOf(repo)).toEqual(
      new Map([
        [
          base,
          [
            { crq: 'CRQ-42', name: 'fix/api', id, title },
            { crq: 'CRQ-7', name: 'fix/api', id, title: null },
          ],
        ],
        [other, [{ crq: 'CRQ-42', name: 'b', id, title }]],
      ]),
    );
    expect(await removeCrqLines(repo, identity, { name: 'fix/api', id }, 'crq_42')).toBe(1);
    expect(await removeCrqLines(repo, identity, { name: 'fix/api', id }, 'CRQ-42')).toBe(0);
    expect(await removeCrqLines(repo, identity, { name: 'b', id }, 'CRQ-42')).toBe(1);
    expect([...(await linksOf(repo))]).toEqual([
      [base, [{ crq: 'CRQ-7', name: 'fix/api', id, title: null }]],
    ]);
  });

  test('lines of other programs are kept; one link with and without a title is one, two CRQs with one number are two', async () => {
    const base = commit('one');
    const line = `CRQ: CRQ-60 a/${id}`;
    git('notes', '--ref=crq', 'add', '-m', `Acked-by: B\n${line}\n${line} One\n${line} Two`, base);
    await linkCrqs(repo, { base, name: 'b', id, crqs: [{ id: 'CRQ-1', title: null }], identity });
    expect((await linksOf(repo)).get(base)?.map((l) => `${l.crq} ${l.title}`)).toEqual([
      'CRQ-1 null',
      'CRQ-60 One',
      'CRQ-60 Two',
    ]);
    await removeCrqLines(repo, identity, { name: 'a', id }, 'CRQ-60');
    expect(git('notes', '--ref=crq', 'show', base)).toBe(`Acked-by: B\nCRQ: CRQ-1 b/${id}`);
  });
});

describe('Q1: CRQs found without asking', () => {
  test('from the branch, its configuration and trailers since the upstream, each once and in this order', async () => {
    commit('base\n\nCRQ: CRQ-1');
    git('checkout', '-q', '-b', 'feature/crq-021-add-script');
    git('config', '--add', 'branch.feature/crq-021-add-script.crq', 'CRQ-30');
    git('config', '--add', 'branch.feature/crq-021-add-script.crq', 'JIRA_5, CRQ-021 $bad');
    commit('work on CRQ-99\n\nCRQ-98 is not a trailer\n\nCRQ: CRQ-2, CRQ-30\nReviewed-by: CRQ-97');
    commit('more\n\ncrq: CRQ_20250822_Some_Words\nCRQ: CRQ-20250821-001');
    expect(await found({ upstream: 'main' })).toEqual([
      'CRQ-021',
      'CRQ-30',
      'JIRA_5',
      'CRQ_20250822',
      'CRQ-20250821-001',
      'CRQ-2',
    ]);
  });

  test('without an upstream, or with one that is gone, only the trailers of HEAD', async () => {
    commit('a\n\nCRQ: CRQ-1');
    commit('b\n\nCRQ: CRQ-2');
    expect(await found()).toEqual(['CRQ-2']);
    expect(await found({ upstream: 'origin/gone' })).toEqual(['CRQ-2']);
    expect(await found({ upstream: '--output=x' })).toEqual(['CRQ-2']);
    expect(git('status', '--porcelain')).toBe('');
    expect(await found({ upstream: 'main' })).toEqual([]);
  });

  test('at most 200 commits are read', async () => {
    commit('base');
    const base = git('rev-parse', 'HEAD');
    const commits = Array.from({ length: 250 }, (_, i) => {
      const message = `x\n\nCRQ: CRQ-${i}\n`;
      return `commit refs/heads/main\ncommitter A <a@b> ${2_000_000_000 + i} +0000\ndata ${message.length}\n${message}\n${i === 0 ? `from ${base}\n` : ''}\n`;
    });
    execFileSync('git', ['fast-import', '--quiet', '--force'], { cwd: top, input: commits.join('') });
    const ids = await found({ upstream: base, head: git('rev-parse', 'HEAD') });
    expect(ids).toHaveLength(100);
    expect(ids[0]).toBe('CRQ-249');
  });

  test('in a repository without commits, and on a detached HEAD', async () => {
    put('docs/crq/CRQ-5-x.md', document('X', 'Open'));
    expect(
      await discoverCrqs(repo, { branch: 'feature/CRQ-5', upstream: null, head: null, config: defaults }),
    ).toEqual([{ id: 'CRQ-5', title: 'X', status: 'Open', path: 'docs/crq/CRQ-5-x.md' }]);
    commit('one');
    git('checkout', '-q', '--detach');
    expect(await found()).toEqual([]);
  });

  test('session.crqPattern is used, and a bad one is told', async () => {
    commit('x\n\nCRQ: ABC-7');
    const config = { crqPath: [], crqPattern: '[A-Z]{3}-\\d' };
    expect(await found({ config })).toEqual(['ABC-7']);
    await expect(found({ config: { ...config, crqPattern: '(' } })).rejects.toThrow(InvalidConfigError);
  });
});

describe('Q4: CRQ documents in the repository', () => {
  test('an id gets title, status and path from its document, in whatever style it is named', async () => {
    put('docs/crqs/CRQ-20250821-001-poem.md', document('Poem', 'Open'));
    put('docs/crq_standardized/CRQ-34-crq-003-context.md', document('Context', 'Deferred'));
    put('docs/crqs/002-auto.md', '---\ntitle: Auto\nstatus: Proposed\n---\n');
    put('crq_tmux_view_tool.md', '# Change Request: View\n');
    put('change_request_tmux.md', '# Change Request: Launch\n');
    put('docs/crqs/session_saving.md', '**Title:** Saving\n');
    put('docs/crqs/CRQ_20250822_Persist.md', '## Change Request: Persist\n');
    put('docs/crqs/CRQ_STATUS.md', '| CRQ ID | Title | Status |\n|-|-|-|\n| CRQ-8 | Only here | Open |\n');
    put('README.md', document('Not one', 'Open'));
    commit('documents');
    const ids = [
      'crq-20250821-001',
      'CRQ-34',
      'CRQ-002',
      'crq_tmux_view_tool',
      'change_request_tmux',
      'session_saving',
      'CRQ_20250822',
      'CRQ-8',
      'CRQ-404',
    ];
    expect((await describeCrqs(repo, ids, context())).map((c) => [c.title, c.status, c.path])).toEqual([
      ['Poem', 'Open', 'docs/crqs/CRQ-20250821-001-poem.md'],
      ['Context', 'Deferred', 'docs/crq_standardized/CRQ-34-crq-003-context.md'],
      ['Auto', 'Proposed', 'docs/crqs/002-auto.md'],
      ['View', null, 'crq_tmux_view_tool.md'],
      ['Launch', null, 'change_request_tmux.md'],
      ['Saving', null, 'docs/crqs/session_saving.md'],
      ['Persist', null, 'docs/crqs/CRQ_20250822_Persist.md'],
      ['Only here', 'Open', 'docs/crqs/CRQ_STATUS.md'],
      [null, null, null],
    ]);
    expect((await listCrqDocuments(repo, defaults)).map((d) => d.path)).not.toContain('README.md');
  });

  test('open documents are taken only where this branch changed them', async () => {
    for (let i = 1; i <= 40; i++) put(`docs/crq/CRQ-${i}.md`, document(`T${i}`, 'Open'));
    commit('forty open ones');
    expect(await found()).toEqual([]);
    git('checkout', '-q', '-b', 'work');
    put('docs/crq/CRQ-3.md', document('Three', 'In Progress'));
    put('docs/crq/CRQ-4.md', document('Four', 'Completed'));
    commit('work');
    put('docs/crq/CRQ-5.md', document('Five', 'Open'));
    put('docs/crq/CRQ-41.md', document('New', 'Proposed'));
    put('docs/crq/CRQ-42.md', document('Staged', 'Proposed'));
    git('add', 'docs/crq/CRQ-42.md');
    put('docs/crq/ignored/CRQ-43.md', document('Ignored', 'Open'));
    put('.gitignore', 'ignored/\n');
    rmSync(path.join(top, 'docs/crq/CRQ-6.md'));
    expect(await found({ upstream: 'main' })).toEqual(['CRQ-3', 'CRQ-41', 'CRQ-42', 'CRQ-5']);
    // Without an upstream: what is not committed.
    expect(await found()).toEqual(['CRQ-41', 'CRQ-42', 'CRQ-5']);
    expect(await found({ branch: 'feature/CRQ-8', upstream: 'main' })).toEqual([
      ...['CRQ-8', 'CRQ-3', 'CRQ-41', 'CRQ-42', 'CRQ-5'],
    ]);
    // What others did on the upstream meanwhile is none of ours.
    git('stash', '-q', '-u');
    git('checkout', '-q', 'main');
    put('docs/crq/CRQ-9.md', document('Nine', 'Ongoing'));
    commit('others');
    git('checkout', '-q', 'work');
    expect(await found({ upstream: 'main' })).toEqual(['CRQ-3']);
  });

  test('numbers collide: the branch says which; where nothing does, none is guessed', async () => {
    put('docs/crq/CRQ-060-a.md', document('A', 'Open'));
    put('docs/crq/CRQ-060-b.md', document('B', 'Open'));
    commit('two');
    const one = async (branch: string) => (await discoverCrqs(repo, context({ branch })))[0];
    expect(await one('feature/CRQ-060-b')).toMatchObject({ title: 'B', path: 'docs/crq/CRQ-060-b.md' });
    expect(await one('feature/CRQ-060')).toEqual({ id: 'CRQ-060', title: null, status: null, path: null });
  });

  test('a symbolic link, a link for a folder, a pipe and a huge file are no way around', async () => {
    const outside = path.join(home, 'outside');
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'CRQ-1.md'), document('secret', 'Open'));
    put('docs/crq/CRQ-9.md', `${document('Nine', 'Open')}${'x\n'.repeat(300_000)}`);
    symlinkSync(path.join(outside, 'CRQ-1.md'), path.join(top, 'docs/crq/CRQ-1.md'));
    put('docs/crq/sub/CRQ-2.md', document('Two', 'Open'));
    commit('documents');
    rmSync(path.join(top, 'docs/crq/sub'), { recursive: true });
    writeFileSync(path.join(outside, 'CRQ-2.md'), document('secret', 'Open'));
    symlinkSync(outside, path.join(top, 'docs/crq/sub'));
    const makePipe = 'mkfifo';
    execFileSync(makePipe, [path.join(top, 'docs/crq/CRQ-3.md')]);
    expect((await listCrqDocuments(repo, defaults)).map((d) => d.title)).toEqual(['Nine']);
  });

  test('names that are not UTF-8 or have line breaks are kept', async () => {
    mkdirSync(path.join(top, 'crq'));
    const name = Buffer.concat([Buffer.from(`${top}/crq/a\n`), Buffer.from([0xff]), Buffer.from('.md')]);
    writeFileSync(name, document('Odd', 'Open'));
    const [only] = await discoverCrqs(repo, { branch: null, upstream: null, head: null, config: defaults });
    expect(only).toMatchObject({ id: 'a', title: 'Odd', path: toText(name.subarray(top.length + 1)) });
  });

  test('session.crqPath replaces the places, and one outside the worktree is told', async () => {
    put('plans/one.txt', document('Plan', 'Open'));
    put('docs/crq/CRQ-1.md', document('Default', 'Open'));
    const titles = async (...crqPath: string[]) =>
      (await listCrqDocuments(repo, { crqPath })).map((d) => d.title);
    expect(await titles('plans/*.txt')).toEqual(['Plan']);
    expect(await titles('docs', 'plans')).toEqual(['Default', 'Plan']);
    expect(await titles('')).toEqual([]);
    for (const outside of ['../x', '/etc/*', 'a/../../b']) {
      await expect(titles(outside)).rejects.toThrow(InvalidConfigError);
    }
  });

  test('C2, C12: no program that the configuration names is run', async () => {
    put('docs/crq/CRQ-1.md', document('A', 'Open'));
    put('.gitattributes', '*.md diff=evil\n');
    commit('x\n\nCRQ: CRQ-1');
    const signature = 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n';
    const signed = `${git('cat-file', 'commit', 'HEAD').replace('\n\n', `\n${signature}\n`)}\n`;
    const hash = ['hash-object', '-t', 'commit', '-w', '--stdin'];
    git(
      'update-ref',
      'HEAD',
      execFileSync('git', hash, { cwd: top, input: signed, encoding: 'utf8' }).trim(),
    );
    put('docs/crq/CRQ-1.md', document('B', 'Open'));
    const mark = path.join(home, 'ran');
    const program = path.join(home, 'program');
    writeFileSync(program, `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
    for (const key of [
      'diff.external',
      'diff.evil.command',
      'diff.evil.textconv',
      'core.fsmonitor',
      'core.pager',
      'gpg.program',
    ]) {
      git('config', key, program);
    }
    git('config', 'log.showSignature', 'true');
    expect(await found()).toEqual(['CRQ-1']);
    expect(() => realpathSync(mark)).toThrow(/ENOENT/u);
  });

  test('a bare repository has no documents, and its branch still counts', async () => {
    commit('x\n\nCRQ: CRQ-2');
    git('clone', '-q', '--bare', '.', path.join(home, 'bare'));
    repo = await openRepository(path.join(home, 'bare'));
    expect(await found({ branch: 'feature/CRQ-1-x' })).toEqual(['CRQ-1', 'CRQ-2']);
    expect(await listCrqDocuments(repo, defaults)).toEqual([]);
  });
});
