import type { Snapshot } from '../session/schema.ts';
import { MAX_SCROLLBACK_BYTES } from '../session/schema.ts';
import { type Text, toText } from '../session/text.ts';
import type { Git } from '../git/git.ts';
import { objectInfos, readObjects } from '../git/objects.ts';
import { type Finding, redactArgv, redactCommand, redactText } from '../trust/redact.ts';
import { readSnapshots, type StoredSnapshot } from './sessions.ts';

export interface SecretReport {
  stored: StoredSnapshot;
  /** `<rule> in <where>`, each once; never the secret itself. */
  found: string[];
  /** Why it could not be looked at. */
  unreadable: string | null;
}

/**
 * Looks for what looks like a secret in snapshots that are about to be shared (attack E6). Save has
 * redacted what it knew; an imported or forged snapshot, or one of an older version, may still hold some.
 */
export async function findSecrets(git: Git, snapshots: StoredSnapshot[]): Promise<SecretReport[]> {
  const reports: SecretReport[] = [];
  for (const read of await readSnapshots(git, snapshots)) {
    const { stored } = read;
    if ('error' in read) {
      reports.push({ stored, found: [], unreadable: read.error.message });
      continue;
    }
    const found = new Set(inSnapshot(read.snapshot));
    for (const where of await inScrollback(git, stored, read.snapshot)) found.add(where);
    if (found.size > 0) reports.push({ stored, found: [...found], unreadable: null });
  }
  return reports;
}

function inSnapshot(s: Snapshot): string[] {
  const found: string[] = [];
  const add = (findings: Finding[], where: string) =>
    found.push(...findings.map((f) => `${f.rule} in ${where}`));
  const text = (t: Text | null, where: string) => add(t === null ? [] : redactText(t).findings, where);
  const argv = (a: Text[] | null, where: string) => add(a === null ? [] : redactArgv(a).findings, where);
  text(s.message, 'the message');
  for (const [name, value] of Object.entries(s.env)) text(value, `environment variable ${name}`);
  if (s.git.branch !== null) text(s.git.branch, 'the name of the branch');
  for (const { name, url } of s.git.remotes) text(url, `the URL of remote ${name}`);
  for (const value of Object.values(s.state)) if (typeof value === 'string') text(value, 'the state');
  for (const c of s.crqs) for (const t of [c.title, c.status, c.path]) text(t, `CRQ ${c.id}`);
  for (const t of s.tmux.sessions) for (const part of [t.name, t.path.path]) text(part, 'a tmux session');
  for (const w of s.tmux.windows) {
    text(w.name, `the name of window ${w.index}`);
    for (const p of w.panes) {
      const where = `pane ${w.index}.${p.index}`;
      text(p.title, `the title of ${where}`);
      text(p.cwd.path, `the directory of ${where}`);
      if (p.start !== null && 'argv' in p.start) argv(p.start.argv, where);
      if (p.start !== null && 'shell' in p.start) add(redactCommand(p.start.shell).findings, where);
      if (p.relaunch.line !== null) add(redactCommand(p.relaunch.line).findings, where);
      argv(p.command, where);
      for (const step of p.relaunch.steps) argv(step, where);
      for (const process of p.processes) argv(process.argv, `a process of ${where}`);
    }
  }
  return found;
}

async function inScrollback(git: Git, { context }: StoredSnapshot, s: Snapshot): Promise<string[]> {
  const files = s.tmux.windows
    .flatMap((w) => w.panes.map((p) => ({ where: `${w.index}.${p.index}`, path: p.scrollback?.path })))
    .filter((f) => f.path !== undefined);
  if (context === null || files.length === 0) return [];
  const infos = await objectInfos(
    git,
    files.map((f) => `${context}:${f.path}`),
  );
  const small = files.flatMap((f, i) => {
    const info = infos[i];
    return info?.type === 'blob' && info.size <= MAX_SCROLLBACK_BYTES ? [{ ...f, oid: info.oid }] : [];
  });
  const blobs = await readObjects(
    git,
    small.map((f) => f.oid),
  );
  return small.flatMap((f, i) => {
    const bytes = blobs[i];
    if (bytes == null) return [];
    return redactText(toText(bytes)).findings.map((x) => `${x.rule} in the scrollback of pane ${f.where}`);
  });
}
