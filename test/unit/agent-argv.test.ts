import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AGENTS, findAgentWord } from '../../src/session/agent.ts';
import {
  goesOn,
  isConversation,
  keptArgv,
  parseAgentArgv,
  resumeArgv,
} from '../../src/session/agent-argv.ts';
import { quoteCommand } from '../../src/session/command-line.ts';
import { displayText } from '../../src/session/text.ts';
import { anyText } from '../support/arbitrary.ts';

/** `'...'` is one word. */
const words = (line: string) =>
  (line.match(/'[^']*'|\S+/gu) ?? []).map((word) => word.replace(/^'|'$/gu, ''));
const resumed = (line: string) => resumeArgv(words(line), 'ID')!.map(displayText).join(' ');

describe('how an agent is resumed: every row of agents.md', () => {
  it.each([
    ['claude', 'claude --resume ID'],
    ['claude --model opus', 'claude --resume ID --model opus'],
    ['claude --session-id a-b --verbose', 'claude --resume ID --verbose'],
    ['claude -r x -c --fork-session', 'claude --resume ID'],
    ['claude --resume', 'claude --resume ID'],
    ['claude --resume=x --model=opus', 'claude --resume ID --model=opus'],
    ["claude 'fix the bug'", 'claude --resume ID'],
    ["claude --verbose fix --model opus 'the bug'", 'claude --resume ID --verbose --model opus'],
    [
      'claude --add-dir a b --allowedTools Bash Edit',
      'claude --resume ID --add-dir a b --allowedTools Bash Edit',
    ],
    ["claude --new-option 'a prompt'", 'claude --resume ID --new-option'],
    ['claude --new-option value', 'claude --resume ID --new-option value'],
    ["claude --system-prompt 'be kind' hello", 'claude --resume ID --system-prompt be kind'],
    ['claude --verbose -- hello', 'claude --resume ID --verbose'],
    ['npx -y claude --verbose hello', 'npx -y claude --resume ID --verbose'],
    ['codex', 'codex resume ID'],
    ["codex -m o3 -c a=b 'do it'", 'codex resume ID -m o3 -c a=b'],
    ['codex resume old-id -m o3', 'codex resume ID -m o3'],
    ['codex -m o3 resume --last', 'codex resume ID -m o3'],
    ['codex resume --all', 'codex resume ID'],
    ['codex fork old-id hello', 'codex resume ID'],
    ['codex --full-auto -i a.png -C /x', 'codex resume ID --full-auto -C /x'],
    ['gemini', 'gemini --resume ID'],
    ['gemini -m pro --resume 3 -y', 'gemini --resume ID -m pro -y'],
    ["gemini --session-id a -i 'say it'", 'gemini --resume ID'],
    ['gemini --include-directories a b', 'gemini --resume ID --include-directories a b'],
    ['opencode', 'opencode -s ID'],
    ['opencode . -m a/b -s ses_1 --fork', 'opencode -s ID . -m a/b'],
    ['opencode -c --prompt hi', 'opencode -s ID'],
    ['aider', 'aider --restore-chat-history'],
    ['aider --model x a.py b.py', 'aider --restore-chat-history --model x a.py b.py'],
    [
      'aider --no-restore-chat-history --chat-history-file f',
      'aider --restore-chat-history --chat-history-file f',
    ],
    ['python -m aider', 'python -m aider --restore-chat-history'],
  ])('%s', (line, expected) => {
    expect(resumed(line)).toBe(expected);
  });

  it('only by what is an id', () => {
    for (const bad of ['', '-x', '--help', 'a b', "a'", 'a/b', 'a\nb']) {
      expect(resumeArgv(['claude'], bad)).toBeNull();
    }
    expect(resumeArgv(['vim'], 'ID')).toBeNull();
  });
});

describe('what the arguments say of the conversation', () => {
  it.each<[string, string | null, boolean]>([
    ['claude', null, false],
    ['claude --resume a-1', 'a-1', false],
    ['claude -r a-1', 'a-1', false],
    ['claude --session-id=a-1', 'a-1', false],
    ['claude --resume', null, true],
    ["claude --resume 'my talk'", null, true],
    ['claude --continue', null, true],
    ['claude --resume a-1 --fork-session', null, false],
    ['claude --resume a-1 --fork-session --session-id b-2', 'b-2', false],
    ['codex resume a-1', 'a-1', false],
    ['codex -m x resume --all a-1 prompt', 'a-1', false],
    ['codex resume --last', null, true],
    ['codex fork a-1', null, false],
    ['codex a-1', null, false],
    ['gemini --resume latest', null, true],
    ['gemini --resume 5', null, true],
    ['gemini -r a-1', 'a-1', false],
    ['opencode --session ses_1', 'ses_1', false],
    ['opencode -s ses_1 --fork', null, false],
    ['opencode -c', null, true],
  ])('%s', (line, id, continues) => {
    const parsed = parseAgentArgv(words(line))!;
    expect([parsed.id, parsed.continues]).toEqual([id, continues]);
  });

  it('aider names a file', () => {
    expect(parseAgentArgv(words('aider --chat-history-file a/b.md x'))?.historyFile).toBe('a/b.md');
    expect(parseAgentArgv(words('aider --chat-history-file=b.md'))?.historyFile).toBe('b.md');
    expect(parseAgentArgv(words('aider --chat-history-file'))?.historyFile).toBe('');
  });

  it.each([
    ...[
      'claude -p hi',
      'claude --print',
      'claude mcp serve',
      'claude doctor',
      'claude --version',
      'codex exec hi',
    ],
    ...[
      'codex -m x e hi',
      'codex mcp-server',
      'gemini -p hi',
      'gemini mcp list',
      'opencode serve',
      'opencode run x',
    ],
    ...['aider --message hi', 'aider -m hi', 'vim claude'],
  ])('no conversation: %s', (line) => {
    for (const name of AGENTS) expect(isConversation(name, words(line))).toBe(false);
  });

  it('of what nobody knows, the words stay that go on by themselves', () => {
    expect(keptArgv(words('claude --continue --verbose hello'), false)).toEqual(
      words('claude --continue --verbose'),
    );
    expect(keptArgv(words('claude --continue --verbose hello'), true)).toEqual(words('claude --verbose'));
    expect(keptArgv(words('codex resume --last hello'), false)).toEqual(words('codex resume --last'));
    expect([goesOn(words('codex resume --last')), goesOn(words('codex --search'))]).toEqual([true, false]);
  });
});

describe('whatever the arguments are', () => {
  const argvs = fc
    .tuple(
      fc.constantFrom(...AGENTS),
      fc.array(
        fc.oneof(
          anyText(),
          fc.constantFrom(
            '--resume',
            '-r',
            '-s',
            'resume',
            'fork',
            '--',
            '-c',
            '--model',
            '-i',
            '--session-id',
            '--x=y',
          ),
        ),
        { maxLength: 8 },
      ),
    )
    .map(([name, rest]) => [name, ...rest]);

  it('a resume has the id once, where it belongs, and only words that were there besides', () => {
    fc.assert(
      fc.property(argvs, (argv) => {
        const again = resumeArgv(argv, 'the-id')!;
        const at = findAgentWord(again)!.at;
        const added = { claude: 2, codex: 2, gemini: 2, opencode: 2, aider: 1 }[findAgentWord(again)!.name];
        const rest = again.slice(at + 1 + added).map((w) => JSON.stringify(w));
        const were = argv.map((w) => JSON.stringify(w));
        expect(rest.every((word) => were.includes(word))).toBe(true);
        expect(again.length).toBeLessThanOrEqual(argv.length + 2);
        expect(() => quoteCommand(again)).not.toThrow();
      }),
    );
  });

  it('to resume what was resumed changes nothing but the id, and an id that is read is an id', () => {
    fc.assert(
      fc.property(argvs, (argv) => {
        const id = parseAgentArgv(argv)!.id;
        if (id !== null) expect(id).toMatch(/^(?!-)[A-Za-z0-9._-]+$/u);
        const once = resumeArgv(argv, 'one')!;
        if (findAgentWord(argv)!.name !== 'aider') expect(parseAgentArgv(once)!.id).toBe('one');
        expect(resumeArgv(resumeArgv(once, 'two')!, 'one')).toEqual(once);
      }),
      { numRuns: 500 },
    );
  });
});
