import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AGENTS,
  agentStatus,
  CONVERSATION_ID,
  findAgent,
  findAgentWord,
  parseAgentOption,
  startedAs,
} from '../../src/session/agent.ts';
import { isConversation } from '../../src/session/agent-argv.ts';
import { agentHooks } from '../../src/session/agent-hooks.ts';
import { agentCommand, agentWarning } from '../../src/session/agent-resume.ts';
import type { ProcessInfo } from '../../src/session/relaunch.ts';
import { agentPlaces, claudeSlug } from '../../src/process/agent-files.ts';
import { moveTranscript } from '../../src/process/agent-transcript.ts';
import { anyString, anyText } from '../support/arbitrary.ts';
import { typedPane } from '../support/forge.ts';

const words = (line: string) => line.split(' ');

describe('which words are an agent (issue 3, point 6)', () => {
  it.each([
    ['claude', 'claude', 0],
    ['/usr/local/bin/codex -m x', 'codex', 0],
    ['/bin/sh /home/a/bin/claude --x', 'claude', 1],
    ['node /usr/bin/gemini -m x', 'gemini', 1],
    ['node --max-old-space-size=4096 /usr/bin/gemini', 'gemini', 2],
    ['node --require /a/b.js /usr/bin/gemini.mjs', 'gemini', 3],
    ['/usr/bin/node /x/node_modules/@anthropic-ai/claude-code/cli.js', 'claude', 1],
    ['npx claude --x', 'claude', 1],
    ['npx -y @openai/codex@latest', 'codex', 2],
    ['npx @google/gemini-cli', 'gemini', 1],
    ['npm exec @anthropic-ai/claude-code', 'claude', 2],
    ['pnpm dlx opencode-ai', 'opencode', 2],
    ['env -u X A=1 claude', 'claude', 4],
    ['python3.12 -m aider --x', 'aider', 2],
    ['/usr/bin/python3 /home/a/.local/bin/aider', 'aider', 1],
    ['uvx --python 3.12 aider', 'aider', 3],
    ['uv tool run aider', 'aider', 3],
    ['nice -n 5 nohup claude', 'claude', 4],
    ['opencode.exe', 'opencode', 0],
  ])('%s', (line, name, at) => {
    expect(findAgentWord(words(line))).toEqual({ name, at });
  });

  it.each([
    ...[
      'vim claude',
      'less /usr/bin/codex',
      'man gemini',
      'git codex',
      'bash',
      'sh -c claude',
      'bash -lc claude',
    ],
    ...[
      'claudette',
      'my-claude',
      'node',
      'npx',
      'env A=claude',
      'node server.js claude',
      'tail -f aider',
      'python -c x',
    ],
  ])('not: %s', (line) => {
    expect(findAgentWord(words(line))).toBeNull();
  });

  it('any words can be asked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyText(), fc.constantFrom('env', 'npx', 'node', '-m', '--'))),
        (argv) => {
          const found = findAgentWord(argv);
          if (found !== null) expect(found.at).toBeLessThan(argv.length);
        },
      ),
    );
  });
});

const p = (pid: number, ppid: number, line: string, more: Partial<ProcessInfo> = {}): ProcessInfo => ({
  ...{ pid, ppid, pgrp: 20, tpgid: 20, tty: 1, state: 'S', argv: words(line), startTime: 1 },
  ...more,
});
const shell = p(10, 1, 'bash', { pgrp: 10 });

describe('the agent of a pane', () => {
  const find = (...processes: ProcessInfo[]) => {
    const found = findAgent(10, [shell, ...processes], isConversation);
    return found && [found.name, ...found.processes.map((q) => q.pid)];
  };

  it.each<[string, ProcessInfo[], unknown]>([
    ['by itself', [p(20, 10, 'claude')], ['claude', 20]],
    [
      'with a wrapper',
      [p(20, 10, 'npx codex'), p(21, 20, 'node codex'), p(22, 21, 'codex')],
      ['codex', 20, 21, 22],
    ],
    ['under a script', [p(20, 10, 'make agent'), p(21, 20, 'claude')], ['claude', 21]],
    ['with another below it', [p(20, 10, 'claude'), p(21, 20, 'codex')], ['claude', 20]],
    ['with a child that is none', [p(20, 10, 'codex'), p(21, 20, 'sleep 9')], ['codex', 20]],
    ['in the background', [p(20, 10, 'vi'), p(30, 10, 'claude', { pgrp: 30 })], null],
    ['stopped', [p(30, 10, 'claude', { pgrp: 30, state: 'T' })], null],
    ['in the terminal of an editor', [p(20, 10, 'vi'), p(21, 20, 'claude', { tty: 2 })], null],
    ['dead', [p(20, 10, 'claude', { state: 'Z' })], null],
    ['for one answer', [p(20, 10, 'claude -p hello')], null],
    ['as a server', [p(20, 10, 'codex mcp-server')], null],
    ['in a loop of parents', [p(20, 21, 'claude'), p(21, 20, 'claude')], null],
  ])('%s', (_, processes, expected) => {
    expect(find(...processes)).toEqual(expected);
  });

  it('is started as it was typed, where what was typed is all there was', () => {
    const agent = { name: 'claude' as const, processes: [p(20, 10, 'claude --x')] };
    const typed = (reason: string, steps: string[][]) => ({ source: 'foreground' as const, reason, steps });
    expect(startedAs(agent, typed('foreground-leader', [['npx', 'claude', '--x']]), null)).toEqual(
      words('npx claude --x'),
    );
    expect(startedAs(agent, typed('foreground-leader', [['make']]), null)).toEqual(words('claude --x'));
    expect(startedAs(agent, typed('redirected', [['claude']]), null)).toBeNull();
    expect(startedAs(agent, typed('nested-program', [['vi']]), null)).toBeNull();
    const title = { name: 'claude' as const, processes: [{ ...p(20, 10, ''), argv: ['claude', '', ''] }] };
    expect(startedAs(title, typed('title-rewritten', []), null)).toEqual(['claude']);
    const start = (line: string) =>
      startedAs(agent, { source: 'start', reason: 'x', steps: [] }, { shell: line });
    expect(start('exec claude  --y')).toEqual(words('claude --y'));
    expect(start('claude; bash')).toBeNull();
    expect(start('./mine')).toEqual(words('claude --x'));
  });
});

describe('what a hook has set', () => {
  it('is an agent and an id', () => {
    expect(parseAgentOption('claude:a.b_c-1')).toEqual({ name: 'claude', conversation: 'a.b_c-1' });
    for (const bad of [
      '',
      ':',
      'claude',
      'claude:',
      'claude:-x',
      'claude:a b',
      'claude:a\n',
      'x:a',
      'Claude:a',
      ' claude:a',
    ]) {
      expect(parseAgentOption(bad)).toBeNull();
    }
  });

  it('is never anything else, whatever stands there', () => {
    fc.assert(
      fc.property(fc.constantFrom(...AGENTS, '', 'x'), anyString(), anyString(), (name, value, state) => {
        const found = parseAgentOption(`${name}:${value}`);
        if (found !== null) expect(found.conversation).toMatch(/^(?!-)[A-Za-z0-9._-]+$/u);
        const status = agentStatus({ agentOption: `${name}:${value}`, agentState: state });
        if (status !== null) expect([null, 'working', 'waiting', 'idle']).toContain(status.state);
      }),
    );
    expect(agentStatus({ agentOption: 'codex:x', agentState: 'waiting' })).toEqual({
      name: 'codex',
      state: 'waiting',
    });
    expect(agentStatus({ agentOption: 'codex:x', agentState: 'x' })).toEqual({ name: 'codex', state: null });
    expect(agentStatus({ agentOption: '', agentState: 'idle' })).toBeNull();
  });

  it('every agent but aider has hooks', () => {
    expect(AGENTS.filter((name) => agentHooks(name) === null)).toEqual(['aider']);
  });
});

describe('the command of a restored agent', () => {
  const pane = (relaunch: object = {}, agent: object = {}) => {
    const made = typedPane(['claude', '--x', 'hello']);
    made.relaunch = { ...made.relaunch, ...relaunch };
    const argv = ['claude', '--x'];
    made.agent = { name: 'claude', conversation: 'i', confidence: 'exact', evidence: 'hook', argv, ...agent };
    return made;
  };

  it('goes on, or starts anew where there is nothing to go on with', () => {
    expect(agentCommand(pane())).toMatchObject({ argv: ['claude', '--resume', 'i', '--x'], sure: true });
    expect(agentCommand(pane(), { state: 'missing' })?.argv).toEqual(['claude', '--x']);
    expect(agentWarning(pane(), { state: 'missing' })).toContain('starts anew');
    expect(agentWarning(pane(), { state: 'here' })).toBeNull();
    expect(agentCommand(pane({}, { conversation: null }))?.argv).toEqual(['claude', '--x']);
    expect(agentWarning(pane({}, { conversation: null }), undefined)).toContain('new conversation');
    const goesOn = pane({}, { conversation: null, argv: ['claude', '-c'] });
    expect([agentCommand(goesOn)?.argv, agentWarning(goesOn, undefined)]).toEqual([['claude', '-c'], null]);
    expect(agentWarning(pane({}, { confidence: 'guessed' }), undefined)).toContain('not sure');
  });

  it('leaves a command alone that was more than the agent', () => {
    expect(agentCommand(pane({}, { argv: null }))).toBeNull();
    expect(agentWarning(pane({}, { argv: null }), undefined)).toContain('its conversation is i');
    expect(agentCommand(pane({}, { argv: ['rm', '-rf'] }))).toBeNull();
    expect(agentCommand({ ...pane(), dead: { status: 0 } })).toBeNull();
  });

  it('is typed inside the shells that it ran in, and waits for Enter where it is not sure', () => {
    const steps = [['zsh'], ['claude', '--x', 'hello']];
    expect(agentCommand(pane({ steps }))?.nested).toEqual([['zsh']]);
    expect(agentCommand(pane({ confidence: 'rebuilt', reason: 'argv-inexact' }))?.sure).toBe(false);
    expect(agentCommand(pane({ confidence: 'unknown', reason: 'redacted' }))?.sure).toBe(false);
    expect(agentCommand(pane({ confidence: 'unknown', reason: 'title-rewritten', steps: [] }))?.sure).toBe(
      true,
    );
  });
});

describe('what agents keep on disk', () => {
  it('lies where their environment says, as far as that is a path', () => {
    const at = (env: Record<string, string>) => agentPlaces((name) => env[name]);
    expect(at({ HOME: '/h' })).toMatchObject({
      claude: '/h/.claude',
      codex: '/h/.codex',
      gemini: '/h/.gemini',
    });
    expect(at({ HOME: '/h', CLAUDE_CONFIG_DIR: '/c', CODEX_HOME: 'x' })).toMatchObject({
      ...{ claude: '/c', codex: '/h/.codex' },
    });
    expect(at({})).toBeNull();
    expect(claudeSlug('/a/b.c_d e')).toBe('-a-b-c-d-e');
  });

  it('a moved transcript keeps every line, and only its own directory changes', () => {
    const line = (cwd: unknown) => JSON.stringify({ cwd, text: '"cwd":"/old"' });
    const lines = [
      line('/other'),
      line('/old'),
      'no json',
      line('/old/x'),
      line('/older'),
      line(5),
      '[]',
      '',
    ];
    const moved = moveTranscript(lines.join('\n'), '-old', '/new').split('\n');
    expect(moved).toEqual([lines[0], line('/new'), 'no json', line('/new/x'), ...lines.slice(4)]);
    expect(moveTranscript('x\n\n', '-old', '/new')).toBe('x\n\n');
  });

  it('any text can be a transcript', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyString(), fc.json())), (lines) => {
        const text = lines.join('\n');
        expect(moveTranscript(text, '-x', '/n').split('\n')).toHaveLength(text.split('\n').length);
      }),
    );
  });

  it('an id is no option and no path', () => {
    for (const bad of ['', '-', '-r', 'a/b', '../x', 'a b', 'a\n', 'é', 'a'.repeat(129)])
      expect(bad).not.toMatch(CONVERSATION_ID);
  });
});
