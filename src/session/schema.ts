import * as v from 'valibot';
import { fromText, isCanonicalText, type Text } from './text.ts';
import { AGENTS, CONVERSATION_ID, EVIDENCE } from './agent.ts';
import { isSessionName, isSnapshotId } from './names.ts';

/** The format that this program writes. Older ones are read through an upgrade, newer ones are refused. */
export const FORMAT_VERSION = 1;
/** A snapshot's blob is never larger than this many bytes. */
export const MAX_SNAPSHOT_BYTES = 4 * 1024 * 1024;
/** One pane's scrollback file in the context is never larger than this many bytes. */
export const MAX_SCROLLBACK_BYTES = 4 * 1024 * 1024;
/** Nesting of arrays and objects that is still read. */
export const MAX_DEPTH = 32;

const wellFormed = v.check((s: string) => s.isWellFormed() && !s.includes('\0'), 'not well-formed text');
const string = (max: number) => v.pipe(v.string(), v.maxLength(max), wellFormed);
const integer = (min: number, max: number) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max));
/** Seconds since 1970. */
const epoch = integer(0, 253402300799);
const pid = integer(0, 2 ** 31);

export const TextSchema: v.GenericSchema<Text> = v.pipe(
  v.union([
    v.pipe(v.string(), v.maxLength(1024 * 1024), wellFormed),
    v.strictObject({ base64: v.pipe(v.string(), v.maxLength(1024 * 1024)) }),
  ]),
  v.check((t: Text) => isCanonicalText(t), 'not the canonical form of its bytes'),
  // No path, argument or title can hold a NUL; what starts programs throws at one (attack D8).
  v.check((t: Text) => typeof t === 'string' || !fromText(t).includes(0), 'not free of NUL'),
);

/**
 * Where a path lies, so that another machine can map it: below the repository's worktree (`repo`),
 * below the home directory (`home`), or anywhere (`root`, an absolute path).
 */
export const PathSchema = v.strictObject({ in: v.picklist(['repo', 'home', 'root']), path: TextSchema });

const oid = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/u));
const argv = v.pipe(v.array(TextSchema), v.minLength(1), v.maxLength(10000));

/** What tmux started the pane with: several words are exec'd, one string goes through the shell. */
export const StartSchema = v.nullable(
  v.union([v.strictObject({ argv }), v.strictObject({ shell: TextSchema })]),
);

export const RelaunchSchema = v.strictObject({
  source: v.picklist(['start', 'foreground', 'none']),
  confidence: v.picklist(['exact', 'argv', 'rebuilt', 'unknown']),
  reason: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,63}$/u)),
  steps: v.pipe(v.array(argv), v.maxLength(32)),
  line: v.nullable(TextSchema),
});

const geometry = v.strictObject({
  x: integer(0, 10000),
  y: integer(0, 10000),
  width: integer(0, 10000),
  height: integer(0, 10000),
});

export const ProcessSchema = v.strictObject({
  pid,
  ppid: pid,
  argv: v.pipe(v.array(TextSchema), v.maxLength(10000)),
});

export const ScrollbackSchema = v.strictObject({
  /** Path in the context commit's tree. */
  path: v.pipe(v.string(), v.regex(/^scrollback\/\d{1,6}\.\d{1,6}$/u)),
  lines: integer(0, 10_000_000),
  bytes: integer(0, MAX_SCROLLBACK_BYTES),
  truncated: v.boolean(),
});

/** The coding agent that led the pane, and its conversation. */
export const AgentSchema = v.strictObject({
  name: v.picklist(AGENTS),
  conversation: v.nullable(v.pipe(v.string(), v.regex(CONVERSATION_ID))),
  confidence: v.picklist(['exact', 'guessed', 'none']),
  evidence: v.picklist(EVIDENCE),
  /** Its command line without prompts and without what named the conversation; null where it is not resumed so. */
  argv: v.nullable(argv),
});

export const PaneSchema = v.strictObject({
  index: integer(0, 100000),
  active: v.boolean(),
  last: v.boolean(),
  geometry,
  title: TextSchema,
  cwd: PathSchema,
  cwdDeleted: v.boolean(),
  start: StartSchema,
  command: v.nullable(argv),
  relaunch: RelaunchSchema,
  agent: v.nullable(AgentSchema),
  processes: v.pipe(v.array(ProcessSchema), v.maxLength(10000)),
  dead: v.nullable(v.strictObject({ status: v.nullable(integer(0, 255)) })),
  alternate: v.boolean(),
  remainOnExit: v.picklist(['on', 'off', 'failed']),
  synchronized: v.boolean(),
  historyLines: integer(0, 100_000_000),
  scrollback: v.nullable(ScrollbackSchema),
});

export const WindowSchema = v.strictObject({
  index: integer(0, 2 ** 31 - 1),
  name: TextSchema,
  active: v.boolean(),
  last: v.boolean(),
  zoomed: v.boolean(),
  automaticRename: v.boolean(),
  width: integer(1, 10000),
  height: integer(1, 10000),
  layout: string(65536),
  panes: v.pipe(v.array(PaneSchema), v.minLength(1), v.maxLength(1000)),
});

export const TmuxSessionSchema = v.strictObject({
  name: TextSchema,
  group: v.nullable(TextSchema),
  path: PathSchema,
  activeWindow: integer(0, 2 ** 31 - 1),
  lastWindow: v.nullable(integer(0, 2 ** 31 - 1)),
  createdAt: epoch,
  lastAttachedAt: v.nullable(epoch),
  attachedClients: integer(0, 100000),
});

export const CrqSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/u)),
  title: v.nullable(string(1000)),
  status: v.nullable(string(100)),
  /** Path of the document in the repository; the identity of a CRQ, as numbers collide. */
  path: v.nullable(TextSchema),
});

export const GitSchema = v.strictObject({
  objectFormat: v.picklist(['sha1', 'sha256']),
  head: v.nullable(oid),
  branch: v.nullable(string(1000)),
  detached: v.boolean(),
  upstream: v.nullable(string(1000)),
  remotes: v.pipe(v.array(v.strictObject({ name: string(1000), url: string(10000) })), v.maxLength(1000)),
  linkedWorktree: v.boolean(),
  bare: v.boolean(),
  operation: v.nullable(v.picklist(['merge', 'rebase', 'am', 'cherry-pick', 'revert', 'bisect'])),
  changes: v.strictObject({
    staged: integer(0, 10_000_000),
    unstaged: integer(0, 10_000_000),
    untracked: integer(0, 10_000_000),
    unmerged: integer(0, 10_000_000),
  }),
  /** The worktree commit, in the shape of a stash commit; null where the tree was clean or `--no-work`. */
  work: v.nullable(oid),
  /** Untracked files that were not taken, because they look like credentials or are repositories. */
  leftOut: v.pipe(v.array(v.strictObject({ path: TextSchema, reason: string(64) })), v.maxLength(100000)),
});

const envName = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/u));

export const StateSchema = v.variant('name', [
  v.strictObject({ name: v.literal('created') }),
  v.strictObject({ name: v.literal('running'), iteration: integer(0, 2 ** 31) }),
  v.strictObject({ name: v.literal('paused'), reason: string(10000) }),
  v.strictObject({ name: v.literal('completed'), summary: string(100000) }),
  v.strictObject({ name: v.literal('failed'), error: string(100000) }),
]);

export const SnapshotSchema = v.pipe(
  v.strictObject({
    format: v.literal('git-session/snapshot'),
    version: v.literal(FORMAT_VERSION),
    session: v.strictObject({
      id: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u)),
      name: v.pipe(v.string(), v.check(isSessionName, 'not a session name')),
    }),
    previous: v.nullable(v.pipe(v.string(), v.check(isSnapshotId, 'not a snapshot id'))),
    savedAt: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u)),
    savedBy: v.strictObject({ name: string(1000), email: string(1000) }),
    host: v.strictObject({
      name: string(1000),
      os: string(100),
      arch: string(100),
      tmux: string(100),
      tool: string(100),
    }),
    message: v.nullable(string(100000)),
    crqs: v.pipe(v.array(CrqSchema), v.maxLength(1000)),
    git: GitSchema,
    env: v.record(envName, TextSchema),
    tmux: v.strictObject({
      /** The saved session first, then the other members of its group. */
      sessions: v.pipe(v.array(TmuxSessionSchema), v.minLength(1), v.maxLength(1000)),
      windows: v.pipe(v.array(WindowSchema), v.minLength(1), v.maxLength(1000)),
    }),
    state: StateSchema,
    redactions: v.pipe(
      v.array(v.strictObject({ rule: string(100), where: string(1000) })),
      v.maxLength(100000),
    ),
  }),
);

export type Snapshot = v.InferOutput<typeof SnapshotSchema>;
export type TmuxWindow = v.InferOutput<typeof WindowSchema>;
export type TmuxPane = v.InferOutput<typeof PaneSchema>;
export type PaneAgent = v.InferOutput<typeof AgentSchema>;
export type TmuxSession = v.InferOutput<typeof TmuxSessionSchema>;
export type SnapshotPath = v.InferOutput<typeof PathSchema>;
export type GitFacts = v.InferOutput<typeof GitSchema>;
export type Crq = v.InferOutput<typeof CrqSchema>;
export type State = v.InferOutput<typeof StateSchema>;
