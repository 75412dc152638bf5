import { shellWord } from './command-line.ts';
import { InvalidTransitionError } from './errors.ts';
import { allowedEvents, type EventType, type StateName } from './lifecycle.ts';

/** What a person can type from each state. */
const NEXT: Readonly<Record<StateName, (name: string) => string>> = {
  created: (name) => `start it: git session start ${name}`,
  running: (name) => `it runs: git session pause, iterate, complete or fail ${name}`,
  paused: (name) => `go on with it: git session resume ${name}`,
  completed: () => 'it has ended for good; make another one: git session create',
  failed: () => 'it has ended for good; make another one: git session create',
};

/** A session whose state takes no such event. */
export function refusedEvent(name: string, state: StateName, event: EventType): InvalidTransitionError {
  return new InvalidTransitionError(
    `session '${name}' is ${state}, and takes no '${event}'`,
    [NEXT[state](shellWord(name))],
    { state, event, allowed: allowedEvents(state) },
  );
}
