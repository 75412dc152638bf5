import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { displayText } from '../../src/session/text.ts';
import { agentsOf, claudeFile, id, office, put, putRollout, putTranscript } from '../support/agents.ts';
import { waitFor } from '../support/harness.ts';

describe('agents come back in their conversation (issue 3, point 6)', () => {
  it('Claude Code by its own list of processes: in its directory, with its flags, without the prompt', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    mkdirSync(path.join(repo, 'src'));
    await type('work', `cd src && FAKE_ID=${id(1)} claude --model opus --add-dir .. -- 'do the work'`, 1);
    putTranscript(ann, `${repo}/src`, id(1));
    const found = agentsOf(await save())[0];
    expect(found).toMatchObject({
      name: 'claude',
      conversation: id(1),
      confidence: 'exact',
      evidence: 'registry',
    });
    expect(found!.argv!.map(displayText).join(' ')).toMatch(/claude --model opus --add-dir \.\.$/u);
    expect(await ann.ok(repo, 'show')).toContain(`agent: Claude Code, conversation ${id(1)}`);
    await restore('work');
    await waitFor(() => calls().length === 2, 'claude');
    expect(calls()[1]).toEqual({ cwd: `${repo}/src`, args: `--resume ${id(1)} --model opus --add-dir ..` });
  });

  it('Claude Code by its arguments, also where the list is of an earlier process with that id', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    await type('work', `FAKE_START=12 FAKE_ID=${id(1)} claude --session-id ${id(2)} --verbose`, 1);
    putTranscript(ann, repo, id(2));
    expect(agentsOf(await save())[0]).toMatchObject({ conversation: id(2), evidence: 'argv' });
    await restore('work');
    await waitFor(() => calls().length === 2, 'claude');
    expect(calls()[1]!.args).toBe(`--resume ${id(2)} --verbose`);
  });

  it('Claude Code by the newest transcript of its directory, as a guess that is said to be one', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    await type('work', 'claude', 1);
    putTranscript(ann, repo, id(3));
    put(path.join(path.dirname(claudeFile(ann, repo, id(3))), 'agent-1.jsonl'), '{}\n');
    expect(agentsOf(await save())[0]).toMatchObject({
      ...{ conversation: id(3), confidence: 'guessed', evidence: 'transcript' },
    });
    expect(await restore('work')).toContain('not sure');
    await waitFor(() => calls().length === 2, 'claude');
    expect(calls()[1]!.args).toBe(`--resume ${id(3)}`);
  });

  it('two agents in one directory keep two ids, and without an id of their own get none', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    await ann.tmux('split-window', '-t', 'work', '-c', repo);
    await type('work:0.0', `FAKE_ID=${id(1)} claude`, 1);
    await type('work:0.1', `FAKE_ID=${id(2)} claude`, 2);
    putTranscript(ann, repo, id(1));
    putTranscript(ann, repo, id(2));
    expect(agentsOf(await save()).map((a) => a?.conversation)).toEqual([id(1), id(2)]);
    await restore('work');
    await waitFor(() => calls().length === 4, 'both');
    const again = calls()
      .slice(2)
      .map((c) => c.args);
    expect(again.toSorted()).toEqual([`--resume ${id(1)}`, `--resume ${id(2)}`]);
    // The same without a list: nothing tells them apart.
    await ann.killServer();
    await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
    await ann.tmux('new-session', '-d', '-s', 'other', '-c', repo);
    await type('work', 'claude', 5);
    await type('other', 'claude', 6);
    expect(agentsOf(await save('-t', 'work'))).toMatchObject([{ conversation: null, evidence: 'none' }]);
  });

  it('Codex by the rollout that it has open', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    putRollout(ann, repo, id(4));
    await type('work', `FAKE_ID=${id(4)} codex -m gpt -i pic.png 'do it'`, 1);
    expect(agentsOf(await save())[0]).toMatchObject({ name: 'codex', conversation: id(4), evidence: 'fd' });
    await restore('work');
    await waitFor(() => calls().length === 2, 'codex');
    expect(calls()[1]).toEqual({ cwd: repo, args: `resume ${id(4)} -m gpt` });
  });

  it('Codex not by a rollout that only a child has open, but by the newest of its directory, or its arguments', async () => {
    const { ann, repo, type, save } = await office();
    putRollout(ann, '/elsewhere', id(5));
    await type('work', `FAKE_CHILD=1 FAKE_ID=${id(5)} codex`, 1);
    expect(agentsOf(await save())[0]).toMatchObject({
      conversation: null,
      confidence: 'none',
      evidence: 'none',
    });
    putRollout(ann, repo, id(6), '01');
    expect(agentsOf(await save())[0]).toMatchObject({ conversation: id(6), confidence: 'guessed' });
    await ann.tmux('split-window', '-t', 'work', '-c', repo);
    await type('work:0.1', `codex --search resume ${id(7)}`, 2);
    expect(agentsOf(await save())).toMatchObject([
      { conversation: null },
      { conversation: id(7), evidence: 'argv' },
    ]);
  });

  it('Gemini CLI by its arguments and by its newest chat', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    const chat = (conversation: string, project: string) =>
      put(
        path.join(
          ann.home,
          `.gemini/tmp/${project}/chats/session-2026-01-02T03-04-${conversation.slice(0, 8)}.jsonl`,
        ),
        `{"sessionId":"${conversation}","projectHash":"${createHash('sha256').update(repo).digest('hex')}"}\n`,
      );
    chat(id(8), 'repo');
    await type('work', `gemini --session-id ${id(8)} -m pro -i 'say hello' --yolo`, 1);
    expect(agentsOf(await save())[0]).toMatchObject({
      name: 'gemini',
      conversation: id(8),
      evidence: 'argv',
    });
    await restore('work');
    await waitFor(() => calls().length === 2, 'gemini');
    expect(calls()[1]!.args).toBe(`--resume ${id(8)} -m pro --yolo`);
    await ann.killServer();
    await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
    await type('work', 'gemini', 3);
    expect(agentsOf(await save('-t', 'work'))[0]).toMatchObject({
      conversation: id(8),
      confidence: 'guessed',
    });
  });

  it('opencode by its arguments only: its conversations are in a database', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    put(path.join(ann.home, '.local/share/opencode/opencode.db'), 'SQLite');
    await type('work', 'opencode . -m x/y -s ses_1 --prompt hello', 1);
    expect(agentsOf(await save())[0]).toMatchObject({
      name: 'opencode',
      conversation: 'ses_1',
      evidence: 'argv',
    });
    await restore('work');
    await waitFor(() => calls().length === 2, 'opencode');
    expect(calls()[1]).toEqual({ cwd: repo, args: '-s ses_1 . -m x/y' });
    await ann.killServer();
    await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
    await type('work', 'opencode', 3);
    expect(agentsOf(await save('-t', 'work'))[0]).toMatchObject({ conversation: null, evidence: 'none' });
    expect(await restore('work')).toContain('opencode starts a new conversation');
    await waitFor(() => calls().length === 4, 'opencode again');
  });

  it('aider by its chat history: the one in the repository, or the one it was told', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    mkdirSync(path.join(repo, 'src'));
    put(path.join(repo, '.aider.chat.history.md'), '# chat\n');
    put(path.join(repo, 'src/mine.md'), '# chat\n');
    await type('work', 'aider --model x file.txt', 1);
    await ann.tmux('split-window', '-t', 'work', '-c', path.join(repo, 'src'));
    await type('work:0.1', 'aider --chat-history-file mine.md', 2);
    expect(agentsOf(await save('--no-work'))).toMatchObject([
      {
        name: 'aider',
        conversation: '.aider.chat.history.md',
        confidence: 'guessed',
        evidence: 'transcript',
      },
      { name: 'aider', conversation: 'mine.md', confidence: 'exact', evidence: 'argv' },
    ]);
    await restore('work');
    await waitFor(() => calls().length === 4, 'both');
    expect(
      calls()
        .slice(2)
        .map((c) => c.args)
        .toSorted(),
    ).toEqual([
      '--restore-chat-history --chat-history-file mine.md',
      '--restore-chat-history --model x file.txt',
    ]);
  });

  it.each([
    ['npx', 'npx claude --verbose', 'npx claude --verbose'],
    ['env', 'env A=1 claude --verbose', 'claude --verbose'],
    ['nice', 'nice -n 1 claude --verbose', 'claude --verbose'],
    ['node', 'node ~/claude.js --verbose', 'node claude.js --verbose'],
  ])('with %s in between', async (_, line, ending) => {
    const { ann, repo, type, calls, save, restore } = await office();
    await type('work', `FAKE_ID=${id(1)} ${line}`, 1);
    putTranscript(ann, repo, id(1));
    const found = agentsOf(await save())[0];
    expect(found).toMatchObject({ name: 'claude', conversation: id(1), evidence: 'registry' });
    const words = found!.argv!.map((word) => path.basename(displayText(word)));
    expect(words.join(' ').replace(/^sh /u, '')).toBe(ending);
    await restore('work');
    await waitFor(() => calls().length === 2, 'claude');
    expect(calls()[1]!.args).toBe(`--resume ${id(1)} --verbose`);
  });

  it('as the command that tmux itself started', async () => {
    const { ann, repo, calls, save, restore } = await office();
    const started = ['new-window', '-t', 'work', '-c', repo, '-e', `FAKE_ID=${id(1)}`];
    await ann.tmux(...started, 'claude --verbose hello');
    await waitFor(() => calls().length === 1, 'claude');
    putTranscript(ann, repo, id(1));
    expect(agentsOf(await save())).toMatchObject([null, { conversation: id(1) }]);
    await restore('work');
    await waitFor(() => calls().length === 2, 'claude');
    expect(calls()[1]!.args).toBe(`--resume ${id(1)} --verbose`);
  });

  it('a missing transcript: the agent starts anew, and a warning says so', async () => {
    const { type, calls, save, restore } = await office();
    await type('work', `FAKE_ID=${id(1)} claude --verbose --continue`, 1);
    await type('work', '', 1);
    const snapshot = await save();
    expect(agentsOf(snapshot)[0]).toMatchObject({ conversation: null });
    const office2 = await office();
    await office2.type('work', `FAKE_ID=${id(1)} claude --verbose`, 1);
    expect(agentsOf(await office2.save())[0]).toMatchObject({ conversation: id(1), evidence: 'registry' });
    const said = await office2.restore('work');
    expect(said).toContain(`warning: pane 0.0: claude starts anew: ${id(1)} is not on this machine`);
    await waitFor(() => office2.calls().length === 2, 'claude');
    expect(office2.calls()[1]!.args).toBe('--verbose');
    // What says by itself that it goes on is left to say so.
    await restore('work');
    await waitFor(() => calls().length === 2, 'claude');
    expect(calls()[1]!.args).toBe('--verbose --continue');
  });

  it('a moved worktree: the transcript is copied with its directory, private, and replaces nothing', async () => {
    const { ann, repo, type, calls, save, restore } = await office();
    await type('work', `FAKE_ID=${id(1)} claude`, 1);
    const from = putTranscript(ann, repo, id(1));
    const before = readFileSync(from, 'utf8');
    await save();
    const tree = path.join(ann.dir, 'tree');
    const said = await restore(`--worktree=${tree}`, 'work');
    expect(said).toContain('pane 0.0: its conversation was copied to this directory');
    await waitFor(() => calls().length === 2, 'claude');
    expect(calls()[1]).toEqual({ cwd: tree, args: `--resume ${id(1)}` });
    const to = claudeFile(ann, tree, id(1));
    expect(statSync(to).mode & 0o777).toBe(0o600);
    const records = readFileSync(to, 'utf8').trimEnd().split('\n');
    expect(records.map((r) => (JSON.parse(r) as { cwd?: string }).cwd)).toEqual([
      ...[undefined, tree, `${tree}/src`, '/elsewhere'],
    ]);
    expect(readFileSync(from, 'utf8')).toBe(before);
    const moved = path.join(ann.dir, 'moved');
    cpSync(repo, moved, { recursive: true });
    const dry = await ann.ok(moved, 'restore', '--dry-run', '--as=b', 'work');
    expect(dry).toContain('(its conversation is copied to this directory)');
    // There already: it stays as it is.
    writeFileSync(to, 'mine\n');
    await ann.git(repo, 'worktree', 'remove', '--force', tree);
    await restore(`--worktree=${tree}`, 'work');
    expect(readFileSync(to, 'utf8')).toBe('mine\n');
    await waitFor(() => calls().length === 3, 'claude again');
  });

  it('without consent nothing is started and nothing is copied', async () => {
    const { ann, repo, type, calls, save } = await office();
    await type('work', `FAKE_ID=${id(1)} claude`, 1);
    putTranscript(ann, repo, id(1));
    await save();
    const tree = path.join(ann.dir, 'tree');
    await ann.killServer();
    const result = await ann.gs(repo, 'restore', '--no-run', `--worktree=${tree}`, 'work');
    expect(result.code).toBe(0);
    expect(calls()).toHaveLength(1);
    expect(() => statSync(claudeFile(ann, tree, id(1)))).toThrow('ENOENT');
  });

  it('diff says that it is another conversation, and nothing of how it was found', async () => {
    const { ann, repo, type, save } = await office();
    await type('work', `FAKE_ID=${id(1)} claude`, 1);
    await save();
    await ann.tmux('set-option', '-p', '-t', 'work', '@git-session-agent', `claude:${id(1)}`);
    await save();
    expect((await ann.gs(repo, 'diff', '--exit-code', 'work~1', 'work')).code).toBe(0);
    await ann.tmux('set-option', '-p', '-t', 'work', '@git-session-agent', `claude:${id(2)}`);
    await save();
    expect(await ann.ok(repo, 'diff', 'work~1', 'work')).toContain(
      `pane 0.0: another conversation, '${id(1)}' -> '${id(2)}'\n`,
    );
  });

  it('what agents left on disk can be anything, and a save is not hindered by it', async () => {
    const { ann, repo, type, save } = await office();
    await type('work', 'claude', 1);
    const pid = await ann.tmux('display-message', '-p', '-t', 'work', '#{pane_pid}');
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    const sessions = path.join(ann.home, '.claude/sessions');
    mkdirSync(sessions, { recursive: true });
    await ann.run('mkfifo', [path.join(sessions, `${child}.json`)]);
    mkdirSync(claudeFile(ann, repo, id(1)), { recursive: true });
    await ann.tmux('set-option', '-p', '-t', 'work', '@git-session-agent', 'claude:--resume\t#(touch x)\n');
    await ann.tmux('set-option', '-p', '-t', 'work', '@git-session-agent-state', 'x\ty\nP\tz');
    expect(agentsOf(await save())[0]).toMatchObject({ name: 'claude', conversation: null, evidence: 'none' });
    await ann.run('rm', [path.join(sessions, `${child}.json`)]);
    for (const entry of [
      '[',
      '[]',
      '{}',
      `{"pid":${child},"sessionId":"-rf"}`,
      `{"pid":1,"sessionId":"${id(1)}"}`,
    ]) {
      put(path.join(sessions, `${child}.json`), entry);
      expect(agentsOf(await save())[0]).toMatchObject({ conversation: null });
    }
  });
});

describe('restore --launch=none (agents.md: a killed agent)', () => {
  it('brings back the shells, with the commands typed and not run', async () => {
    const { ann, repo, type, calls, save } = await office();
    await type('work', `FAKE_ID=${id(1)} claude --verbose`, 1);
    putTranscript(ann, repo, id(1));
    await ann.tmux('new-window', '-t', 'work', '-c', repo, '-e', `FAKE_ID=${id(2)}`, 'claude');
    await waitFor(() => calls().length === 2, 'the second');
    putTranscript(ann, repo, id(2));
    await save();
    await ann.killServer();
    await ann.ok(repo, 'restore', '--launch=none', 'work');
    const joined = async (target: string) => ann.tmux('capture-pane', '-p', '-J', '-t', target);
    await waitFor(
      async () => (await joined('work:0')).includes(`'--resume' '${id(1)}' '--verbose'`),
      'the line',
    );
    await waitFor(async () => (await joined('work:1')).includes(`'--resume' '${id(2)}'`), 'the other line');
    for (const w of ['work:0', 'work:1']) {
      expect(await ann.tmux('display-message', '-p', '-t', w, '#{pane_current_command}')).toBe('bash');
    }
    expect(calls()).toHaveLength(2);
    await ann.tmux('send-keys', '-t', 'work:0', 'Enter');
    await waitFor(() => calls().length === 3, 'the agent');
    expect(calls()[2]!.args).toBe(`--resume ${id(1)} --verbose`);
    expect((await ann.gs(repo, 'restore', '--launch=some', 'work')).code).toBe(129);
  });
});
