import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { forge, forgeBytes, plainPane, plainSnapshot, plainWindow } from '../support/forge.ts';
import { type Person, person, waitFor } from '../support/harness.ts';
import { terminal } from '../support/terminal.ts';

interface Row {
  name: string | null;
  status: string;
  [key: string]: unknown;
}

async function scene(): Promise<{ ann: Person; repo: string; head: string }> {
  const ann = person();
  const repo = await ann.repo();
  return { ann, repo, head: await ann.git(repo, 'rev-parse', 'HEAD') };
}

async function rows(who: Person, repo: string, ...args: string[]): Promise<Row[]> {
  return JSON.parse(await who.ok(repo, 'list', '--json', ...args)) as Row[];
}

function named(head: string | null, name: string, change: (s: Snapshot) => void = () => undefined): Snapshot {
  const s = plainSnapshot(head);
  s.session.name = name;
  s.tmux.sessions[0]!.name = name;
  change(s);
  return s;
}

describe('git session list, of what others have made', () => {
  test('V6: what is damaged, too large or too new has a row, and hides nobody', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, named(head, 'whole'), { name: 'whole' });
    await forgeBytes(ann, repo, Buffer.from('{"cut'), { name: 'cut' });
    await forge(ann, repo, { ...named(head, 'newer'), version: 99 }, { name: 'newer' });
    await forge(ann, repo, { ...named(head, 'unknown'), extra: 1 }, { name: 'unknown' });
    await forgeBytes(ann, repo, Buffer.alloc(5 * 1024 * 1024), { name: 'large' });
    const result = await ann.gs(repo, 'list', '--json');
    expect(result.code).toBe(0);
    const byName = new Map((JSON.parse(result.stdout) as Row[]).map((r) => [r.name, r]));
    expect(Object.fromEntries([...byName].map(([name, r]) => [name, r.status]))).toEqual({
      ...{ whole: 'saved', cut: 'damaged', newer: 'newer-format', unknown: 'damaged', large: 'damaged' },
    });
    expect(byName.get('cut')).toMatchObject({
      error: { code: 'damaged' },
      windows: null,
      saved_at: '2026-11-21T08:00:00.000Z',
    });
    expect(byName.get('newer')).toMatchObject({ error: { code: 'unsupported-version' } });
    expect(byName.get('large')).toMatchObject({ error: { code: 'too-large' } });
    expect(byName.get('whole')).not.toHaveProperty('error');
    expect(result.stderr.match(/^warning: /gmu)).toHaveLength(4);
    expect(await ann.ok(repo, 'list')).toMatch(/^ {2}session +newer +newer format .*\(newer\/2026/mu);
  });

  test('V6: a ref to an object that is gone hides nobody either', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, named(head, 'whole'), { name: 'whole' });
    const gone = await forge(ann, repo, named(head, 'gone'), { name: 'gone' });
    await ann.run('rm', ['-f', path.join(repo, '.git/objects', gone.oid.slice(0, 2), gone.oid.slice(2))]);
    const list = await rows(ann, repo);
    expect(list.find((r) => r.name === 'gone')).toMatchObject({
      status: 'damaged',
      error: { code: 'damaged' },
    });
    expect(list.find((r) => r.name === 'whole')).toMatchObject({ status: 'saved' });
  });

  test('C5, B1: foreign refs and hostile texts are shown escaped, and addressed by object id only', async () => {
    const { ann, repo, head } = await scene();
    const hostile = 'x\u001b]52;c;eA==\u0007\u009b31m\u202e\u200b\r\u0000'.replace('\0', '');
    const forged = await forge(
      ann,
      repo,
      named(head, 'work', (s) => {
        Object.assign(s, { message: hostile, savedBy: { name: hostile, email: hostile } });
        s.git.branch = hostile;
        s.tmux.sessions[0]!.name = hostile;
        s.tmux.windows = [
          plainWindow({ name: hostile, panes: [plainPane({ command: [hostile], title: hostile })] }),
        ];
      }),
      { name: 'work' },
    );
    for (const bad of [
      'refs/sessions/$(id)/x',
      'refs/sessions/-x\u202e/y/snapshot',
      'refs/sessions/-x\u202e/y/context',
    ]) {
      await ann.git(repo, 'update-ref', bad, bad.endsWith('context') ? head : forged.oid);
    }
    await ann.git(
      repo,
      'symbolic-ref',
      'refs/sessions/sym/20260101T000000000Z-12345678/snapshot',
      'refs/heads/main',
    );
    for (const args of [['list'], ['list', '--json']]) {
      const { stdout, stderr } = await ann.gs(repo, ...args);
      expect(stdout + stderr).not.toMatch(/[\p{Cf}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
    }
    // In a pipe --csv has the values as they are; a terminal would obey them.
    expect(await ann.ok(repo, 'list', '--csv')).toContain(hostile.slice(0, 5));
    const shown = terminal(ann, repo, 'list', '--csv');
    expect(await shown.ended).toBe(0);
    await waitFor(() => shown.text().includes('<U+202E>'), 'the message');
    expect(shown.text()).not.toMatch(/[\p{Cf}\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f]/u);
    const list = await rows(ann, repo);
    const foreign = list.filter((r) => r.status === 'foreign');
    expect(foreign.map((r) => r['ref'])).toEqual(
      expect.arrayContaining(['refs/sessions/$(id)/x', 'refs/sessions/-x\u202e/y/snapshot']),
    );
    expect(foreign).toHaveLength(3);
    expect(foreign.every((r) => r['snapshot'] === r['oid'] && r.name === null)).toBe(true);
    expect(list[0]).toMatchObject({ message: hostile, branch: hostile });
    expect(await ann.ok(repo, 'list')).toContain('-x<U+202E>/y');
  });
});
