import type { PlannedPane, RestorePlan } from '../session/plan.ts';
import { nameFromTmux } from '../session/names.ts';
import { type Crq, MAX_SCROLLBACK_BYTES } from '../session/schema.ts';
import { fromText, type Text } from '../session/text.ts';
import { readObjects } from '../git/objects.ts';
import type { Repository } from '../git/repository.ts';
import type { BuildSession, HistoryLimit } from '../tmux/build.ts';
import { statusValue } from '../tmux/syntax.ts';
import { safe } from '../trust/safe.ts';
import { sanitizeScrollback } from '../trust/scrollback.ts';
import type { Loaded } from './load.ts';
import type { RunDirectory } from './run-directory.ts';
import { statusOptions } from './status-options.ts';

/** All scrollback of one snapshot together is never more than this many bytes. */
const MAX_ALL_SCROLLBACK = 64 * 1024 * 1024;

/** The plan in tmux's terms: what is foreign text becomes bytes here, and files where it is long. */
export async function toBuild(
  repo: Repository,
  loaded: Loaded,
  plan: RestorePlan,
  run: RunDirectory,
  temporaryName: string,
  environment: Record<string, Text>,
  crqs: Crq[],
  renamed: boolean,
  missing: string[],
  historyLimit: HistoryLimit,
): Promise<BuildSession> {
  const { snapshot, stored } = loaded;
  const ids = crqs.map((c) => c.id);
  const env: [string, Buffer][] = Object.entries(environment).map(([name, value]) => [name, fromText(value)]);
  if (ids.length > 0) env.push(['GIT_SESSION_CRQS', Buffer.from(ids.join(' '))]);
  const scrollback = await readScrollbacks(repo, loaded, plan, missing);
  return {
    temporaryName,
    name: fromText(plan.tmuxName),
    environment: env,
    historyLimit,
    cwd: plan.windows[0]!.panes[0]!.cwd,
    activeWindow: plan.activeWindow,
    lastWindow: plan.lastWindow,
    windows: plan.windows.map((w) => ({
      ...w,
      name: fromText(w.name),
      panes: w.panes.map((p) => ({
        cwd: p.cwd,
        title: fromText(p.title),
        start: p.start === null ? null : p.start.map((word) => fromText(word)),
        prelude: prelude(p, scrollback, run),
        ...{ active: p.active, last: p.last, remainOnExit: p.remainOnExit, synchronized: p.synchronized },
      })),
    })),
    members: plan.members.map((m, i) => ({
      ...m,
      name: fromText(m.name),
      temporaryName: `${temporaryName}-${i}`,
    })),
    options: [
      // Under another name it is another session, whose life begins here; so is one whose command has ended.
      ...(renamed || loaded.asNew === true
        ? []
        : [['@git-session-id', snapshot.session.id] as [string, string]]),
      ['@git-session-snapshot', stored === null ? loaded.oid : loaded.label],
      ...statusOptions({
        name: renamed ? nameFromTmux(fromText(plan.tmuxName)) : (stored?.name ?? snapshot.session.name),
        crqs: ids,
      }),
    ],
    statusLabel: ids.length > 0 ? `[${statusValue(ids.slice(0, 5).join(' '))}]` : '',
  };
}

/**
 * The scrollback files of the context, by path. Two gits, however many panes there are. What is missing
 * or too large is named in `missing`, and the session comes back without it.
 */
async function readScrollbacks(
  repo: Repository,
  loaded: Loaded,
  plan: RestorePlan,
  missing: string[],
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const wanted = new Map(
    plan.windows.flatMap((w) =>
      w.panes.flatMap((p) =>
        p.scrollback === null ? [] : [[p.scrollback, `${w.index}.${p.pane}`] as const],
      ),
    ),
  );
  if (wanted.size === 0) return found;
  const context = loaded.stored?.context ?? null;
  const listed =
    context === null ? null : await repo.git.run(['ls-tree', '-r', '-l', '-z', context, '--', 'scrollback/']);
  let left = MAX_ALL_SCROLLBACK;
  const files: { path: string; oid: string }[] = [];
  for (const entry of (listed?.code === 0 ? listed.stdout.toString('utf8') : '').split('\0')) {
    const m = /^100644 blob ([0-9a-f]+) +(\d+)\t(.*)$/u.exec(entry);
    const size = Number(m?.[2] ?? 0);
    if (m === null || !wanted.has(m[3]!) || size > MAX_SCROLLBACK_BYTES || size > left) continue;
    left -= size;
    files.push({ path: m[3]!, oid: m[1]! });
  }
  const blobs = await readObjects(
    repo.git,
    files.map((f) => f.oid),
  );
  files.forEach((f, i) => {
    const bytes = blobs[i];
    if (bytes != null) found.set(f.path, bytes);
  });
  for (const [path, pane] of wanted) {
    if (!found.has(path)) missing.push(`pane ${pane}: its scrollback is missing or too large`);
  }
  return found;
}

/** The text that a pane shows before anything runs in it: its scrollback, and what went wrong. */
function prelude(pane: PlannedPane, scrollback: Map<string, Buffer>, run: RunDirectory): string | null {
  const parts: Buffer[] = [];
  const saved = pane.scrollback === null ? undefined : scrollback.get(pane.scrollback);
  if (saved !== undefined) parts.push(sanitizeScrollback(saved));
  if (pane.problem !== null) parts.push(Buffer.from(`git session: ${safe(pane.problem)}\n`));
  if (pane.shown !== null) parts.push(Buffer.from(`git session: this ran here: ${safe(pane.shown)}\n`));
  return parts.length === 0 ? null : run.write('text', Buffer.concat(parts));
}
