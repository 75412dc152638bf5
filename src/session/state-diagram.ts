import { EVENTS, type EventType, isFinal, type StateName, STATES, TRANSITIONS } from './lifecycle.ts';

export interface Arrow {
  from: StateName;
  event: EventType;
  to: StateName;
}

/** Every event that a state takes, and where it leads: the table, one row for each. */
export function arrows(): Arrow[] {
  return STATES.flatMap((from) =>
    EVENTS.flatMap((event) => {
      const to = TRANSITIONS[from][event];
      return to === undefined ? [] : [{ from, event, to }];
    }),
  );
}

/** The table for people: a line for each state and each event that it takes. */
export function statesText(): string {
  const rows = [
    ['STATE', 'EVENT', 'NEXT STATE'],
    ...arrows().map(({ from, event, to }) => [from, event, to]),
  ];
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map(([from, event, to]) => `${from!.padEnd(widths[0]!)}  ${event!.padEnd(widths[1]!)}  ${to}`)
    .join('\n');
}

/** The table as a state diagram for mermaid. Events with one and the same way share an arrow. */
export function statesMermaid(): string {
  const ways = new Map<string, EventType[]>();
  for (const { from, event, to } of arrows()) {
    const way = `${from} --> ${to}`;
    ways.set(way, [...(ways.get(way) ?? []), event]);
  }
  const lines = [
    '[*] --> created',
    ...Array.from(ways, ([way, events]) => `${way} : ${events.join(', ')}`),
    ...STATES.filter(isFinal).map((name) => `${name} --> [*]`),
  ];
  return ['stateDiagram-v2', ...lines.map((line) => `    ${line}`)].join('\n');
}
