import { MAX_SCROLLBACK_BYTES, type Snapshot } from '../session/schema.ts';
import { fromText, toText } from '../session/text.ts';
import type { Config } from '../git/config.ts';
import type { LiveSession, LiveState } from '../tmux/capture.ts';
import { readScrollback } from '../tmux/scrollback.ts';
import type { Tmux } from '../tmux/tmux.ts';
import { DEFAULT_ALLOW, selectEnvironment } from '../trust/environment.ts';
import { type Redaction, redactText } from '../trust/redact.ts';
import type { Scrollback } from './describe.ts';

/**
 * The variables that are saved: allow-listed names, from the session's environment or the server's. A value that looks
 * like a secret is not: with another one in its place a restored session would be wrong.
 */
export function environmentOf(
  config: Config,
  state: LiveState,
  session: LiveSession,
  names: string[],
  warnings: string[],
  rules: Redaction,
): Snapshot['env'] {
  const own = state.environment.get(session.id) ?? new Map<string, Buffer | null>();
  const merged = new Map<string, Buffer>();
  for (const [name, value] of state.environment.get('global') ?? [])
    if (value !== null) merged.set(name, value);
  for (const [name, value] of own) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  const asked = [...config.getAll('session.env').flatMap((v) => v.split(/[\s,]+/u)), ...names].filter(
    (n) => n !== '',
  );
  const { env, refused } = selectEnvironment(merged, [...DEFAULT_ALLOW, ...asked], { secrets: false });
  for (const { name, reason } of refused) {
    if (asked.includes(name)) warnings.push(`environment variable ${name} is not saved: ${reason}`);
  }
  for (const name of names) {
    if (!(name in env) && !refused.some((r) => r.name === name)) {
      warnings.push(`environment variable ${name} is not set in the tmux session`);
    }
  }
  const kept: Snapshot['env'] = {};
  for (const [name, value] of Object.entries(env)) {
    const [finding] = redactText(value, rules).findings;
    if (finding === undefined) kept[name] = value;
    else warnings.push(`environment variable ${name} is not saved: ${finding.rule}`);
  }
  return kept;
}

/** The panes' text by pane id, redacted, at most so many lines and bytes each. */
export async function captureScrollback(
  tmux: Tmux,
  state: LiveState,
  { scrollback: lines, allow }: { scrollback: number; allow?: ReadonlySet<string> },
  warnings: string[],
): Promise<Map<string, Scrollback>> {
  if (lines === 0) return new Map();
  const panes = new Map(state.panes.map((p) => [p.id, p]));
  const raw = await readScrollback(
    tmux,
    [...panes.values()].map((p) => ({ paneId: p.id, alternate: p.alternate })),
    lines,
  );
  const result = new Map<string, Scrollback>();
  for (const [id, bytes] of raw) {
    if (bytes.length === 0) continue;
    const cleaned = redactText(toText(bytes), allow === undefined ? {} : { allow }).text;
    let kept = fromText(cleaned);
    let truncated = (panes.get(id)?.historyLines ?? 0) > lines;
    if (kept.length > MAX_SCROLLBACK_BYTES) {
      kept = kept.subarray(kept.indexOf(10, kept.length - MAX_SCROLLBACK_BYTES) + 1);
      truncated = true;
    }
    const count = kept.reduce((n, c) => (c === 10 ? n + 1 : n), 0);
    if (truncated) {
      const p = panes.get(id);
      warnings.push(`scrollback of pane ${p?.index ?? id} cut to ${count} lines`);
    }
    result.set(id, { bytes: kept, lines: count, truncated });
  }
  return result;
}
