import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CrqDocument,
  isCrqRegister,
  isOpen,
  matchDocument,
  parseCrqDocument,
  parseCrqRegister,
  withRegisters,
} from '../../src/session/crq-document.ts';
import { isCrqId } from '../../src/session/crq.ts';

interface Expected {
  id: string;
  title?: string | null;
  status?: string | null;
  priority?: string | null;
}

// One for each file-name style and header form in meta-introspector's repositories (section 17), in our own words.
const forms: [string, string, Expected][] = [
  [
    'docs/crqs/CRQ-20250821-001-yaml-fixer.md',
    '# CRQ: Fixer - Robustness\n\n## CRQ ID: CRQ-20250821-001\n## Date: August 21, 2025\n## Status: Open\n## Priority: High (Blocking)\n',
    { id: 'CRQ-20250821-001', title: 'Fixer - Robustness', status: 'Open', priority: 'High (Blocking)' },
  ],
  [
    'docs/crqs/CRQ-20250821-001.md',
    '## CRQ-20250821-001: Incremental Optimization\n\n### Description:\nText\n',
    { id: 'CRQ-20250821-001', title: 'Incremental Optimization', status: null },
  ],
  [
    'docs/crqs/CRQ-20250823-001-replace-tool.md',
    '# Change Request: The `replace` Tool\n\n*   **CRQ ID:** CRQ-20250823-001 (Auto-generated)\n*   **Status:** Deferred\n*   **Priority:** Medium\n',
    { id: 'CRQ-20250823-001', title: 'The `replace` Tool', status: 'Deferred', priority: 'Medium' },
  ],
  [
    'docs/plans/CRQ-20250820-001.md',
    '### Change Request (CRQ)\n\n**1. CRQ Identification**\n\n*   **CRQ ID:** `CRQ-20250820-001`\n*   **Title:** Indexing\n',
    { id: 'CRQ-20250820-001', title: 'Indexing' },
  ],
  [
    'docs/crqs/CRQ_20250820_Lookup_Tool.md',
    '## Change Request (CRQ)\n\n**CRQ ID:** CRQ-20250820-001\n**Title:** Lookup\n**Date:** 2025-08-20\n**Status:** Proposed\n',
    { id: 'CRQ-20250820-001', title: 'Lookup', status: 'Proposed' },
  ],
  [
    'docs/crqs/CRQ_20250822_Implement_Persistence.md',
    '## Change Request: Implement Persistence\n\n**Date:** 2025-08-22\n',
    { id: 'CRQ_20250822_Implement_Persistence', title: 'Implement Persistence', status: null },
  ],
  [
    'docs/crq/CRQ-019-One_to_One.md',
    '# CRQ-019-One_to_One.md\n\n## Change Request: One-to-One Mapping\n\n### Objective\n',
    { id: 'CRQ-019', title: 'One-to-One Mapping', status: null },
  ],
  [
    'docs/crq_standardized/CRQ-34-crq-003-context.md',
    '# CRQ-34-crq-003-context.md\n\n## Change Request: crq 003 context\n\n**Title:** Develop a Context\n',
    { id: 'CRQ-34', title: 'Develop a Context' },
  ],
  [
    'docs/crq/CRQ-056-spider.md',
    '**CRQ Title:** CRQ-056: Implement Spider\n',
    { id: 'CRQ-056', title: 'Implement Spider' },
  ],
  ['docs/crq/CRQ-060-x.md', '# CRQ-060: Diagrams\n\n## Purpose\n', { id: 'CRQ-060', title: 'Diagrams' }],
  [
    'crq_tmux_view_tool.md',
    '# Change Request: Tmux View\n\n## 1. Purpose\n',
    { id: 'crq_tmux_view_tool', title: 'Tmux View' },
  ],
  [
    'change_request_launch_tmux.md',
    '### Change Request: Launch in Tmux\n\n**Task:** Launch\n',
    { id: 'change_request_launch_tmux', title: 'Launch in Tmux', status: null },
  ],
  [
    'docs/crqs/002-auto-generate.md',
    '---\ntitle: Automated "Templates"\nstatus: Proposed # for now\ndate: 2025\nauthors:\n  - title: no\n---\n\n# Other\n',
    { id: '002-auto-generate', title: 'Automated "Templates"', status: 'Proposed' },
  ],
  [
    'docs/crqs/q.md',
    '---\ntitle: "A \\"b\\": c"\nid: CRQ-9\nstatus: \'it\'\'s open\'\n---\n',
    { id: 'CRQ-9', title: 'A "b": c', status: "it's open" },
  ],
  [
    'docs/crqs/session_saving_sharing.md',
    '## Change Request: Session Saving\n\n**Title:** Session Saving and Sharing\n\n**Description:**\nText\n',
    { id: 'session_saving_sharing', title: 'Session Saving and Sharing', status: null },
  ],
  [
    'crq/bootstrap.md',
    '## Change Request (CRQ) for X\n\n**CRQ ID:** `CRQ-RUST-BOOTSTRAP-001` (Initial)\n\n**1. Title:**\n   Development of X.\n\n**2. Description:**\n',
    { id: 'CRQ-RUST-BOOTSTRAP-001', title: 'Development of X.' },
  ],
  [
    'crq/CRQ-002.md',
    '# Change Request (CRQ-002)\n\n## zkPerf\n\n**CRQ ID:** CRQ-002  \n**Status:** Planning  \n',
    { id: 'CRQ-002', title: 'zkPerf', status: 'Planning' },
  ],
  ['crq/CRQ-5.md', '# CRQ-5: T\n\n## Status\n\nProposed\n', { id: 'CRQ-5', title: 'T', status: 'Proposed' }],
  ['crq/CRQ-6.md', '# T\n| **Status** | Open |\n|---|---|\n', { id: 'CRQ-6', title: 'T', status: 'Open' }],
  [
    'crq/emacs.md',
    '## Change Request: E\n\n**CRQ ID:** [Auto-generated or assigned]\n**Status:** [Open/Closed]\n',
    { id: 'emacs', title: 'E', status: null },
  ],
  ['crq/code.md', '# T\n```\nStatus: Open\n```\n', { id: 'code', title: 'T', status: null }],
  [
    'crq/CRQ-059-x.md',
    '**CRQ: CRQ-059: Extractor**\n\n**Problem/Goal:**\nText\n',
    { id: 'CRQ-059', title: 'Extractor', status: null },
  ],
  [
    'crq/rules.md',
    '# SOP\n* **CRQ Number:** The number of it.\n',
    { id: 'rules', title: 'SOP', status: null },
  ],
  ['crq/empty.md', '', { id: 'empty', title: null, status: null }],
  ['crq/\u65e5\u672c.md', '\ufeff# T\r\n\r\nStatus: Open\r\n', { id: 'CRQ', title: 'T', status: 'Open' }],
];

describe('Q4: CRQ documents as they really are', () => {
  test.each(forms)('%s', (path, text, expected) => {
    expect(parseCrqDocument(path, text)).toMatchObject({ path, ...expected });
  });

  test('other labels of a document are its aliases', () => {
    const aliases = (path: string, text = '') => parseCrqDocument(path, text).aliases;
    expect(aliases('crq/CRQ_20250822_Implement_It.md')).toEqual(['CRQ-20250822']);
    expect(aliases('crq/002-auto.md')).toEqual(['CRQ-002']);
    expect(aliases('crq/CRQ-33-crq-002-x.md', '# CRQ-002: X\n')).toEqual(['CRQ-002', 'CRQ-33-crq-002-x']);
  });

  test('a field in the text of a document is not its head', () => {
    const text = `# T\n${'text\n'.repeat(30)}Status: Open\n${'text\n'.repeat(100)}**Status:** Open\n`;
    expect(parseCrqDocument('crq/x.md', text).status).toBeNull();
  });

  test('a path that is not UTF-8 is kept as it is', () => {
    const path = { base64: Buffer.from([0x61, 0xff, 0x2e, 0x6d, 0x64]).toString('base64') };
    expect(parseCrqDocument(path, '# T').path).toBe(path);
  });

  test('any text and any path give a document inside the schema', () => {
    const piece = fc.constantFrom(
      '---\n',
      '# ',
      '**',
      'Status',
      ':',
      'CRQ ID',
      'title: ',
      '|',
      '\n',
      '`',
      '```',
      ' ',
      'CRQ-',
      '1',
      '\u202e',
    );
    const text = fc
      .array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 60 })
      .map((a) => a.join(''));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text, (path, body) => {
        const document = parseCrqDocument(path, body);
        expect(isCrqId(document.id)).toBe(true);
        for (const value of [document.title, document.status, document.priority]) {
          expect(
            value === null || (value !== '' && value.isWellFormed() && !/[\n\0\u202e]/u.test(value)),
          ).toBe(true);
        }
        parseCrqRegister(path, body);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    '*'.repeat(200_000),
    '|'.repeat(200_000),
    ' '.repeat(200_000),
    `# ${'# '.repeat(100_000)}`,
    `Status:${' *'.repeat(100_000)}`,
    `---\nid: "${'\\'.repeat(200_000)}`,
    'CRQ-1'.repeat(50_000),
  ])('a hostile document takes no noticeable time (%#)', (text) => {
    const started = performance.now();
    parseCrqDocument('crq/x.md', text);
    parseCrqRegister('CRQ_STATUS.md', text);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('Q4: open or not', () => {
  test.each([
    'Open',
    'Proposed',
    'Ongoing',
    'In Progress',
    'in-progress',
    '🟢 Open',
    'OPEN (blocked)',
    'Planning',
    'Draft',
    'Re-opened',
    'Open, urgent',
  ])('%s is open', (status) => expect(isOpen(status)).toBe(true));
  test.each([
    'Deferred',
    'Completed',
    'Closed',
    'Done',
    'Rejected',
    '✅ Completed',
    'Not open',
    'Opensource',
    '',
    'whatever',
    null,
  ])('%s is not', (status) => expect(isOpen(status)).toBe(false));
});

describe('Q4: registers', () => {
  const text = `# Change Request (CRQ) Status

## Active CRQs

| CRQ ID           | Title   | Status    | Last Updated |
| :--------------- | :------ | :-------- | : :--------- |
| CRQ-20250820-001 | Lookup  | Proposed  | 2025-08-20   |
| CRQ-20250820-002 | \`x\`   | Open      | 2025-08-20   |

## Completed CRQs

| Title | Status | CRQ ID |
|---|---|---|
| Old | Completed | CRQ-3 |
| short |
`;
  test('rows of every table with an id and a status are read', () => {
    expect(parseCrqRegister('CRQ_STATUS.md', text).map((r) => [r.id, r.title, r.status])).toEqual([
      ['CRQ-20250820-001', 'Lookup', 'Proposed'],
      ['CRQ-20250820-002', 'x', 'Open'],
      ['CRQ-3', 'Old', 'Completed'],
    ]);
  });

  test('only a register is one', () => {
    expect(isCrqRegister('docs/crqs/CRQ_STATUS.md')).toBe(true);
    expect(isCrqRegister('docs/crqs/CRQ-3-status.md')).toBe(false);
  });

  test('a register completes documents, never contradicts them', () => {
    const rows = parseCrqRegister('CRQ_STATUS.md', text);
    const silent = parseCrqDocument('crq/CRQ-20250820-001.md', '');
    const closed = parseCrqDocument('crq/CRQ-20250820-002.md', '**Status:** Closed');
    expect(withRegisters([silent, closed], rows).map((d) => [d.id, d.status, d.path])).toEqual([
      ['CRQ-20250820-001', 'Proposed', 'crq/CRQ-20250820-001.md'],
      ['CRQ-20250820-002', 'Closed', 'crq/CRQ-20250820-002.md'],
      ['CRQ-3', 'Completed', 'CRQ_STATUS.md'],
    ]);
  });
});

describe('Q4: registers that name files', () => {
  test('a row with the name of a file is about that file, also where another has the same id', () => {
    const text =
      '| CRQ ID | Title | Status |\n|-|-|-|\n| CRQ-20250821-001-fixer | F | Open |\n| CRQ-20250821-001 | I | Completed |\n';
    const fixer = parseCrqDocument('crq/CRQ-20250821-001-fixer.md', '# Fixer\n');
    const other = parseCrqDocument('crq/CRQ-20250821-001-other.md', '# Other\n');
    const plain = parseCrqDocument('crq/CRQ-20250821-001.md', '# Incremental\n');
    const rows = parseCrqRegister('crq/CRQ_STATUS.md', text);
    const statuses = withRegisters([fixer, other, plain], rows).map((d) => d.status);
    expect(statuses).toEqual(['Open', null, 'Completed']);
  });
});

describe('Q4: which of several documents with one number is meant', () => {
  const doc = (path: string, text = ''): CrqDocument => parseCrqDocument(path, text);
  const a = doc('crq/CRQ-059-remove-edition.md');
  const b = doc('crq/CRQ-059-wikipedia-extractor.md');
  const none = { branch: null, changed: () => false };

  test('a single one is it', () => {
    expect(matchDocument('crq_059', [a, doc('crq/CRQ-1.md')], none)).toBe(a);
    expect(matchDocument('CRQ-2', [a], none)).toBeNull();
  });
  test('of two, the one that the branch goes on to name', () => {
    expect(matchDocument('CRQ-059', [a, b], { ...none, branch: 'feature/CRQ-059-wikipedia' })).toBe(b);
    expect(matchDocument('CRQ-059', [a, b], { ...none, branch: 'feature/CRQ-059-remove-edition-2024' })).toBe(
      a,
    );
  });
  test('of two, the one that was changed here, and the open one', () => {
    expect(matchDocument('CRQ-059', [a, b], { ...none, changed: (d) => d === a })).toBe(a);
    const open = doc('crq/CRQ-059-z.md', '**Status:** Open');
    expect(matchDocument('CRQ-059', [a, b, open], none)).toBe(open);
  });
  test('of two that are equal, none', () => {
    expect(matchDocument('CRQ-059', [a, b], none)).toBeNull();
    expect(matchDocument('CRQ-059', [a, b], { ...none, branch: 'feature/CRQ-059' })).toBeNull();
  });
});
