import { describe, expect, it } from 'vitest';
import { encodeRecord } from '../../src/session/event-log.ts';
import { isLog, linesOf, lineParts } from '../../src/store/log-parts.ts';
import { inspect } from '../../src/store/parts.ts';
import { executed, logOf, record, SESSION } from '../support/log-records.ts';
import { secrets } from '../support/samples.ts';

const GITHUB = secrets('log-parts')[0]!.secret;
const LINK = 'a link to a CRQ in the log';

/** What is found in a line, and where. */
async function found(line: string | object, ...allowed: string[]): Promise<string[]> {
  const allow = new Set(allowed);
  const parts = lineParts(typeof line === 'string' ? line : JSON.stringify(line), allow);
  const said = [...(await inspect(parts, allow)).values()].flat();
  expect(said.join('\n')).not.toContain(GITHUB);
  return said;
}

const event = (data: object) => ({ at: '2026-11-21T09:00:00.000Z', data, sequence: 7, session: SESSION });

describe('secrets in a line of a log (attack E6)', () => {
  it.each<[string, object | string, string[]]>([
    ['the error of an event', event({ error: `HTTP 401 ${GITHUB}` }), ['github-token in event 7 of the log']],
    ['deep in a list', event({ results: [1, [{ x: [GITHUB] }]] }), ['github-token in event 7 of the log']],
    ['the name of a value', event({ results: { [GITHUB]: 1 } }), ['github-token in event 7 of the log']],
    ['of no session', { data: { title: GITHUB }, sequence: 7 }, [`github-token in ${LINK}`]],
    [
      'of no number',
      { data: { title: GITHUB }, sequence: 7.5, session: SESSION },
      [`github-token in ${LINK}`],
    ],
    ['a line that is a text', JSON.stringify(GITHUB), [`github-token in ${LINK}`]],
    ['no JSON at all', `torn {"x":"${GITHUB}`, ['github-token in the log']],
  ])('E6 %s', async (_, line, expected) => {
    expect(await found(line)).toEqual(expected);
  });

  it.each(['command', 'commandsRun', 'argv'])('E6 below %s stands a command line', async (key) => {
    // In a text this may be prose about an option.
    const line = 'tool --token correcthorse';
    expect(await found(event({ [key]: line }))).toEqual(['secret-option in event 7 of the log']);
    expect(await found(event({ [key]: [line] }))).toEqual(['secret-option in event 7 of the log']);
    expect(await found(event({ reason: line }))).toEqual([]);
  });

  it('E6 all sixty kinds are found in the events of commands', async () => {
    const missed: string[] = [];
    for (const { text, secret } of secrets('log-line')) {
      if ((await found(event({ error: text, command: text }))).length === 0) missed.push(secret);
    }
    expect(missed).toEqual([]);
  });

  it('E7 nothing in the line turns it off, and only what a person allows is left out', async () => {
    const line = event({ 'gitleaks:allow secretlint-disable': `${GITHUB} # nosec`, allow: ['github-token'] });
    expect(await found(line)).toEqual(['github-token in event 7 of the log']);
    expect(await found(line, 'gitlab-token')).toEqual(['github-token in event 7 of the log']);
    expect(await found(line, 'github-token')).toEqual([]);
  });
});

describe('what of a line need not be looked at', () => {
  const texts = (value: unknown) => lineParts(JSON.stringify(value), new Set()).map(({ view }) => view);

  it('H1 ids, times, sums, types of events and numbers; of a record all but its data', () => {
    expect(texts(JSON.parse(encodeRecord(record(2))))).toEqual(['echo 2']);
    expect(texts([null, true, 12, 'short', SESSION, '0123abcd', '2026-11-21T09:00:00.000Z'])).toEqual([]);
    expect(texts({ type: 'command-executed' })).toEqual([]);
    expect(texts(null)).toEqual([]);
  });

  it('E6 what only looks like one is looked at', () => {
    const near = [`${SESSION}0`, '0123abcde', '2026-11-21T09:00:00.000Z!', `x\n${SESSION}`, 'sixsix'];
    expect(texts(near)).toEqual(near);
    // A type is one only where it stands.
    expect(texts({ type: 'command-executes', reason: 'command-executed' })).toEqual([
      'command-executes',
      'command-executed',
    ]);
    expect(texts({ elevenchars: 1, twelve_chars: 1 })).toEqual(['twelve_chars']);
  });
});

describe('the lines of a segment', () => {
  it('V6 each that is not empty, the torn one too', () => {
    expect(linesOf(Buffer.from('a\n\nb\ntorn'))).toEqual(['a', 'b', 'torn']);
    expect(linesOf(Buffer.alloc(0))).toEqual([]);
    expect(linesOf(logOf([record(1), record(2, { event: executed('a\nb') })]))).toHaveLength(2);
  });

  it('V6 it is a log where it names the session', () => {
    expect(isLog(logOf([record(1)]))).toBe(true);
    expect(isLog(Buffer.from('{"clone":"c","data":{"snapshots":[]},"type":"deleted","version":1}\n'))).toBe(
      false,
    );
    // A text that only quotes it does not.
    expect(isLog(Buffer.from(JSON.stringify({ title: ',"session":"' })))).toBe(false);
  });
});
