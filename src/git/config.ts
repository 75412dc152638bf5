import type { Git } from './git.ts';

/** git's configuration, read once by one git. Keys as git prints them: section and name in lower case. */
export class Config {
  private readonly values: Map<string, string[]>;

  constructor(entries: [string, string][]) {
    this.values = new Map();
    for (const [key, value] of entries) {
      const known = this.values.get(key);
      if (known === undefined) this.values.set(key, [value]);
      else known.push(value);
    }
  }

  /** `cwd`: in whose repository, for a git that was told none; else the current directory. */
  static async read(git: Git, env: Record<string, string> = {}, cwd?: string): Promise<Config> {
    const options = cwd === undefined ? { env } : { env, cwd };
    const out = (await git.ok(['config', '-z', '--list'], options)).toString('utf8');
    return new Config(
      out
        .split('\0')
        .filter((e) => e !== '')
        .map((entry) => {
          const newline = entry.indexOf('\n');
          // A key without a value is a true boolean.
          return newline < 0 ? [entry, 'true'] : [entry.slice(0, newline), entry.slice(newline + 1)];
        }),
    );
  }

  /** The last value, which is the one that counts. */
  get(key: string): string | null {
    return this.values.get(normalize(key))?.at(-1) ?? null;
  }

  getAll(key: string): string[] {
    return this.values.get(normalize(key)) ?? [];
  }

  getBoolean(key: string, otherwise: boolean): boolean {
    const value = this.get(key)?.toLowerCase();
    if (value === undefined) return otherwise;
    if (['true', 'yes', 'on', '1', ''].includes(value)) return value !== '';
    if (['false', 'no', 'off', '0'].includes(value)) return false;
    // git takes any other number for true.
    if (/^[+-]?\d+[kmg]?$/u.test(value)) return !/^[+-]?0+[kmg]?$/u.test(value);
    return otherwise;
  }

  keys(): string[] {
    return [...this.values.keys()];
  }

  /** Remote names in the order of the configuration, with their first URL. */
  remotes(): { name: string; url: string }[] {
    return this.keys()
      .filter((k) => k.startsWith('remote.') && k.endsWith('.url'))
      .map((k) => ({ name: k.slice(7, -4), url: this.values.get(k)![0]! }));
  }
}

/** git compares section and name without case, a subsection with it. */
function normalize(key: string): string {
  const first = key.indexOf('.');
  const last = key.lastIndexOf('.');
  return key.slice(0, first).toLowerCase() + key.slice(first, last) + key.slice(last).toLowerCase();
}
