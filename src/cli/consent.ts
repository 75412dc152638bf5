import { createInterface } from 'node:readline/promises';
import type { Loaded } from '../flow/load.ts';
import { plannedCommands } from '../flow/consent.ts';
import type { RestorePlan } from '../session/plan.ts';
import type { Signature } from '../store/signature.ts';
import { looksConfusable, safe, safeArgv } from '../trust/safe.ts';
import { questionStream, tell } from './output.ts';
import { gitStep } from './plan.ts';
import { signatureText } from './signature.ts';

/**
 * Shows every command that would start, one per line and none cut, and asks. Only called with a
 * terminal; the answer is read from it.
 */
export async function askConsent(
  plan: RestorePlan,
  loaded: Loaded,
  signature: Signature,
): Promise<'yes' | 'no' | 'always'> {
  const { savedBy, savedAt, host } = loaded.snapshot;
  const who = safe(`${savedBy.name} <${savedBy.email}> on ${host.name}, ${savedAt}`);
  const commands = plannedCommands(plan);
  const lines = [
    `${safe(loaded.label)} was not saved by this clone (it says: ${who}).`,
    `It is ${signatureText(signature)}.`,
    `It would start ${commands.length} command${commands.length === 1 ? '' : 's'} as you:`,
    ...commands.map((c) => {
      const flag = looksConfusable(c.argv[0] ?? '') ? '  <- has characters that look like others' : '';
      return `  ${c.pane}  ${safe(c.cwd)}  $ ${safeArgv(c.argv)}${flag}`;
    }),
  ];
  for (const step of plan.git) if (step.kind === 'filter') lines.push(`  git  ${gitStep(step)}`);
  for (const name of Object.keys(loaded.snapshot.env)) {
    lines.push(`  env  ${safe(name)}=${safeArgv([loaded.snapshot.env[name]!])}`);
  }
  tell(lines.join('\n'));
  const terminal = createInterface({ input: process.stdin, output: questionStream() });
  try {
    for (;;) {
      const answer = (
        await terminal.question('Start them? [y]es, [n]o, [a]lways for this snapshot: ')
      ).trim();
      if (/^y(?:es)?$/iu.test(answer)) return 'yes';
      if (/^a(?:lways)?$/iu.test(answer)) return 'always';
      if (/^(?:no?)?$/iu.test(answer)) return 'no';
    }
  } finally {
    terminal.close();
  }
}
