import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { encodeRecord } from '../../src/session/event-log.ts';
import type { SessionRecord } from '../../src/session/live.ts';

const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/format.md'), 'utf8');

/** The compiler sees to it that none is missing here. */
const RECORD_KEYS: Record<keyof SessionRecord, true> = {
  ...{ version: true, id: true, name: true, kind: true, context: true, identifier: true, argv: true },
  ...{ cwd: true, worktree: true, branch: true, createdAt: true, metadata: true, historyLimit: true },
  ...{ ai: true, config: true },
};

it('T16 docs/format.md names every key of a record, and of a line of a log', () => {
  const line = encodeRecord({
    ...{ version: 1, session: 'a', clone: 'b', sequence: 1, clock: 1, at: '2026-01-01T00:00:00.000Z' },
    event: { type: 'resumed', data: {} },
  });
  const keys = [...Object.keys(RECORD_KEYS), ...Object.keys(JSON.parse(line) as object)];
  expect(keys).toHaveLength(24);
  expect(keys.filter((key) => !new RegExp(`^\\|.*\`${key}\`.*\\|`, 'mu').test(text))).toEqual([]);
});
