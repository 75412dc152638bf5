import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { panes, type Scene, scene, settle, snapshot, windowsOf } from '../support/attack.ts';
import { forge, type Forged, typedPane } from '../support/forge.ts';
import { PROGRAM, waitFor } from '../support/harness.ts';
import { beforeBuilding } from '../support/signing.ts';
import { terminal } from '../support/terminal.ts';

/** A snapshot of somebody else that would touch the canary. */
function foreign(s: Scene, change: (x: Snapshot) => void = () => undefined): Promise<Forged> {
  const value = snapshot(s.head, (x) => {
    x.tmux.windows = windowsOf([typedPane(['touch', s.canary])]);
    change(x);
  });
  return forge(s.who, s.repo, value);
}

/** Nothing was started in this session, and nothing is about to. */
async function isQuiet(s: Scene, session: string): Promise<void> {
  for (const p of await panes(s.who, session)) await settle(s.who, p.id);
  expect(existsSync(s.canary)).toBe(false);
}

const approvals = (s: Scene) => path.join(s.who.home, '.local/state/git-session/approvals');

describe('git session deny', () => {
  test('E10 a denied snapshot starts nothing, by no option and without a question; allow lifts it', async () => {
    const s = await scene();
    await foreign(s);
    expect(await s.who.ok(s.repo, 'deny', 'forged')).toMatch(
      /^Denied forged\/\S+ \([0-9a-f]{12}\): a restore starts nothing of it\n$/u,
    );
    const t = terminal(s.who, s.repo, 'restore', 'forged', '--as', 'asked');
    expect(await t.ended).toBe(1);
    expect(t.text()).not.toContain('Start them?');
    expect(t.text()).toContain('1 command not started: this snapshot is denied here');
    await isQuiet(s, 'asked');
    const run = await s.who.gs(s.repo, 'restore', 'forged', '--run', '--as', 'run');
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(
      /^error: 1 command not started: this snapshot is denied here\nhint: .*git session show .*\nhint: .*: git session allow forged\/\S+\n$/mu,
    );
    await isQuiet(s, 'run');
    const json = JSON.parse(
      (await s.who.gs(s.repo, 'restore', 'forged', '--json', '--run', '--as', 'json')).stdout,
    ) as object;
    expect(json).toMatchObject({
      ok: false,
      error: { code: 'denied', exit: 1 },
      restored: [{ commands: { planned: 1, started: 0, approved: false, reason: 'denied' } }],
    });
    const plan = await s.who.ok(s.repo, 'restore', 'forged', '--run', '--dry-run');
    expect(plan).toMatch(/commands do not start: denied here \(git session allow forged\/\S+ lifts it\)/u);
    expect(await s.who.ok(s.repo, 'show', 'forged')).toContain(
      '1 pane starts one; denied here: a restore starts none of them',
    );
    const shown = JSON.parse(await s.who.ok(s.repo, 'show', 'forged', '--json')) as object;
    expect(shown).toMatchObject({ approval: { commands: 1, state: 'denied' } });
    await isQuiet(s, 'json');

    expect(await s.who.ok(s.repo, 'allow', 'forged')).toMatch(
      /\nApproved \([0-9a-f]{12}\); it was denied before\n$/u,
    );
    const allowed = await s.who.gs(s.repo, 'restore', 'forged', '--as', 'allowed');
    expect([allowed.code, allowed.stderr]).toEqual([
      0,
      expect.stringContaining('approved: allowed before\n'),
    ]);
    await waitFor(() => existsSync(s.canary), 'the allowed command');
  });

  test('deny takes an approval away, allow a denial, and --revoke either; --list tells which is which', async () => {
    const s = await scene();
    const { id } = await foreign(s);
    const label = `forged/${id}`;
    const list = async () => {
      const out = await s.who.ok(s.who.dir, 'allow', '--list', '--json');
      return (JSON.parse(out) as { approvals: { reason: string; ref: string }[] }).approvals.map((a) => [
        a.reason,
        a.ref,
      ]);
    };
    await s.who.ok(s.repo, 'allow', 'forged');
    expect(await list()).toEqual([['allowed', label]]);
    const first = JSON.parse(await s.who.ok(s.repo, 'deny', 'forged', '--json')) as object;
    expect(first).toMatchObject({
      ...{ ok: true, denied: true, snapshot: label, digest: expect.stringMatching(/^[0-9a-f]{64}$/u) },
      before: { reason: 'allowed' },
    });
    expect(await s.who.ok(s.repo, 'deny', 'forged')).toMatch(/^forged\/\S+ is denied already \(\S+\)\n$/u);
    expect(await list()).toEqual([['denied', label]]);
    expect(await s.who.ok(s.repo, 'allow', '--list')).toMatch(/ {2}denied {3}forged\//u);
    expect(await s.who.ok(s.repo, 'allow', '--dry-run', 'forged')).toMatch(/\nIt is denied \(\S+\)\n$/u);
    const dry = JSON.parse(await s.who.ok(s.repo, 'allow', '--dry-run', '--json', 'forged')) as object;
    expect(dry).toMatchObject({ approved: false, before: { reason: 'denied' } });
    expect(await s.who.ok(s.repo, 'allow', '--revoke', 'forged')).toBe(`Revoked the denial of ${label}\n`);
    expect(await list()).toEqual([]);
    expect(await s.who.ok(s.repo, 'allow', '--dry-run', 'forged')).toMatch(/\nIt is not approved\n$/u);
    // By the digest too, from anywhere.
    await s.who.ok(s.repo, 'deny', 'forged');
    const [digest] = readdirSync(approvals(s));
    expect(await s.who.ok(s.who.dir, 'allow', '--revoke', digest!.slice(0, 12))).toBe(
      `Revoked the denial of ${label}\n`,
    );
    expect(readdirSync(approvals(s))).toEqual([]);
  });

  test('deny is for what this clone has saved too, and for rollback', async () => {
    const s = await scene();
    await s.who.ok(s.repo, 'create', '--name', 'work', '--no-attach');
    await s.who.tmux('new-window', '-t', '=work:', 'exec sleep 4711');
    await s.who.ok(s.repo, 'checkpoint', 'work');
    await s.who.ok(s.repo, 'deny', 'work');
    const back = await s.who.gs(s.repo, 'rollback', '--run', '--to', '1', 'work');
    expect([back.code, back.stderr]).toEqual([1, expect.stringContaining('this snapshot is denied here')]);
    expect((await panes(s.who, 'work')).map((p) => p.command)).toEqual(['bash', 'bash']);
    // The one that the rollback took is another one.
    expect((await s.who.gs(s.repo, 'restore', 'work', '--as', 'newest', '--no-git')).code).toBe(0);
    expect((await panes(s.who, 'newest')).map((p) => p.start).join()).toContain('sleep 4711');
  });

  test('deny counts where a session is brought back without a question', async () => {
    const s = await scene();
    await s.who.ok(s.repo, 'create', '--name', 'work', '--no-attach');
    await s.who.tmux('new-window', '-t', '=work:', 'exec sleep 4711');
    await s.who.ok(s.repo, 'save', 'work');
    const back = async () => {
      await s.who.killServer();
      const said = await s.who.gs(s.repo, 'exec', 'work', '--', 'true');
      expect(said.code).toBe(0);
      return { said: said.stderr, start: (await panes(s.who, 'work')).map((p) => p.start).join('|') };
    };
    expect((await back()).start).toContain('sleep 4711');
    await s.who.ok(s.repo, 'deny', 'work');
    const denied = await back();
    expect(denied.said).toContain('this snapshot is denied here');
    expect(denied.start).not.toContain('sleep');
  });

  test('deny is for the same snapshot under another id, and as a file', async () => {
    const s = await scene();
    const { oid } = await foreign(s);
    await s.who.ok(s.repo, 'allow', 'forged');
    await s.who.ok(s.repo, 'export', 'forged', '-o', 'x.json');
    await s.who.ok(s.repo, 'deny', 'forged');
    await s.who.git(
      s.repo,
      'update-ref',
      `refs/sessions/again/20261122T080000000Z-${oid.slice(0, 8)}/snapshot`,
      oid,
    );
    for (const ref of ['again', './x.json']) {
      const result = await s.who.gs(s.repo, 'restore', ref, '--run', '--as', 'copy');
      expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('is denied here')]);
      await isQuiet(s, 'copy');
      await s.who.tmux('kill-session', '-t', '=copy');
    }
    // An approval is for the one that was named.
    await s.who.ok(s.repo, 'allow', 'again');
    expect(readdirSync(approvals(s))).toHaveLength(1);
    expect(await s.who.ok(s.repo, 'allow', '--dry-run', 'forged')).toMatch(/\nIt is not approved\n$/u);
    await s.who.ok(s.repo, 'deny', './x.json');
    expect(await s.who.ok(s.repo, 'allow', '--dry-run', 'again')).toMatch(/\nIt is denied \(\S+\)\n$/u);
    await s.who.ok(s.repo, 'allow', './x.json');
    // What was allowed before the file was denied is allowed as before.
    expect(await s.who.ok(s.repo, 'allow', '--dry-run', 'again')).toMatch(
      /\nIt is approved already \(allowed \S+\)\n$/u,
    );
  });

  test('deny refuses what is no snapshot, and stops where all is switched off', async () => {
    const s = await scene();
    await foreign(s);
    expect((await s.who.gs(s.repo, 'deny')).code).toBe(129);
    expect((await s.who.gs(s.repo, 'deny', 'forged', 'more')).code).toBe(129);
    expect((await s.who.gs(s.repo, 'deny', 'nope')).code).toBe(1);
    await s.who.git(s.repo, 'config', 'session.enabled', 'false');
    expect((await s.who.gs(s.repo, 'deny', 'forged')).code).toBe(128);
    expect(existsSync(approvals(s))).toBe(false);
  });

  test('E1 E9 a denied snapshot sets no variable outside the own list', async () => {
    const s = await scene();
    await foreign(s, (x) => void (x.env = { FOO_FROM: 'elsewhere' }));
    await s.who.ok(s.repo, 'allow', 'forged');
    await s.who.ok(s.repo, 'deny', 'forged');
    const denied = await s.who.gs(s.repo, 'restore', 'forged', '--as', 'denied');
    expect(denied.stderr).toContain('environment variable FOO_FROM is not set: not-allowed');
    await isQuiet(s, 'denied');
  });
});

describe('C26 what was decided is looked at again where the commands start', () => {
  test('C26 a denial that comes during the question counts, also behind yes and always', async () => {
    const s = await scene();
    await foreign(s);
    for (const [i, answer] of ['y\r', 'a\r'].entries()) {
      const t = terminal(s.who, s.repo, 'restore', 'forged');
      await waitFor(() => t.text().includes('Start them?'), 'the question');
      expect(t.text()).toContain('It is not signed.');
      await s.who.ok(s.repo, 'deny', 'forged');
      t.type(answer);
      expect([i, await t.ended]).toEqual([i, 1]);
      expect(t.text()).toContain('this snapshot is denied here');
      // What was built was taken away: the environment that a yes sets is in it.
      expect(await s.who.tmuxAlive()).toBe(false);
      expect(existsSync(s.canary)).toBe(false);
      const listed = await s.who.ok(s.repo, 'allow', '--list');
      expect(listed).toMatch(/^[0-9a-f]{12} {2}\S+ {2}denied/u);
      await s.who.ok(s.repo, 'allow', '--revoke', 'forged');
    }
  });

  test.each([
    ['denied', 'deny forged', 'denied'],
    ['taken back', 'allow --revoke forged', 'not-approved'],
  ])('C26 an approval that is %s behind the decision starts nothing', async (_, command, code) => {
    const s = await scene();
    await foreign(s);
    await s.who.ok(s.repo, 'allow', 'forged');
    await beforeBuilding(s.who, `cd '${s.repo}' && '${PROGRAM}' ${command}`);
    const result = await s.who.gs(s.repo, 'restore', 'forged', '--json');
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({ ok: false, error: { code } });
    expect(await s.who.tmuxAlive()).toBe(false);
    expect(existsSync(s.canary)).toBe(false);
  });

  test('C26 a ref that moves during the question changes nothing: what was shown is what starts', async () => {
    const s = await scene();
    const shown = path.join(s.who.dir, 'shown');
    const good = await forge(
      s.who,
      s.repo,
      snapshot(s.head, (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', shown])]))),
    );
    const evil = await forge(
      ...([s.who, s.repo] as const),
      snapshot(s.head, (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', s.canary])]))),
      { name: 'evil' },
    );
    const t = terminal(s.who, s.repo, 'restore', 'forged');
    await waitFor(() => t.text().includes('Start them?'), 'the question');
    const context = await s.who.git(s.repo, 'rev-parse', evil.ref.replace(/snapshot$/u, 'context'));
    await s.who.git(s.repo, 'update-ref', good.ref, evil.oid);
    await s.who.git(s.repo, 'update-ref', good.ref.replace(/snapshot$/u, 'context'), context);
    t.type('y\r');
    expect(await t.ended).toBe(0);
    await waitFor(() => existsSync(shown), 'the command that was shown');
    await isQuiet(s, 'forged');
  });
});
