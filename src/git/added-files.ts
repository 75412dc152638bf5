import type { Git } from './git.ts';

/** A file that a commit has made or changed, against its first parent. */
export interface AddedFile {
  commit: string;
  /** Raw bytes. */
  path: Buffer;
  oid: string;
  /** Null where there was none. */
  old: string | null;
}

/**
 * The files of commits that differ from those of their first parents, by one git. Their contents are nobody's business
 * here: no textconv, no diff program and no attribute of the repository has a say in what is listed. Null where an
 * object is missing.
 */
export async function addedFiles(git: Git, commits: readonly string[]): Promise<AddedFile[] | null> {
  if (commits.length === 0) return [];
  const args = [
    ...['diff-tree', '--stdin', '--root', '--diff-merges=first-parent', '-r', '--raw', '-z', '--no-abbrev'],
    ...['--no-renames', '--no-textconv', '--no-ext-diff', '--ignore-submodules=all', '--diff-filter=AMT'],
  ];
  const result = await git.run(args, { input: `${commits.join('\n')}\n` });
  if (result.code !== 0) return null;
  const found: AddedFile[] = [];
  const fields = result.stdout.toString('latin1').split('\0');
  let commit = '';
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    const changed = /^:\d+ (\d+) ([0-9a-f]+) ([0-9a-f]+) [A-Z]\d*$/u.exec(field);
    if (changed === null) {
      if (field !== '') commit = field;
      continue;
    }
    const [, mode, old = '', oid = ''] = changed;
    const path = Buffer.from(fields[++i] ?? '', 'latin1');
    // What a submodule points at is a commit of its own repository.
    if (mode === '160000') continue;
    found.push({ commit, path, oid, old: /^0+$/u.test(old) ? null : old });
  }
  return found;
}
