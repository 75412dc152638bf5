import { eventDataJson, stateJson } from '../session/event-json.ts';
import type { SessionState } from '../session/lifecycle.ts';
import type { Change } from '../flow/lifecycle.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

/** A state in one line: `running, iteration 2`. */
export function stateLine(state: SessionState): string {
  switch (state.name) {
    case 'created':
    case 'completed':
      return state.name;
    case 'running':
      return state.iteration === 0 ? 'running' : `running, iteration ${state.iteration}`;
    case 'paused':
      return state.reason === '' ? 'paused' : `paused: ${safe(state.reason)}`;
    case 'failed':
      return state.error === '' ? 'failed' : `failed: ${safe(state.error)}`;
  }
}

/** A command that appends an event to a session's log. */
export abstract class LifecycleCommand extends SessionCommand {
  protected report({ log, state, records, warnings }: Change, more: Record<string, unknown> = {}): void {
    const name = log.view?.name ?? log.name;
    for (const w of warnings) this.warn(w);
    if (!this.json) {
      this.out(`Session ${safe(name)}: ${stateLine(state)}`);
      return;
    }
    this.printJson({
      ...{ ok: true, id: log.id, name, state: stateJson(state), ...more },
      events: records.map(({ at, event }) => ({ type: event.type, at, data: eventDataJson(event) })),
      warnings,
    });
  }
}
