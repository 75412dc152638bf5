import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { id as conversation, office } from '../support/agents.ts';
import { type Person, person } from '../support/harness.ts';

interface Shown {
  config: { name: string; working_dir: string; ai: boolean } | null;
  ai_context: {
    working_dir: string;
    branch: string | null;
    crqs: string[];
    metadata: Record<string, string>;
    agents: unknown[];
    commands: {
      at: string;
      command: string;
      state: string;
      exit_code: number | null;
      duration_ms: number;
      preview: string;
    }[];
  } | null;
}

async function show(ann: Person, repo: string, name = 'work'): Promise<Shown> {
  return JSON.parse(await ann.ok(repo, 'show', '--json', name)) as Shown;
}

describe('S16 the context of a session for an assistant', () => {
  test('S15 S16: directory, branch, notes and commands, before and after a save', async () => {
    const ann = person();
    const repo = await ann.repo();
    const args = ['--ai', '--meta', 'task=\u001b[31mlogin', '--create', '-w', 'fix/CRQ-12-login'];
    await ann.ok(repo, 'create', ...args, 'work');
    expect((await ann.gs(repo, 'exec', 'work', '--', 'sh', '-c', 'echo one; exit 3')).code).toBe(3);
    await ann.ok(repo, 'exec', 'work', '--', 'git', 'branch', '--show-current');
    const raw = await ann.ok(repo, 'show', '--json', 'work');
    // No terminal may obey what somebody has written in a note.
    expect(raw).not.toContain('\u001b');
    const there = path.join(ann.dir, 'repo.sessions/fix-CRQ-12-login');
    const expected = {
      ...{ working_dir: there, branch: 'fix/CRQ-12-login', crqs: ['CRQ-12'], agents: [] },
      metadata: { task: '\u001b[31mlogin' },
      commands: [
        { command: "sh -c 'echo one; exit 3'", state: 'exited', exit_code: 3, preview: 'one' },
        { command: 'git branch --show-current', exit_code: 0, preview: 'fix/CRQ-12-login' },
      ],
    };
    const shown = JSON.parse(raw) as Shown;
    expect(shown).toMatchObject({
      config: { name: 'work', working_dir: there, ai: true },
      ai_context: expected,
    });
    for (const command of shown.ai_context!.commands) {
      expect(Date.parse(command.at)).toBeGreaterThan(Date.now() - 3_600_000);
      expect(command.duration_ms).toBeGreaterThanOrEqual(0);
    }
    await ann.ok(repo, 'save', 'work', '--crq', 'CRQ-7');
    await ann.git(there, 'switch', '-q', '-c', 'other');
    const saved = await show(ann, repo);
    expect(saved.config).toEqual(shown.config);
    expect(saved.ai_context).toMatchObject({ ...expected, branch: 'other', crqs: ['CRQ-7', 'CRQ-12'] });
  });

  test('S16: it tells the last ten commands, and of agents in the panes with their conversation', async () => {
    const { ann, repo, type } = await office();
    await ann.ok(repo, 'create', '--ai', 'helper');
    for (let n = 1; n <= 12; n++) await ann.ok(repo, 'exec', 'helper', '--', 'echo', String(n));
    await type('=helper:', `FAKE_ID=${conversation(1)} claude`, 1);
    const { ai_context } = await show(ann, repo, 'helper');
    const last = Array.from({ length: 10 }, (_, i) => `echo ${i + 3}`);
    expect(ai_context!.commands.map((c) => c.command)).toEqual(last);
    const pane = await ann.tmux('display-message', '-p', '-t', '=helper:', '#{pane_id}');
    expect(ai_context!.agents).toEqual([
      { pane, name: 'claude', conversation: conversation(1), confidence: 'exact', state: null },
    ]);
    // Also when tmux is gone, for the one that brings it back.
    await ann.killServer();
    expect((await show(ann, repo, 'helper')).ai_context).toMatchObject({ branch: 'main', agents: [] });
  });

  test('S15 S16: also for one that was adopted with --ai; the branch is none of ours where it works elsewhere', async () => {
    const ann = person();
    const repo = await ann.repo();
    for (const [name, cwd] of [
      ['here', repo],
      ['there', ann.dir],
    ] as const) {
      await ann.tmux('new-session', '-d', '-s', name, '-c', cwd);
      const record = JSON.parse(await ann.ok(repo, 'adopt', '--ai', '--json', name)) as Shown;
      expect(record.config).toEqual({ name, working_dir: cwd, ai: true });
      await ann.ok(repo, 'exec', name, '--', 'echo', name);
    }
    const { ai_context } = await show(ann, repo, 'here');
    expect(ai_context).toMatchObject({ working_dir: repo, branch: 'main', commands: [{ preview: 'here' }] });
    expect((await show(ann, repo, 'there')).ai_context).toMatchObject({ working_dir: ann.dir, branch: null });
  });

  test('S15 S16: without --ai it is null, saved or not', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'work');
    const config = { name: 'work', working_dir: repo, ai: false };
    expect(await show(ann, repo)).toMatchObject({ config, ai_context: null });
    await ann.ok(repo, 'save', 'work');
    expect(await show(ann, repo)).toMatchObject({ config, ai_context: null });
    await ann.tmux('new-session', '-d', '-s', 'plain', '-c', repo);
    await ann.ok(repo, 'save', 'plain');
    expect(await show(ann, repo, 'plain')).toMatchObject({ config: null, ai_context: null });
  });
});
