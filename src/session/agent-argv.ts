import { type AgentName, findAgentWord, isConversationId } from './agent.ts';
import { displayText, type Text } from './text.ts';

/** What an agent's command line may hold, as far as a resume has to know. Options as words between spaces. */
interface Rules {
  /** Their value is the next word. */
  values: string;
  /** Their value may be missing. */
  optional?: string;
  /** Every word up to the next option is a value. */
  lists?: string;
  /** Take no value. Only where a prompt may follow does it matter to know them. */
  flags?: string;
  /** Name the conversation. */
  ids: string;
  /** Go on with some conversation, or branch off from it. */
  goOn: string;
  /** Branches off: the id on the command line is not the one of the conversation then. */
  fork?: string;
  /** Hold a prompt, or what belongs to one. */
  prompts: string;
  /** Answer once and end. */
  once: string;
  /** First words that make it something else than a conversation. */
  others: string;
  /** Words that are no options: a prompt is sent once, a file or folder is kept. */
  positional: 'prompt' | 'keep';
}

const RULES: Readonly<Record<AgentName, Rules>> = {
  claude: {
    values:
      '--agent --agents --append-system-prompt --append-system-prompt-file --effort --fallback-model --input-format ' +
      '--json-schema --max-budget-usd --max-turns --model -n --name --output-format --permission-mode ' +
      '--permission-prompt-tool --setting-sources --settings --system-prompt --system-prompt-file',
    optional: '-d --debug --teammate-mode --tmux -w --worktree',
    lists:
      '--add-dir --allowedTools --allowed-tools --betas --disallowedTools --disallowed-tools --file --mcp-config ' +
      '--plugin-dir --tools',
    flags:
      '--allow-dangerously-skip-permissions --chrome --dangerously-skip-permissions --disable-slash-commands --ide ' +
      '--no-chrome --strict-mcp-config --verbose',
    ids: '--resume -r --session-id',
    goOn: '--continue -c --fork-session',
    fork: '--fork-session',
    prompts: '--prompt',
    once: '-p --print -v --version -h --help',
    others:
      'agents auth auto-mode config doctor install mcp migrate-installer plugin plugins remote-control setup-token ' +
      'update upgrade',
    positional: 'prompt',
  },
  codex: {
    values:
      '--add-dir -a --ask-for-approval -C --cd -c --config --disable --enable --local-provider -m --model -p --profile ' +
      '--remote -s --sandbox',
    flags: '--dangerously-bypass-approvals-and-sandbox --full-auto --no-alt-screen --oss --search --yolo',
    ids: '',
    goOn: '--all --last',
    prompts: '-i --image',
    once: '-V --version -h --help',
    others:
      'a app app-server apply archive cloud completion debug delete doctor e exec exec-server execpolicy features help ' +
      'login logout mcp mcp-server plugin responses-api-proxy review sandbox stdio-to-uds unarchive update',
    positional: 'prompt',
  },
  gemini: {
    values: '--approval-mode -m --model -o --output-format --proxy',
    lists:
      '--allowed-mcp-server-names --allowed-tools -e --extensions --include-directories --policy --admin-policy',
    flags: '-d --debug --screen-reader -s --sandbox -y --yolo',
    ids: '--resume -r --session-id',
    goOn: '',
    prompts: '-i --prompt-interactive',
    once: '-p --prompt --acp --experimental-acp -l --list-extensions --list-sessions --delete-session -v --version -h --help',
    others: 'extension extensions hook hooks mcp skill skills',
    positional: 'prompt',
  },
  opencode: {
    values: '--agent --cors --hostname --log-level -m --model --port',
    flags: '--mdns --print-logs --pure',
    ids: '--session -s',
    goOn: '--continue -c --fork',
    fork: '--fork',
    prompts: '--prompt -p',
    once: '-v --version -h --help',
    others:
      'acp agent attach auth completion db debug export generate github import mcp models plugin pr providers run serve ' +
      'session stats uninstall upgrade web',
    positional: 'keep',
  },
  aider: {
    values: '--chat-history-file',
    ids: '',
    goOn: '--restore-chat-history --no-restore-chat-history',
    prompts: '',
    once: '-m --msg --message -f --message-file --version -h --help --just-check-update --commit --apply',
    others: '',
    positional: 'keep',
  },
};

type Kind = 'keep' | 'id' | 'go-on' | 'prompt';

interface Parsed {
  name: AgentName;
  /** What stands in front of the agent's name, and the name. */
  head: Text[];
  tokens: { kind: Kind; words: Text[] }[];
  id: string | null;
  /** It goes on with a conversation that the words do not name. */
  continues: boolean;
  conversation: boolean;
  historyFile: string | null;
}

/** Reads an agent's command line; null where there is no agent's name in it. */
export function parseAgentArgv(argv: readonly Text[]): Parsed | null {
  const found = findAgentWord(argv);
  if (found === null) return null;
  const { name, at } = found;
  const head = argv.slice(0, at + 1);
  return { name, head, ...tokensOf(name, RULES[name], argv.slice(at + 1)) };
}

/** True where this command line talks with somebody: no subcommand for something else, no single answer. */
export function isConversation(name: AgentName, argv: readonly Text[]): boolean {
  const parsed = parseAgentArgv(argv);
  return parsed?.name === name && parsed.conversation;
}

/**
 * The words to be kept for a restore: without prompts, which are sent once. Where the conversation is known, without
 * the words that named one, too; `resumeArgv` puts them in anew.
 */
export function keptArgv(argv: readonly Text[], conversationKnown: boolean): Text[] | null {
  const parsed = parseAgentArgv(argv);
  return parsed && [...parsed.head, ...kept(parsed, conversationKnown)];
}

/** The command that goes on with a conversation, in the words of the one that began it. */
export function resumeArgv(argv: readonly Text[], conversation: string): Text[] | null {
  const parsed = parseAgentArgv(argv);
  if (parsed === null || !isConversationId(conversation)) return null;
  return [...parsed.head, ...RESUME[parsed.name](conversation), ...kept(parsed, true)];
}

/** True where the words themselves go on with some conversation: `claude --continue`. */
export function goesOn(argv: readonly Text[]): boolean {
  return parseAgentArgv(argv)?.tokens.some((t) => t.kind === 'go-on' || t.kind === 'id') === true;
}

const RESUME: Readonly<Record<AgentName, (id: string) => string[]>> = {
  claude: (id) => ['--resume', id],
  codex: (id) => ['resume', id],
  gemini: (id) => ['--resume', id],
  opencode: (id) => ['-s', id],
  aider: () => ['--restore-chat-history'],
};

function kept({ tokens }: Parsed, conversationKnown: boolean): Text[] {
  const dropped = new Set<Kind>(conversationKnown ? ['prompt', 'id', 'go-on'] : ['prompt']);
  return tokens.filter((t) => !dropped.has(t.kind)).flatMap((t) => t.words);
}

function tokensOf(name: AgentName, rules: Rules, args: readonly Text[]): Omit<Parsed, 'name' | 'head'> {
  const sets = Object.fromEntries(
    Object.entries(rules).map(([key, words]) => [key, new Set((words as string).split(' '))]),
  ) as Partial<Record<keyof Rules, Set<string>>>;
  const has = (set: keyof Rules, option: string) => sets[set]?.has(option) === true;
  const tokens: Parsed['tokens'] = [];
  let id: string | null = null;
  let [continues, forks, conversation] = [false, false, true];
  let historyFile: string | null = null;
  let verb: string | null = null;
  let positionals = 0;
  const add = (kind: Kind, from: number, to: number) => tokens.push({ kind, words: args.slice(from, to) });
  for (let i = 0; i < args.length; i++) {
    const word = displayText(args[i]!);
    const from = i;
    if (word === '--') {
      add(rules.positional, from, args.length);
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      const first = positionals++ === 0;
      if (first && has('others', word)) conversation = false;
      if (name === 'codex' && first && (word === 'resume' || word === 'fork')) {
        verb = word;
        forks ||= word === 'fork';
        continues ||= word === 'resume';
        add('go-on', from, i + 1);
      } else if (verb !== null && positionals === 2 && !tokens.some((t) => t.words[0] === '--last')) {
        if (isConversationId(word)) id = word;
        add('id', from, i + 1);
      } else add(rules.positional, from, i + 1);
      continue;
    }
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const option = equals < 0 ? word : word.slice(0, equals);
    const next = args[i + 1] === undefined ? undefined : displayText(args[i + 1]!);
    const isValue = next !== undefined && !next.startsWith('-');
    if (has('once', option)) conversation = false;
    forks ||= has('fork', option);
    const named = has('ids', option);
    if (equals < 0) {
      if (has('values', option) || (name !== 'gemini' && named && option === '--session-id')) i++;
      else if (has('prompts', option)) i++;
      else if ((named || has('optional', option)) && isValue) i++;
      else if (has('lists', option)) while (isWord(args[i + 1])) i++;
      else if (isUnknown(option, has) && isValue && !/\s/u.test(next)) i++;
    }
    const value = equals < 0 ? (i > from ? displayText(args[i] ?? '') : '') : word.slice(equals + 1);
    if (option === '--chat-history-file' && name === 'aider') historyFile = value;
    if (named) {
      // A number counts the conversations of a list that has changed since.
      const isId = isConversationId(value) && !/^(?:\d+|latest)$/u.test(value);
      if (isId) id = value;
      else continues = true;
      add('id', from, i + 1);
    } else if (has('goOn', option)) {
      continues ||= option !== '--fork-session' && option !== '--fork';
      add('go-on', from, i + 1);
    } else add(has('prompts', option) ? 'prompt' : 'keep', from, i + 1);
  }
  const ownId = tokens.some((t) => /^--session-id(?:=|$)/u.test(displayText(t.words[0]!)));
  if (forks && !ownId) id = null;
  return { tokens, id, continues: continues && id === null, conversation, historyFile };
}

function isWord(arg: Text | undefined): boolean {
  return arg !== undefined && !displayText(arg).startsWith('-');
}

/** Of an option that a later version has brought nobody knows whether the next word is its value. */
function isUnknown(option: string, has: (set: keyof Rules, option: string) => boolean): boolean {
  return !(['flags', 'once', 'goOn', 'fork', 'ids', 'optional'] as const).some((set) => has(set, option));
}
