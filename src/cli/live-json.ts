import type { SessionRecord } from '../session/live.ts';
import { configJson as lifeJson } from '../session/event-json.ts';
import { quoteCommand } from '../session/command-line.ts';
import { displayText, type Text } from '../session/text.ts';
import type { AiContext } from '../flow/ai-context.ts';

/** The command of a session as one would type it; null for a shell. A line for a shell is shown as it was given. */
export function commandText(argv: readonly Text[] | null): string | null {
  if (argv === null) return null;
  return argv.length === 1 ? displayText(argv[0]!) : displayText(quoteCommand(argv));
}

/** What a record says, under the names that gwq's users know (requirement S13). */
export function recordJson(record: SessionRecord) {
  return {
    ...{ id: record.id, session_name: record.name, name: record.name, kind: record.kind },
    ...{ context: record.context, identifier: record.identifier },
    working_dir: displayText(record.cwd),
    command: commandText(record.argv),
    argv: record.argv,
    worktree: record.worktree === null ? null : displayText(record.worktree),
    ...{ branch: record.branch, metadata: record.metadata },
    created_at: record.createdAt,
    history_limit: record.historyLimit,
    config: configJson(record),
  };
}

export function configJson(record: SessionRecord) {
  const { name, cwd, ai, config } = record;
  return { name, working_dir: displayText(cwd), ai, ...(config === undefined ? {} : lifeJson(config)) };
}

/** What an assistant that takes over needs (requirement S16). */
export function aiJson(context: AiContext | null) {
  if (context === null) return null;
  const { stored, branch, crqs, agents, commands } = context;
  return {
    working_dir: displayText(stored.record.cwd),
    ...{ branch, crqs, metadata: stored.record.metadata, agents },
    commands: commands.map((c) => ({
      ...{ at: c.at, command: commandText(c.argv), state: c.state },
      ...{ exit_code: c.exitCode, duration_ms: c.durationMs, preview: c.preview },
    })),
  };
}

/** Seconds since 1970 as ISO 8601. */
export function isoTime(seconds: number | null | undefined): string | null {
  return seconds == null ? null : new Date(seconds * 1000).toISOString();
}
