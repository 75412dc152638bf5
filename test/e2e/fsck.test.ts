import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Person, person } from '../support/harness.ts';

interface Finding {
  code: string;
  subject: string;
  message: string;
  repaired: string | null;
}

async function fsck(
  ann: Person,
  repo: string,
  ...args: string[]
): Promise<{ code: number; findings: Finding[] }> {
  const { code, stdout, stderr } = await ann.gs(repo, 'fsck', '--json', ...args);
  try {
    return { code, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings };
  } catch {
    throw new Error(`fsck: ${stdout}${stderr}`);
  }
}

const codes = ({ findings }: { findings: Finding[] }) => findings.map((f) => f.code).toSorted();

/** A session with two snapshots, and its journal with some events. */
async function two(ann: Person): Promise<{ repo: string; refs: string[]; journal: string }> {
  const repo = await ann.repo();
  await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
  await ann.ok(repo, 'checkpoint', '-m', 'one', 'work');
  writeFileSync(path.join(repo, 'file.txt'), 'changed\n');
  await ann.ok(repo, 'checkpoint', '-m', 'two', 'work');
  const out = await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions');
  const refs = out.split('\n').filter((ref) => ref.endsWith('/snapshot'));
  const journals = path.join(repo, '.git/git-session/journal');
  const name = readdirSync(journals).find((file) => file.endsWith('.jsonl'))!;
  return { repo, refs, journal: path.join(journals, name) };
}

async function looseFile(ann: Person, repo: string, rev: string): Promise<string> {
  // The save keeps its objects in a pack.
  for (const pack of readdirSync(path.join(repo, '.git/objects/pack')).filter((f) => f.endsWith('.pack'))) {
    const input = readFileSync(path.join(repo, '.git/objects/pack', pack));
    for (const ext of ['.pack', '.idx', '.keep', '.rev']) {
      rmSync(path.join(repo, '.git/objects/pack', pack.replace('.pack', ext)), { force: true });
    }
    const result = await ann.run('git', ['unpack-objects', '-q'], { cwd: repo, input });
    expect(result.code).toBe(0);
  }
  const oid = await ann.git(repo, 'rev-parse', rev);
  const file = path.join(repo, '.git/objects', oid.slice(0, 2), oid.slice(2));
  chmodSync(file, 0o600);
  return file;
}

/** Journal, refs and objects, to see that something did not change them. */
async function stateOf(ann: Person, repo: string, journal: string): Promise<string> {
  return `${await ann.git(repo, 'for-each-ref')}\n${readFileSync(journal, 'utf8')}`;
}

describe('git session fsck', () => {
  it('V6 of a healthy repository it says that all is well, and --repair and recover change nothing', async () => {
    const ann = person();
    const { repo, journal } = await two(ann);
    const before = await stateOf(ann, repo, journal);
    const said = await ann.gs(repo, 'fsck');
    expect(said).toMatchObject({ code: 0, stdout: '' });
    expect(said.stderr).toMatch(/^2 snapshots, 1 journal, \d+ segments?, 1 record: all is well\n$/u);
    expect(await fsck(ann, repo, '--repair')).toEqual({ code: 0, findings: [] });
    const recovered = await ann.gs(repo, 'recover');
    expect(recovered).toMatchObject({ code: 0, stdout: '', stderr: 'nothing to recover\n' });
    expect(await stateOf(ann, repo, journal)).toBe(before);
    expect(existsSync(path.join(repo, '.git/git-session/damaged'))).toBe(false);
  });

  it.each([
    ['missing', 'snapshot-missing', (file: string) => rmSync(file)],
    ['truncated', 'snapshot-damaged', (file: string) => truncateSync(file, 20)],
    ['empty', 'snapshot-damaged', (file: string) => truncateSync(file, 0)],
    [
      'bit-flipped',
      'snapshot-damaged',
      (file: string) => {
        const bytes = readFileSync(file);
        bytes[bytes.length >> 1]! ^= 4;
        writeFileSync(file, bytes);
      },
    ],
  ])(
    'V6 F16 names a snapshot whose object is %s; a repair leaves the one before as the newest',
    async (_, code, damage) => {
      const ann = person();
      const { repo, refs } = await two(ann);
      damage(await looseFile(ann, repo, refs[1]!));
      const found = await fsck(ann, repo);
      expect(found).toMatchObject({ code: 1, findings: [{ code, subject: 'work', repaired: null }] });
      // Others go on, and the older one is offered.
      const hint = await ann.gs(repo, 'fsck');
      expect(hint.stderr).toContain(`the one before: git session restore ${refs[0]!.slice(14, -9)}`);
      const mended = await fsck(ann, repo, '--repair');
      expect(mended).toMatchObject({ code: 0, findings: [{ code }] });
      expect(mended.findings[0]!.repaired).not.toBeNull();
      expect(await fsck(ann, repo)).toEqual({ code: 0, findings: [] });
      const shown = JSON.parse(await ann.ok(repo, 'show', '--json', 'work')) as { message?: string };
      expect(JSON.stringify(shown)).toContain('"one"');
      // Nothing is deleted: the uncommitted work of the damaged one is kept, and git can tidy up again.
      const kept = await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/git-session/damaged');
      expect(kept).toMatch(/\/context\/work$/mu);
      expect(
        await ann.git(repo, 'show', `${kept.split('\n').find((r) => r.endsWith('/work'))}:file.txt`),
      ).toBe('changed');
      const folder = path.join(repo, '.git/git-session/damaged');
      const list = readFileSync(path.join(folder, readdirSync(folder)[0]!, 'refs'), 'utf8');
      expect(list).toContain(refs[1]!);
      expect((await ann.run('git', ['gc', '--quiet'], { cwd: repo })).code).toBe(0);
    },
  );

  it('V6 names a snapshot that is bad JSON, and one whose commit is gone', async () => {
    const ann = person();
    const { repo } = await two(ann);
    const bad = await ann.run('git', ['hash-object', '-w', '--stdin'], { cwd: repo, input: '{"format":' });
    const oid = bad.stdout.trim();
    await ann.git(
      repo,
      'update-ref',
      `refs/sessions/work/20990101T000000000Z-${oid.slice(0, 8)}/snapshot`,
      oid,
    );
    expect(await fsck(ann, repo)).toMatchObject({
      code: 1,
      findings: [{ code: 'snapshot-invalid', subject: 'work' }],
    });
    expect((await fsck(ann, repo, '--repair')).code).toBe(0);
    // A snapshot of a commit that is in no branch, and whose object goes.
    await ann.git(repo, 'commit', '-q', '-a', '-m', 'lost');
    await ann.ok(repo, 'save', 'work', '-t', 'work');
    const commit = await looseFile(ann, repo, 'HEAD');
    await ann.git(repo, 'reset', '-q', '--hard', 'HEAD~1');
    rmSync(commit);
    const found = await fsck(ann, repo);
    expect(found.code).toBe(1);
    expect(codes(found)).toContain('commit-missing');
  });

  it('F15 an empty ref file is told, and a repair gives the ref its object back, else moves it away', async () => {
    const ann = person();
    const { repo, refs } = await two(ann);
    const file = path.join(repo, '.git', refs[1]!);
    const oid = readFileSync(file, 'utf8').trim();
    const context = path.join(repo, '.git', refs[1]!.replace(/snapshot$/u, 'context'));
    writeFileSync(file, '');
    const other = path.join(repo, '.git/refs/sessions/other/20990101T000000000Z-12345678/snapshot');
    mkdirSync(path.dirname(other), { recursive: true });
    writeFileSync(other, '');
    const listed = await ann.gs(repo, 'list');
    expect(listed.code).toBe(1);
    expect(listed.stderr).toContain(
      `session 'work' is broken (empty ref ${refs[1]!}); last good snapshot work/`,
    );
    expect(listed.stderr).toContain('git session fsck --repair');
    const found = await fsck(ann, repo);
    expect(found.code).toBe(1);
    expect(codes(found)).toEqual(['ref-broken', 'ref-broken']);
    expect(found.findings.find((f) => f.subject === 'work')!.message).toContain(`it was ${oid.slice(0, 12)}`);
    const mended = await fsck(ann, repo, '--repair');
    expect(mended.code).toBe(0);
    expect(readFileSync(file, 'utf8').trim()).toBe(oid);
    expect(existsSync(other)).toBe(false);
    const moved = mended.findings.find((f) => f.subject === 'other')!.repaired!.replace(/^moved to /u, '');
    expect(existsSync(moved)).toBe(true);
    expect(await fsck(ann, repo)).toEqual({ code: 0, findings: [] });
    // By its reflog, where it has one.
    const was = readFileSync(context, 'utf8').trim();
    const log = path.join(repo, '.git/logs', path.relative(path.join(repo, '.git'), context));
    mkdirSync(path.dirname(log), { recursive: true });
    writeFileSync(log, `${'0'.repeat(40)} ${was} ann <ann@example.org> 1 +0000\tsave\n`);
    writeFileSync(context, '');
    expect((await fsck(ann, repo, '--repair')).code).toBe(0);
    expect(readFileSync(context, 'utf8').trim()).toBe(was);
  });

  it('F4 a damaged record is told by its number and by every reader; a repair takes it from the segments', async () => {
    const ann = person();
    const { repo, journal } = await two(ann);
    await ann.ok(repo, 'pause', '-m', 'lunch', 'work');
    const whole = readFileSync(journal, 'utf8');
    const state = await ann.ok(repo, 'state', '--json', 'work');
    // The first record is in a segment since the session was made.
    const broken = whole.replace('"started"', '"staqted"');
    expect(broken).not.toBe(whole);
    writeFileSync(journal, broken);
    const warned = await ann.gs(repo, 'state', 'work');
    expect(warned.code).toBe(0);
    expect(warned.stderr).toContain(
      "warning: event log damaged at record 1 of 'work'; run 'git session fsck'",
    );
    const found = await fsck(ann, repo);
    expect(found).toMatchObject({ code: 1, findings: [{ code: 'journal-damaged', subject: 'work' }] });
    expect(found.findings[0]!.message).toContain('record 1');
    const mended = await fsck(ann, repo, '--repair', 'work');
    expect(mended.code).toBe(0);
    expect(readFileSync(journal, 'utf8')).toBe(whole);
    const kept = /the old file is (\S+)$/u.exec(mended.findings[0]!.repaired!)![1]!;
    expect(path.basename(kept)).toMatch(/\.jsonl\.damaged-/u);
    expect(readFileSync(kept, 'utf8')).toBe(broken);
    expect(await ann.ok(repo, 'state', '--json', 'work')).toBe(state);
    expect(await fsck(ann, repo)).toEqual({ code: 0, findings: [] });
  });

  it('F4 a record that no segment has is lost and stays told: a gap, never a guess', async () => {
    const ann = person();
    const { repo, journal } = await two(ann);
    const lines = readFileSync(journal, 'utf8').trimEnd().split('\n');
    lines[1] = lines[1]!.slice(0, -10);
    writeFileSync(journal, `${lines.join('\n')}\n`);
    expect(codes(await fsck(ann, repo))).toEqual(['journal-damaged', 'journal-gap']);
    const mended = await fsck(ann, repo, '--repair');
    expect(mended.code).toBe(1);
    expect(mended.findings.map((f) => [f.code, f.repaired === null])).toEqual([
      ['journal-damaged', false],
      ['journal-gap', true],
    ]);
    expect(codes(await fsck(ann, repo))).toEqual(['journal-gap']);
    const warned = await ann.gs(repo, 'state', 'work');
    expect(warned.stderr).toContain("records missing: 1; run 'git session fsck'");
  });

  it('F2 F3 an unfinished record at the end is told by readers, and cut off by fsck --repair and by recover', async () => {
    const ann = person();
    const { repo, journal } = await two(ann);
    const whole = readFileSync(journal, 'utf8');
    const half = '{"at":"2026-';
    for (const [args, code] of [
      [['fsck', '--repair'], 'journal-tail'],
      [['recover'], 'tail-cut'],
    ] as const) {
      appendFileSync(journal, half);
      const warned = await ann.gs(repo, 'state', 'work');
      expect(warned.stderr).toContain(`event log: ignored ${half.length} bytes of an unfinished record`);
      expect(codes(await fsck(ann, repo))).toEqual(['journal-tail']);
      expect(await ann.ok(repo, ...args, '--json')).toContain(`"${code}"`);
      expect(readFileSync(journal, 'utf8')).toBe(whole);
      expect(readFileSync(journal.replace(/jsonl$/u, 'cut'), 'utf8')).toContain(half);
    }
  });

  it('E6 the state is made anew from the events: what says otherwise is named, and mended from the segments', async () => {
    const ann = person();
    const { repo, journal } = await two(ann);
    await ann.ok(repo, 'fail', '-m', 'over', 'work');
    // Somebody who knows the format writes another state, with a checksum that fits.
    const { encodeRecord, scanLog } = await import('../../src/session/event-log.ts');
    const { records } = scanLog(readFileSync(journal));
    const forged = records.map((r) =>
      r.event.type === 'checkpoint-saved'
        ? { ...r, event: { ...r.event, data: { ...r.event.data, state: 'paused' as const } } }
        : r,
    );
    writeFileSync(journal, forged.map((r) => encodeRecord(r)).join(''));
    const found = await fsck(ann, repo);
    expect(found.code).toBe(1);
    expect(new Set(codes(found))).toEqual(new Set(['record-differs']));
    const mended = await fsck(ann, repo, '--repair');
    expect(mended.code).toBe(0);
    expect(scanLog(readFileSync(journal)).records).toEqual(records);
  });

  it('F14 the lock of a dead writer is told and removed; that of a living one stays', async () => {
    const ann = person();
    const { repo, journal } = await two(ann);
    const { currentOwner } = await import('../../src/process/identity.ts');
    const held = (pid: number, startTime: number) =>
      JSON.stringify({
        owner: { ...currentOwner(), pid, startTime },
        nonce: '00000000-0000-4000-8000-000000000000',
        since: '2026-01-01T00:00:00.000Z',
      });
    symlinkSync(held(2 ** 22 + 1, 1), `${journal}.lock`);
    expect(codes(await fsck(ann, repo))).toEqual(['lock-dead']);
    expect(await ann.ok(repo, 'recover')).toContain('removed the lock of process 4194305, which is gone');
    expect(await fsck(ann, repo)).toEqual({ code: 0, findings: [] });
    symlinkSync(held(2 ** 22 + 1, 1), `${journal}.lock`);
    expect((await fsck(ann, repo, '--repair')).code).toBe(0);
    const own = currentOwner();
    symlinkSync(held(own.pid, own.startTime), `${journal}.lock`);
    expect(await fsck(ann, repo, '--repair')).toEqual({ code: 0, findings: [] });
    rmSync(`${journal}.lock`);
  });

  it('V6 records that can not be read, segments and foreign refs are named', async () => {
    const ann = person();
    const { repo } = await two(ann);
    const live = path.join(repo, '.git/git-session/live');
    const broken = path.join(live, '00000000-0000-4000-8000-000000000001');
    const empty = path.join(live, '00000000-0000-4000-8000-000000000002');
    mkdirSync(broken);
    mkdirSync(empty);
    writeFileSync(path.join(broken, 'record.json'), 'no');
    await ann.git(repo, 'update-ref', 'refs/sessions/strange', 'HEAD');
    const out = await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions/work');
    const segment = out.split('\n').find((ref) => ref.endsWith('/events'))!;
    const text = await ann.git(repo, 'cat-file', 'blob', segment);
    const bad = await ann.run('git', ['hash-object', '-w', '--stdin'], {
      cwd: repo,
      input: `${text.replace('"sequence":1', '"sequence":2')}\n`,
    });
    await ann.git(repo, 'update-ref', segment, bad.stdout.trim());
    const found = await fsck(ann, repo);
    expect(codes(found)).toEqual(['record-empty', 'record-unreadable', 'ref-foreign', 'segment-damaged']);
    // Of one session only what is its own.
    expect(codes(await fsck(ann, repo, 'work'))).toEqual(['segment-damaged']);
    const mended = await fsck(ann, repo, '--repair');
    const left = mended.findings.filter((f) => f.repaired === null).map((f) => f.code);
    expect(left.toSorted()).toEqual(['record-unreadable', 'ref-foreign']);
    // The journal still had what was in the segment.
    expect(mended.findings.find((f) => f.code === 'segment-damaged')!.repaired).toMatch(
      /; [1-9]\d* records of it written again$/u,
    );
    expect(codes(await fsck(ann, repo, 'work'))).toEqual([]);
    expect((await ann.gs(repo, 'fsck', 'nobody')).code).toBe(1);
  });
});

describe('git session migrate', () => {
  it('V11 completes what an older version wrote, once; --dry-run changes nothing', async () => {
    const ann = person();
    const { repo } = await two(ann);
    const none = await ann.gs(repo, 'migrate');
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'nothing to migrate\n' });
    const clone = path.join(repo, '.git/git-session/clone-id');
    const [id] = readFileSync(clone, 'utf8').split('\n');
    writeFileSync(clone, `${id}\n`);
    const live = path.join(repo, '.git/git-session/live');
    const file = path.join(live, readdirSync(live)[0]!, 'record.json');
    const {
      metadata: _,
      historyLimit: __,
      ai: ___,
      ...old
    } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify(old));
    expect(codes(await fsck(ann, repo))).toEqual(['record-unreadable']);
    const dry = JSON.parse(await ann.ok(repo, 'migrate', '--dry-run', '--json')) as {
      migrated: { code: string }[];
    };
    expect(dry.migrated.map((m) => m.code)).toEqual(['clone-id', 'record']);
    expect(readFileSync(clone, 'utf8')).toBe(`${id}\n`);
    await ann.ok(repo, 'migrate');
    expect(readFileSync(clone, 'utf8').split('\n')[0]).toBe(id);
    expect(JSON.parse(readFileSync(clone, 'utf8').split('\n')[1]!)).toHaveProperty('inode');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ ...old, metadata: {}, ai: false });
    expect(await fsck(ann, repo)).toEqual({ code: 0, findings: [] });
    expect((await ann.gs(repo, 'migrate')).stderr).toBe('nothing to migrate\n');
  });
});
