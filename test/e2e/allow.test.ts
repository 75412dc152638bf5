import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { canary, forge, plainSnapshot, plainWindow, typedPane } from '../support/forge.ts';
import { person, waitFor } from '../support/harness.ts';

test('allow shows every command, records, and restore then starts them; --revoke takes it back', async () => {
  const ann = person();
  const repo = await ann.repo();
  const file = canary(ann);
  const head = await ann.git(repo, 'rev-parse', 'HEAD');
  const plain = plainSnapshot(head);
  const odd = typedPane(['printf', '\u202e\u001b[2J', "it's", '']);
  const windows = [
    plainWindow({ panes: [typedPane(['touch', file])] }),
    plainWindow({ index: 1, active: false, panes: [odd] }),
  ];
  const { id } = await forge(ann, repo, {
    ...plain,
    env: { EDITOR: 'ed' },
    tmux: { ...plain.tmux, windows },
  });
  const look = await ann.ok(repo, 'allow', '--dry-run', 'forged');
  expect(look).toBe(
    [
      `forged/${id}, saved by Mallory <mallory@example.org> on elsewhere, 2026-11-21T08:00:00.000Z (as it says)`,
      '  it is not signed',
      `  0.0  ${repo}  $ touch ${file}`,
      `  1.0  ${repo}  $ printf $'<U+202E>\\x1b[2J' $'it\\'s' ''`,
      '  env  EDITOR=ed',
      'It is not approved',
      '',
    ].join('\n'),
  );
  expect((await ann.gs(repo, 'allow', '--list')).stderr).toBe('nothing is approved\n');
  expect((await ann.gs(repo, 'restore', 'forged', '--as', 'one')).code).toBe(1);
  const allowed = await ann.gs(repo, 'allow', 'forged');
  expect(allowed.stdout).toMatch(/\nApproved \([0-9a-f]{12}\)\n$/u);
  expect(await ann.ok(repo, 'allow', 'forged')).toContain('It is approved already (allowed ');
  const { approvals } = JSON.parse(await ann.ok(ann.dir, 'allow', '--list', '--json')) as {
    approvals: { digest: string }[];
  };
  const [approval] = approvals;
  expect(approval).toMatchObject({ reason: 'allowed', ref: `forged/${id}` });
  expect(existsSync(file)).toBe(false);
  expect((await ann.gs(repo, 'restore', 'forged', '--as', 'two')).stderr).not.toContain('not started');
  await waitFor(() => existsSync(file), 'the approved command');
  expect(await ann.ok(ann.dir, 'allow', '--revoke', approval!.digest.slice(0, 12))).toBe(
    `Revoked the approval of forged/${id}\n`,
  );
  const again = await ann.gs(repo, 'allow', '--revoke', 'forged');
  expect([again.code, again.stderr.split('\n')[0]]).toEqual([1, "error: 'forged' is not approved"]);
  expect(readdirSync(path.join(ann.home, '.local/state/git-session/approvals'))).toEqual([]);
});

test('allow is for this snapshot in this repository: a copy under another id asks again', async () => {
  const ann = person();
  const repo = await ann.repo();
  const plain = plainSnapshot(await ann.git(repo, 'rev-parse', 'HEAD'));
  const windows = [plainWindow({ panes: [typedPane(['true'])] })];
  await forge(ann, repo, { ...plain, tmux: { ...plain.tmux, windows } });
  await ann.ok(repo, 'allow', 'forged');
  await ann.ok(repo, 'export', 'forged', '-o', 'x.json');
  await ann.ok(repo, 'import', '--name', 'copy', 'x.json');
  expect(await ann.ok(repo, 'allow', '--dry-run', 'copy')).toContain('It is not approved\n');
  // Deleted and imported again it is another one too.
  await ann.ok(repo, 'delete', 'forged');
  await ann.ok(repo, 'import', 'x.json');
  expect(await ann.ok(repo, 'allow', '--dry-run', 'forged')).toContain('It is not approved\n');
});

test('allow refuses what does not fit together, and an unknown reference', async () => {
  const ann = person();
  const repo = await ann.repo();
  for (const args of [[], ['--list', 'x'], ['--list', '--revoke', 'x'], ['--revoke']]) {
    expect([args, (await ann.gs(repo, 'allow', ...args)).code]).toEqual([args, 129]);
  }
  expect((await ann.gs(repo, 'allow', 'nope')).code).toBe(1);
  const wrong = await ann.gs(repo, 'allow', '--revoke', 'deadbeef');
  expect([wrong.code, wrong.stderr.split('\n')[0]]).toEqual([
    1,
    "error: no approval and no snapshot 'deadbeef'",
  ]);
});
