import type { Config } from './config.ts';
import type { Repository } from './repository.ts';

/**
 * The filters that a checkout of these commits would run: programs of the user's own configuration (git-lfs, say) that
 * a `.gitattributes` of theirs asks for by name (attack C10).
 */
export async function filtersOf(
  { git }: Repository,
  config: Config,
  commits: readonly string[],
): Promise<string[]> {
  const configured = config
    .keys()
    .flatMap((key) => /^filter\.(.+)\.(?:smudge|process)$/u.exec(key)?.[1] ?? []);
  if (configured.length === 0) return [];
  const trees = [...commits];
  for (const commit of commits) {
    // The untracked files of a worktree commit.
    const third = await git.line(['rev-parse', '--verify', '--quiet', `${commit}^3`]);
    if (third !== null) trees.push(third);
  }
  const args = ['grep', '-a', '-h', '-o', '--no-color', '--no-textconv', '--no-recurse-submodules', '-E'];
  const files = ['--', ':(top,icase,glob)**/.gitattributes'];
  const found = await git.run([...args, '-e', 'filter=[^[:space:]]+', ...trees, ...files]);
  const named = new Set(found.stdout.toString('utf8').split('\n'));
  return [...new Set(configured)].filter((name) => named.has(`filter=${name}`));
}
