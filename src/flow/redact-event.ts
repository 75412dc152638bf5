import type { SessionEvent } from '../session/lifecycle.ts';
import { displayText } from '../session/text.ts';
import { redactCommand, redactText } from '../trust/redact.ts';
import { warnings } from './warnings.ts';

/** A text of a person without what looks like a secret: it goes into a log that others fetch. */
export function withoutSecrets(text: string, redact = redactText): string {
  const result = redact(text);
  if (result.findings.length === 0) return text;
  warnings.tell(`what looks like a secret was left out of the session's log`);
  return displayText(result.text);
}

/** An event as a program gives it, without what looks like a secret in its texts. */
export function redactEvent(event: SessionEvent): SessionEvent {
  switch (event.type) {
    case 'analysis-completed':
      return { ...event, data: { results: inAll(event.data.results) } };
    case 'command-executed':
      return {
        ...event,
        data: { ...event.data, command: withoutSecrets(event.data.command, redactCommand) },
      };
    case 'paused':
      return { ...event, data: { reason: withoutSecrets(event.data.reason) } };
    case 'failed':
      return { ...event, data: { error: withoutSecrets(event.data.error) } };
    case 'checkpoint-saved':
      return { ...event, data: { ...event.data, message: withoutSecrets(event.data.message) } };
    case 'iteration-completed': {
      const { changes } = event.data;
      const commandsRun = changes.commandsRun.map((line) => withoutSecrets(line, redactCommand));
      return { ...event, data: { ...event.data, changes: { ...changes, commandsRun } } };
    }
    case 'started':
    case 'iteration-started':
    case 'resumed':
    case 'completed':
    case 'deleted':
      return event;
  }
}

/** Names of properties stay: an unknown document must keep its form. */
function inAll(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (Array.isArray(value)) return value.map(inAll);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inAll(inner)]));
}
