import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { agentsOf, id, office, put } from '../support/agents.ts';
import { person, type Person, waitFor } from '../support/harness.ts';

interface Hooks {
  hooks: Record<string, { matcher?: string; hooks: { type: string; command: string }[] }[]>;
}

/** The command of an event, as the agent would find it in its settings. */
async function command(
  ann: Person,
  cwd: string,
  agent: string,
  event: string,
  source?: string,
): Promise<string> {
  const { hooks } = JSON.parse(await ann.ok(cwd, 'hooks', 'print', agent)) as Hooks;
  const entry = hooks[event]!.find(
    (e) => e.matcher === undefined || source === undefined || e.matcher.includes(source),
  );
  return entry!.hooks[0]!.command;
}

/** Runs a hook as an agent in a pane does: by a shell, with the event on stdin. */
async function fire(
  ann: Person,
  pane: string,
  hook: string,
  input: string,
  env: Record<string, string> = {},
) {
  const { socket } = ann;
  const inside = { TMUX: `${socket},1,0`, TMUX_PANE: pane, ...env };
  const result = await ann.run('sh', ['-c', hook], { env: inside, input });
  expect([result.code, result.stdout, result.stderr]).toEqual([0, '', '']);
}

const event = (name: string, conversation: string, more: object = {}) =>
  JSON.stringify({
    session_id: conversation,
    transcript_path: '/t',
    cwd: '/c',
    hook_event_name: name,
    ...more,
  });

async function options(ann: Person, pane: string): Promise<string[]> {
  const show = async (name: string) => ann.tmux('show-options', '-pqv', '-t', pane, name);
  return [await show('@git-session-agent'), await show('@git-session-agent-state')];
}

async function pane(): Promise<{ ann: Person; id: string }> {
  const ann = person();
  await ann.tmux('new-session', '-d', '-x', '80', '-y', '24', '-s', 'a');
  return { ann, id: await ann.tmux('display-message', '-p', '-t', 'a', '#{pane_id}') };
}

describe('git session hooks (issue 3, point 6)', () => {
  it('the id rotates by the hook of /clear, and the next save has the new one', async () => {
    const { ann, repo, type, save } = await office();
    await type('work', `FAKE_ID=${id(1)} claude`, 1);
    const target = await ann.tmux('display-message', '-p', '-t', 'work', '#{pane_id}');
    expect(agentsOf(await save())[0]).toMatchObject({ conversation: id(1), evidence: 'registry' });
    const start = await command(ann, repo, 'claude', 'SessionStart', 'clear');
    await fire(ann, target, start, event('SessionStart', id(2), { source: 'clear' }));
    expect(agentsOf(await save())[0]).toMatchObject({
      conversation: id(2),
      evidence: 'hook',
      confidence: 'exact',
    });
    // Of another agent that ran here before.
    await ann.tmux('set-option', '-p', '-t', target, '@git-session-agent', `codex:${id(3)}`);
    expect(agentsOf(await save())[0]).toMatchObject({ conversation: id(1), evidence: 'registry' });
  });

  it('the hooks of Claude Code say which conversation it is, and what it does', async () => {
    const { ann, id: target } = await pane();
    const run = async (name: string, more: { source?: string } = {}) => {
      await fire(
        ann,
        target,
        await command(ann, ann.dir, 'claude', name, more.source),
        event(name, id(1), more),
      );
      return options(ann, target);
    };
    expect(await run('SessionStart', { source: 'startup' })).toEqual([`claude:${id(1)}`, 'idle']);
    expect(await run('UserPromptSubmit')).toEqual([`claude:${id(1)}`, 'working']);
    expect(await run('SessionStart', { source: 'compact' })).toEqual([`claude:${id(1)}`, 'working']);
    expect(await run('Notification')).toEqual([`claude:${id(1)}`, 'waiting']);
    expect(await run('PostToolUse')).toEqual([`claude:${id(1)}`, 'working']);
    expect(await run('Stop')).toEqual([`claude:${id(1)}`, 'idle']);
    expect(await run('SessionEnd')).toEqual(['', '']);
  });

  it('the hooks run in the pane itself as well', async () => {
    const { ann, id: target } = await pane();
    const hook = await command(ann, ann.dir, 'codex', 'SessionStart');
    const script = path.join(ann.dir, 'hook');
    writeFileSync(script, hook);
    const input = put(path.join(ann.dir, 'event'), event('SessionStart', id(4)));
    await ann.tmux('send-keys', '-t', target, `sh ${script} < ${input}`, 'Enter');
    await waitFor(async () => (await options(ann, target))[0] === `codex:${id(4)}`, 'the option');
  });

  it('Gemini CLI tells its id on stdin or in a variable', async () => {
    const { ann, id: target } = await pane();
    const hook = await command(ann, ann.dir, 'gemini', 'SessionStart');
    await fire(ann, target, hook, event('SessionStart', id(5)), { GEMINI_SESSION_ID: id(6) });
    expect(await options(ann, target)).toEqual([`gemini:${id(5)}`, 'idle']);
    await fire(ann, target, hook, '{}', { GEMINI_SESSION_ID: id(6) });
    expect((await options(ann, target))[0]).toBe(`gemini:${id(6)}`);
    for (const bad of ['-x', '$(touch x)', 'a b', 'a;b', '"; x', 'a\nb']) {
      await fire(ann, target, hook, '{}', { GEMINI_SESSION_ID: bad });
      expect((await options(ann, target))[0]).toBe(`gemini:${id(6)}`);
    }
  });

  it.each([
    ['', 'nothing'],
    ['{"session_id":"-rf"}', 'an option'],
    ['{"session_id":"a b"}', 'a blank'],
    ['{"session_id":"$(touch hacked)"}', 'a command'],
    ['{"session_id":"#(touch hacked)"}', 'a command for tmux'],
    ['{"session_id":"a;kill-server"}', 'another tmux command'],
    ['{"session_id":"a\\u0022"}', 'an escape'],
    ['{"session_id":"../../x"}', 'a path'],
    ['{"session_id":5}', 'a number'],
    [`{"session_id":"${'a'.repeat(200)}"}`, 'a long one'],
    ['{"prompt":"{\\"session_id\\":\\"evil\\"}"}', 'text that looks like it'],
    ['{"prompt":"x\\\\","y":"\\",\\"session_id\\":\\"evil\\""}', 'text behind a backslash'],
    ['{"a\\"session_id":"evil"}', 'a key that ends like it'],
    ['\u001b]0;x\u0007\0\r\n\u0080{', 'bytes'],
  ])('input %j sets no conversation: %s', async (input) => {
    const { ann, id: target } = await pane();
    const hook = await command(ann, ann.dir, 'claude', 'UserPromptSubmit');
    await fire(ann, target, hook, input);
    expect(await options(ann, target)).toEqual(['', 'working']);
    expect(await ann.tmuxAlive()).toBe(true);
  });

  it('the id of the event counts, however it is written, and not one that stands in it later', async () => {
    const { ann, id: target } = await pane();
    const hook = await command(ann, ann.dir, 'claude', 'UserPromptSubmit');
    for (const input of [
      `{\n  "hook_event_name": "x",\n  "session_id": "${id(1)}",\n  "x": 1\n}\n`,
      event('x', id(1), { tool: { session_id: 'later' }, prompt: 'x'.repeat(300_000) }),
    ]) {
      await ann.tmux('set-option', '-p', '-t', target, '-u', '@git-session-agent');
      await fire(ann, target, hook, input);
      expect((await options(ann, target))[0]).toBe(`claude:${id(1)}`);
    }
  });

  it('outside tmux, and where tmux is gone, the hooks are quiet and do not fail', async () => {
    const { ann, id: target } = await pane();
    const hooks = JSON.parse(await ann.ok(ann.dir, 'hooks', 'print', 'claude')) as Hooks;
    for (const entry of Object.values(hooks.hooks).flat()) {
      const outside = await ann.run('sh', ['-c', entry.hooks[0]!.command], { input: event('x', id(1)) });
      expect([outside.code, outside.stdout, outside.stderr]).toEqual([0, '', '']);
      await fire(ann, '%999', entry.hooks[0]!.command, event('x', id(1)));
    }
    await ann.killServer();
    await fire(ann, target, await command(ann, ann.dir, 'claude', 'Stop'), event('Stop', id(1)));
  });

  it('the plugin of opencode', async () => {
    const { ann, id: target } = await pane();
    const file = put(
      path.join(ann.dir, 'git-session.mjs'),
      await ann.ok(ann.dir, 'hooks', 'print', 'opencode'),
    );
    const send = async (...events: object[]) => {
      const code =
        `const { GitSession } = await import(${JSON.stringify(file)}); const { event } = await GitSession({});` +
        `for (const e of ${JSON.stringify(events)}) await event({ event: e });`;
      const env = { TMUX: `${ann.socket},1,0`, TMUX_PANE: target };
      const result = await ann.run(process.execPath, ['--input-type=module', '-e', code], { env });
      expect([result.code, result.stderr]).toEqual([0, '']);
      return options(ann, target);
    };
    const created = (info: object) => ({ type: 'session.created', properties: { info } });
    expect(await send(created({ id: '$(x)' }), {}, { type: 'session.idle' })).toEqual(['', '']);
    expect(
      await send(created({ id: 'ses_1' }), created({ id: 'ses_2', parentID: 'ses_1' }), {
        type: 'session.idle',
        properties: { sessionID: 'ses_2' },
      }),
    ).toEqual(['opencode:ses_1', '']);
    expect(await send({ type: 'session.idle', properties: { sessionID: 'ses_1' } })).toEqual([
      'opencode:ses_1',
      'idle',
    ]);
  });

  it('lists the agents, says where it goes on stderr, and speaks JSON', async () => {
    const ann = person();
    const list = await ann.ok(ann.dir, 'hooks', 'print');
    for (const name of ['claude', 'codex', 'gemini', 'opencode', 'aider']) expect(list).toContain(name);
    expect(await ann.ok(ann.dir, 'hooks')).toBe(list);
    expect(
      (JSON.parse(await ann.ok(ann.dir, 'hooks', '--json')) as { agents: object[] }).agents,
    ).toContainEqual({
      ...{ name: 'aider', file: null },
    });
    expect((await ann.gs(ann.dir, 'hooks', 'print', 'claude')).stderr).toContain('~/.claude/settings.json');
    const json = JSON.parse(await ann.ok(ann.dir, 'hooks', 'print', 'codex', '--json')) as {
      content: string;
    };
    expect(json.content).toBe(await ann.ok(ann.dir, 'hooks', 'print', 'codex'));
    const none = await ann.gs(ann.dir, 'hooks', 'print', 'aider');
    expect([none.code, none.stdout, none.stderr.split('\n')[0]]).toEqual([
      1,
      '',
      'error: aider has no hooks',
    ]);
    expect((await ann.gs(ann.dir, 'hooks', 'print', 'nobody')).code).toBe(1);
    expect((await ann.gs(ann.dir, 'hooks', 'install')).code).toBe(129);
  });
});
