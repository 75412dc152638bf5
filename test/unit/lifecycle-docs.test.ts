import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { EVENTS, STATES, TRANSITIONS } from '../../src/session/lifecycle.ts';
import { arrows, statesMermaid, statesText } from '../../src/session/state-diagram.ts';

const file = path.resolve(import.meta.dirname, '../../docs/lifecycle.md');
const PART = /(<!-- states: [^\n]*-->\n)([^]*?)(<!-- end of states -->)/u;

describe('L13 the documented states', () => {
  it('L13 docs/lifecycle.md has the diagram that the table gives', () => {
    const text = readFileSync(file, 'utf8');
    const wanted = `\n\`\`\`mermaid\n${statesMermaid()}\n\`\`\`\n\n`;
    expect(PART.test(text)).toBe(true);
    if (process.env['UPDATE_DOCS'] !== undefined) {
      writeFileSync(
        file,
        text.replace(PART, (_, begin: string, _old: string, end: string) => `${begin}${wanted}${end}`),
      );
    }
    expect(PART.exec(readFileSync(file, 'utf8'))![2]).toBe(wanted);
  });

  it('L13 docs/lifecycle.md explains every state and every event', () => {
    const rows = Array.from(
      readFileSync(file, 'utf8')
        .split('\n## Iterations')[0]!
        .matchAll(/^\| `([a-z-]+)` \|/gmu),
      (m) => m[1]!,
    );
    expect(rows.filter((name) => ![...STATES, ...EVENTS].includes(name as 'created'))).toEqual([]);
    for (const name of [...STATES, ...EVENTS]) expect(rows).toContain(name);
  });

  it('L13 text and diagram have every way of the table, and no other', () => {
    const ways = STATES.flatMap((from) =>
      Object.entries(TRANSITIONS[from]).map(([event, to]) => `${from} ${event} ${to}`),
    ).toSorted();
    expect(
      arrows()
        .map(({ from, event, to }) => `${from} ${event} ${to}`)
        .toSorted(),
    ).toEqual(ways);
    const [, ...lines] = statesText().split('\n');
    expect(lines.map((line) => line.split(/ +/u).join(' ')).toSorted()).toEqual(ways);
    const drawn = statesMermaid()
      .split('\n')
      .flatMap((line) => {
        const m = /^ {4}(\w+) --> (\w+) : (.+)$/u.exec(line);
        return m === null ? [] : m[3]!.split(', ').map((event) => `${m[1]} ${event} ${m[2]}`);
      });
    expect(drawn.toSorted()).toEqual(ways);
  });

  it('L13 the diagram begins in created and ends in the final states', () => {
    const lines = statesMermaid().split('\n');
    expect(lines.slice(0, 2)).toEqual(['stateDiagram-v2', '    [*] --> created']);
    expect(lines.slice(-2)).toEqual(['    completed --> [*]', '    failed --> [*]']);
  });
});
