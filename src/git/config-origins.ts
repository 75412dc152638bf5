import path from 'node:path';
import { Config } from './config.ts';
import type { Git } from './git.ts';

/** One value, with the place that it comes from, as git tells it. */
export interface ConfigEntry {
  /** Section and name in lower case. */
  key: string;
  value: string;
  /** `system`, `global`, `local`, `worktree`, `command`. */
  scope: string;
  /** Absolute; null where the value is not from a file (`git -c`, the environment). */
  file: string | null;
}

/** All of git's configuration in git's order, so that of several values the last one counts. */
export async function readConfigEntries(git: Git, env: Record<string, string> = {}): Promise<ConfigEntry[]> {
  const args = ['config', '-z', '--list', '--show-scope', '--show-origin'];
  const fields = (await git.ok(args, { env })).toString('utf8').split('\0');
  const base = git.location?.workTree ?? git.location?.gitDir ?? process.cwd();
  const entries: ConfigEntry[] = [];
  for (let i = 0; i + 2 < fields.length; i += 3) {
    const [scope = '', origin = '', entry = ''] = fields.slice(i, i + 3);
    const newline = entry.indexOf('\n');
    entries.push({
      key: newline < 0 ? entry : entry.slice(0, newline),
      // A key without a value is a true boolean.
      value: newline < 0 ? 'true' : entry.slice(newline + 1),
      scope,
      file: origin.startsWith('file:') ? path.resolve(base, origin.slice(5)) : null,
    });
  }
  return entries;
}

/** True for a value that neither a repository nor the environment of this call has set. */
export function isPersonal({ scope }: Pick<ConfigEntry, 'scope'>): boolean {
  return scope === 'system' || scope === 'global';
}

/** What the user's and the system's configuration say: whom to trust is asked of nobody else (attack C21). */
export async function readPersonalConfig(git: Git): Promise<Config> {
  const entries = await readConfigEntries(git);
  // Two names of one setting, of which the last one counts.
  const named = (key: string) => (key === 'gpg.program' ? 'gpg.openpgp.program' : key);
  return new Config(entries.filter(isPersonal).map(({ key, value }) => [named(key), value]));
}
