import { rm } from 'node:fs/promises';
import { failed, type Git } from './git.ts';

/** Null where all went well, git's words where another try may go better. Anything else throws. */
export async function fastImport(git: Git, stream: Buffer): Promise<string | null> {
  const args = ['fast-import', '--quiet', '--done', '--date-format=raw'];
  const input = Buffer.concat([stream, Buffer.from('done\n')]);
  // Loose objects can be collected by a `gc --prune=now` that runs meanwhile; a pack is not (faults F19).
  const config = ['fastimport.unpackLimit=1'];
  const result = await git.run(args, { input, config, env: { LC_ALL: 'C' } });
  if (result.code === 0) return null;
  await removeRemains(result.stderr);
  const said = (result.stderr.split('\n')[0] ?? '').replace(/^(?:warning|error|fatal): /u, '');
  if (result.code === 1 || PACK_LOST.test(result.stderr)) return said;
  throw failed(args, result);
}

/**
 * A `gc --prune=now` also removes the temporary pack of a fast-import that still writes it; a pack of the
 * same name, from the same write a moment ago, is kept from being made twice. Both go well next time.
 */
export const PACK_LOST =
  /objects\/pack\/[^\n]*: No such file or directory|cannot create keep file: File exists/u;

/** What fast-import leaves in the repository when it dies: all that it was given, and a mark on a pack that is not there. */
async function removeRemains(stderr: string): Promise<void> {
  const report = /^fast-import: dumping crash report to (.*\/fast_import_crash_\d+)$/mu.exec(stderr)?.[1];
  if (report !== undefined) await rm(report, { force: true });
  const pack = /unable to write file (.*\/pack-[0-9a-f]+)\.(?:pack|idx): /u.exec(stderr)?.[1];
  if (pack !== undefined) await rm(`${pack}.keep`, { force: true });
}
