import { spawn } from 'node:child_process';
import { Git } from '../git/git.ts';

/**
 * Shows text in the pager that git would use; only where there is a terminal. `pager.session` switches it off or names
 * another one, as for git's own commands. False where none has shown it.
 */
export async function showInPager(text: string): Promise<boolean> {
  const pager = await choosePager();
  return pager !== null && runPager(pager, text);
}

async function choosePager(): Promise<string | null> {
  const git = new Git(null);
  const directory = process.env['GIT_DIR'];
  const env: Record<string, string> = directory === undefined ? {} : { GIT_DIR: directory };
  const [configured, usual] = await Promise.all([
    git.line(['config', '--get', 'pager.session'], { env }),
    git.line(['var', 'GIT_PAGER'], { env }),
  ]);
  const pager = pagerOf(configured, process.env['GIT_PAGER'], usual);
  return pager === '' || pager === 'cat' ? null : pager;
}

/** git's order: a boolean decides whether; GIT_PAGER comes before the program of `pager.<cmd>`, that before the rest. */
export function pagerOf(
  configured: string | null,
  environment: string | undefined,
  usual: string | null,
): string {
  const value = configured?.trim() ?? 'true';
  if (/^(?:false|no|off|0|)$/iu.test(value)) return '';
  const isProgram = !/^(?:true|yes|on|\d+)$/iu.test(value);
  return isProgram && environment === undefined ? value : (usual ?? '');
}

/** False where it could not be started. A reader who leaves early has seen enough. */
function runPager(pager: string, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    const env = { LESS: 'FRX', LV: '-c', ...process.env, GIT_PAGER_IN_USE: 'true' };
    const child = spawn('/bin/sh', ['-c', pager], { stdio: ['pipe', 'inherit', 'inherit'], env });
    // Ctrl-C is for the pager: without it we would leave it behind on the terminal.
    const ignore = () => undefined;
    process.on('SIGINT', ignore);
    const end = (shown: boolean) => {
      process.off('SIGINT', ignore);
      resolve(shown);
    };
    child.on('error', () => end(false));
    child.on('close', (code) => end(code !== 126 && code !== 127));
    child.stdin.on('error', ignore);
    child.stdin.end(text);
  });
}
