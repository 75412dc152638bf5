import { IterationLimitError } from '../session/errors.ts';
import { counted } from '../session/words.ts';
import { progressOfLog, type SessionLog } from './session-log.ts';

/** Throws where a session may have no iteration of this number. */
export function requireIteration(log: SessionLog, number: number): void {
  const { totalIterations } = progressOfLog(log);
  if (totalIterations === null || number <= totalIterations) return;
  throw new IterationLimitError(
    `session '${log.name}' may have ${counted(totalIterations, 'iteration')}, and not ${number}`,
    [`complete it: git session complete ${log.name}`],
    { iteration: number, max_iterations: totalIterations },
  );
}
