import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addLinks,
  canonicalCrqId,
  checkCrqId,
  compileCrqPattern,
  type CrqLink,
  crqKey,
  crqOfBranch,
  findCrqIds,
  formatNoteLine,
  isCrqId,
  mergeNoteLines,
  oneLine,
  parseNote,
  removeLink,
} from '../../src/session/crq.ts';
import { InvalidConfigError, InvalidNameError } from '../../src/session/errors.ts';

const id = '20250821T101112131Z-0a1b2c3d';
const link = (part: Partial<CrqLink> = {}): CrqLink => ({
  crq: 'CRQ-42',
  name: 'fix/api',
  id,
  title: 'A title',
  ...part,
});

describe('Q4: CRQ ids as they are written', () => {
  test.each([
    ['feature/CRQ-021-add-crq-branch-pr-script', 'CRQ-021'],
    ['bugfix/CRQ-7-fix', 'CRQ-7'],
    ['feature/crq_34_context', 'CRQ-34'],
    ['CRQ-42', 'CRQ-42'],
    ['feature/CRQ-20250821-001-poem-yaml-fixer', 'CRQ-20250821-001'],
    ['CRQ_20250822_Implement_Persistence', 'CRQ-20250822'],
    ['CRQ-20250824-001_File_Analysis_Summary', 'CRQ-20250824-001'],
    ['asciicast_processor_crq_20250823', 'CRQ-20250823'],
    // The second id describes the work: it is the old number of the same document.
    ['CRQ-34-crq-003-context-introspector', 'CRQ-34'],
    ['main', null],
    ['crq_tmux_view_tool', null],
    ['feature/CRQ-XXX-description', null],
    ['XCRQ-12', null],
    ['CRQ-12th-try', null],
    ['CRQ-123456789', null],
  ])('branch %s is for %s', (branch, expected) => {
    expect(crqOfBranch(branch)).toBe(expected);
  });

  test('ids in text keep their spelling, and each is found once', () => {
    expect(findCrqIds('CRQ-1, crq_1 and CRQ_20250822; (CRQ-003)')).toEqual([
      'CRQ-1',
      'CRQ_20250822',
      'CRQ-003',
    ]);
  });

  test('spellings are compared by one key', () => {
    expect(crqKey('crq_20250821_001')).toBe(crqKey('CRQ-20250821-001'));
    expect(crqKey('CRQ-1')).not.toBe(crqKey('CRQ-01'));
    expect(canonicalCrqId('crq_7')).toBe('CRQ-7');
    expect(canonicalCrqId('JIRA_7')).toBe('JIRA_7');
  });

  test('session.crqPattern replaces the pattern; its first group is the id', () => {
    expect(findCrqIds('see ABC-7 and CRQ-1', compileCrqPattern('[A-Z]{3}-\\d+'))).toEqual(['ABC-7', 'CRQ-1']);
    expect(crqOfBranch('story/77-x', compileCrqPattern('story/(\\d+)'))).toBe('77');
    expect(findCrqIds('a b', compileCrqPattern('x*'))).toEqual([]);
  });

  test('a pattern that is no regular expression is an InvalidConfigError', () => {
    expect(() => compileCrqPattern('CRQ-(')).toThrow(InvalidConfigError);
  });

  test('an id outside the grammar is refused', () => {
    expect(checkCrqId('CRQ-42')).toBe('CRQ-42');
    for (const bad of ['', '-x', 'a b', 'CRQ-42\n', 'ü', 'a'.repeat(101), '../x']) {
      expect(isCrqId(bad)).toBe(false);
      expect(() => checkCrqId(bad)).toThrow(InvalidNameError);
    }
  });
});

describe('Q3: lines in refs/notes/crq', () => {
  test('a link is one readable line', () => {
    expect(formatNoteLine(link())).toBe(`CRQ: CRQ-42 fix/api/${id} A title`);
    expect(formatNoteLine(link({ title: null }))).toBe(`CRQ: CRQ-42 fix/api/${id}`);
  });

  test('a title becomes one line without control, bidi and broken characters', () => {
    expect(oneLine(' a\r\n\tb\u001b[31mc\u202ed\u2028e\0f ', 100)).toBe('a b [31mcd e f');
    expect(oneLine('\ud800x', 100)).toBe('\ufffdx');
    expect(oneLine('ab\u{1F600}', 3)).toBe('ab');
  });

  const links = fc.record({
    crq: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/u),
    name: fc.constantFrom('a', 'fix/api', 'A_b.c/d'),
    id: fc.constantFrom(id, '20260101T000000000Z-ffffffff'),
    title: fc.option(fc.string({ unit: 'binary', maxLength: 300 }).map((s) => oneLine(s, 200) || 'x')),
  });

  test('what was formatted is parsed to the same link', () => {
    fc.assert(
      fc.property(links, (one) => {
        expect(parseNote(formatNoteLine(one))).toEqual({ links: [one], other: [] });
      }),
    );
  });

  test('any title whatever gives one line that is parsed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (title) => {
        const line = formatNoteLine(link({ title }));
        expect(line).not.toMatch(/[\n\r\u001b\u2028]/u);
        expect(parseNote(line).links).toHaveLength(1);
      }),
    );
  });

  test('lines of other programs, and broken links, stay as they are', () => {
    const other = [
      'Reviewed-by: x',
      'CRQ: CRQ-1',
      'CRQ: CRQ-1 no-id/20250101',
      `CRQ: bad! a/${id}`,
      `CRQ: CRQ-1 -x/${id}`,
    ];
    const text = addLinks(`${other.join('\n')}\n\n\n`, [link()]);
    expect(parseNote(text)).toEqual({ links: [link()], other: expect.arrayContaining(other) });
    expect(text.split('\n').filter((l) => l === '')).toHaveLength(1);
  });

  test('F24: lines are unique and in the order of their bytes, as cat_sort_uniq writes them', () => {
    expect(mergeNoteLines(['b', '', 'a', 'b', ' ', '\u{1F600}', '\uffee', 'B'])).toBe(
      'B\na\nb\n\uffee\n\u{1F600}\n',
    );
    expect(mergeNoteLines([])).toBe('');
    fc.assert(
      fc.property(fc.array(links), fc.array(links), (a, b) => {
        expect(addLinks(addLinks('', a), a)).toBe(addLinks('', a));
        const text = addLinks(addLinks('', a), b);
        expect(mergeNoteLines(text.split('\n'))).toBe(text);
      }),
    );
  });

  test('linking again changes the title, in whatever spelling', () => {
    const text = addLinks(addLinks('', [link()]), [link({ crq: 'crq_42', title: 'New' })]);
    expect(text).toBe(`CRQ: crq_42 fix/api/${id} New\n`);
  });

  test('Q1: unlinking removes that link only', () => {
    const text = addLinks('x\n', [link(), link({ crq: 'CRQ-43' }), link({ name: 'other' })]);
    expect(
      parseNote(removeLink(text, { crq: 'crq_42', name: 'fix/api', id })).links.map(
        (l) => `${l.crq} ${l.name}`,
      ),
    ).toEqual(['CRQ-42 other', 'CRQ-43 fix/api']);
    expect(removeLink(addLinks('', [link()]), link())).toBe('');
  });
});
