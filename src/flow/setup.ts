import { fetchRefspecs, remoteNames, requireRemote } from '../store/remotes.ts';
import type { Config } from '../git/config.ts';
import type { Git } from '../git/git.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export interface Setting {
  key: string;
  value: string;
}

export interface SetupResult {
  remotes: string[];
  added: Setting[];
  /** Settings that the user has with another value, which were left as they are. */
  kept: Setting[];
}

/** What init has added, as `<key> <value>`: uninit takes away exactly this. */
const RECORD = 'session.initAdded';

/**
 * A pattern also for the one ref: git warns at each `git log` about a display ref that is not there,
 * and about a pattern not.
 */
const NOTES_PATTERN = 'refs/notes/crq*';

/** Settings of the clone, whatever remotes it has. A list gets one more value, a single one is only set where it is unset. */
const LOCAL: (Setting & { list: boolean })[] = [
  { key: 'notes.displayRef', value: NOTES_PATTERN, list: true },
  { key: 'notes.rewriteRef', value: NOTES_PATTERN, list: true },
  { key: 'notes.rewriteMode', value: 'cat_sort_uniq', list: false },
  { key: 'notes.crq.mergeStrategy', value: 'cat_sort_uniq', list: false },
];

/** Sets this clone up so that plain `git fetch` brings sessions and `git log` shows CRQ notes. */
export async function setup(names: string[]): Promise<SetupResult> {
  const ws = await openWorkspace();
  const { git } = ws.repo;
  const remotes =
    names.length === 0
      ? remoteNames(ws.config)
      : [...new Set(names)].map((name) => requireRemote(ws.config, name));
  const result: SetupResult = { remotes, added: [], kept: [] };
  for (const setting of wantedSettings(ws.config, remotes)) {
    const known = ws.config.getAll(setting.key);
    if (known.some((value) => covers(value, setting.value))) continue;
    if (!setting.list && known.length > 0) {
      result.kept.push({ key: setting.key, value: known.at(-1)! });
      continue;
    }
    const { key, value } = setting;
    // The record first: killed in between, uninit has nothing to find, and nothing of ours stays for good.
    await git.ok(['config', '--local', '--add', RECORD, `${key} ${value}`]);
    await git.ok(['config', '--local', '--add', key, value]);
    result.added.push({ key, value });
  }
  return result;
}

/** `refs/notes/*` shows `refs/notes/crq*` too. */
function covers(known: string, wanted: string): boolean {
  if (known === wanted) return true;
  return wanted === NOTES_PATTERN && ['refs/notes/crq', 'refs/notes/*', '*'].includes(known);
}

function wantedSettings(config: Config, remotes: string[]): (Setting & { list: boolean })[] {
  const refspecs = remotes.flatMap((remote) => {
    const { sessions, notes } = fetchRefspecs(remote);
    return [sessions, notes].map((value) => ({ key: `remote.${remote}.fetch`, value, list: true }));
  });
  // The mode counts for every notes ref: who rewrites other notes has chosen theirs, or git's default.
  const others = config.getAll('notes.rewriteRef').some((ref) => !covers(ref, NOTES_PATTERN));
  return [...refspecs, ...LOCAL.filter((s) => !(others && s.key === 'notes.rewriteMode'))];
}

export interface SetupState {
  /** Remotes whose refspecs are not all there. */
  missingRemotes: string[];
  notesShown: boolean;
}

/** For doctor: whether init was run, and for which remotes. */
export function setupState({ config }: Workspace): SetupState {
  const missing = remoteNames(config).filter((name) => {
    const known = config.getAll(`remote.${name}.fetch`);
    const { sessions, notes } = fetchRefspecs(name);
    return !known.includes(sessions) || !known.includes(notes);
  });
  const shown = config.getAll('notes.displayRef').some((value) => covers(value, NOTES_PATTERN));
  return { missingRemotes: missing, notesShown: shown };
}

/** Takes away what init has added and nothing else, also where the user has added the same once more. */
export async function uninit(): Promise<Setting[]> {
  const { git } = (await openWorkspace()).repo;
  const removed: Setting[] = [];
  const recorded = await localValues(git, RECORD);
  for (const line of new Set(recorded)) {
    const space = line.indexOf(' ');
    const [key, value] = [line.slice(0, space), line.slice(space + 1)];
    const times = space <= 0 ? 0 : (await localValues(git, key)).filter((v) => v === value).length;
    if (times === 0) continue;
    await git.ok(['config', '--local', '--fixed-value', '--unset-all', key, value]);
    for (let i = 1; i < times; i++) await git.ok(['config', '--local', '--add', key, value]);
    removed.push({ key, value });
  }
  if (recorded.length > 0) await git.ok(['config', '--local', '--unset-all', RECORD]);
  return removed;
}

async function localValues(git: Git, key: string): Promise<string[]> {
  const found = await git.run(['config', '--local', '-z', '--get-all', key]);
  return found.code === 0 ? found.stdout.toString('utf8').split('\0').slice(0, -1) : [];
}
