import type { Snapshot } from '../session/schema.ts';
import { type Text, toText } from '../session/text.ts';
import type { Git } from '../git/git.ts';
import { objectInfos, type ObjectInfo, readObjects } from '../git/objects.ts';
import { type Allowed, argvPart, commandPart, inspect, type Part, textPart } from './parts.ts';
import { readSnapshots, type StoredSnapshot } from './sessions.ts';
import { redactText, viewOf } from '../trust/redact.ts';
import { contentsOf, fits, type WorkCommits, workFiles, workPart } from './work-parts.ts';

export interface SecretReport {
  stored: StoredSnapshot;
  /** `<rule> in <where>`, each once; never the secret itself. */
  found: string[];
  /** What was not looked at: it is too large, or not there. */
  unseen: string[];
  /** Why it could not be looked at. */
  unreadable: string | null;
}

/** Bytes of scrollback and uncommitted work that one call reads. */
const MAX_TOTAL = 256 * 1024 * 1024;

interface Looked {
  stored: StoredSnapshot;
  snapshot: Snapshot;
  parts: Part[];
  unseen: string[];
  /** Files of the context, with what git said of them. */
  texts: { where: string; info: ObjectInfo | null }[];
  work: WorkCommits | null;
}

/**
 * Looks for what looks like a secret in snapshots that are about to be shared (attack E6): in what they say, in the text
 * of their panes, and in what their uncommitted work adds. Save has redacted what it knew; an imported or forged
 * snapshot, or one of an older version, may still hold some, and files are taken as they are.
 */
export async function findSecrets(
  git: Git,
  snapshots: StoredSnapshot[],
  allow: Allowed = new Set(),
): Promise<SecretReport[]> {
  const reports = new Map<StoredSnapshot, SecretReport>();
  const looked: Looked[] = [];
  for (const read of await readSnapshots(git, snapshots)) {
    const { stored } = read;
    if ('error' in read) {
      reports.set(stored, { stored, found: [], unseen: [], unreadable: read.error.message });
    } else {
      const parts = inSnapshot(read.snapshot, allow);
      looked.push({ stored, snapshot: read.snapshot, parts, unseen: [], texts: [], work: null });
    }
  }
  await readTexts(git, looked, allow);
  const found = await inspect(
    looked.flatMap(({ parts }) => parts),
    allow,
  );
  for (const { stored, parts, unseen } of looked) {
    const said = new Set(parts.flatMap((part) => found.get(part) ?? []));
    if (said.size + unseen.length === 0) continue;
    reports.set(stored, { stored, found: [...said], unseen: [...new Set(unseen)], unreadable: null });
  }
  return snapshots.flatMap((s) => reports.get(s) ?? []);
}

/** Adds the parts that are objects of their own: what they are is asked for at once, and they are read at once. */
async function readTexts(git: Git, looked: readonly Looked[], allow: Allowed): Promise<void> {
  await askFor(git, looked);
  const works = looked.flatMap(({ work }) => work ?? []);
  const files = await workFiles(git, works);
  const contents = contentsOf([...(files?.values() ?? [])].flat());
  const infos = await objectInfos(git, contents);
  const sizes = new Map<string, number>();
  for (const { texts } of looked) {
    for (const { info } of texts) if (info !== null && fits(info)) sizes.set(info.oid, info.size);
  }
  for (const info of infos) if (info !== null && fits(info)) sizes.set(info.oid, info.size);
  const bytes = await readWithin(git, sizes);
  const seen = new Map<string, Part | string | null>();
  for (const one of looked) {
    for (const { where, info } of one.texts) {
      const text = info === null ? undefined : bytes.get(info.oid);
      if (text !== undefined) one.parts.push(textPart(toText(text), where, allow));
      else if (info?.type === 'blob') one.unseen.push(where);
    }
    if (one.work === null) continue;
    const own = files?.get(one.work.work);
    if (own === undefined) one.unseen.push('the uncommitted work');
    for (const file of own ?? []) {
      // Snapshots of one moment share their work.
      const key = `${file.oid} ${file.old} ${file.path.toString('latin1')}`;
      const part = seen.has(key) ? seen.get(key)! : workPart(file, bytes, allow);
      seen.set(key, part);
      one.parts.push(textPart(toText(file.path), 'the name of a file of the uncommitted work', allow));
      if (typeof part === 'string') one.unseen.push(viewOf(redactText(part).text));
      else if (part !== null) one.parts.push(part);
    }
  }
}

/** What git says of the files of contexts, and of the commits of uncommitted work. */
async function askFor(git: Git, looked: readonly Looked[]): Promise<void> {
  const names: string[] = [];
  const ask = (name: string) => names.push(name) - 1;
  const asked = looked.map((one) => ({
    one,
    texts: (one.stored.context === null ? [] : panesOf(one.snapshot)).flatMap(({ pane, where }) =>
      pane.scrollback === null
        ? []
        : [
            {
              where: `the scrollback of pane ${where}`,
              at: ask(`${one.stored.context}:${pane.scrollback.path}`),
            },
          ],
    ),
    work: one.snapshot.git.work,
    commits: (one.snapshot.git.work === null ? [] : ['', '^2', '^3']).map((parent) =>
      ask(`${one.snapshot.git.work}${parent}`),
    ),
  }));
  const infos = await objectInfos(git, names);
  for (const { one, texts, work, commits } of asked) {
    one.texts = texts.map(({ where, at }) => ({ where, info: infos[at] ?? null }));
    const there = commits.flatMap((at) => (infos[at]?.type === 'commit' ? [infos[at].oid] : []));
    if (work !== null && there.length > 0) one.work = { work, commits: there };
    else if (work !== null) one.unseen.push('the uncommitted work');
  }
}

/** The contents of these objects, as many as one call reads. */
async function readWithin(git: Git, sizes: ReadonlyMap<string, number>): Promise<Map<string, Buffer>> {
  let total = 0;
  const oids = [...sizes].flatMap(([oid, size]) => ((total += size) <= MAX_TOTAL ? [oid] : []));
  const blobs = await readObjects(git, oids);
  return new Map(oids.flatMap((oid, i) => (blobs[i] == null ? [] : [[oid, blobs[i]] as const])));
}

function panesOf({ tmux }: Snapshot) {
  return tmux.windows.flatMap((w) => w.panes.map((pane) => ({ pane, where: `${w.index}.${pane.index}` })));
}

function inSnapshot(s: Snapshot, allow: Allowed): Part[] {
  const found: Part[] = [];
  const text = (t: Text | null, where: string) => {
    if (t !== null) found.push(textPart(t, where, allow));
  };
  const command = (line: Text | null, where: string) => {
    if (line !== null) found.push(commandPart(line, where, allow));
  };
  const argv = (a: Text[] | null, where: string) => {
    if (a !== null) found.push(argvPart(a, where, allow));
  };
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
      if (p.start !== null && 'shell' in p.start) command(p.start.shell, where);
      command(p.relaunch.line, where);
      argv(p.command, where);
      for (const step of p.relaunch.steps) argv(step, where);
      argv(p.agent?.argv ?? null, `the agent of ${where}`);
      for (const process of p.processes) argv(process.argv, `a process of ${where}`);
    }
  }
  return found;
}
