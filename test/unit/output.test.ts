import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UsageError } from '../../src/session/errors.ts';
import { printError } from '../../src/cli/error.ts';
import { ask, printJson, printJsonLine, printLine, printText, tell } from '../../src/cli/output.ts';
import { frame } from '../../src/cli/watch-screen.ts';

const evil = 'x\u001B]0;owned\u0007\u009B6n\u202E\u200B\r';
const shown = 'x\\x1b]0;owned\\x07<U+009B>6n<U+202E><U+200B>\\r';

describe('what is printed without safe() is made visible all the same', () => {
  const written = { stdout: '', stderr: '' };

  beforeEach(() => {
    for (const stream of ['stdout', 'stderr'] as const) {
      written[stream] = '';
      vi.spyOn(process[stream], 'write').mockImplementation((text) => {
        written[stream] += String(text);
        return true;
      });
    }
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each([
    ['a line of the answer', () => printLine(evil), { stdout: `${shown}\n`, stderr: '' }],
    ['text with its own line ends', () => printText(`${evil}\n`), { stdout: `${shown}\n`, stderr: '' }],
    ['a note', () => tell(evil), { stdout: '', stderr: `${shown}\n` }],
    ['a question', () => ask(evil), { stdout: '', stderr: shown }],
  ])('B1: %s', (_, print, expected) => {
    print();
    expect(written).toEqual(expected);
  });

  test.each([
    ['a document', () => printJson({ evil })],
    ['one of several', () => printJsonLine({ evil })],
  ])('B1: JSON, %s: the same value for who reads it', (_, print) => {
    print();
    expect(written.stdout).toMatch(/^[\n -~]*$/u);
    expect(JSON.parse(written.stdout)).toEqual({ evil });
  });

  test('B1: an error with its hints, for people and for programs', () => {
    printError(new UsageError(evil, [evil]), true);
    expect(written.stderr + written.stdout).toMatch(/^[\n -~]*$/u);
  });
});

test('B1: the lines of a screen that is drawn anew', () => {
  expect(frame([evil], 1)).toBe(`\x1b[H${shown}\x1b[K\x1b[J`);
});
